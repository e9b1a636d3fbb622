//! The package in the repository: the tools it is made with, and the file that is published.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde::Deserialize;

use super::{MISSING, PACKAGE, installed, present};
use crate::command::{self, failed};
use crate::error::XtaskError;
use crate::repository;

/// The package as it is published.
pub(super) struct Package {
    /// The file that `npm pack` made.
    pub(super) tarball: PathBuf,
}

/// What this module reads of what `npm pack` says.
#[derive(Deserialize)]
struct Packed {
    filename: String,
}

impl Package {
    /// The package of now; built and packed once in a run of this program.
    pub(super) fn ready() -> Result<&'static Self, XtaskError> {
        static READY: OnceLock<Package> = OnceLock::new();
        match READY.get() {
            Some(package) => Ok(package),
            None => {
                let package = Self::build()?;
                Ok(READY.get_or_init(|| package))
            }
        }
    }

    fn build() -> Result<Self, XtaskError> {
        prepare()?;
        for script in ["build:native", "build"] {
            eprintln!("{PACKAGE}: npm run {script}");
            // Shares what cargo has built with the rest of the workspace.
            let mut command = npm("run");
            command.args(["--silent", script]).env("CARGO_TARGET_DIR", repository::target());
            command::run(&mut command)?;
        }
        Self::pack()
    }

    fn pack() -> Result<Self, XtaskError> {
        let directory = repository::target().join("node").join("packed");
        std::fs::create_dir_all(&directory).map_err(XtaskError::file("create", &directory))?;
        let mut command = npm("pack");
        command.args(["--silent", "--json", "--pack-destination"]).arg(&directory);
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| failed(&command, error.to_string()))?;
        if !output.status.success() {
            return Err(failed(&command, output.status.to_string()));
        }
        let packed: Vec<Packed> = serde_json::from_slice(&output.stdout)
            .map_err(|error| failed(&command, format!("it did not say what it made: {error}")))?;
        let [Packed { filename }] = packed.as_slice() else {
            return Err(failed(&command, format!("it made {} files instead of one", packed.len())));
        };
        Ok(Self { tarball: directory.join(filename) })
    }
}

/// Makes sure that Node is there, and the package's tools as its lock file has them.
pub(super) fn prepare() -> Result<(), XtaskError> {
    if !present() {
        return Err(XtaskError::Prerequisites(vec![MISSING.to_owned()]));
    }
    if installed::as_locked(&repository::path(PACKAGE))? {
        return Ok(());
    }
    eprintln!("{PACKAGE}: npm ci");
    command::run(npm("ci").args(["--prefer-offline", "--no-audit", "--no-fund"]))
}

/// npm in the package's folder.
pub(super) fn npm(subcommand: &str) -> Command {
    let mut command = Command::new("npm");
    command.arg(subcommand).current_dir(repository::path(PACKAGE));
    command
}

/// One of the package's tools, in its folder.
pub(super) fn program(name: &str) -> Command {
    let mut command = Command::new(tools().join(name));
    command.current_dir(repository::path(PACKAGE));
    command
}

/// Checks formatting and lints of a folder of the repository, as the package's own are.
pub(super) fn biome(folder: &str) -> Command {
    let mut command = Command::new(tools().join("biome"));
    command.args(["check", "--error-on-warnings", "--config-path"]);
    command.arg(repository::path(PACKAGE).join("biome.json"));
    // It takes its configuration for that of the folder it is started in.
    command.arg(".").current_dir(repository::path(folder));
    command
}

fn tools() -> PathBuf {
    repository::path(PACKAGE).join("node_modules").join(".bin")
}
