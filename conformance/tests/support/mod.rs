//! What several test files need.

use std::path::PathBuf;
use std::process::Command;

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
