//! A folder under target/node in which the package is installed as its users install it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::PACKAGE;
use super::package::Package;
use crate::command;
use crate::error::XtaskError;
use crate::repository;

/// Where npm installs packages.
const INSTALLED: &str = "node_modules";
/// What a folder of the repository may have that is no part of it.
const NOT_COPIED: [&str; 2] = [INSTALLED, "dist"];

/// A folder with a `package.json`.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    pub(super) fn fresh(name: &str) -> Result<Self, XtaskError> {
        let folder = Self::named(name);
        if folder.0.exists() {
            fs::remove_dir_all(&folder.0).map_err(XtaskError::file("remove", &folder.0))?;
        }
        fs::create_dir_all(&folder.0).map_err(XtaskError::file("create", &folder.0))?;
        Ok(folder)
    }

    /// A copy of a folder of the repository. What was installed in the last one is still there.
    pub(super) fn copy_of(source: &str, name: &str) -> Result<Self, XtaskError> {
        let folder = Self::named(name);
        fs::create_dir_all(&folder.0).map_err(XtaskError::file("create", &folder.0))?;
        empty(&folder.0)?;
        copy(&repository::path(source), &folder.0)?;
        Ok(folder)
    }

    fn named(name: &str) -> Self {
        Self(repository::target().join("node").join(name))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Has the folder ask for what the tests of the package need, in the versions of its lock file.
    pub(super) fn describe_tests(&self) -> Result<(), XtaskError> {
        let package = repository::path(PACKAGE);
        let description = tests_description(&read_json(&package.join("package.json"))?);
        let path = self.0.join("package.json");
        fs::write(&path, description.to_string()).map_err(XtaskError::file("write", &path))?;
        let (from, to) = (package.join("package-lock.json"), self.0.join("package-lock.json"));
        fs::copy(&from, &to).map(drop).map_err(XtaskError::file("copy", &from))
    }

    /// Installs the package from its file, and everything else as the lock file has it.
    pub(super) fn install(&self, package: &Package) -> Result<(), XtaskError> {
        eprintln!("installing {} in {}", package.tarball.display(), self.0.display());
        let mut command = self.npm("install");
        command.args(["--silent", "--no-save", "--prefer-offline", "--no-audit", "--no-fund"]);
        command::run(command.arg(&package.tarball))
    }

    /// npm in this folder.
    pub(super) fn npm(&self, subcommand: &str) -> Command {
        let mut command = Command::new("npm");
        command.arg(subcommand).current_dir(&self.0);
        command
    }

    /// A program that an installed package brought, in this folder.
    pub(super) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.0.join(INSTALLED).join(".bin").join(name));
        command.current_dir(&self.0);
        command
    }
}

/// The `package.json` of a folder for the package's tests. It must have another name than the package:
/// a name means its own folder first, and the tests would be about that.
fn tests_description(package: &Value) -> Value {
    json!({
        "name": "temps-plugin-tests",
        "private": true,
        "devDependencies": package["devDependencies"],
    })
}

/// A JSON file.
pub(super) fn read_json(path: &Path) -> Result<Value, XtaskError> {
    let text = fs::read_to_string(path).map_err(XtaskError::file("read", path))?;
    let invalid = |error: serde_json::Error| XtaskError::file("read", path)(error.into());
    serde_json::from_str(&text).map_err(invalid)
}

/// Removes everything but what npm installed.
fn empty(directory: &Path) -> Result<(), XtaskError> {
    for (name, path) in entries(directory)? {
        if name == INSTALLED {
            continue;
        }
        let removed =
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(XtaskError::file("remove", &path))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), XtaskError> {
    for (name, path) in entries(from)? {
        let target = to.join(&name);
        if path.is_dir() && !NOT_COPIED.contains(&name.as_str()) {
            fs::create_dir_all(&target).map_err(XtaskError::file("create", &target))?;
            copy(&path, &target)?;
        } else if path.is_file() {
            fs::copy(&path, &target).map_err(XtaskError::file("copy", &path))?;
        }
    }
    Ok(())
}

/// What a directory holds, by name.
fn entries(directory: &Path) -> Result<Vec<(String, PathBuf)>, XtaskError> {
    let read = fs::read_dir(directory).map_err(XtaskError::file("read", directory))?;
    let named = read.map(|entry| {
        let entry = entry.map_err(XtaskError::file("read", directory))?;
        Ok((entry.file_name().to_string_lossy().into_owned(), entry.path()))
    });
    named.collect()
}
