//! What a run can be told beside which plugin: known failures, no skips, things to keep.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{FIXTURE, SOUND, program, suite, with_status};

/// The fixture with a health path that does not answer with 200.
fn broken() -> Vec<&'static str> {
    vec![FIXTURE.to_str().unwrap(), "--fault", "unhealthy"]
}

const CHECKS: &str = "health/before-channel,dialect:2";

fn known(dir: &Path, text: &str) -> String {
    let file = dir.join("known.toml");
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

fn entry(check: &str, expires: &str) -> String {
    format!("[[known]]\ncheck = \"{check}\"\nreason = \"issue 17\"\nexpires = {expires}\n")
}

#[test]
fn a_known_failure_is_shown_and_does_not_fail_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let file = known(dir.path(), &entry("health/before-channel", "2999-01-01"));
    let args = ["--run", CHECKS, "--known-failing", &file];
    let (status, report) = suite(&args, &broken());
    assert_eq!((status, &report["verdict"]), (0, &Value::from("conformant")), "{report:#}");
    let counts = &report["counts"];
    assert_eq!((&counts["known"], &counts["failed"]), (&Value::from(1), &Value::from(0)));
    let result = &report["results"][0];
    assert_eq!(result["status"], "failed");
    assert_eq!(result["known"]["reason"], "issue 17");
    assert_eq!(result["known"]["expires"], "2999-01-01");

    let text = program(&[&["run"][..], &args, &["--"], &broken()].concat());
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("until 2999-01-01: issue 17") && text.contains("1 known"), "{text}");

    let (status, _) = suite(&["--run", CHECKS], &broken());
    assert_eq!(status, 1, "without the file it fails");
}

#[test]
fn an_entry_that_passes_or_has_expired_fails_the_run() {
    let dir = tempfile::tempdir().unwrap();
    let file = known(dir.path(), &entry("health/get", "2999-01-01"));
    let (status, report) =
        suite(&["--run", "health/get", "--known-failing", &file], &[SOUND.to_str().unwrap()]);
    assert_eq!((status, &report["verdict"]), (1, &Value::from("conformant")));
    let objection = &report["objections"][0];
    assert_eq!((&objection["line"], &objection["file"]), (&Value::from(1), &Value::from(file)));
    assert!(objection["message"].as_str().unwrap().contains("passes now"), "{report:#}");

    let file = known(dir.path(), &entry("health/before-channel", "2001-01-01"));
    let (status, report) = suite(&["--run", CHECKS, "--known-failing", &file], &broken());
    assert_eq!((status, &report["verdict"]), (1, &Value::from("not_conformant")));
    assert!(report["objections"][0]["message"].as_str().unwrap().contains("expired on 2001-01-01"));
}

#[test]
fn a_file_with_mistakes_is_wrong_usage_before_anything_is_started() {
    let dir = tempfile::tempdir().unwrap();
    let file = known(dir.path(), &entry("health/before-chanel", "2999-01-01"));
    let output = program(&["run", "--known-failing", &file, "--", "/bin/true"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("line 2") && error.contains("\"health/before-channel\""), "{error}");
    let output = program(&["run", "--known-failing", "/no/such/file", "--", "/bin/true"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_baseline_is_written_used_and_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("known.toml");
    let file = path.to_str().unwrap();
    let update = |args: &[&str], plugin: &[&str]| {
        let head = ["baseline", "update", "--file", file, "--run", CHECKS];
        let output = program(&[&head[..], args, &["--"], plugin].concat());
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (status, said) = update(&[], &broken());
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("--reason") && said.contains("health/before-channel"), "{said}");
    assert!(!path.exists(), "nothing is written without a reason");

    let (status, said) = update(&["--reason", "issue 17", "--expires", "2999-01-01"], &broken());
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("added") && said.contains("1 known failures"), "{said}");
    let (status, _) = suite(&["--run", CHECKS, "--known-failing", file], &broken());
    assert_eq!(status, 0);

    let (status, said) = update(&[], &[SOUND.to_str().unwrap()]);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("removed   health/before-channel (dialect 2)"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}

#[test]
fn a_baseline_of_a_plugin_that_never_started_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let file = known(dir.path(), &entry("health/get", "2999-01-01"));
    let output = program(&["baseline", "update", "--file", &file, "--", "/bin/false"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(fs::read_to_string(&file).unwrap(), entry("health/get", "2999-01-01"));
}

#[test]
fn skips_can_be_denied() {
    let args = ["--dialect", "2", "--run", "health/get", "--run", "everything/context"];
    let plugin = [FIXTURE.to_str().unwrap()];
    let (status, report) = suite(&args, &plugin);
    assert_eq!((status, with_status(&report, "skipped").len()), (0, 1), "{report:#}");
    let (status, report) = suite(&[&args[..], &["--deny-skips"]].concat(), &plugin);
    assert_eq!(status, 1);
    let message = report["objections"][0]["message"].as_str().unwrap();
    assert!(message.contains("everything/context") && message.contains("--skip"), "{message}");
    let narrowed = [&args[..], &["--deny-skips", "--skip", "profile:everything"]].concat();
    assert_eq!(suite(&narrowed, &plugin).0, 0, "what is not selected is not skipped");
}

#[test]
fn what_is_kept_is_named_by_check_and_dialect_and_tells_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept");
    let keep = format!("--keep={}", kept.display());
    let plugin = [FIXTURE.to_str().unwrap(), "--fault", "leak"];
    let args = ["--run", "stdio/no-secret-on-streams", &keep];
    let (status, report) = suite(&args, &plugin);
    assert_eq!(status, 1, "{report:#}");
    for dialect in [1, 2] {
        let folder = kept.join(format!("stdio/no-secret-on-streams.dialect-{dialect}"));
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        assert!(folder.join("start-1").is_dir(), "the directory of its start is kept");
        assert!(read("process-1.stdout.log").lines().count() >= 2);
        let (log, transcript) = (read("process-1.stderr.log"), read("transcript.txt"));
        assert!(log.contains("[redacted]"), "the leak is in the log, and blanked: {log}");
        assert!(transcript.contains("start"), "{transcript}");
        let given = transcript.lines().next().unwrap();
        assert!(dialect == 2 || given.contains("--auth-secret [redacted]"), "{given}");
    }
    let output = program(&["run", &keep, "--", plugin[0]]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("new or an empty"), "{error}");
}
