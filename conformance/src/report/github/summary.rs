//! The job summary: Markdown in which no text of a plugin means anything.

use std::fmt::Write as _;

use crate::model::CheckResult;
use crate::report::rows::{Fact, complaints, explain, in_short, rows, rule_facts};
use crate::report::{Outcome, RunReport};
use crate::visible::visible_line;

/// Longest text of one cell, in bytes.
const CELL: usize = 500;
/// Room kept for what is said when rows are left out.
const RESERVE: usize = 200;
/// Room without which a table is not begun.
const LEAST: usize = 1000;

/// The summary, in no more than `room` bytes.
pub(super) fn markdown(report: &RunReport, room: usize) -> String {
    let mut out = heading(report);
    for complaint in complaints(report) {
        let _ = writeln!(out, "**{}:** {}\n", text(complaint.title), text(&complaint.text));
    }
    let rows = rows(report);
    for wanted in
        [Outcome::Failed, Outcome::Fault, Outcome::Warned, Outcome::Known, Outcome::Skipped]
    {
        let rows: Vec<&CheckResult> =
            rows.iter().map(AsRef::as_ref).filter(|row| Outcome::of(row) == wanted).collect();
        let left = room.saturating_sub(out.len());
        if !rows.is_empty() && left > LEAST {
            out.push_str(&section(wanted, &rows, left));
        }
    }
    // Not even the heading fits when other commands of the step have used the room; a summary that
    // is too long would be refused whole, theirs as well.
    if out.len() > room { String::new() } else { out }
}

fn heading(report: &RunReport) -> String {
    let counts = report.counts;
    let mut out = format!("## {}: {}\n\n", text(&report.subject()), report.verdict.name());
    out.push_str(
        "| passed | failed | warnings | known | skipped | runner faults | started in | time |\n",
    );
    out.push_str("|---:|---:|---:|---:|---:|---:|---|---:|\n");
    let _ = writeln!(
        out,
        "| {} | {} | {} | {} | {} | {} | {} | {:.1} s |\n",
        counts.passed,
        counts.failed,
        counts.warnings,
        counts.known,
        counts.skipped,
        counts.faults,
        report.spoken(),
        report.duration.as_secs_f64(),
    );
    let command = text(&report.command_line());
    let version = report.suite_version;
    let _ = writeln!(out, "<code>{command}</code>, held to the protocol by version {version}.\n");
    out
}

/// One table, folded when it is not about failures, of as many rows as there is room for.
fn section(outcome: Outcome, rows: &[&CheckResult], room: usize) -> String {
    let open = if outcome == Outcome::Failed { " open" } else { "" };
    let count = rows.len();
    let title = outcome.counted(count);
    let mut out = format!("<details{open}><summary>{count} {title}</summary>\n\n");
    out.push_str("| check | dialect | rules | what happened |\n|---|---|---|---|\n");
    for (number, row) in rows.iter().enumerate() {
        let line = format!(
            "| <code>{}</code><br>{} | {} | {} | {} |\n",
            text(row.check),
            text(row.title),
            row.dialect.number(),
            rules(row, outcome),
            text(&in_short(row, CELL)),
        );
        if out.len() + line.len() + RESERVE > room {
            let left = rows.len() - number;
            let _ = write!(out, "\n{left} more are left out: the summary of a step is limited.\n");
            break;
        }
        out.push_str(&line);
    }
    if outcome != Outcome::Skipped {
        let _ = write!(out, "\nMore about a check: <code>{}</code>\n", text(&explain("CHECK")));
    }
    out.push_str("\n</details>\n\n");
    out
}

/// The rules of a result, with their text where they were broken.
fn rules(row: &CheckResult, outcome: Outcome) -> String {
    if outcome == Outcome::Skipped {
        return row.rules.join(" ");
    }
    let rules =
        rule_facts(row).map(|Fact { label, text: rule }| format!("{label} {}", text(&rule)));
    rules.collect::<Vec<_>>().join("<br>")
}

/// `text` on one line, with each character that could mean something as a character reference.
fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible_line(text).chars() {
        if "\\`*_{}[]<>()#|~&!$@:\"'".contains(c) {
            let _ = write!(out, "&#{};", c as u32);
        } else {
            out.push(c);
        }
    }
    out
}
