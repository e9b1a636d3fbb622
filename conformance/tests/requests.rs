//! The requests profile on real plugins: sound ones pass all of it, and each of its checks fails for
//! the plugin that breaks what the check is about.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use temps_plugin_conformance::model::{Dialects, Profile};
use temps_plugin_conformance::registry::CHECKS;
use temps_plugin_schema::Dialect;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn suite(args: &[&str], plugin: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_temps-plugin-conformance"));
    command.args(["run", "--format", "json"]).args(args);
    command.arg("--").args(plugin).output().unwrap()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn with_status<'a>(report: &'a Value, status: &str) -> BTreeSet<&'a str> {
    let results = report["results"].as_array().unwrap().iter();
    let wanted = results.filter(|result| result["status"] == status);
    wanted.map(|result| result["check"].as_str().unwrap()).collect()
}

/// The checks that fail for the stub plugin with this defect, and the report.
fn stub(defect: &str, checks: &[&str]) -> (BTreeSet<String>, Value) {
    let (config, stub) = (path("tests/stub.toml"), path("tests/stub_plugin.py"));
    let mut args = vec!["--config", config.to_str().unwrap(), "--dialect", "1", "--slow"];
    let checks = if checks.is_empty() { &["requests/*"] } else { checks };
    args.extend(checks.iter().flat_map(|check| ["--run", check]));
    let output = suite(&args, &["python3", stub.to_str().unwrap(), "--defect", defect]);
    let report = report(&output);
    let failed = with_status(&report, "failed").into_iter().map(str::to_owned).collect();
    (failed, report)
}

/// What each defect of the stub is caught by, and by nothing else of this profile.
const DEFECTS: &[(&str, &[&str])] = &[
    ("false-json", &["requests/samples", "requests/json", "requests/openapi-schemas"]),
    ("makes-no-call", &["requests/calls", "requests/next-channel"]),
    ("keeps-first-channel", &["requests/next-channel"]),
    ("hangs-when-denied", &["requests/denied-calls"]),
    ("hangs-up-without-channel", &["requests/without-channel"]),
    ("head-has-body", &["requests/head"]),
    ("one-at-a-time", &["requests/parallel"]),
    ("prints-and-fails", &["requests/stdout", "requests/stdout-closed"]),
    ("prints", &["requests/stdout"]),
    ("half-is-enough", &["requests/private"]),
    ("takes-underscores", &["requests/underscores"]),
    ("trusts-unsigned", &["requests/unverified"]),
    ("takes-any-signature", &["requests/unsigned"]),
    ("logs-secret", &["requests/no-secret"]),
    ("exits-badly-after-use", &["requests/stops-after-use"]),
    ("asks-for-no-events", &["requests/events-wanted"]),
    ("drops-posted", &["requests/events-posted"]),
    (
        "drops-events",
        &["requests/events-by-channel", "requests/events-posted", "requests/next-channel"],
    ),
    ("documents-no-route", &["requests/openapi-routes", "requests/openapi-statuses"]),
    ("documents-other-status", &["requests/openapi-statuses"]),
    ("documents-other-schema", &["requests/openapi-schemas"]),
];

#[test]
fn a_sound_stub_passes_and_no_check_is_left_out() {
    let (failed, report) = stub("none", &[]);
    assert_eq!(failed, BTreeSet::new(), "{:#}", report["results"]);
    assert_eq!(with_status(&report, "skipped"), BTreeSet::new());
    assert_eq!(report["verdict"], "conformant");
}

#[test]
fn each_defect_is_caught_by_exactly_its_checks() {
    for (defect, expected) in DEFECTS {
        let (failed, report) = stub(defect, &[]);
        let expected: BTreeSet<String> = expected.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(failed, expected, "{defect}: {:#}", report["results"]);
        assert_eq!(with_status(&report, "fault"), BTreeSet::new(), "{defect}");
    }
}

/// Caught by this check for certain, and by others as it happens: the suite's own client uses a
/// connection more than once.
const UNSPECIFIC: (&str, &str) = ("closes-connections", "requests/one-connection");

#[test]
fn a_connection_that_is_closed_without_a_word_is_caught() {
    let (failed, _) = stub(UNSPECIFIC.0, &[UNSPECIFIC.1]);
    assert!(failed.contains(UNSPECIFIC.1), "{failed:?}");
}

#[test]
fn every_check_of_the_profile_has_a_defect() {
    let caught = DEFECTS.iter().flat_map(|(_, checks)| *checks).copied();
    let caught: BTreeSet<_> = caught.chain([UNSPECIFIC.1]).collect();
    let checks = CHECKS.iter().filter(|check| check.profile() == Profile::Requests);
    // The stub speaks dialect 1; the one check of dialect 2 has a test of its own.
    let checks = checks.filter(|check| check.dialects != Dialects::Only(Dialect::Two));
    assert_eq!(checks.map(|check| check.id).collect::<BTreeSet<_>>(), caught);
}

/// A sound plugin of both dialects with this text as its file.
fn everything(config: &str) -> Output {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--message-format", "json", "-p", "everything-rust"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let plugin = messages.filter_map(|m| m["executable"].as_str().map(str::to_owned)).next_back();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("conformance.toml");
    std::fs::write(&file, config).unwrap();
    let args = ["--run", "requests/*", "--slow", "--config", file.to_str().unwrap()];
    suite(&args, &[&plugin.unwrap()])
}

#[test]
fn the_everything_profile_leaves_no_check_of_requests_out() {
    let config = std::fs::read_to_string(path("defective/conformance.toml")).unwrap();
    let output = everything(&config);
    let report = report(&output);
    assert_eq!(with_status(&report, "failed"), BTreeSet::new(), "{:#}", report["results"]);
    assert_eq!(with_status(&report, "skipped"), BTreeSet::new());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn all_samples_that_fail_are_named_with_their_lines() {
    let output = everything(
        "[[request]]\nname = \"one\"\npath = \"/status/404\"\n\n\
         [[request]]\nname = \"two\"\npath = \"/public/hello\"\nas = \"anonymous\"\n\
         expect.json = { hello = \"moon\" }\n\n\
         [[request]]\nname = \"three\"\npath = \"/whoami\"\nas = \"anonymous\"\n",
    );
    let report = report(&output);
    assert_eq!(output.status.code(), Some(1));
    let failed = BTreeSet::from(["requests/samples", "requests/anonymous-only-public"]);
    assert_eq!(with_status(&report, "failed"), failed);
    let results = report["results"].as_array().unwrap();
    let samples = results.iter().find(|r| r["check"] == "requests/samples").unwrap();
    let seen = samples["seen"].as_str().unwrap();
    for part in [
        "2 of 3",
        "\"one\" (conformance.toml:1)",
        "status 404, not 2xx",
        "\"two\" (conformance.toml:5)",
        "/hello is \"world\", not \"moon\"",
    ] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    let public = results.iter().find(|r| r["check"] == "requests/anonymous-only-public").unwrap();
    assert!(
        public["seen"].as_str().unwrap().contains("\"three\" (conformance.toml:11)"),
        "{public}"
    );
}
