//! A virtual environment, and the wheels that are built with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;
use crate::error::XtaskError;
use crate::python::{MISSING, interpreter, present};
use crate::repository;

/// A virtual environment in a directory of its own.
pub(crate) struct Venv(PathBuf);

impl Venv {
    /// The one in `directory`, which may not be there yet.
    pub(crate) fn at(directory: PathBuf) -> Self {
        Self(directory)
    }

    /// Where it is.
    pub(crate) fn directory(&self) -> &Path {
        &self.0
    }

    /// Makes it from nothing.
    pub(crate) fn create(&self) -> Result<(), XtaskError> {
        if self.0.exists() {
            fs::remove_dir_all(&self.0).map_err(XtaskError::file("remove", &self.0))?;
        }
        if !present() {
            return Err(XtaskError::Prerequisites(vec![MISSING.to_owned()]));
        }
        eprintln!("making a virtual environment in {}", self.0.display());
        command::run(Command::new(interpreter()).args(["-m", "venv"]).arg(&self.0))
    }

    /// One of its programs, in a folder of the repository.
    pub(crate) fn program(&self, name: &str, folder: &str) -> Command {
        let mut command = Command::new(self.0.join("bin").join(name));
        command.current_dir(repository::path(folder));
        command
    }

    /// Runs pip.
    pub(crate) fn pip(&self, arguments: &[&str], paths: &[&Path]) -> Result<(), XtaskError> {
        let mut command = self.program("python", ".");
        command.args(["-m", "pip", "--disable-pip-version-check"]).args(arguments).args(paths);
        // Shares what cargo has built with the rest of the workspace.
        command::run(command.env("CARGO_TARGET_DIR", repository::target()))
    }

    /// Builds the wheel of a package of this repository, natively in this profile of cargo's.
    pub(crate) fn wheel(&self, package: &str, profile: &str) -> Result<PathBuf, XtaskError> {
        let wheels = self.0.join("wheels");
        if wheels.exists() {
            fs::remove_dir_all(&wheels).map_err(XtaskError::file("remove", &wheels))?;
        }
        eprintln!("building the wheel of {package}");
        let folder = repository::path(package);
        let settings = format!("--config-settings=build-args=--profile {profile}");
        let arguments = ["wheel", "--quiet", "--no-deps", &settings, "--wheel-dir"];
        self.pip(&arguments, &[&wheels, &folder])?;
        let entries = fs::read_dir(&wheels).map_err(XtaskError::file("read", &wheels))?;
        let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
        files.find(|file| file.extension().is_some_and(|extension| extension == "whl")).ok_or_else(
            || XtaskError::Command {
                command: format!("pip wheel {package}"),
                reason: format!("no wheel in {}", wheels.display()),
            },
        )
    }
}
