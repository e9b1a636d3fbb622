//! Reports for people. Colour is always written; the stream it goes to strips it when it is no
//! terminal or `NO_COLOR` is set.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::{RunReport, StartOutcome, StartReport, Verdict};
use crate::model::{Check, CheckResult, Status};
use crate::rules::{Level, rule};
use crate::traceability;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The report of a run.
#[must_use]
pub fn report(report: &RunReport, verbose: bool) -> String {
    let mut out = heading(report);
    out.push_str(&start_problems(&report.starts, verbose));
    for (area, results) in by_area(&report.results) {
        out.push_str(&area_line(area, &results));
        if verbose {
            for result in &results {
                out.push_str(&short(result));
            }
        }
    }
    for result in &report.results {
        if matches!(result.status, Status::Failed { .. } | Status::Fault { .. }) {
            out.push_str(&long(result));
        }
    }
    out.push_str(&skipped(&report.results));
    out.push_str(&conclusion(report));
    out
}

fn heading(report: &RunReport) -> String {
    let command = report.command.join(" ");
    match &report.plugin {
        Some(plugin) => {
            let profile = if plugin.everything { ", everything profile" } else { "" };
            let title = paint(BOLD, &format!("{} {}", plugin.name, plugin.version));
            format!("{title}  {command}{profile}\n\n")
        }
        None => format!("{}\n\n", paint(BOLD, &command)),
    }
}

/// What went wrong at the first starts: once, when it is the same in both dialects.
fn start_problems(starts: &[StartReport], verbose: bool) -> String {
    let mut out = String::new();
    let mut told: Vec<&StartOutcome> = Vec::new();
    for start in starts.iter().filter(|start| start.outcome != StartOutcome::Started) {
        if told.contains(&&start.outcome) {
            continue;
        }
        told.push(&start.outcome);
        let dialects: Vec<String> = starts
            .iter()
            .filter(|other| other.outcome == start.outcome)
            .map(|other| other.dialect.number().to_string())
            .collect();
        let dialects = dialects.join(" and ");
        match &start.outcome {
            StartOutcome::Started => {}
            StartOutcome::NotSpoken { reason } => {
                let note = paint(WARN, "note");
                let _ = writeln!(out, "{note} dialect {dialects} is not spoken: {reason}\n");
            }
            StartOutcome::Failed { reason } => {
                let fail = paint(BAD, "FAIL");
                let _ = writeln!(out, "{fail} not started in dialect {dialects}: {reason}");
                if verbose {
                    out.push_str(&start.transcript.render("   "));
                }
                out.push('\n');
            }
        }
    }
    out
}

/// Results by area, in the order of the registry.
fn by_area(results: &[CheckResult]) -> Vec<(&str, Vec<&CheckResult>)> {
    let mut areas: Vec<(&str, Vec<&CheckResult>)> = Vec::new();
    for result in results {
        let area = result.check.split('/').next().unwrap_or(result.check);
        match areas.last_mut() {
            Some((last, results)) if *last == area => results.push(result),
            _ => areas.push((area, vec![result])),
        }
    }
    areas
}

fn area_line(area: &str, results: &[&CheckResult]) -> String {
    let count = |wanted: fn(&CheckResult) -> bool| results.iter().filter(|r| wanted(r)).count();
    let failed = |r: &CheckResult| matches!(r.status, Status::Failed { .. });
    let parts = [
        (count(|r| matches!(r.status, Status::Passed { .. })), GOOD, "passed"),
        (results.iter().filter(|r| failed(r) && r.severity == Level::Must).count(), BAD, "failed"),
        (results.iter().filter(|r| failed(r) && r.severity != Level::Must).count(), WARN, "warned"),
        (count(|r| matches!(r.status, Status::Skipped { .. })), DIM, "skipped"),
        (count(|r| matches!(r.status, Status::Fault { .. })), BAD, "runner faults"),
    ];
    let shown: Vec<String> = parts
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, style, word)| paint(style, &format!("{count} {word}")))
        .collect();
    format!("{area:<12} {}\n", shown.join(", "))
}

fn mark(result: &CheckResult) -> String {
    match (&result.status, result.severity) {
        (Status::Passed { .. }, _) => paint(GOOD, "pass"),
        (Status::Failed { .. }, Level::Must) => paint(BAD, "FAIL"),
        (Status::Failed { .. }, _) => paint(WARN, "WARN"),
        (Status::Skipped { .. }, _) => paint(DIM, "skip"),
        (Status::Fault { .. }, _) => paint(BAD, "FAULT"),
    }
}

/// One check in verbose mode.
fn short(result: &CheckResult) -> String {
    let rules = result.rules.join(" ");
    let millis = result.duration.as_millis();
    let head = format!("  {} {} ({})", mark(result), result.check, result.dialect);
    let mut out = format!("{head} {}\n", paint(DIM, &format!("{rules}, {millis} ms")));
    match &result.status {
        Status::Passed { evidence } => {
            for line in &evidence.0 {
                let _ = writeln!(out, "       {}", paint(DIM, line));
            }
        }
        Status::Skipped { reason } => {
            let _ = writeln!(out, "       {}", paint(DIM, reason));
        }
        Status::Failed { .. } | Status::Fault { .. } => {}
    }
    out
}

/// A check that did not pass, with all that is known.
fn long(result: &CheckResult) -> String {
    let mut out = format!(
        "\n{} {} ({})\n  {}\n",
        mark(result),
        paint(BOLD, result.check),
        result.dialect,
        result.title
    );
    for id in result.rules {
        if let Some(rule) = rule(id) {
            let _ = writeln!(out, "  {}  {}", paint(BOLD, id), rule.sentence());
        }
    }
    match &result.status {
        Status::Failed { failure } => {
            let _ = writeln!(out, "  expected  {}", indent(&failure.expected));
            let _ = writeln!(out, "  seen      {}", indent(&failure.seen));
        }
        Status::Fault { message } => {
            let _ = writeln!(out, "  the runner failed, not the plugin: {}", indent(message));
        }
        Status::Passed { .. } | Status::Skipped { .. } => {}
    }
    if !result.transcript.is_empty() {
        let _ = write!(
            out,
            "  transcript, seconds since the check began\n{}",
            result.transcript.render("   ")
        );
    }
    out
}

fn indent(text: &str) -> String {
    text.trim_end().replace('\n', "\n            ")
}

/// Skips are always told, one line a reason, so that they can't hide.
fn skipped(results: &[CheckResult]) -> String {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for result in results {
        if let Status::Skipped { reason } = &result.status {
            let checks = reasons.entry(reason).or_default();
            if !checks.contains(&result.check) {
                checks.push(result.check);
            }
        }
    }
    let mut out = String::new();
    for (reason, checks) in reasons {
        let shown = match checks.as_slice() {
            few if few.len() <= 3 => few.join(", "),
            many => format!("{} and {} more", many[..2].join(", "), many.len() - 2),
        };
        let _ = writeln!(out, "{} {reason}: {shown}", paint(DIM, "skipped"));
    }
    if out.is_empty() { out } else { format!("\n{out}") }
}

fn conclusion(report: &RunReport) -> String {
    let counts = report.counts;
    let seconds = report.duration.as_secs_f64();
    let numbers = format!(
        "{} passed, {} failed, {} warnings, {} skipped in {seconds:.1} s",
        counts.passed, counts.failed, counts.warnings, counts.skipped
    );
    let dialects: Vec<String> = report
        .starts
        .iter()
        .filter(|start| start.outcome == StartOutcome::Started)
        .map(|start| start.dialect.number().to_string())
        .collect();
    let dialects = dialects.join(" and ");
    match report.verdict {
        Verdict::Conformant => {
            format!("\n{} in dialect {dialects}: {numbers}\n", paint(GOOD, "conformant"))
        }
        Verdict::NotConformant => format!("\n{}: {numbers}\n", paint(BAD, "not conformant")),
        Verdict::NothingRun => format!(
            "\n{}: none of the selected checks applies to this plugin\n",
            paint(BAD, "nothing was checked")
        ),
        Verdict::NeverStarted => {
            format!("{}: no check was made\n", paint(BAD, "the plugin never started"))
        }
        Verdict::RunnerFault => format!(
            "\n{}: {numbers}, {} not finished; this is a defect of the suite, not of the plugin\n",
            paint(BAD, "the runner failed"),
            counts.faults
        ),
    }
}

/// All checks, one line each.
#[must_use]
pub fn list(checks: &[Check]) -> String {
    let id_width = checks.iter().map(|check| check.id.len()).max().unwrap_or(0);
    let mut out = String::new();
    for check in checks {
        let Check { id, title, severity, dialects, .. } = check;
        let rules = check.rules.join(" ");
        let needs = format!("{:?}", check.needs).to_lowercase();
        let _ = writeln!(
            out,
            "{id:<id_width$}  {severity:<6} {dialects:<4} {needs:<10} {title} [{rules}]"
        );
    }
    let _ = writeln!(out, "\n{} checks", checks.len());
    out
}

/// All rules: what proves each, or why nothing does.
#[must_use]
pub fn rules() -> String {
    let mut out = String::new();
    let traces = traceability::trace();
    let proved = traces.iter().filter(|trace| !trace.checks.is_empty()).count();
    for trace in &traces {
        let rule = trace.rule;
        let what = match trace.reason {
            Some(reason) => paint(DIM, &format!("not checked: {reason}")),
            None => trace.checks.join(", "),
        };
        let _ = writeln!(out, "{:<6} {:<6} {:<6} {what}", rule.id, rule.level, rule.party);
    }
    let _ = writeln!(out, "\n{} rules, {proved} of them checked", traces.len());
    out
}
