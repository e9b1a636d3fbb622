//! The reports of real runs: all formats from one run, in files and on stdout.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::Value;
use support::build;

static FIXTURE: LazyLock<PathBuf> =
    LazyLock::new(|| build(&["-p", "temps-plugin-host", "--example", "fixture-plugin"]));

/// Holds the fixture with its leak to a few checks: some pass, one fails, one warns, one is skipped.
fn suite(args: &[&str], summary: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_temps-plugin-conformance"));
    command.env_remove("GITHUB_STEP_SUMMARY");
    if let Some(summary) = summary {
        command.env("GITHUB_STEP_SUMMARY", summary);
    }
    let only = ["health/get", "stdio/two-lines", "stdio/json-logs", "ui/index"];
    command.args(["run", "--dialect", "2"]);
    command.args(only.iter().flat_map(|check| ["--run", check]));
    command.args(args).arg("--").arg(&*FIXTURE).args(["--fault", "leak"]).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn one_run_writes_every_format() {
    let dir = tempfile::tempdir().unwrap();
    let formats = ["human", "json", "junit", "tap", "github", "html"];
    // The directories are not there yet.
    let path = |format: &str| dir.path().join("a/b").join(format);
    let reports: Vec<String> =
        formats.iter().map(|format| format!("{format}={}", path(format).display())).collect();
    let args: Vec<&str> = reports.iter().flat_map(|report| ["--report", report]).collect();
    let output = suite(&args, None);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));

    let written = |format: &str| fs::read_to_string(path(format)).unwrap();
    // Every one of them names the failure, its rule, and what to do.
    for format in formats {
        let report = written(format);
        for part in ["stdio/two-lines", "IO-01", "writes exactly two lines", " explain "] {
            assert!(report.contains(part), "{part} is not in the {format} report:\n{report}");
        }
        assert!(!report.contains('\u{1b}'), "colours in a file: {format}");
    }
    assert_eq!(text(&output.stdout).trim_end(), written("human").trim_end());

    let json: Value = serde_json::from_str(&written("json")).unwrap();
    assert_eq!(json["counts"]["failed"], 1, "{json:#}");
    assert_eq!(json["counts"]["warnings"], 1);
    assert_eq!(json["counts"]["skipped"], 1);
    assert_eq!(json["counts"]["passed"], 1);
    let root = r#"tests="4" skipped="2" failures="1" errors="0""#;
    assert!(written("junit").contains(root), "{}", written("junit"));
    assert!(written("tap").starts_with("TAP version 14\n1..4\n"));
    assert_eq!(written("html").matches("<details class=\"check ").count(), 4);
}

#[test]
fn the_json_of_a_run_is_what_the_committed_schema_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/report.v1.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for args in [&["--format", "json"][..], &["--format", "json", "--transcripts", "all"]] {
        let report: Value = serde_json::from_slice(&suite(args, None).stdout).unwrap();
        let errors: Vec<_> =
            validator.iter_errors(&report).map(|e| format!("{} {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
    let printed = Command::new(env!("CARGO_BIN_EXE_temps-plugin-conformance"))
        .arg("schema")
        .output()
        .unwrap()
        .stdout;
    assert_eq!(serde_json::from_slice::<Value>(&printed).unwrap(), schema);
}

#[test]
fn transcripts_of_passed_checks_are_kept_on_demand() {
    let kept = |args: &[&str], status: &str| {
        let report: Value = serde_json::from_slice(&suite(args, None).stdout).unwrap();
        let results = report["results"].as_array().unwrap();
        let result = results.iter().find(|result| result["status"] == status).unwrap();
        result["transcript"].as_array().map_or(0, Vec::len)
    };
    let dir = tempfile::tempdir().unwrap();
    let page = format!("html={}", dir.path().join("page").display());
    let json = ["--format", "json"];
    assert_eq!(kept(&json, "passed"), 0);
    assert!(kept(&json, "failed") > 0);
    assert!(kept(&[&json[..], &["--transcripts", "all"]].concat(), "passed") > 0);
    assert!(kept(&[&json[..], &["--report", &page]].concat(), "passed") > 0);
    let neither = [&json[..], &["--report", &page, "--transcripts", "failed"]].concat();
    assert_eq!(kept(&neither, "passed"), 0);
}

#[test]
fn github_gets_a_summary_where_it_wants_one() {
    let dir = tempfile::tempdir().unwrap();
    let summary = dir.path().join("summary.md");
    fs::write(&summary, "before\n").unwrap();
    let output = suite(&["--format", "github"], Some(&summary));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let log = text(&output.stdout);
    assert!(log.starts_with("::group::") && log.contains("\n::endgroup::\n"), "{log}");
    assert_eq!(log.matches("\n::error ").count(), 1, "{log}");
    assert_eq!(log.matches("\n::warning ").count(), 1, "{log}");
    let written = fs::read_to_string(&summary).unwrap();
    assert!(written.starts_with("before\n## fixture 1.0.0: not conformant"), "{written}");

    // Other formats leave it alone.
    fs::write(&summary, "before\n").unwrap();
    suite(&["--format", "tap"], Some(&summary));
    assert_eq!(fs::read_to_string(&summary).unwrap(), "before\n");
}

#[test]
fn a_report_that_has_no_place_is_wrong_usage_before_anything_is_started() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    let twice = format!("tap={}", dir.path().join("twice").display());
    let below = format!("tap={}", file.join("x").display());
    for (args, why) in [
        (&["--report", "tap"][..], "is not FORMAT=FILE"),
        (&["--report", "xml=a"], "`xml` is no format"),
        (&["--report", &twice, "--report", &twice], "same file"),
        (&["--report", &below], "make the directory"),
        (&["--format", "xml"], "junit"),
    ] {
        let output = suite(args, None);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.contains(why), "{args:?}: {error}");
        assert!(output.stdout.is_empty() && !error.contains("checks made"), "{args:?}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn a_report_that_can_not_be_written_fails_the_run_and_spares_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let good = dir.path().join("good.tap");
    let reports = [String::from("junit=/dev/full"), format!("tap={}", good.display())];
    let output = suite(&["--report", &reports[0], "--report", &reports[1]], None);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("/dev/full"), "{}", text(&output.stderr));
    assert!(fs::read_to_string(good).unwrap().starts_with("TAP version 14"));
    assert!(text(&output.stdout).contains("not conformant"));
}
