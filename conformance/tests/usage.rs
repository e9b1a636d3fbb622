//! The command line: exit status 2 for everything that would run nothing, and the two tables.

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
