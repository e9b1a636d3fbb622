//! The npm packages: the runner of this system in one, and the one that people install.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::folder;
use crate::command::{self, failed};
use crate::error::XtaskError;
use crate::{conformance, node, repository};

/// The package.
const PACKAGE: &str = "conformance/npm";
/// The plugin it is tried on: in Python's standard library, so that it needs nothing.
const PLUGIN: &str = "examples/plain-python/plugin.py";
/// Its tests, and one as an author writes it.
const TESTS: &str = "package.test.mjs";
const SAMPLE: &str = "sample.test.mjs";
const TYPES: &str = "types.mts";

pub(super) fn test() -> Result<(), XtaskError> {
    node::lints_of(PACKAGE)?;
    let folder = folder("npm");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(XtaskError::file("remove", &folder))?;
    }
    fs::create_dir_all(&folder).map_err(XtaskError::file("create", &folder))?;
    install(&folder, &pack(&folder)?)?;
    for test in [TESTS, SAMPLE, TYPES] {
        let (from, to) = (repository::path(PACKAGE).join("test").join(test), folder.join(test));
        fs::copy(&from, &to).map_err(XtaskError::file("copy", &from))?;
    }
    node::types_of(&folder.join(TYPES))?;
    command::run(tests(&folder, &repository::path(PLUGIN)).args([TESTS, SAMPLE]))?;
    sample_fails(&folder)
}

/// The archives of the packages, as they are published.
fn pack(folder: &Path) -> Result<Vec<PathBuf>, XtaskError> {
    let mut runner = OsString::from(system());
    runner.push("=");
    runner.push(conformance::runner(false)?);
    let mut command = Command::new("node");
    command.arg(repository::path(PACKAGE).join("scripts").join("pack.mjs"));
    command.arg("--output").arg(folder.join("packed")).arg(runner);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(&command, error.to_string()))?;
    if !output.status.success() {
        return Err(failed(&command, output.status.to_string()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect())
}

/// This machine, as Node calls it.
fn system() -> String {
    let os = if cfg!(target_os = "macos") { "darwin" } else { std::env::consts::OS };
    let cpu = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    format!("{os}-{cpu}")
}

/// Installs the archives in a folder that has nothing else.
fn install(folder: &Path, archives: &[PathBuf]) -> Result<(), XtaskError> {
    let description = folder.join("package.json");
    fs::write(&description, r#"{"name": "runner-tests", "private": true}"#)
        .map_err(XtaskError::file("write", &description))?;
    let mut command = Command::new("npm");
    command.args(["install", "--silent", "--no-save", "--no-audit", "--no-fund"]);
    command::run(command.args(archives).current_dir(folder))
}

/// Node's test runner in that folder, on a plugin.
fn tests(folder: &Path, plugin: &Path) -> Command {
    let mut command = Command::new("node");
    command.arg("--test").current_dir(folder).env("PLUGIN", plugin);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// An author's test of a plugin that keeps one rule less has to fail, and to say which.
fn sample_fails(folder: &Path) -> Result<(), XtaskError> {
    let source = repository::path(PLUGIN);
    let text = fs::read_to_string(&source).map_err(XtaskError::file("read", &source))?;
    let plugin = folder.join("defective.py");
    fs::write(&plugin, text.replace("\"requires_db\": False,", ""))
        .map_err(XtaskError::file("write", &plugin))?;
    let mut command = tests(folder, &plugin);
    let output =
        command.arg(SAMPLE).output().map_err(|error| failed(&command, error.to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() || !said.contains("FAILED manifest/requires-db") {
        return Err(failed(&command, format!("a defective plugin was not named:\n{said}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_has_the_version_of_the_workspace() {
        let path = repository::path(PACKAGE).join("package.json");
        let description: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(description["version"], env!("CARGO_PKG_VERSION"));
    }
}
