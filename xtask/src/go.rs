//! The Go side of the chores: the example plugin that is written without an SDK.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::command::{self, Built, failed};
use crate::error::XtaskError;
use crate::repository;

/// The oldest Go whose standard library has what the plugins use, as `go env GOVERSION` counts.
const OLDEST: (u32, u32) = (1, 21);

/// What to install when there is no Go that will do.
pub(crate) const MISSING: &str = "Go 1.21 or later: https://go.dev/dl, or apt install golang-go where that is 1.21 or later \
     (`go version` says)";

/// Whether there is a Go that will do.
pub(crate) fn present() -> bool {
    let output = go().args(["env", "GOVERSION"]).stderr(Stdio::null()).output();
    output.is_ok_and(|output| suits(&String::from_utf8_lossy(&output.stdout)))
}

/// Whether a version such as `go1.22.3` is new enough.
fn suits(version: &str) -> bool {
    let mut numbers = version.trim().trim_start_matches("go").split('.');
    let mut number = || {
        let text = numbers.next()?;
        // A release candidate is `go1.23rc1`.
        text.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u32>().ok()
    };
    matches!((number(), number()), (Some(major), Some(minor)) if (major, minor) >= OLDEST)
}

/// Formatting and lints of the example plugins.
pub(crate) fn lints() -> Result<(), XtaskError> {
    prepare()?;
    for name in examples()? {
        let folder = repository::path(&format!("examples/{name}"));
        let mut gofmt = Command::new("gofmt");
        gofmt.args(["-l", "."]).current_dir(&folder);
        let output = gofmt.output().map_err(|error| failed(&gofmt, error.to_string()))?;
        let unformatted = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() || !unformatted.is_empty() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let reason = format!("not formatted in examples/{name}: {unformatted}{said}");
            return Err(failed(&gofmt, reason.trim().to_owned()));
        }
        command::run(go().args(["vet", "./..."]).current_dir(&folder))?;
    }
    Ok(())
}

/// The tests of the example plugins.
pub(crate) fn tests() -> Result<(), XtaskError> {
    prepare()?;
    for name in examples()? {
        let folder = repository::path(&format!("examples/{name}"));
        command::run(go().args(["test", "./..."]).current_dir(folder))?;
    }
    Ok(())
}

/// The example plugins in Go.
fn examples() -> Result<Vec<String>, XtaskError> {
    repository::examples("go.mod")
}

/// Builds these example plugins in Go into `directory`, one static executable file each.
pub(crate) fn build_plugins(directory: &Path, names: &[String]) -> Result<Vec<Built>, XtaskError> {
    prepare()?;
    let mut plugins = Vec::new();
    for name in names {
        let path = directory.join(name);
        let mut command = go();
        command.args(["build", "-trimpath", "-ldflags=-s -w", "-o"]).arg(&path).arg(".");
        command.env("CGO_ENABLED", "0").current_dir(repository::path(&format!("examples/{name}")));
        command::run(&mut command)?;
        plugins.push(Built { name: name.clone(), path });
    }
    Ok(plugins)
}

fn prepare() -> Result<(), XtaskError> {
    if present() { Ok(()) } else { Err(XtaskError::Prerequisites(vec![MISSING.to_owned()])) }
}

/// Go as it is installed: never one that it would fetch for itself.
fn go() -> Command {
    let mut command = Command::new("go");
    command.env("GOTOOLCHAIN", "local").env("GOFLAGS", "-mod=readonly");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for version in ["go1.21", "go1.21.0", "go1.100.1\n", "go2.0", "go1.23rc1"] {
            assert!(suits(version), "{version}");
        }
        for version in ["go1.19.8", "go1.9", "devel", "", "go"] {
            assert!(!suits(version), "{version}");
        }
    }
}
