//! The fuzz stage on real plugins: one that is sound survives it, and one that is not is found, by a
//! command that repeats it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::process::Command;

use serde_json::Value;
use support::{FIXTURE, SOUND, report_of};

const SUITE: &str = env!("CARGO_BIN_EXE_temps-plugin-conformance");

/// Fuzzes the fixture with a fault in dialect 2 and returns the finding about `invariant`.
fn found(fault: &str, cases: &str, invariant: &str) -> Value {
    let fixture = FIXTURE.to_str().unwrap();
    let args = ["fuzz", "--seed", "1", "--cases", cases, "--dialect", "2"];
    let (status, report) = report_of(&args, &[fixture, "--fault", fault]);
    let findings = report["fuzz"]["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["invariant"] == invariant);
    let finding = finding.unwrap_or_else(|| panic!("{fault}: {:#}", report["fuzz"])).clone();
    assert_eq!(status, 1);
    finding
}

/// What a test shows of a finding.
fn brief(finding: &Value) -> String {
    let mut finding = finding.clone();
    finding["transcript"] = Value::Null;
    format!("{finding:#}")
}

/// Types the command of a finding into a shell, and returns its exit status and what it said.
fn repeat(command: &str) -> (i32, String) {
    let command = command.replacen("temps-plugin-conformance", SUITE, 1);
    let output = Command::new("/bin/sh").args(["-c", &command]).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// Sees that the finding's command repeats it, and finds nothing once the fault is gone.
fn repeats(finding: &Value, fault: &str) {
    let command = finding["command"].as_str().unwrap();
    assert_eq!(finding["reproduced"], true, "{}", brief(finding));
    let (status, text) = repeat(command);
    assert_eq!(status, 1, "{command}\n{text}");
    assert!(text.contains(finding["expected"].as_str().unwrap()), "{text}");
    let (status, text) = repeat(&command.replace(fault, "discreet"));
    assert_eq!(status, 0, "{command}\n{text}");
    assert!(text.contains("nothing found"), "{text}");
}

#[test]
fn a_sound_plugin_survives() {
    let (status, report) = report_of(&["fuzz", "--seconds", "3"], &[SOUND.to_str().unwrap()]);
    let fuzz = &report["fuzz"];
    assert_eq!((status, fuzz["findings"].as_array().map(Vec::len)), (0, Some(0)), "{fuzz:#}");
    assert!(fuzz["seed"].is_u64());
    let stages = fuzz["stages"].as_array().unwrap();
    assert_eq!(stages.len(), 2);
    assert!(stages.iter().all(|stage| stage["cases"].as_u64().unwrap() > 0), "{fuzz:#}");
}

#[test]
fn the_fixture_survives_without_a_fault() {
    let fixture = FIXTURE.to_str().unwrap();
    let args = ["fuzz", "--seed", "1", "--cases", "0..150"];
    let (status, report) = report_of(&args, &[fixture, "--fault", "discreet"]);
    assert_eq!(status, 0, "{:#}", report["fuzz"]);
    assert_eq!(report["fuzz"]["stages"][1]["cases"], 150);
}

#[test]
fn a_frame_that_kills_is_found_and_shrunk_to_that_frame() {
    let finding = found("nested-frame-kills", "0..150", "lives");
    assert_eq!(finding["operations"], 1, "{}", brief(&finding));
    let explanation = finding["explanation"][0].as_str().unwrap();
    assert!(explanation.ends_with(": [[") || explanation.ends_with("«[»×2"), "{explanation}");
    assert!(finding["seen"].as_str().unwrap().contains("SIGABRT"), "{}", brief(&finding));
    assert!(!finding["transcript"].as_array().unwrap().is_empty());
    repeats(&finding, "nested-frame-kills");
}

#[test]
fn what_takes_several_cases_is_shrunk_as_a_sequence() {
    let finding = found("third-bad-frame-kills", "0..150", "lives");
    assert_eq!(finding["operations"], 3, "{}", brief(&finding));
    repeats(&finding, "third-bad-frame-kills");
}

#[test]
fn a_secret_in_an_answer_is_found() {
    let finding = found("echo-secret", "0..150", "secret");
    assert_eq!(finding["operations"], 1, "{}", brief(&finding));
    assert!(
        finding["explanation"][0].as_str().unwrap().contains("<secret>"),
        "{}",
        brief(&finding)
    );
    repeats(&finding, "echo-secret");
}

#[test]
fn descriptors_that_are_never_closed_are_found() {
    if cfg!(target_os = "linux") {
        let finding = found("leak-descriptors", "0..300", "descriptors");
        assert_eq!(finding["operations"], 1, "{}", brief(&finding));
        repeats(&finding, "leak-descriptors");
    }
}

#[test]
fn children_nobody_waits_for_are_found() {
    if cfg!(target_os = "linux") {
        let finding = found("zombies", "0..40", "children");
        assert_eq!(finding["operations"], 1, "{}", brief(&finding));
        repeats(&finding, "zombies");
    }
}

#[test]
fn a_start_that_is_refused_with_status_0_is_found() {
    let finding = found("polite-refusal", "0..400", "start");
    assert_eq!(finding["operations"], 1, "{}", brief(&finding));
    assert!(finding["seen"].as_str().unwrap().contains("status 0"), "{}", brief(&finding));
    repeats(&finding, "polite-refusal");
}

#[test]
fn a_seed_finds_the_same_again() {
    let command = || found("nested-frame-kills", "0..150", "lives")["command"].clone();
    assert_eq!(command(), command());
}

#[test]
fn a_run_may_fuzz_after_its_checks() {
    let fixture = FIXTURE.to_str().unwrap();
    let args = ["run", "--run", "health/get", "--fuzz", "1", "--seed", "5"];
    let (status, report) = report_of(&args, &[fixture, "--fault", "discreet"]);
    assert_eq!((status, &report["verdict"]), (0, &Value::from("conformant")), "{report:#}");
    assert_eq!((&report["counts"]["passed"], &report["fuzz"]["seed"]), (&2.into(), &5.into()));
    // The same plugin with a fault: a finding alone makes it not conformant.
    let args = ["run", "--run", "health/get", "--fuzz", "5", "--seed", "1", "--dialect", "2"];
    let (status, report) = report_of(&args, &[fixture, "--fault", "nested-frame-kills"]);
    assert_eq!((status, &report["verdict"]), (1, &Value::from("not_conformant")), "{report:#}");
    assert_eq!(report["counts"]["failed"], 0);
}

#[test]
fn what_is_no_case_is_wrong_usage() {
    for args in [["--case", "v1.nonsense"], ["--cases", "9..3"], ["--seed", "-1"]] {
        let output =
            Command::new(SUITE).arg("fuzz").args(args).args(["--", "/bin/true"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}
