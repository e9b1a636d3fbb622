//! JUnit XML: one suite for each dialect and area.
//!
//! A failure there turns a build red, so it is exactly what makes the plugin not conformant. A
//! SHOULD that is not met is a skipped case whose message says so.

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

fn case(result: &CheckResult) -> TestCase {
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
        Outcome::Warned | Outcome::Known | Outcome::Skipped => TestCaseStatus::skipped(),
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
        Outcome::Known => {
            let message = format!("known failure {message}");
            status.set_message(message).set_type("known").set_description(as_text(result));
        }
        Outcome::Failed | Outcome::Fault => {
            let kind = if outcome == Outcome::Fault { "runner fault" } else { "broken rule" };
            status.set_message(message).set_type(kind).set_description(as_text(result));
        }
    }
    status
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use quick_xml::Reader;
    use quick_xml::events::{BytesStart, Event};

    use super::*;
    use crate::report::sample::{self, HOSTILE};
    use crate::visible::visible;

    /// One element with its attributes and the text directly in it, as a reader of its own sees it.
    struct Element {
        name: String,
        attributes: BTreeMap<String, String>,
        text: String,
    }

    fn element(start: &BytesStart<'_>) -> Element {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            let key = attribute.key.as_ref().to_owned();
            (
                key,
                attribute
                    .normalized_value(quick_xml::XmlVersion::Explicit1_0)
                    .unwrap()
                    .into_owned(),
            )
        });
        let name = start.name().as_ref().to_owned();
        Element { name, attributes: attributes.collect(), text: String::new() }
    }

    /// The elements of a document in the order in which they begin.
    fn read(xml: &str) -> Vec<Element> {
        let mut reader = Reader::from_str(xml);
        reader.config_mut().check_end_names = true;
        let (mut elements, mut open) = (Vec::new(), Vec::new());
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    open.push(elements.len());
                    elements.push(element(&start));
                }
                Event::Empty(start) => elements.push(element(&start)),
                Event::End(_) => {
                    open.pop().unwrap();
                }
                Event::Text(text) => {
                    if let Some(at) = open.last() {
                        elements[*at].text.push_str(&text.xml10_content());
                    }
                }
                Event::GeneralRef(name) => {
                    let resolved = match name.resolve_char_ref().unwrap() {
                        Some(c) => c.to_string(),
                        None => quick_xml::escape::resolve_xml_entity(&name).unwrap().to_owned(),
                    };
                    elements[*open.last().unwrap()].text.push_str(&resolved);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert!(open.is_empty());
        elements
    }

    #[test]
    fn the_document_is_what_it_was() {
        insta::assert_snapshot!(report(&sample::report()).unwrap());
    }

    #[test]
    fn a_reader_finds_every_check_and_what_became_of_it() {
        let sample = sample::report();
        let elements = read(&report(&sample).unwrap());
        let named = |name: &str| elements.iter().filter(|e| e.name == name).collect::<Vec<_>>();
        let root = &elements[0].attributes;
        let count = |key: &str| root[key].parse::<usize>().unwrap();
        assert_eq!(count("tests"), sample.results.len());
        // What is red is what makes the plugin not conformant.
        assert_eq!(count("failures"), sample.counts.failed);
        assert_eq!(count("errors"), sample.counts.faults);
        assert_eq!(
            count("skipped"),
            sample.counts.skipped + sample.counts.warnings + sample.counts.known
        );
        assert_eq!(named("testcase").len(), sample.results.len());
        let suites: Vec<_> = named("testsuite").iter().map(|s| &s.attributes["name"]).collect();
        assert_eq!(
            suites,
            [
                "dialect 1: handshake",
                "dialect 1: stdio",
                "dialect 1: health",
                "dialect 2: handshake",
                "dialect 2: stdio",
                "dialect 2: everything"
            ]
        );
    }

    #[test]
    fn a_failure_says_what_the_plugin_did_whatever_it_wrote() {
        let elements = read(&report(&sample::report()).unwrap());
        let failure = elements.iter().find(|e| e.name == "failure").unwrap();
        let seen = visible(HOSTILE).trim_end().replace('\n', "\n          ");
        assert!(failure.text.contains(&format!("seen      {seen}")), "{}", failure.text);
        assert!(failure.text.contains("IO-01") && failure.text.contains("explain stdio/two-lines"));
        let warning =
            elements.iter().find(|e| e.attributes.get("type").is_some_and(|t| t == "warning"));
        assert!(warning.unwrap().attributes["message"].starts_with("warning, SHOULD not met"));
        assert!(elements.iter().any(|e| e.name == "system-out" && e.text.contains("ready")));
    }

    #[test]
    fn a_run_without_checks_is_not_green() {
        let elements = read(&report(&sample::never_started()).unwrap());
        assert_eq!(elements[0].attributes["failures"], "2");
        let elements = read(&report(&sample::nothing_run()).unwrap());
        assert_eq!(elements[0].attributes["errors"], "1");
    }
}
