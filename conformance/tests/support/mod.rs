//! What several test files need: plugins of the workspace, and runs of the suite.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod defects;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::Value;

/// Builds a program of the workspace and returns its path, as cargo tells it.
pub(crate) fn build(args: &[&str]) -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--message-format", "json"])
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let executable = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back();
    executable.unwrap_or_else(|| panic!("{args:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

pub(crate) static SOUND: LazyLock<PathBuf> = LazyLock::new(|| build(&["-p", "everything-rust"]));
pub(crate) static FIXTURE: LazyLock<PathBuf> =
    LazyLock::new(|| build(&["-p", "temps-plugin-host", "--example", "fixture-plugin"]));

/// Runs the program with these arguments.
pub(crate) fn program(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_temps-plugin-conformance")).args(args).output().unwrap()
}

/// Runs the suite and returns its exit status and its report.
pub(crate) fn suite(args: &[&str], plugin: &[&str]) -> (i32, Value) {
    report_of(&[&["run"], args].concat(), plugin)
}

/// Runs a command that reports in JSON on a plugin, and returns its exit status and its report.
pub(crate) fn report_of(args: &[&str], plugin: &[&str]) -> (i32, Value) {
    let output = program(&[args, &["--format", "json", "--"], plugin].concat());
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap(), report)
}

pub(crate) fn with_status<'a>(report: &'a Value, status: &str) -> BTreeSet<&'a str> {
    let results = report["results"].as_array().unwrap();
    let wanted = results.iter().filter(|result| result["status"] == status);
    wanted.map(|result| result["check"].as_str().unwrap()).collect()
}
