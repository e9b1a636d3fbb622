//! What a report is about, one item at a time.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use super::{RunReport, StartOutcome, StartReport, Verdict};
use crate::fuzz::Finding;
use crate::model::{Check, CheckResult, Failure, Status};
use crate::registry::{CHECKS, START_CHECK};
use crate::rules::{Level, rule};
use crate::visible::{visible, visible_line};

/// How one check ended, in one word of a report. Every writer matches on it, so that a new end
/// can't be forgotten in one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It failed, and its rule is a MUST.
    Failed,
    /// It failed, and its rule is a SHOULD or MAY.
    Warned,
    /// It failed, which is known and put up with.
    Known,
    /// It was not made.
    Skipped,
    /// It was not finished because the runner failed.
    Fault,
}

impl Outcome {
    /// How `result` ended.
    #[must_use]
    pub fn of(result: &CheckResult) -> Self {
        match (&result.status, result.severity) {
            (Status::Passed { .. }, _) => Self::Passed,
            (Status::Failed { .. }, _) if result.known.is_some() => Self::Known,
            (Status::Failed { .. }, Level::Must) => Self::Failed,
            (Status::Failed { .. }, _) => Self::Warned,
            (Status::Skipped { .. }, _) => Self::Skipped,
            (Status::Fault { .. }, _) => Self::Fault,
        }
    }

    /// All of them, in the order in which a report counts them.
    pub const ALL: [Self; 6] =
        [Self::Passed, Self::Failed, Self::Warned, Self::Known, Self::Skipped, Self::Fault];

    /// The word for one result.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Warned => "warned",
            Self::Known => "known",
            Self::Skipped => "skipped",
            Self::Fault => "fault",
        }
    }

    /// The words for `count` of them, without the number.
    #[must_use]
    pub fn counted(self, count: usize) -> &'static str {
        match (self, count) {
            (Self::Warned, 1) => "warning",
            (Self::Warned, _) => "warnings",
            (Self::Known, _) => "known to fail",
            (Self::Fault, 1) => "runner fault",
            (Self::Fault, _) => "runner faults",
            (other, _) => other.word(),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// All results, those of starts that failed among them: where no check could be made, the start
/// itself is what failed.
pub(super) fn rows(report: &RunReport) -> Vec<Cow<'_, CheckResult>> {
    let told = |start: &&StartReport| {
        report.results.iter().any(|result| {
            result.check == START_CHECK
                && result.dialect == start.dialect
                && matches!(result.status, Status::Failed { .. })
        })
    };
    let starts = report.starts.iter().filter(|start| !told(start)).filter_map(failed_start);
    let results = report.results.iter().map(Cow::Borrowed);
    starts.map(Cow::Owned).chain(results).collect()
}

fn failed_start(start: &StartReport) -> Option<CheckResult> {
    let StartOutcome::Failed { reason } = &start.outcome else {
        return None;
    };
    let check = CHECKS.iter().find(|check| check.id == START_CHECK)?;
    let Check { id, title, rules, severity, .. } = *check;
    let expected = "the plugin starts and becomes ready".to_owned();
    Some(CheckResult {
        check: id,
        title,
        rules,
        severity,
        profile: check.profile(),
        dialect: start.dialect,
        status: Status::Failed { failure: Failure { expected, seen: reason.clone() } },
        known: None,
        duration: Duration::ZERO,
        transcript: start.transcript.clone(),
    })
}

/// Something beside the checks because of which a run ends badly.
#[derive(Debug)]
pub(super) struct Complaint {
    /// What is wrong, on one line.
    pub(super) title: &'static str,
    /// More of it.
    pub(super) text: String,
}

/// What fails the run and is no result of a check.
pub(super) fn complaints(report: &RunReport) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let failed_to_start =
        |start: &StartReport| matches!(start.outcome, StartOutcome::Failed { .. });
    match report.verdict {
        Verdict::NothingRun => complaints.push(Complaint {
            title: "nothing was checked",
            text: "none of the selected checks applies to this plugin".into(),
        }),
        Verdict::NeverStarted if !report.starts.iter().any(failed_to_start) => {
            complaints.push(Complaint {
                title: "the plugin never started",
                text: "it speaks none of the requested dialects".into(),
            });
        }
        _ => {}
    }
    complaints.extend(report.objections.iter().map(|objection| Complaint {
        title: "the run was told not to put up with it",
        text: objection.to_string(),
    }));
    complaints.extend(report.fuzz.iter().flat_map(|fuzz| &fuzz.findings).map(|finding| {
        let Finding { dialect, expected, seen, command, explanation, .. } = finding;
        let steps = explanation.join("\n");
        let text = format!(
            "{dialect}: expected {expected}; seen: {seen}\n{steps}\nrepeat it with\n{command}"
        );
        Complaint { title: "found by fuzzing", text: visible(&text).into_owned() }
    }));
    let fault = report.fuzz.iter().filter_map(|fuzz| fuzz.fault.as_ref());
    complaints.extend(fault.map(|fault| Complaint {
        title: "the fuzz stage was not finished",
        text: format!("the runner failed, not the plugin: {}", visible(fault)),
    }));
    complaints
}

/// One labelled text of a result.
#[derive(Debug)]
pub(super) struct Fact {
    /// What it is: a rule's id, `expected`, `seen`, …
    pub(super) label: &'static str,
    /// The text, of several lines perhaps, with nothing hidden in it.
    pub(super) text: String,
}

impl Fact {
    fn new(label: &'static str, text: &str) -> Self {
        Self { label, text: visible(text.trim_end()).into_owned() }
    }
}

/// What there is to say about a result, in the order in which to say it: for one that did not pass,
/// the rules, what happened, and how to learn more.
pub(super) fn facts(result: &CheckResult) -> Vec<Fact> {
    let mut facts = Vec::new();
    if matches!(result.status, Status::Failed { .. } | Status::Fault { .. }) {
        facts.extend(rule_facts(result));
    }
    match &result.status {
        Status::Passed { evidence } => facts.push(Fact::new("saw", &evidence.0.join("\n"))),
        Status::Failed { failure } => {
            facts.push(Fact::new("expected", &failure.expected));
            facts.push(Fact::new("seen", &failure.seen));
            facts.push(Fact::new("explain", &explain(result.check)));
            facts.extend(result.known.as_ref().map(|known| Fact::new("known", &known.to_string())));
        }
        Status::Skipped { reason } => facts.push(Fact::new("reason", reason)),
        Status::Fault { message } => {
            facts
                .push(Fact::new("fault", &format!("the runner failed, not the plugin: {message}")));
        }
    }
    facts
}

/// The rules a result is about, each with its sentence.
pub(super) fn rule_facts(result: &CheckResult) -> impl Iterator<Item = Fact> {
    result.rules.iter().filter_map(|id| rule(id).map(|rule| Fact::new(id, &rule.sentence())))
}

/// The command that tells more about a check.
pub(super) fn explain(check: &str) -> String {
    format!("temps-plugin-conformance explain {check}")
}

/// The facts as lines of text.
pub(super) fn as_text(result: &CheckResult) -> String {
    let mut out = visible_line(result.title);
    for Fact { label, text } in facts(result) {
        let text = text.replace('\n', "\n          ");
        out.push_str(&format!("\n{label:<8}  {text}"));
    }
    out
}

/// What happened, on one line, and at most `most` bytes of it.
pub(super) fn in_short(result: &CheckResult, most: usize) -> String {
    let text = match &result.status {
        Status::Passed { evidence } => evidence.0.join("; "),
        Status::Failed { .. } if let Some(known) = &result.known => known.to_string(),
        Status::Failed { failure } => {
            format!("expected {}; seen: {}", failure.expected.trim_end(), failure.seen.trim_end())
        }
        Status::Skipped { reason } => reason.clone(),
        Status::Fault { message } => format!("the runner failed, not the plugin: {message}"),
    };
    cut(visible_line(&text.replace(['\n', '\t'], " ")), most)
}

/// `text`, or the beginning of it and `…` when it is longer than `most` bytes.
pub(super) fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
    text
}

/// The part of a check's id before the slash.
pub(super) fn area(check: &str) -> &str {
    check.split('/').next().unwrap_or(check)
}

/// `items` in runs of the same key, in their order.
pub(super) fn runs_of<'a, T, K: PartialEq>(
    items: impl IntoIterator<Item = &'a T>,
    key: impl Fn(&'a T) -> K,
) -> Vec<(K, Vec<&'a T>)> {
    let mut runs: Vec<(K, Vec<&T>)> = Vec::new();
    for item in items {
        let this = key(item);
        match runs.last_mut() {
            Some((last, run)) if *last == this => run.push(item),
            _ => runs.push((this, vec![item])),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::Objection;
    use crate::report::sample;

    #[test]
    fn what_a_run_objects_to_is_a_complaint_and_fails_it() {
        let mut report = RunReport { verdict: Verdict::Conformant, ..sample::report() };
        assert_eq!(report.exit_code(), crate::ExitCode::Conformant);
        assert!(complaints(&report).is_empty());
        let message = "stop/sigterm passes now".to_owned();
        let file = Some("known.toml".into());
        report.objections = vec![Objection { file, line: Some(7), message }];
        assert_eq!(report.exit_code(), crate::ExitCode::NotConformant);
        assert_eq!(complaints(&report)[0].text, "known.toml:7: stop/sigterm passes now");
    }

    #[test]
    fn a_known_failure_is_an_end_of_its_own() {
        let report = sample::report();
        let known = report.results.iter().filter(|r| Outcome::of(r) == Outcome::Known);
        assert_eq!((known.count(), report.counts.known), (1, 1));
    }
}
