use std::time::Duration;

use temps_plugin_schema::Dialect;

use super::*;
use crate::model::{Evidence, Failure};
use crate::registry::CHECKS;
use crate::transcript::Transcript;

const FILE: &str = "known.toml";

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn parse(text: &str) -> Result<KnownFailing, BaselineError> {
    KnownFailing::parse(Path::new(FILE), text, day("2027-01-15"))
}

fn refused(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

fn result(id: &str, dialect: Dialect, status: Status) -> CheckResult {
    let check = CHECKS.iter().find(|check| check.id == id).unwrap();
    CheckResult {
        check: check.id,
        title: check.title,
        rules: check.rules,
        severity: check.severity,
        profile: check.profile(),
        dialect,
        status,
        known: None,
        duration: Duration::ZERO,
        transcript: Transcript::default(),
    }
}

fn passed() -> Status {
    Status::Passed { evidence: Evidence::saw("it") }
}

fn failed() -> Status {
    Status::Failed { failure: Failure { expected: "a".into(), seen: "b".into() } }
}

/// `id` in both dialects.
fn both(id: &str, one: Status, two: Status) -> Vec<CheckResult> {
    vec![result(id, Dialect::One, one), result(id, Dialect::Two, two)]
}

const BOTH: &str = "\
[[known]]
check = \"stop/sigterm\"
reason = \"issue 17\"
expires = 2027-03-01
";

#[test]
fn a_failure_that_is_known_is_marked_and_nothing_is_objected() {
    let mut results = both("stop/sigterm", failed(), failed());
    results.push(result("stop/sigint", Dialect::Two, failed()));
    assert_eq!(parse(BOTH).unwrap().apply(&mut results), []);
    let known = results[0].known.clone().unwrap();
    assert_eq!((known.reason.as_str(), known.expires), ("issue 17", day("2027-03-01")));
    assert!(results[1].known.is_some() && results[2].known.is_none());
}

#[test]
fn an_entry_of_one_dialect_is_about_that_dialect() {
    let mut results = both("stop/sigterm", failed(), failed());
    let text = BOTH.replace("reason", "dialect = 2\nreason");
    assert_eq!(parse(&text).unwrap().apply(&mut results), []);
    assert!(results[0].known.is_none() && results[1].known.is_some());
}

#[test]
fn an_entry_that_passes_is_objected_to_with_its_line() {
    let text = format!("# head\n\n{BOTH}");
    let known = parse(&text).unwrap();
    let objections = known.apply(&mut both("stop/sigterm", passed(), passed()));
    assert_eq!(objections.len(), 1);
    let text = objections[0].to_string();
    assert!(text.starts_with("known.toml:3: ") && text.contains("remove the entry"), "{text}");

    let mut results = both("stop/sigterm", passed(), failed());
    let text = known.apply(&mut results)[0].to_string();
    assert!(text.contains("passes now in dialect 1") && text.contains("`dialect = 2`"), "{text}");
    assert!(results[1].known.is_some());
}

#[test]
fn an_expired_entry_is_objected_to_and_excuses_nothing() {
    let mut results = both("stop/sigterm", failed(), failed());
    let on = |today| KnownFailing::parse(Path::new(FILE), BOTH, day(today)).unwrap();
    assert_eq!(on("2027-03-01").apply(&mut results.clone()), [], "the last day counts");
    let objections = on("2027-03-02").apply(&mut results);
    assert!(objections[0].message.contains("expired on 2027-03-01"), "{objections:?}");
    assert!(results.iter().all(|result| result.known.is_none()));
}

#[test]
fn what_was_not_made_says_nothing_about_its_entry() {
    let skipped = || Status::Skipped { reason: "no".into() };
    for mut results in [Vec::new(), both("stop/sigterm", skipped(), skipped())] {
        assert_eq!(parse(BOTH).unwrap().apply(&mut results), []);
    }
}

#[test]
fn every_mistake_is_quoted_with_its_line_and_the_way_out() {
    let entry = |line: &str, with: &str| BOTH.replace(line, with);
    for (text, quotes) in [
        (
            entry("\"stop/sigterm\"", "\"stop/sigtrem\""),
            &["line 2: check = \"stop/sigtrem\"", "did you mean \"stop/sigterm\""][..],
        ),
        (entry("\"stop/sigterm\"", "17"), &["line 2: check = 17", "`check` is no text"]),
        (entry("reason = \"issue 17\"\n", ""), &["line 1: [[known]]", "`reason` is missing"]),
        (entry("\"issue 17\"", "\" \""), &["line 3: reason = \" \"", "`reason` is empty"]),
        (entry("expires = 2027-03-01\n", ""), &["line 1: ", "`expires` is missing"]),
        (entry("2027-03-01", "\"2027-03-01\""), &["line 4: ", "is a text", "without quotes"]),
        (entry("2027-03-01", "2027-03-01T00:00:00Z"), &["line 4: ", "is no day"]),
        (entry("reason", "dialect = 3\nreason"), &["line 3: dialect = 3", "neither 1 nor 2"]),
        (
            entry("reason", "why = \"\"\nreason"),
            &["line 3: why", "check, dialect, reason, expires"],
        ),
        (entry("[[known]]", "[[know]]"), &["line 1: [[know]]", "\"know\" means nothing"]),
        (entry("[[known]]", "[known]"), &["line 1: [known]", "no list of tables"]),
        (format!("{BOTH}\n{BOTH}"), &["line 6: [[known]]", "line 1 is about stop/sigterm as well"]),
        (entry("[[known]]", "[[known"), &["is no TOML", "line 1"]),
    ] {
        let error = refused(&text);
        for quote in quotes {
            assert!(error.contains(quote), "{quote:?} is not in\n{error}");
        }
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let no_reason = BOTH.replace("issue 17", "");
    let no_day = BOTH.replace("sigterm", "sigint").replace("2027-03-01", "7");
    let error = refused(&format!("{no_reason}{no_day}"));
    assert!(error.contains("2 lines to repair"), "{error}");
    assert!(error.contains("line 3: ") && error.contains("line 8: "), "{error}");
}

#[test]
fn a_dialect_in_which_a_check_is_never_made_is_a_mistake() {
    let only = CHECKS
        .iter()
        .find(|check| check.dialects == crate::model::Dialects::Only(Dialect::Two))
        .unwrap();
    let text = BOTH.replace("stop/sigterm", only.id).replace("reason", "dialect = 1\nreason");
    assert!(refused(&text).contains("never made in dialect 1"));
}

#[test]
fn two_entries_of_different_dialects_are_no_duplicates() {
    let one = BOTH.replace("reason", "dialect = 1\nreason");
    let two = BOTH.replace("reason", "dialect = 2\nreason");
    assert_eq!(parse(&format!("{one}{two}")).unwrap().entries().len(), 2);
    assert!(refused(&format!("{one}{BOTH}")).contains("as well"));
}

#[test]
fn skips_are_objected_to_by_reason() {
    let skipped = |reason: &str| Status::Skipped { reason: reason.into() };
    let mut results = both("stop/sigterm", skipped("x"), skipped("x"));
    results.extend(both("stop/sigint", passed(), skipped("y")));
    let objections = denied_skips(&results);
    assert_eq!(objections.len(), 2);
    let first = objections[0].to_string();
    assert!(first.contains("stop/sigterm (dialect 1), stop/sigterm (dialect 2)"), "{first}");
    assert!(objections[1].message.contains("because y: stop/sigint (dialect 2)"));
}

mod updating {
    use super::*;

    fn updated(text: &str, results: &[CheckResult], reason: Option<&str>) -> Updated {
        let renewal = Renewal { reason, expires: day("2027-02-14"), today: day("2027-01-15") };
        update(Path::new(FILE), text, results, &renewal).unwrap()
    }

    #[test]
    fn a_new_failure_is_written_down_once_where_it_fails_everywhere() {
        let updated = updated("", &both("stop/sigterm", failed(), failed()), Some("issue 17"));
        assert_eq!(updated.text, BOTH.replace("2027-03-01", "2027-02-14"));
        assert_eq!(updated.added, ["stop/sigterm"]);
    }

    #[test]
    fn a_failure_of_one_dialect_is_written_down_for_that_one() {
        let updated = updated("", &both("stop/sigterm", passed(), failed()), Some("why"));
        assert!(updated.text.contains("dialect = 2"), "{}", updated.text);
        assert_eq!(updated.added, ["stop/sigterm (dialect 2)"]);
        // Half a run is no word on the other half.
        let half = [result("stop/sigterm", Dialect::One, failed())];
        let text = super::updating::updated("", &half, Some("why")).text;
        assert!(text.contains("dialect = 1"), "{text}");
    }

    #[test]
    fn what_is_new_needs_a_reason() {
        let renewal =
            Renewal { reason: None, expires: day("2027-02-14"), today: day("2027-01-15") };
        let results = both("stop/sigterm", failed(), passed());
        let error = update(Path::new(FILE), "", &results, &renewal).unwrap_err().to_string();
        assert!(
            error.contains("--reason") && error.contains("stop/sigterm (dialect 1)"),
            "{error}"
        );
    }

    #[test]
    fn what_stays_keeps_reason_day_and_comments() {
        let text = "# The head of the file.\n\n# About sigterm.\n[[known]]\ncheck = \"stop/sigterm\" # this one\nreason = \"issue 17\"\nexpires = 2027-03-01 # a sprint\n# the end\n";
        let updated = updated(text, &both("stop/sigterm", failed(), failed()), None);
        assert_eq!(updated.text, text);
        assert_eq!(updated.kept, ["stop/sigterm"]);
    }

    #[test]
    fn an_entry_that_passes_goes_with_its_comment_and_the_head_of_the_file_stays() {
        let other = "# About sigint.\n[[known]]\ncheck = \"stop/sigint\"\nreason = \"issue 18\"\nexpires = 2027-03-01\n";
        let text = format!("# The head of the file.\n\n# About sigterm.\n{BOTH}\n{other}");
        let mut results = both("stop/sigterm", passed(), passed());
        let updated = updated(&text, &results, None);
        assert_eq!(updated.text, format!("# The head of the file.\n\n{other}"));
        assert_eq!(updated.removed, ["stop/sigterm"]);
        assert_eq!(updated.kept, ["stop/sigint"]);

        results.extend(both("stop/sigint", passed(), passed()));
        let empty = super::updating::updated(&text, &results, None).text;
        assert_eq!(empty.trim_end(), "# The head of the file.");
        assert!(parse(&empty).unwrap().entries().is_empty());
    }

    #[test]
    fn an_entry_of_both_dialects_that_passes_in_one_is_narrowed() {
        let updated = updated(BOTH, &both("stop/sigterm", passed(), failed()), None);
        assert_eq!(updated.narrowed, ["stop/sigterm (dialect 2)"]);
        let mut results = both("stop/sigterm", passed(), failed());
        assert_eq!(parse(&updated.text).unwrap().apply(&mut results), []);
        assert!(results[1].known.is_some());
    }

    #[test]
    fn an_expired_entry_that_still_fails_gets_the_new_day() {
        let text = BOTH.replace("2027-03-01", "2026-12-31 # a sprint");
        let updated = updated(&text, &both("stop/sigterm", failed(), failed()), None);
        assert_eq!(updated.text, text.replace("2026-12-31", "2027-02-14"));
        assert_eq!(updated.renewed, ["stop/sigterm"]);
    }

    #[test]
    fn an_entry_of_a_check_that_is_gone_is_removed() {
        let text = BOTH.replace("stop/sigterm", "stop/of-former-times");
        let updated = updated(&text, &[], None);
        assert_eq!((updated.text.as_str(), updated.removed.len()), ("", 1));
    }

    #[test]
    fn what_was_not_made_stays() {
        let skipped = || Status::Skipped { reason: "no".into() };
        for results in [Vec::new(), both("stop/sigterm", skipped(), skipped())] {
            assert_eq!(updated(BOTH, &results, None).text, BOTH);
        }
    }

    #[test]
    fn a_file_with_mistakes_is_left_to_its_author() {
        let renewal =
            Renewal { reason: None, expires: day("2027-02-14"), today: day("2027-01-15") };
        let text = format!("{BOTH}{BOTH}");
        assert!(update(Path::new(FILE), &text, &[], &renewal).is_err());
    }

    #[test]
    fn what_is_written_is_read_again_and_excuses_the_same_run() {
        let mut results = both("stop/sigterm", failed(), passed());
        results.extend(both("stop/sigint", failed(), failed()));
        let updated = updated("# head\n", &results, Some("why \"so\""));
        assert!(updated.text.starts_with("# head\n"), "{}", updated.text);
        assert_eq!(parse(&updated.text).unwrap().apply(&mut results), []);
        let unknown = results.iter().filter(|r| r.known.is_none());
        assert!(unknown.into_iter().all(|r| matches!(r.status, Status::Passed { .. })));
        let again = super::updating::updated(&updated.text, &results, None);
        assert_eq!(again.text, updated.text);
    }
}
