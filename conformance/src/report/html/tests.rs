use scraper::{ElementRef, Html, Selector};

use super::*;
use crate::report::sample::{self, HOSTILE};

fn parsed(text: &str) -> Html {
    let page = Html::parse_document(text);
    assert!(page.errors.is_empty(), "not well-formed: {:?}", page.errors);
    page
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

fn text(element: ElementRef<'_>) -> String {
    element.text().collect()
}

#[test]
fn the_page_is_what_it_was() {
    let text = report(&sample::report());
    // The style and the script are files of their own, and change for their own reasons; so do
    // their hashes.
    let text = text.replace(STYLE, "[style]").replace(SCRIPT, "[script]");
    let text = text.replace(&source_hash(STYLE), "[hash of the style]");
    let text = text.replace(&source_hash(SCRIPT), "[hash of the script]");
    insta::assert_snapshot!(text.replace("><", ">\n<"));
}

#[test]
fn every_result_is_there_with_its_rules_and_its_transcript() {
    let sample = sample::report();
    let page = report(&sample);
    let page = parsed(&page);
    let checks = all(&page, "main details.check");
    assert_eq!(checks.len(), sample.results.len());
    for (element, result) in checks.into_iter().zip(&sample.results) {
        assert_eq!(element.attr("id"), Some(check::anchor(result).as_str()));
        let shown = text(element);
        assert!(shown.contains(result.title) && shown.contains(result.rules[0]), "{shown}");
        let failed = matches!(Outcome::of(result), Outcome::Failed | Outcome::Fault);
        assert_eq!(element.attr("open").is_some(), failed, "{}", result.check);
        let lines = element.select(&Selector::parse(".transcript li").unwrap()).count();
        assert_eq!(lines, result.transcript.0.len(), "{}", result.check);
    }
    let linked = all(&page, ".attention a");
    assert_eq!(linked.len(), 4, "two failed, one warned, one fault");
    for link in linked {
        let id = link.attr("href").unwrap().strip_prefix('#').unwrap();
        assert!(
            all(&page, "details.check").iter().any(|check| check.attr("id") == Some(id)),
            "{id}"
        );
    }
}

#[test]
fn no_text_of_a_plugin_means_anything() {
    let source = report(&sample::report());
    let page = parsed(&source);
    assert!(all(&page, "img, iframe, object, embed, base, form[action]").is_empty());
    assert_eq!(all(&page, "script").len(), 1);
    for element in page.root_element().descendent_elements() {
        for (name, _) in element.value().attrs() {
            assert!(!name.starts_with("on") && name != "style", "{name} of {element:?}");
        }
    }
    let odd = |c: char| {
        (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{feff}' | '\u{ffff}')
    };
    let found: Vec<char> = source.chars().filter(|c| odd(*c)).collect();
    assert!(found.is_empty(), "{found:?}");
    // And it is all still there to be read.
    let shown = text(all(&page, ".failed .seen dd")[1]);
    assert_eq!(shown, visible(HOSTILE).trim_end());
}

#[test]
fn the_page_asks_for_nothing() {
    let source = report(&sample::report());
    let page = parsed(&source);
    for element in page.root_element().descendent_elements() {
        for name in ["src", "href", "srcset", "action", "poster", "data", "cite", "ping"] {
            if let Some(url) = element.attr(name) {
                assert!(url.starts_with('#') || url == "data:,", "{name}={url}");
            }
        }
    }
    for source in [STYLE, SCRIPT] {
        for word in ["url(", "@import", "//", "fetch(", "import(", "XMLHttpRequest"] {
            let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
            assert!(!code.clone().any(|line| line.contains(word)), "{word}");
        }
    }
}

#[test]
fn the_policy_allows_the_page_itself_and_nothing_else() {
    let page = report(&sample::report());
    let page = parsed(&page);
    let policy = all(&page, "meta[http-equiv=Content-Security-Policy]")[0].attr("content").unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    for kind in ["style", "script"] {
        let source = text(all(&page, kind)[0]);
        let allowed = format!("{kind}-src '{}'", source_hash(&source));
        assert!(policy.contains(&allowed), "{allowed} is not in {policy}");
    }
}

#[test]
fn a_source_is_named_as_the_policy_wants_it() {
    // What browsers say is the hash of nothing.
    assert_eq!(source_hash(""), "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

#[test]
fn what_failed_beside_the_checks_is_on_the_page() {
    let page = report(&sample::never_started());
    let page = parsed(&page);
    assert_eq!(all(&page, "details.check.failed").len(), 2);
    assert_eq!(all(&page, ".note.bad").len(), 2);
    let page = report(&sample::nothing_run());
    assert!(text(all(&parsed(&page), ".note.bad")[0]).contains("none of the selected checks"));
}
