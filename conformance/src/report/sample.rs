//! One report with everything in it that a writer has to survive: each outcome, both dialects, and
//! a plugin that wants to be obeyed by terminals, browsers, parsers and the runner of GitHub.

use std::time::Duration;

use jiff::civil::date;
use temps_plugin_schema::Dialect;

use super::{Counts, FORMAT_VERSION, PluginSummary, RunReport, StartOutcome, StartReport, Verdict};
use crate::fuzz::{Finding, FuzzReport, Invariant, StageReport};
use crate::model::{CheckResult, Evidence, Failure, Known, Profile, Status};
use crate::rules::Level;
use crate::transcript::{Entry, Transcript};

/// Text that means something nearly everywhere.
pub(super) const HOSTILE: &str = "</script><img src=x onerror=alert(1)> \"'`&amp; ]]> \u{1b}[31mred\u{0} \
    a|b # SKIP 100%\r\n::error::gotcha\n##[error]old\nnot ok 1 - fake\n  ...\n\u{202e}txet\u{feff} \u{ffff}";

fn result(
    id: &'static str,
    dialect: Dialect,
    status: Status,
    transcript: Transcript,
) -> CheckResult {
    // Checks come to prove more, and be called otherwise; this report stays as it is.
    let (title, rules, severity, profile): (_, &[_], _, _) = match id {
        "handshake/completes" => ("the plugin starts", &["HS-08"], Level::Must, Profile::Plugin),
        "stdio/two-lines" => {
            ("there are two lines", &["IO-01", "IO-06"], Level::Must, Profile::Plugin)
        }
        "stdio/json-logs" => ("logs are JSON", &["IO-07"], Level::Should, Profile::Plugin),
        "health/get" => ("health answers", &["HT-03"], Level::Must, Profile::Plugin),
        _ => ("requests arrive", &["EP-10"], Level::Must, Profile::Everything),
    };
    CheckResult {
        check: id,
        title,
        rules,
        severity,
        profile,
        dialect,
        status,
        known: None,
        duration: Duration::from_micros(12_345),
        transcript,
    }
}

fn entry(at_us: u64, process: u32, direction: char, stream: &'static str, text: &str) -> Entry {
    Entry { at_us, process, direction, stream, size: text.len(), text: text.into() }
}

fn transcript() -> Transcript {
    Transcript(vec![
        entry(120, 1, '>', "start", "./plugin --socket-path /run/p.sock (process 7)"),
        entry(2_500, 1, '<', "stdout", r#"{"type":"ready","note":"</script>\u001b &lt; # 100%"}"#),
        Entry { size: 0, ..entry(2_600, 1, ' ', "", "… 50 entries left out …") },
        entry(1_002_500, 2, '<', "stderr", "::error::from the log\\n##[error]"),
    ])
}

fn failed(expected: &str, seen: &str) -> Status {
    Status::Failed { failure: Failure { expected: expected.into(), seen: seen.into() } }
}

/// The report. It is the same each time.
pub(super) fn report() -> RunReport {
    let (one, two) = (Dialect::One, Dialect::Two);
    let none = Transcript::default;
    let mut evidence = Evidence::saw("`ready` after 12 ms");
    evidence.add(HOSTILE);
    let results = vec![
        result("handshake/completes", one, Status::Passed { evidence }, transcript()),
        result("handshake/completes", two, failed("it starts", "it did not\nat all"), none()),
        result("stdio/two-lines", one, failed(HOSTILE, HOSTILE), transcript()),
        result("stdio/json-logs", one, failed("JSON", "text: \u{7f}"), transcript()),
        CheckResult {
            known: Some(Known { reason: HOSTILE.into(), expires: date(2999, 1, 31) }),
            ..result("stdio/json-logs", two, failed("JSON", "text"), transcript())
        },
        result("health/get", one, Status::Skipped { reason: HOSTILE.into() }, none()),
        result("everything/echo", two, Status::Fault { message: HOSTILE.into() }, transcript()),
    ];
    let counts = Counts::of(&results);
    RunReport {
        format_version: FORMAT_VERSION,
        suite_version: "1.2.3",
        command: vec!["./plugin".into(), "--motto".into(), HOSTILE.into()],
        plugin: Some(PluginSummary {
            name: format!("plug {HOSTILE}"),
            version: "0.1.0".into(),
            has_ui: true,
            everything: false,
        }),
        starts: vec![
            StartReport { dialect: one, outcome: StartOutcome::Started, transcript: none() },
            StartReport {
                dialect: two,
                outcome: StartOutcome::Failed { reason: HOSTILE.into() },
                transcript: transcript(),
            },
        ],
        verdict: Verdict::of(counts),
        objections: Vec::new(),
        counts,
        results,
        fuzz: None,
        started_at: "2026-06-06T12:00:00.25Z".parse().unwrap(),
        duration: Duration::from_millis(4_321),
    }
}

/// The same with a fuzz stage that has found something.
pub(super) fn fuzzed() -> RunReport {
    let finding = Finding {
        dialect: Dialect::Two,
        invariant: Invariant::Lives,
        expected: Invariant::Lives.expected(),
        rules: Invariant::Lives.rules(),
        seen: HOSTILE.into(),
        case: Some(13),
        times: 2,
        reproduced: true,
        operations_before: 41,
        operations: 1,
        command: "temps-plugin-conformance fuzz --case v1.abc --dialect 2 -- ./plugin".into(),
        explanation: vec!["cut the channel".into()],
        transcript: transcript(),
    };
    let stage = StageReport { dialect: Dialect::Two, cases: 20, operations: 61, starts: 3 };
    let fuzz = FuzzReport {
        seed: Some(7),
        stages: vec![stage],
        findings: vec![finding.clone()],
        late_once: vec![Finding { case: None, ..finding }],
        notes: vec!["descriptors were not watched".into()],
        fault: Some("no temporary directory".into()),
        duration: Duration::from_secs(30),
    };
    RunReport { fuzz: Some(fuzz), ..report() }
}

/// A run whose plugin never started.
pub(super) fn never_started() -> RunReport {
    let mut report = report();
    let reason = "exited with status 1".to_owned();
    report.starts[0].outcome = StartOutcome::Failed { reason };
    report.results.clear();
    report.plugin = None;
    report.verdict = Verdict::NeverStarted;
    report.counts = Counts::default();
    report
}

/// A run of which nothing applied.
pub(super) fn nothing_run() -> RunReport {
    let mut report = report();
    report.starts[1].outcome = StartOutcome::Started;
    report.results.retain(|result| matches!(result.status, Status::Skipped { .. }));
    report.counts = Counts::of(&report.results);
    report.verdict = Verdict::of(report.counts);
    report
}
