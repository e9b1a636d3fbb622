use super::*;
use crate::model::{Failure, Status};
use crate::report::sample;
use crate::rules::Level;

/// What the runner of GitHub obeys in `log`: it reads both its forms, and nothing between
/// `stop-commands` and the token.
fn obeyed(log: &str) -> Vec<&str> {
    let (mut obeyed, mut stopped) = (Vec::new(), None);
    for line in log.lines() {
        match stopped {
            Some(token) if line.trim_start() == format!("::{token}::") => stopped = None,
            Some(_) => {}
            None => {
                stopped = line.strip_prefix("::stop-commands::");
                if line.trim_start().starts_with("::") || line.contains("##[") {
                    obeyed.push(line);
                }
            }
        }
    }
    obeyed
}

fn kinds(log: &str) -> Vec<&str> {
    let name = |line: &'_ str| -> usize { line[2..].find([' ', ':']).unwrap() + 2 };
    obeyed(log).iter().map(|line| &line[2..name(line)]).collect()
}

/// A report with `count` failures of one severity.
fn many(count: usize, severity: Level) -> RunReport {
    let mut report = sample::report();
    report.starts.truncate(1);
    let mut result = report.results[0].clone();
    let failure = Failure { expected: "50%,\nor: more".into(), seen: "x".repeat(700) };
    result.status = Status::Failed { failure };
    result.severity = severity;
    report.results = vec![result; count];
    report
}

#[test]
fn the_log_is_what_it_was() {
    insta::assert_snapshot!(super::report(&sample::report(), false, "0123456789abcdef"));
}

#[test]
fn the_summary_is_what_it_was() {
    insta::assert_snapshot!(summary::markdown(&sample::report(), SUMMARY));
}

#[test]
fn only_commands_of_the_suite_are_obeyed() {
    let log = super::report(&sample::report(), true, "token");
    assert!(log.contains("\n") && log.contains("##[error]old"), "the hostile text is in it");
    assert_eq!(
        kinds(&log),
        ["group", "stop-commands", "endgroup", "error", "error", "error", "warning"]
    );
}

#[test]
fn values_are_escaped_as_github_reads_them() {
    assert_eq!(data("100%\r\na:b,c"), "100%25%0D%0Aa:b,c");
    assert_eq!(property("100%\r\na:b,c"), "100%25%0D%0Aa%3Ab%2Cc");
}

#[test]
fn what_github_would_drop_is_counted() {
    for (count, shown, rest) in
        [(10, 10, None), (11, 10, Some("2 more")), (40, 10, Some("31 more"))]
    {
        for (severity, kind) in [(Level::Must, "error"), (Level::Should, "warning")] {
            let log = super::report(&many(count, severity), false, "token");
            let lines: Vec<_> =
                obeyed(&log).into_iter().filter(|line| line[2..].starts_with(kind)).collect();
            assert_eq!(lines.len(), shown, "{count}");
            let more = lines.last().unwrap().contains(rest.unwrap_or("title=handshake"));
            assert!(more, "{count}: {:?}", lines.last());
        }
    }
}

#[test]
fn the_summary_keeps_to_its_limit_and_to_what_is_used_of_it() {
    let report = many(5000, Level::Must);
    let whole = summary::markdown(&report, usize::MAX);
    assert!(whole.len() > SUMMARY && !whole.contains("left out"));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("summary.md");
    let before = "x".repeat(SUMMARY / 2);
    fs::write(&file, &before).unwrap();
    append_step_summary(&report, &file).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with(&before) && text.len() <= SUMMARY, "{}", text.len());
    assert!(text.len() > SUMMARY - 2000, "as much as there is room for: {}", text.len());
    assert!(text.contains("more are left out") && text.trim_end().ends_with("</details>"));
    // When there is no room left, nothing may make it too long.
    fs::write(&file, "x".repeat(SUMMARY)).unwrap();
    append_step_summary(&report, &file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().len(), SUMMARY as u64);
}

#[test]
fn a_run_without_checks_is_an_error() {
    for report in [sample::never_started(), sample::nothing_run()] {
        let log = super::report(&report, false, "token");
        assert!(kinds(&log).contains(&"error"), "{log}");
        assert!(!summary::markdown(&report, SUMMARY).is_empty());
    }
}
