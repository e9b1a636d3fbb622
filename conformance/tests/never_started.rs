//! Programs that are no plugins: none may pass anything, and each is explained.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs the suite on `plugin` with limits short enough for one that says nothing.
fn run(plugin: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_temps-plugin-conformance"))
        .args(["run", "--timeout-scale", "0.1"])
        .args(args)
        .arg("--")
        .arg(plugin)
        .output()
        .unwrap()
}

/// Expects exit status 3, no pass, and an explanation that contains `why`.
fn never_starts(plugin: &Path, why: &str) {
    let output = run(plugin, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains(why), "{why:?} is not in\n{text}");
    assert!(text.contains("never started") && !text.contains("passed"), "{text}");
    assert!(text.lines().count() <= 10, "explained in a line or two, not\n{text}");

    let output = run(plugin, &["--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["format_version"], 1);
    assert_eq!(report["verdict"], "never_started");
    assert_eq!(report["counts"]["passed"], 0);
    assert_eq!(report["starts"].as_array().unwrap().len(), 2);
}

fn script(dir: &Path, text: &str, mode: u32) -> PathBuf {
    let path = dir.join("plugin");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn true_exits_too_early() {
    never_starts(Path::new("/bin/true"), "exited with status 0");
}

#[test]
fn false_exits_too_early() {
    never_starts(Path::new("/bin/false"), "exited with status 1");
}

#[test]
fn sleep_refuses_its_arguments() {
    never_starts(Path::new("/bin/sleep"), "exited with status 1");
}

#[test]
fn one_that_says_nothing_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    never_starts(
        &script(dir.path(), "#!/bin/sh\nexec sleep 600\n", 0o755),
        "nothing came within 3 s",
    );
}

#[test]
fn a_text_file_may_not_be_run() {
    let dir = tempfile::tempdir().unwrap();
    never_starts(&script(dir.path(), "I am a text.\n", 0o644), "0644");
}

#[test]
fn a_text_file_is_no_program() {
    let dir = tempfile::tempdir().unwrap();
    never_starts(&script(dir.path(), "I am a text.\n", 0o755), "what to do");
}

#[test]
fn a_missing_file_is_missing() {
    never_starts(Path::new("/conformance/no/such/file"), "no such file");
}

#[test]
fn a_flood_of_lines_is_no_handshake() {
    let dir = tempfile::tempdir().unwrap();
    never_starts(&script(dir.path(), "#!/bin/sh\nexec yes\n", 0o755), "it wrote a line that");
}

#[test]
fn a_flood_without_lines_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let text = "#!/bin/sh\nexec tr '\\0' x < /dev/zero\n";
    never_starts(&script(dir.path(), text, 0o755), "2097152");
}

#[test]
fn one_that_only_announces_itself_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let text = "#!/bin/sh\n\
                echo '{\"type\":\"manifest\",\"name\":\"a\",\"version\":\"1.0.0\",\"requires_db\":false}'\n\
                exec sleep 600\n";
    let output = run(&script(dir.path(), text, 0o755), &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("`ready`"), "{text}");
}

#[test]
fn a_manifest_that_no_host_takes_is_judged_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let text = "#!/bin/sh\necho '{\"type\":\"manifest\",\"name\":\"A B\",\"version\":\"1\"}'\nexec sleep 600\n";
    let output = run(&script(dir.path(), text, 0o755), &["--dialect", "1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for check in
        ["manifest/name", "manifest/version", "manifest/requires-db", "handshake/completes"]
    {
        assert!(text.contains(check), "{check} is not in\n{text}");
    }
}
