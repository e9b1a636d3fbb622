//! The fuzz stage in the report for people.

use std::fmt::Write as _;

use super::human::{BAD, BOLD, DIM, GOOD, WARN, paint};
use crate::fuzz::{Finding, FuzzReport};
use crate::rules::rule;
use crate::visible::visible_line;

/// What was fuzzed, and all that was found.
pub(super) fn section(report: &FuzzReport) -> String {
    let mut out = String::new();
    for finding in &report.findings {
        out.push_str(&long(finding));
    }
    let seed = report.seed.map_or("one case".to_owned(), |seed| format!("seed {seed}"));
    let _ = writeln!(out, "\n{} with {seed}", paint(BOLD, "fuzzed"));
    for stage in &report.stages {
        let _ = writeln!(
            out,
            "  {}: {} cases of {} operations in all, {} starts",
            stage.dialect, stage.cases, stage.operations, stage.starts
        );
    }
    for Finding { dialect, expected, seen, case, command, .. } in &report.late_once {
        let case = case.map_or(String::new(), |case| format!(" after case {case}"));
        let _ = writeln!(
            out,
            "  {} late once{case} ({dialect}) and not again on fresh starts, so it does not count: \
             expected that {expected}; seen: {}\n{command}",
            paint(WARN, "note"),
            visible_line(seen)
        );
    }
    for note in &report.notes {
        let _ = writeln!(out, "  {} {note}", paint(WARN, "note"));
    }
    if let Some(fault) = &report.fault {
        let _ = writeln!(out, "  {} the runner failed: {fault}", paint(BAD, "FAULT"));
    }
    out
}

/// The last line of a run that did nothing else.
pub(super) fn conclusion(report: &FuzzReport) -> String {
    let seconds = report.duration.as_secs_f64();
    let (style, word) = match report {
        FuzzReport { fault: Some(_), .. } => (BAD, "the runner failed".to_owned()),
        FuzzReport { findings, .. } if findings.is_empty() => (GOOD, "nothing found".to_owned()),
        FuzzReport { findings, .. } => (BAD, format!("{} findings", findings.len())),
    };
    format!("\n{} in {} cases and {seconds:.1} s\n", paint(style, &word), report.cases())
}

fn long(finding: &Finding) -> String {
    let Finding { dialect, expected, seen, .. } = finding;
    let mut out =
        format!("\n{} {} ({dialect})\n", paint(BAD, "FAIL"), paint(BOLD, "found by fuzzing"),);
    for id in finding.rules {
        if let Some(rule) = rule(id) {
            let _ = writeln!(out, "  {}  {}", paint(BOLD, id), rule.sentence());
        }
    }
    let _ = writeln!(out, "  expected  {expected}");
    let _ = writeln!(out, "  seen      {}", visible_line(seen));
    if let Some(case) = finding.case {
        let times = if finding.times == 1 { "once" } else { "first" };
        let _ = writeln!(
            out,
            "  {} after case {case}, seen {} times; {} operations, {} of them needed",
            times, finding.times, finding.operations_before, finding.operations
        );
    }
    for line in &finding.explanation {
        let _ = writeln!(out, "    {}", visible_line(line));
    }
    if !finding.reproduced {
        let _ =
            writeln!(out, "  {} it did not happen again when it was repeated", paint(WARN, "note"));
    }
    let _ = writeln!(out, "  repeat it with\n{}", finding.command);
    if !finding.transcript.is_empty() {
        let _ = write!(
            out,
            "  {}\n{}",
            paint(DIM, "transcript, seconds since the start"),
            finding.transcript.render("   ")
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::report::{Format, Rendering, sample};

    #[test]
    fn every_format_tells_how_to_repeat_a_finding() {
        for format in
            [Format::Human, Format::Json, Format::Junit, Format::Tap, Format::Github, Format::Html]
        {
            let text = format.render(&sample::fuzzed(), Rendering::default()).unwrap();
            assert!(text.contains("--case v1.abc"), "{format:?}: {text}");
        }
    }

    #[test]
    fn what_a_plugin_said_stays_text() {
        let text = super::section(&sample::fuzzed().fuzz.unwrap());
        let said = anstream::adapter::strip_str(&text).to_string();
        assert!(said.contains("no temporary directory") && said.contains("late once"), "{said}");
        assert!(!said.contains('\u{202e}') && !said.contains('\u{7}'), "{said:?}");
    }
}
