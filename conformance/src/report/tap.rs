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
        Outcome::Failed | Outcome::Warned | Outcome::Fault => "not ok",
    };
    let directive = match outcome {
        Outcome::Skipped => format!(" # SKIP {}", escape(&in_short(result, REASON))),
        Outcome::Warned => format!(" # TODO {} not met, a warning", result.severity),
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
        let _ = writeln!(out, "  {key}: {value}");
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
