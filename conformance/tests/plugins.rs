//! The suite on real plugins: one that is sound, and one that breaks what it is told to break.
//!
//! A check that can't fail proves nothing, so every fault here must be found by the check that is
//! about it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::collections::BTreeSet;

use serde_json::Value;
use support::{FIXTURE, SOUND, suite, with_status};

/// Runs `check` alone on the fixture with `fault`.
fn fixture(fault: &str, check: &str) -> (i32, Value) {
    let plugin = FIXTURE.to_str().unwrap();
    suite(&["--run", check, "--timeout-scale", "0.3"], &[plugin, "--fault", fault])
}

#[test]
fn a_sound_plugin_passes_everything() {
    // What an author would have written down; without it the requests profile has little to go by.
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/defective/conformance.toml");
    let (status, report) = suite(&["--slow", "--config", config], &[SOUND.to_str().unwrap()]);
    assert_eq!(with_status(&report, "failed"), BTreeSet::new(), "{:#}", report["results"]);
    assert_eq!(with_status(&report, "fault"), BTreeSet::new());
    assert_eq!(with_status(&report, "skipped"), BTreeSet::new());
    assert_eq!((status, &report["verdict"]), (0, &Value::from("conformant")));
    assert!(report["counts"]["passed"].as_u64().unwrap() > 300);
}

#[test]
fn each_fault_is_found_by_the_check_that_is_about_it() {
    for (fault, check) in [
        ("leak", "stdio/two-lines"),
        ("leak", "stdio/no-secret-on-streams"),
        ("flood-stdout", "stdio/two-lines"),
        ("grandchild", "stop/nothing-left"),
        ("ignore-term", "stop/sigterm"),
        ("unhealthy", "handshake/ready-after-health"),
        ("unhealthy", "health/before-channel"),
        ("refuse-channel", "channel/opens"),
        ("bad-manifest", "manifest/name"),
        ("bad-manifest", "handshake/completes"),
    ] {
        let (status, report) = fixture(fault, check);
        assert_eq!(status, 1, "{fault}: {report:#}");
        assert_eq!(with_status(&report, "failed"), BTreeSet::from([check]), "{fault}");
    }
}

#[test]
fn the_same_checks_pass_without_the_fault() {
    for check in
        ["stdio/*", "stop/nothing-left", "stop/sigterm", "health/*", "manifest/*", "channel/opens"]
    {
        // This plugin without an SDK has its own shortcomings, which are not what is looked at here.
        let own = ["stdio/json-logs", "stdio/no-secret-in-responses"];
        let (_, report) = fixture("", check);
        let failed: Vec<_> =
            with_status(&report, "failed").into_iter().filter(|id| !own.contains(id)).collect();
        assert!(failed.is_empty(), "{check}: {failed:?}");
        assert!(!with_status(&report, "passed").is_empty(), "{check}");
    }
}

#[test]
fn a_failure_explains_itself() {
    let (_, report) = fixture("unhealthy", "handshake/ready-after-health");
    let failed = &report["results"][0];
    assert_eq!(failed["rules"][0], "HS-38");
    assert!(failed["expected"].as_str().unwrap().contains("200"));
    assert!(failed["seen"].as_str().unwrap().contains("500"));
    let transcript = failed["transcript"].as_array().unwrap();
    for stream in ["start", "stdout", "http"] {
        assert!(transcript.iter().any(|entry| entry["stream"] == stream), "{stream}: {failed:#}");
    }
    let offsets: Vec<u64> = transcript.iter().map(|e| e["at_us"].as_u64().unwrap()).collect();
    assert!(offsets.is_sorted(), "{offsets:?}");
}

#[test]
fn a_plugin_of_one_dialect_is_checked_in_that_one() {
    for fault in ["old-manifest", "old-exits"] {
        let (status, report) = fixture(fault, "health/get");
        assert_eq!(status, 0, "{report:#}");
        assert_eq!(report["starts"][0]["outcome"], "started");
        assert_eq!(report["starts"][1]["outcome"], "not_spoken");
        assert_eq!(with_status(&report, "passed"), BTreeSet::from(["health/get"]));
    }
}

#[test]
fn a_dialect_that_breaks_off_is_a_failure_whatever_is_selected() {
    let (status, report) = fixture("needs-database", "health/get");
    assert_eq!(status, 0, "a database that is only named is enough: {report:#}");
    let (status, _) = fixture("crash-late", "health/get");
    assert_eq!(status, 3);
}

#[test]
fn selecting_only_what_does_not_apply_is_no_pass() {
    let (status, report) = fixture("", "everything/echo");
    assert_eq!((status, &report["verdict"]), (2, &Value::from("nothing_run")));
}
