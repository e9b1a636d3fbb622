//! JUnit XML: one suite for each dialect and area.
//!
//! A failure there turns a build red, so it is exactly what makes the plugin not conformant. A
//! SHOULD that is not met is a skipped case whose message says so.

use std::borrow::Cow;
use std::time::Duration;

use quick_junit::{
    NonSuccessKind, Property, Report, SerializeError, TestCase, TestCaseStatus, TestSuite,
};

use super::rows::{area, as_text, complaints, in_short, rows, runs_of};
use super::{Outcome, RunReport};
use crate::model::CheckResult;

/// Longest `message` attribute, in bytes. The whole text stands in the element.
const MESSAGE: usize = 300;

/// The report of a run.
///
/// # Errors
/// When the XML writer fails, which is a defect of the suite.
pub(super) fn report(report: &RunReport) -> Result<String, SerializeError> {
    let mut document = Report::new("temps-plugin-conformance");
    document.set_time(report.duration);
    let mut rows = rows(report);
    // The model goes check by check; here all of one dialect stands together. The sort is stable.
    rows.sort_by_key(|row| row.dialect);
    for ((dialect, area), results) in runs_of(&rows, |row| (row.dialect, area(row.check))) {
        let mut suite = suite(report, &format!("{dialect}: {area}"));
        suite.add_test_cases(results.iter().map(|result| case(result)));
        suite.set_time(results.iter().map(|result| result.duration).sum::<Duration>());
        document.add_test_suite(suite);
    }
    let complaints = complaints(report);
    if !complaints.is_empty() {
        let mut suite = suite(report, "the run");
        for complaint in complaints {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(complaint.title).set_description(complaint.text);
            suite.add_test_case(TestCase::new(complaint.title, status));
        }
        document.add_test_suite(suite);
    }
    document.to_string()
}

/// A suite that says of which run it is: readers merge files, and show what stands at a suite.
fn suite(report: &RunReport, name: &str) -> TestSuite {
    let mut suite = TestSuite::new(name);
    suite.extra.insert("timestamp".into(), report.started_at.to_string().into());
    suite.add_properties([
        Property::new("plugin", report.subject()),
        Property::new("command", report.command_line()),
        Property::new("suite_version", report.suite_version),
        Property::new("verdict", report.verdict.name()),
    ]);
    suite
}

fn case(result: &Cow<'_, CheckResult>) -> TestCase {
    let mut case = TestCase::new(result.check, status(result));
    case.set_classname(format!("dialect-{}.{}", result.dialect.number(), area(result.check)));
    case.set_time(result.duration);
    case.add_properties([
        Property::new("title", result.title),
        Property::new("rules", result.rules.join(" ")),
        Property::new("severity", result.severity.to_string()),
        Property::new("profile", result.profile.to_string()),
    ]);
    // Some readers show the output of passed cases only on demand, and all of them keep it.
    if Outcome::of(result) != Outcome::Passed && !result.transcript.is_empty() {
        case.set_system_out(result.transcript.render(""));
    }
    case
}

fn status(result: &CheckResult) -> TestCaseStatus {
    let outcome = Outcome::of(result);
    let mut status = match outcome {
        Outcome::Passed => TestCaseStatus::success(),
        Outcome::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::Fault => TestCaseStatus::non_success(NonSuccessKind::Error),
        Outcome::Warned | Outcome::Skipped => TestCaseStatus::skipped(),
    };
    let message = in_short(result, MESSAGE);
    match outcome {
        Outcome::Passed => {}
        Outcome::Skipped => {
            status.set_message(message);
        }
        Outcome::Warned => {
            let message = format!("warning, {} not met: {message}", result.severity);
            status.set_message(message).set_type("warning").set_description(as_text(result));
        }
        Outcome::Failed | Outcome::Fault => {
            let kind = if outcome == Outcome::Fault { "runner fault" } else { "broken rule" };
            status.set_message(message).set_type(kind).set_description(as_text(result));
        }
    }
    status
}
