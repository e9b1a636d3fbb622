//! Reports for people. Colour is always written; the stream it goes to strips it when it is no
//! terminal or `NO_COLOR` is set.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::rows::{Fact, area, facts, runs_of};
use super::{Outcome, RunReport, StartOutcome, StartReport, Verdict};
use crate::model::{Check, CheckResult, Status};
use crate::traceability;
use crate::visible::{visible, visible_line};

pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const BOLD: Style = Style::new().bold();

pub(super) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The report of a run.
#[must_use]
pub fn report(report: &RunReport, verbose: bool) -> String {
    let mut out = heading(report);
    out.push_str(&start_problems(&report.starts, verbose));
    if report.verdict == Verdict::NeverStarted && !verbose {
        // The reason above says it in a line or two.
        out.push_str(&conclusion(report));
        return out;
    }
    for (area, results) in runs_of(&report.results, |result| area(result.check)) {
        out.push_str(&area_line(area, &results));
        if verbose {
            for result in &results {
                out.push_str(&short(result));
            }
        }
    }
    for result in &report.results {
        let wrong = matches!(result.status, Status::Failed { .. } | Status::Fault { .. });
        if wrong && result.known.is_none() {
            out.push_str(&long(result));
        }
    }
    out.push_str(&skipped(&report.results));
    if let Some(fuzz) = &report.fuzz {
        out.push_str(&super::fuzz::section(fuzz));
    }
    out.push_str(&known(&report.results));
    out.push_str(&objections(report));
    out.push_str(&conclusion(report));
    out
}

fn heading(report: &RunReport) -> String {
    let command = report.command_line();
    match &report.plugin {
        Some(plugin) => {
            let profile = if plugin.everything { ", everything profile" } else { "" };
            let title = paint(BOLD, &report.subject());
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
                let _ = writeln!(
                    out,
                    "{note} dialect {dialects} is not spoken: {}\n",
                    indented(reason)
                );
            }
            StartOutcome::Failed { reason } => {
                let fail = paint(BAD, "FAIL");
                let _ =
                    writeln!(out, "{fail} not started in dialect {dialects}: {}", indented(reason));
                if verbose {
                    out.push_str(&start.transcript.render("   "));
                }
                out.push('\n');
            }
        }
    }
    out
}

fn area_line(area: &str, results: &[&CheckResult]) -> String {
    let shown: Vec<String> = Outcome::ALL
        .into_iter()
        .map(|outcome| (outcome, results.iter().filter(|r| Outcome::of(r) == outcome).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(outcome, count)| {
            paint(style(outcome), &format!("{count} {}", outcome.counted(count)))
        })
        .collect();
    format!("{area:<12} {}\n", shown.join(", "))
}

fn style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Passed => GOOD,
        Outcome::Failed | Outcome::Fault => BAD,
        Outcome::Warned | Outcome::Known => WARN,
        Outcome::Skipped => DIM,
    }
}

fn mark(result: &CheckResult) -> String {
    let outcome = Outcome::of(result);
    let word = match outcome {
        Outcome::Passed => "pass",
        Outcome::Failed => "FAIL",
        Outcome::Warned => "WARN",
        Outcome::Known => "known",
        Outcome::Skipped => "skip",
        Outcome::Fault => "FAULT",
    };
    paint(style(outcome), word)
}

/// What a plugin said, so that no line of it looks like one of the report.
fn indented(text: &str) -> String {
    visible(text.trim_end()).replace('\n', "\n     ")
}

/// One check in verbose mode.
fn short(result: &CheckResult) -> String {
    let rules = result.rules.join(" ");
    let millis = result.duration.as_millis();
    let head = format!("  {} {} ({})", mark(result), result.check, result.dialect);
    let mut out = format!("{head} {}\n", paint(DIM, &format!("{rules}, {millis} ms")));
    if matches!(result.status, Status::Passed { .. } | Status::Skipped { .. }) {
        for fact in facts(result) {
            for line in fact.text.lines() {
                let _ = writeln!(out, "       {}", paint(DIM, line));
            }
        }
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
    for Fact { label, text } in facts(result) {
        // Ids of rules stand out; what follows them lines up.
        let label = paint(BOLD, &format!("{label:<8}"));
        let _ = writeln!(out, "  {label}  {}", text.replace('\n', "\n            "));
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
        let reason = visible_line(reason);
        let _ = writeln!(out, "{} {reason}: {shown}", paint(DIM, "skipped"));
    }
    if out.is_empty() { out } else { format!("\n{out}") }
}

/// Known failures are always told, so that they are not forgotten.
fn known(results: &[CheckResult]) -> String {
    let mut out = String::new();
    for result in results {
        if let Some(known) = &result.known {
            let head = format!("{} {} ({})", mark(result), result.check, result.dialect);
            let _ = writeln!(out, "{head} {}", visible_line(&known.to_string()));
        }
    }
    if out.is_empty() { out } else { format!("\n{out}") }
}

fn objections(report: &RunReport) -> String {
    let mut out = String::new();
    for objection in &report.objections {
        let _ = writeln!(out, "\n{} {}", paint(BAD, "FAIL"), visible_line(&objection.to_string()));
    }
    out
}

fn conclusion(report: &RunReport) -> String {
    let counts = report.counts;
    let seconds = report.duration.as_secs_f64();
    let known = match counts.known {
        0 => String::new(),
        known => format!(", {known} known to fail"),
    };
    let numbers = format!(
        "{} passed, {} failed, {} {}{known}, {} skipped in {seconds:.1} s",
        counts.passed,
        counts.failed,
        counts.warnings,
        Outcome::Warned.counted(counts.warnings),
        counts.skipped
    );
    let name = report.verdict.name();
    if let Some(fuzz) = report.fuzz.as_ref().filter(|_| report.results.is_empty()) {
        return super::fuzz::conclusion(fuzz);
    }
    match report.verdict {
        Verdict::Conformant if !report.objections.is_empty() => format!(
            "\n{}, but {}: {numbers}\n",
            paint(GOOD, "conformant"),
            paint(BAD, "the run fails for what is said above")
        ),
        Verdict::Conformant => {
            format!("\n{} in {}: {numbers}\n", paint(GOOD, name), report.spoken())
        }
        Verdict::NotConformant => format!("\n{}: {numbers}\n", paint(BAD, name)),
        Verdict::NothingRun => {
            format!("\n{}: none of the selected checks applies to this plugin\n", paint(BAD, name))
        }
        Verdict::NeverStarted => {
            format!("{}: no check was made\n", paint(BAD, name))
        }
        Verdict::RunnerFault => format!(
            "\n{}: {numbers}, {} not finished; this is a defect of the suite, not of the plugin\n",
            paint(BAD, name),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_text_is_what_it_was() {
        let text = report(&sample::report(), true);
        insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string());
    }

    #[test]
    fn no_text_of_a_plugin_reaches_the_terminal_as_more_than_text() {
        for sample in [sample::report(), sample::never_started(), sample::nothing_run()] {
            // Colours are all that is stripped, so that what a plugin wrote is still there.
            let text = report(&sample, true);
            let plain = anstream::adapter::strip_str(&text).to_string();
            assert!(!plain.chars().any(|c| c.is_control() && c != '\n'), "{plain:?}");
            assert!(plain.contains(r"\u{1b}[31m") && plain.contains(r"\u{202e}"), "{plain}");
        }
    }
}
