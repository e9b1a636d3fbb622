//! The user interface: one page, its assets, and nothing outside the bundle.

use super::prelude::*;

fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

async fn index(plugin: &Plugin) -> Result<Response, Stop> {
    let response = plugin.get("/ui/").await?;
    ensure(response.status == 200, "200 to GET /ui/", || response.status.to_string())?;
    Ok(response)
}

fn is_html(response: &Response) -> bool {
    response.header("content-type").starts_with("text/html")
}

fn is_no_cache(response: &Response) -> bool {
    response.header("cache-control").split(',').any(|part| part.trim() == "no-cache")
}

async fn serves_index(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let response = index(&plugin).await?;
    ensure(is_html(&response), "index.html as text/html", || response.header("content-type"))?;
    ensure(is_no_cache(&response), "Cache-Control: no-cache", || response.header("cache-control"))?;
    Ok(Evidence::saw(format!("GET /ui/: 200, {} bytes of HTML, no-cache", response.body.len())))
}

async fn redirects(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let response = plugin.get("/ui").await?;
    ensure(is_redirect(response.status), "a redirect of /ui", || response.status.to_string())?;
    let location = response.header("location");
    ensure(location == "ui/", "the relative Location `ui/`", || format!("{location:?}"))?;
    Ok(Evidence::saw(format!("GET /ui: {} to `ui/`", response.status)))
}

/// The references in `src="…"` and `href="…"` of a page.
fn references(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    for attribute in ["src=", "href="] {
        for (at, _) in html.match_indices(attribute) {
            let rest = &html[at + attribute.len()..];
            let quote = rest.chars().next().filter(|c| *c == '"' || *c == '\'');
            if let Some(value) = quote.and_then(|quote| rest[1..].split(quote).next()) {
                found.push(value.to_owned());
            }
        }
    }
    found
}

fn is_relative(reference: &str) -> bool {
    !reference.starts_with('/') && !reference.contains("://")
}

/// The path of a reference that `/ui/` makes, if it stays within the bundle.
fn bundle_path(reference: &str) -> Option<String> {
    let path = reference.split(['?', '#']).next()?;
    let path = path.strip_prefix("./").unwrap_or(path);
    let inside =
        is_relative(path) && !path.is_empty() && !path.starts_with("..") && !path.contains(':');
    inside.then(|| format!("/ui/{path}"))
}

/// Whether a file name carries a hash: a run of at least 8 letters and digits with a digit in it,
/// set off from the rest.
fn is_hashed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let parts: Vec<&str> = name.split(['.', '-', '_']).collect();
    parts.len() > 2
        && parts[1..parts.len() - 1].iter().any(|part| {
            part.len() >= 8
                && part.bytes().all(|b| b.is_ascii_alphanumeric())
                && part.bytes().any(|b| b.is_ascii_digit())
        })
}

async fn assets(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let page = index(&plugin).await?.text();
    let paths: Vec<String> = references(&page).iter().filter_map(|r| bundle_path(r)).collect();
    if paths.is_empty() {
        return Err(Stop::skip("index.html refers to no file of its bundle"));
    }
    let mut evidence = Evidence::default();
    for path in paths {
        let response = plugin.get(&path).await?;
        ensure(response.status == 200, format!("200 to {path}"), || response.status.to_string())?;
        let kind = response.header("content-type");
        let suits = match path.rsplit('.').next() {
            Some("js" | "mjs") => {
                kind.starts_with("text/javascript") || kind.starts_with("application/javascript")
            }
            Some("css") => kind.starts_with("text/css"),
            _ => !kind.is_empty(),
        };
        ensure(suits, format!("a Content-Type that suits {path}"), || format!("{kind:?}"))?;
        let cache = response.header("cache-control");
        if is_hashed(&path) {
            let wanted = "public, max-age=31536000, immutable";
            ensure(cache == wanted, format!("Cache-Control: {wanted} for {path}"), || {
                cache.clone()
            })?;
        }
        evidence.add(format!("{path}: 200, {kind}, {cache}"));
    }
    Ok(evidence)
}

async fn only_hashed_is_immutable(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let page = index(&plugin).await?;
    let cache = page.header("cache-control");
    ensure(!cache.contains("immutable"), "no immutable index.html", || cache.clone())?;
    let mut evidence = Evidence::saw(format!("index.html: {cache}"));
    let paths: Vec<String> =
        references(&page.text()).iter().filter_map(|r| bundle_path(r)).collect();
    for path in paths.iter().filter(|path| !is_hashed(path)) {
        let cache = plugin.get(path).await?.header("cache-control");
        ensure(!cache.contains("immutable"), format!("{path} not immutable"), || cache.clone())?;
        evidence.add(format!("{path}: {cache}"));
    }
    Ok(evidence)
}

async fn relative_references(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let page = index(&plugin).await?.text();
    let references = references(&page);
    if references.is_empty() {
        return Err(Stop::skip("index.html refers to nothing"));
    }
    let absolute = references.iter().find(|r| r.starts_with('/') && !r.starts_with("//"));
    ensure(absolute.is_none(), "relative references in index.html", || format!("{absolute:?}"))?;
    Ok(Evidence::saw(format!("{} references, none from the root", references.len())))
}

async fn falls_back(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let page = index(&plugin).await?;
    let mut evidence = Evidence::default();
    for path in ["/ui/conformance", "/ui/conformance/deep/route", "/ui/conformance?x=1.js"] {
        let response = plugin.get(path).await?;
        let same = response.status == 200 && response.body == page.body;
        ensure(same, format!("200 and index.html at {path}"), || {
            format!("{} with {} bytes", response.status, response.body.len())
        })?;
        ensure(is_no_cache(&response), format!("no-cache at {path}"), || {
            response.header("cache-control")
        })?;
        evidence.add(format!("{path}: index.html"));
    }
    Ok(evidence)
}

async fn missing_asset(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence = Evidence::saw(format!("/ui/: {}", index(&plugin).await?.status));
    for path in ["/ui/conformance.js", "/ui/assets/conformance-00000000.css", "/ui/a/b.c/d.png"] {
        let status = plugin.get(path).await?.status;
        ensure(status == 404, format!("404 at {path}"), || status.to_string())?;
        evidence.add(format!("{path}: 404"));
    }
    Ok(evidence)
}

async fn no_way_out(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence = Evidence::saw(format!("/ui/: {}", index(&plugin).await?.status));
    // A file that anybody who can climb can read, with a text that is nowhere else.
    let marker = plugin.plan().dir().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let outside = plugin.plan().dir().join("outside.txt");
    std::fs::write(&outside, &marker).map_err(|e| Stop::fault("a file outside the bundle", e))?;
    let outside = outside.to_string_lossy();
    let outside = outside.trim_start_matches('/');
    let up = [
        "..",
        "%2e%2e",
        "..%2f",
        "%2e%2e%2f",
        "..%5c",
        "..\\",
        "%252e%252e%252f",
        "....//",
        "%c0%ae%c0%ae",
    ];
    for step in up {
        let climb = format!("{step}/").repeat(12);
        for target in [format!("/ui/{climb}{outside}"), format!("/ui/assets/{climb}{outside}")] {
            let secret = plugin.secret();
            let head = format!(
                "GET {target} HTTP/1.1\r\nhost: plugin\r\nx-temps-auth-signature: {secret}\r\nconnection: close\r\n\r\n"
            );
            let response = plugin.raw().await?.request(&head).await?;
            let leaked = String::from_utf8_lossy(&response.body).contains(&marker);
            ensure(!leaked, "no file outside the bundle", || format!("GET {target} read one"))?;
        }
        evidence.add(format!("twelve times {step}: no file"));
    }
    for target in [format!("/ui//{outside}"), format!("/ui/%2f{outside}")] {
        let absolute = plugin.get(&target).await?;
        ensure(!absolute.text().contains(&marker), "no file outside the bundle", || {
            format!("GET {target} read one")
        })?;
    }
    evidence.add("absolute paths: no file");
    Ok(evidence)
}

async fn head(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence = Evidence::default();
    for path in ["/ui/", "/ui/conformance", "/ui/conformance.js"] {
        let get = plugin.get(path).await?;
        let head = plugin.head(path, Some(plugin.secret())).await?;
        ensure(head.status == get.status, format!("{} to HEAD {path}", get.status), || {
            head.status.to_string()
        })?;
        ensure(head.body.is_empty(), "no body", || format!("{} bytes", head.body.len()))?;
        let (one, two) = (get.header("content-type"), head.header("content-type"));
        ensure(one == two, format!("the content type {one}"), || two.to_owned())?;
        evidence.add(format!("HEAD {path}: {} without a body", head.status));
    }
    Ok(evidence)
}

async fn has_ui_is_honest(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    if !cx.says_has_ui() {
        return Err(Stop::skip("`has_ui` is false, which promises nothing"));
    }
    index(&plugin).await?;
    Ok(Evidence::saw("`has_ui` is true and /ui/ answers with 200"))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must("ui/has-ui-is-honest", "/ui/ answers when `has_ui` is true", &["HS-42"], |cx| {
        Box::pin(has_ui_is_honest(cx))
    })
    .needs(Needs::Running),
    Check::must("ui/index", "/ui/ is index.html, not to be cached", &["UI-01", "UI-03"], |cx| {
        Box::pin(serves_index(cx))
    })
    .needs(Needs::Ui),
    Check::must("ui/redirect", "/ui leads to `ui/`, relatively", &["UI-02"], |cx| {
        Box::pin(redirects(cx))
    })
    .needs(Needs::Ui),
    Check::must(
        "ui/assets",
        "assets are served, typed and cached",
        &["UI-04", "UI-06", "UI-07"],
        |cx| Box::pin(assets(cx)),
    )
    .needs(Needs::Ui),
    Check::must("ui/only-hashed-immutable", "only hashed assets are immutable", &["UI-05"], |cx| {
        Box::pin(only_hashed_is_immutable(cx))
    })
    .needs(Needs::Ui)
    .should(),
    Check::must(
        "ui/relative-references",
        "index.html refers to its assets relatively",
        &["UI-12"],
        |cx| Box::pin(relative_references(cx)),
    )
    .needs(Needs::Ui)
    .should(),
    Check::must("ui/falls-back", "client-side routes get index.html", &["UI-03", "UI-08"], |cx| {
        Box::pin(falls_back(cx))
    })
    .needs(Needs::Ui),
    Check::must("ui/missing-asset", "a missing asset is 404", &["UI-09"], |cx| {
        Box::pin(missing_asset(cx))
    })
    .needs(Needs::Ui),
    Check::must("ui/no-way-out", "no path leads out of the bundle", &["UI-10"], |cx| {
        Box::pin(no_way_out(cx))
    })
    .needs(Needs::Ui),
    Check::must("ui/head", "HEAD is GET without a body", &["UI-11"], |cx| Box::pin(head(cx)))
        .needs(Needs::Ui),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_a_page_are_found() {
        let html =
            r#"<link href="a.css"><script src='./assets/app-3f9a01bc.js'></script><a href=x>"#;
        assert_eq!(references(html), ["./assets/app-3f9a01bc.js", "a.css"]);
        assert_eq!(bundle_path("./a.js?x").as_deref(), Some("/ui/a.js"));
        for outside in ["/a.js", "https://x/a.js", "../a.js", "#top", "data:x"] {
            assert_eq!(bundle_path(outside), None, "{outside}");
        }
    }

    #[test]
    fn a_hash_is_told_from_a_word() {
        assert!(is_hashed("/ui/assets/app-3f9a01bc.js") && is_hashed("/ui/a.B1x9Zk2q.css"));
        assert!(!is_hashed("/ui/application.js") && !is_hashed("/ui/some-component.js"));
    }
}
