//! The Test Anything Protocol, version 14.
//!
//! A test point that is `not ok` without a directive fails a harness, so it is exactly what makes
//! the plugin not conformant. A SHOULD that is not met is `# TODO`, which a harness shows and lets
//! pass.

use std::fmt::Write as _;

use super::rows::{complaints, facts, in_short, rows};
use super::{Outcome, RunReport};
use crate::model::CheckResult;
use crate::visible::visible_line;

/// Longest reason behind a directive, in bytes.
const REASON: usize = 300;

/// The report of a run.
pub(super) fn report(report: &RunReport) -> String {
    let (rows, complaints) = (rows(report), complaints(report));
    let mut out = String::from("TAP version 14\n");
    let _ = writeln!(out, "1..{}", rows.len() + complaints.len());
    let about = [
        report.subject(),
        report.command_line(),
        format!("temps-plugin-conformance {}", report.suite_version),
    ];
    for line in about {
        let _ = writeln!(out, "# {line}");
    }
    for (number, row) in rows.iter().enumerate() {
        out.push_str(&test_point(number + 1, row));
    }
    for (number, complaint) in complaints.iter().enumerate() {
        let number = rows.len() + number + 1;
        let _ = writeln!(out, "not ok {number} - {}", escape(complaint.title));
        out.push_str(&yaml([("message", quoted(&complaint.text))]));
    }
    let _ = writeln!(out, "# {}", report.verdict.name());
    out
}

fn test_point(number: usize, result: &CheckResult) -> String {
    let outcome = Outcome::of(result);
    let ok = match outcome {
        Outcome::Passed | Outcome::Skipped => "ok",
        Outcome::Failed | Outcome::Warned | Outcome::Known | Outcome::Fault => "not ok",
    };
    let directive = match outcome {
        Outcome::Skipped => format!(" # SKIP {}", escape(&in_short(result, REASON))),
        Outcome::Warned => format!(" # TODO {} not met, a warning", result.severity),
        Outcome::Known => format!(" # TODO known {}", escape(&in_short(result, REASON))),
        Outcome::Passed | Outcome::Failed | Outcome::Fault => String::new(),
    };
    let Outcome::Skipped = outcome else {
        let name = escape(result.check);
        let head = format!("{ok} {number} - {name} ({}){directive}\n", result.dialect);
        return head + &yaml(diagnostics(result, outcome));
    };
    format!("{ok} {number} - {} ({}){directive}\n", escape(result.check), result.dialect)
}

fn diagnostics(result: &CheckResult, outcome: Outcome) -> Vec<(&'static str, String)> {
    let mut entries = Vec::new();
    if outcome != Outcome::Passed {
        entries.push(("message", quoted(result.title)));
        entries.push(("severity", quoted(&result.severity.to_string())));
    }
    entries.extend(facts(result).into_iter().map(|fact| (fact.label, quoted(&fact.text))));
    entries.push(("duration_ms", result.duration.as_millis().to_string()));
    if outcome != Outcome::Passed && !result.transcript.is_empty() {
        let rendered = result.transcript.render("");
        let lines = rendered.lines().map(|line| format!("\n    - {}", quoted(line)));
        entries.push(("transcript", lines.collect()));
    }
    entries
}

/// A YAML block as it follows a test point. The values are YAML already.
fn yaml<'a>(entries: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut out = String::from("  ---\n");
    for (key, value) in entries {
        // A list begins on the next line.
        let gap = if value.starts_with('\n') { "" } else { " " };
        let _ = writeln!(out, "  {key}:{gap}{value}");
    }
    out.push_str("  ...\n");
    out
}

/// `text` as a double-quoted YAML scalar, for which a JSON string does, once what YAML does not
/// print is written out.
fn quoted(text: &str) -> String {
    serde_json::Value::from(crate::visible::visible(text)).to_string()
}

/// `text` as a description or reason: `#` would begin a directive there.
fn escape(text: &str) -> String {
    visible_line(text).replace('\\', r"\\").replace('#', r"\#")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;
    use crate::report::sample::{self, HOSTILE};
    use crate::visible::visible;

    /// One test point as a harness takes it.
    struct Point {
        ok: bool,
        description: String,
        directive: String,
        yaml: BTreeMap<String, Value>,
    }

    /// Reads a stream line by line, by the grammar of TAP 14.
    fn read(tap: &str) -> Vec<Point> {
        let mut lines = tap.lines().peekable();
        assert_eq!(lines.next(), Some("TAP version 14"));
        let plan: usize = lines.next().unwrap().strip_prefix("1..").unwrap().parse().unwrap();
        let mut points = Vec::new();
        while let Some(line) = lines.next() {
            if line.starts_with('#') {
                continue;
            }
            let (ok, rest) = match line.strip_prefix("not ok ") {
                Some(rest) => (false, rest),
                None => (true, line.strip_prefix("ok ").unwrap_or_else(|| panic!("{line:?}"))),
            };
            let (number, rest) = rest.split_once(" - ").unwrap();
            assert_eq!(number.parse::<usize>().unwrap(), points.len() + 1);
            let (description, directive) = rest.split_once(" # ").unwrap_or((rest, ""));
            let mut yaml = BTreeMap::new();
            if lines.next_if_eq(&"  ---").is_some() {
                let block: Vec<_> = lines.by_ref().take_while(|line| *line != "  ...").collect();
                yaml = serde_saphyr::from_str(&block.join("\n")).unwrap();
            }
            let (description, directive) = (description.into(), directive.into());
            points.push(Point { ok, description, directive, yaml });
        }
        assert_eq!(points.len(), plan, "the plan is kept");
        points
    }

    #[test]
    fn the_stream_is_what_it_was() {
        insta::assert_snapshot!(report(&sample::report()));
    }

    #[test]
    fn a_harness_fails_what_makes_a_plugin_not_conformant() {
        let sample = sample::report();
        let points = read(&report(&sample));
        assert_eq!(points.len(), sample.results.len());
        for (point, result) in points.iter().zip(&sample.results) {
            assert_eq!(point.description, format!("{} ({})", result.check, result.dialect));
            let fails = !point.ok && !point.directive.starts_with("TODO");
            let bad = matches!(Outcome::of(result), Outcome::Failed | Outcome::Fault);
            assert_eq!(fails, bad, "{}", result.check);
            let skips = point.directive.starts_with("SKIP ");
            assert_eq!(skips, Outcome::of(result) == Outcome::Skipped, "{}", result.check);
        }
    }

    #[test]
    fn the_diagnostics_are_yaml_whatever_the_plugin_wrote() {
        let points = read(&report(&sample::report()));
        let failed = points.iter().find(|p| p.description.starts_with("stdio/two-lines")).unwrap();
        assert_eq!(failed.yaml["seen"], visible(HOSTILE).trim_end());
        assert_eq!(failed.yaml["duration_ms"], 12);
        assert!(failed.yaml["IO-01"].as_str().unwrap().starts_with("MUST"));
        assert!(failed.yaml["explain"].as_str().unwrap().ends_with("explain stdio/two-lines"));
        assert_eq!(failed.yaml["transcript"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn a_run_without_checks_is_not_ok() {
        let points = read(&report(&sample::never_started()));
        assert_eq!(points.iter().filter(|point| !point.ok).count(), 2);
        let points = read(&report(&sample::nothing_run()));
        assert!(!points.last().unwrap().ok && points.last().unwrap().directive.is_empty());
    }
}
