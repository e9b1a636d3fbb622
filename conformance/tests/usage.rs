//! The command line: exit status 2 for everything that would run nothing, the tables, the explanations.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::process::{Command, Output};

fn suite(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_temps-plugin-conformance")).args(args).output().unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn nothing_selected_is_wrong_usage_before_anything_is_started() {
    for (args, why) in [
        (&["run", "--run", "no-such-check", "--", "/bin/true"][..], "matches no check"),
        (&["run", "--run", "handshake/complets", "--", "/bin/true"], "handshake/completes"),
        (&["run", "--skip", "no-such-*", "--", "/bin/true"], "matches no check"),
        (&["run", "--skip", "*", "--", "/bin/true"], "nothing is left"),
        (&["run", "--run", "PX-01", "--", "/bin/true"], "no check proves rule"),
        (&["run", "--dialect", "1", "--run", "HS-17", "--", "/bin/true"], "requested dialect"),
        (&["run"], "PLUGIN"),
        (&["run", "--"], "PLUGIN"),
        (&["run", "--jobs", "0", "--", "/bin/true"], "--jobs"),
        (&["run", "--jobs", "65", "--", "/bin/true"], "from 1 to 64"),
        (&["run", "--run", "severity:shall", "--", "/bin/true"], "must, should, may"),
        (&["run", "--run", "colour:red", "--", "/bin/true"], "severity, profile, dialect"),
        (&["run", "--dialect", "2", "--run", "dialect:1", "--", "/bin/true"], "requested dialect"),
        (&["run", "--attach", "/p.sock", "--", "/bin/true"], "cannot be used with"),
        (&["run", "--auth-secret-file", "f", "--", "/bin/true"], "--attach"),
        (&["run", "--handshake", "f", "--", "/bin/true"], "--attach"),
        (&["list", "--run", "no-such-check"], "matches no check"),
        (&["explain", "stop/sigtrem"], "did you mean \"stop/sigterm\""),
        (&["explain", "HS-38"], "handshake/ready-after-health"),
        (&["explain"], "CHECK"),
        (&["baseline"], "update"),
        (&["baseline", "update", "--", "/bin/true"], "--file"),
        (&["baseline", "update", "--file", "f"], "PLUGIN"),
        (&["baseline", "update", "--file", "f", "--reason", " ", "--", "p"], "not empty"),
        (&["baseline", "update", "--file", "f", "--expires", "soon", "--", "p"], "2027-03-01"),
        (&["baseline", "update", "--file", "f", "--expires", "2001-01-01", "--", "p"], "over"),
        (&["walk"], "walk"),
    ] {
        let output = suite(args);
        let error = text(output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.contains(why), "{args:?}: {error}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn help_has_examples_and_the_exit_statuses() {
    for args in [&["--help"][..], &["run", "--help"]] {
        let output = suite(args);
        let help = text(output.stdout);
        assert_eq!(output.status.code(), Some(0));
        assert!(help.contains("Examples:") && help.contains("never started"), "{help}");
    }
    for args in [
        &["list", "--help"][..],
        &["rules", "--help"],
        &["explain", "--help"],
        &["baseline", "update", "--help"],
    ] {
        let output = suite(args);
        let help = text(output.stdout);
        assert_eq!(output.status.code(), Some(0));
        assert!(help.contains("Examples:"), "{args:?}: {help}");
    }
    for args in [&["run", "--help"], &["list", "--help"]] {
        assert!(text(suite(args).stdout).contains("Patterns:"), "{args:?}");
    }
}

#[test]
fn a_list_can_be_narrowed_as_a_run_can() {
    let all = |args: &[&str]| {
        let list: serde_json::Value = serde_json::from_slice(&suite(args).stdout).unwrap();
        list["checks"].as_array().unwrap().clone()
    };
    let narrow =
        ["list", "--format", "json", "--run", "channel/*,dialect:2", "--skip", "severity:should"];
    let checks = all(&narrow);
    assert!(!checks.is_empty() && checks.len() < all(&["list", "--format", "json"]).len());
    for check in checks {
        assert!(check["check"].as_str().unwrap().starts_with("channel/"), "{check}");
        assert_eq!(check["dialects"], serde_json::json!([2]), "{check}");
        assert_eq!(check["severity"], "MUST", "{check}");
        assert_eq!(check["profile"], "plugin", "{check}");
    }
}

#[test]
fn an_explanation_has_the_rules_and_a_transcript() {
    let output = suite(&["explain", "stop/sigterm"]);
    let human = text(output.stdout);
    assert_eq!(output.status.code(), Some(0));
    for part in [
        "LC-01",
        "stops in the way described here on SIGTERM",
        "> signal   SIGTERM",
        "< exit     Code(0)",
    ] {
        assert!(human.contains(part), "{part:?} is not in\n{human}");
    }
    let json = suite(&["explain", "--format", "json", "stop/sigterm"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["check"]["check"], "stop/sigterm");
    assert!(json["rules"].as_array().unwrap().iter().any(|rule| rule["id"] == "LC-01"));
    assert!(json["sound"]["lines"].as_array().unwrap().iter().any(|l| l == "> signal   SIGTERM"));
}

#[test]
fn list_and_rules_are_complete_and_without_colour_in_a_pipe() {
    let list = text(suite(&["list"]).stdout);
    assert!(list.contains("handshake/ready-after-health") && list.contains(" checks"), "{list}");
    let rules = text(suite(&["rules"]).stdout);
    assert!(rules.contains("HS-38") && rules.contains("not checked: "), "{rules}");
    assert!(!list.contains('\u{1b}') && !rules.contains('\u{1b}'));

    let list: serde_json::Value =
        serde_json::from_slice(&suite(&["list", "--format", "json"]).stdout).unwrap();
    assert!(list["checks"].as_array().unwrap().len() >= 60);
    let rules: serde_json::Value =
        serde_json::from_slice(&suite(&["rules", "--format", "json"]).stdout).unwrap();
    for rule in rules["rules"].as_array().unwrap() {
        let proved = !rule["checks"].as_array().unwrap().is_empty();
        assert_ne!(proved, rule["reason"].is_string(), "{rule}");
    }
}
