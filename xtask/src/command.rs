//! Running other programs, cargo above all.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::error::XtaskError;
use crate::repository;

/// Cargo on this workspace, whichever folder the chore was started in.
pub(crate) fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg(subcommand).arg("--manifest-path").arg(repository::path("Cargo.toml"));
    command
}

/// Runs a program with its output shown as it comes.
pub(crate) fn run(command: &mut Command) -> Result<(), XtaskError> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(command, status.to_string())),
        Err(error) => Err(failed(command, error.to_string())),
    }
}

/// Whether a program is there and answers.
pub(crate) fn answers(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// A program that was built.
pub(crate) struct Built {
    /// Its name.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
}

/// Builds the binaries of `packages` and says where they are.
pub(crate) fn build(packages: &[String], release: bool) -> Result<Vec<Built>, XtaskError> {
    let mut command = cargo("build");
    command.args(["--bins", "--message-format", "json-render-diagnostics"]);
    command.args(release.then_some("--release"));
    for package in packages {
        command.args(["--package", package]);
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(&command, error.to_string()))?;
    if !output.status.success() {
        return Err(failed(&command, output.status.to_string()));
    }
    let messages = cargo_metadata::Message::parse_stream(output.stdout.as_slice());
    let artifacts = messages.filter_map(|message| match message {
        Ok(cargo_metadata::Message::CompilerArtifact(artifact)) => Some(artifact),
        _ => None,
    });
    let built = artifacts.filter_map(|artifact| {
        let path = artifact.executable?.into_std_path_buf();
        Some(Built { name: artifact.target.name, path })
    });
    Ok(built.collect())
}

pub(crate) fn failed(command: &Command, reason: String) -> XtaskError {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    XtaskError::Command { command: words.join(" "), reason }
}
