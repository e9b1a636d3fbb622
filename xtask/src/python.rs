//! The Python side of the chores: the package's wheel in a virtual environment under target/python.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Built, answers};
use crate::error::XtaskError;
use crate::repository;

/// The package.
const PACKAGE: &str = "sdk-python";
/// What every package of the environment is pinned to.
const CONSTRAINTS: &str = "sdk-python/constraints.txt";
/// Asks an interpreter whether it will do.
const SUITS: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";

/// What to install when there is no Python that will do.
pub(crate) const MISSING: &str = "Python 3.10 or later with venv: apt install python3-venv, or \
                                  https://www.python.org/downloads; PYTHON names another one";

/// A virtual environment with the package installed from its wheel, and the tools of its tests.
pub(crate) struct Environment {
    directory: PathBuf,
}

/// Whether there is a Python that will do.
pub(crate) fn present() -> bool {
    answers(Command::new(interpreter()).args(["-c", SUITS]))
}

/// The Python that environments are made with.
pub(crate) fn interpreter() -> PathBuf {
    std::env::var_os("PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

impl Environment {
    /// An environment made from nothing.
    pub(crate) fn fresh() -> Result<Self, XtaskError> {
        let environment = Self { directory: directory() };
        if environment.directory.exists() {
            fs::remove_dir_all(&environment.directory)
                .map_err(XtaskError::file("remove", &environment.directory))?;
        }
        environment.create()?;
        environment.install()?;
        Ok(environment)
    }

    /// The environment of the last time, if it is still what is asked for, with the package of now.
    pub(crate) fn ready() -> Result<Self, XtaskError> {
        let environment = Self { directory: directory() };
        let wanted = Self::pins()?;
        let stamp = environment.stamp();
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            environment.install()?;
            return Ok(environment);
        }
        Self::fresh()
    }

    /// Runs one of the environment's programs in the repository.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Result<(), XtaskError> {
        let mut command = self.command(program);
        command::run(command.args(arguments))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.directory.join("bin").join(program));
        command.current_dir(repository::path("."));
        command
    }

    fn create(&self) -> Result<(), XtaskError> {
        if !present() {
            return Err(XtaskError::Prerequisites(vec![MISSING.to_owned()]));
        }
        eprintln!("making a virtual environment in {}", self.directory.display());
        command::run(Command::new(interpreter()).args(["-m", "venv"]).arg(&self.directory))
    }

    /// Builds the wheel and installs it, with the tools of its tests.
    fn install(&self) -> Result<(), XtaskError> {
        let wheel = self.wheel()?;
        eprintln!("installing {}", wheel.display());
        let constraints = repository::path(CONSTRAINTS);
        // The same version may have been installed before, with other contents.
        self.pip(&["uninstall", "--quiet", "--yes", "temps-plugin"], &[])?;
        let wheel = format!("{}[dev]", wheel.display());
        self.pip(&["install", "--quiet", "--constraint"], &[&constraints, Path::new(&wheel)])?;
        let stamp = self.stamp();
        fs::write(&stamp, Self::pins()?).map_err(XtaskError::file("write", &stamp))
    }

    fn wheel(&self) -> Result<PathBuf, XtaskError> {
        let wheels = self.directory.join("wheels");
        if wheels.exists() {
            fs::remove_dir_all(&wheels).map_err(XtaskError::file("remove", &wheels))?;
        }
        eprintln!("building the wheel of {PACKAGE}");
        let package = repository::path(PACKAGE);
        self.pip(&["wheel", "--quiet", "--no-deps", "--wheel-dir"], &[&wheels, &package])?;
        let entries = fs::read_dir(&wheels).map_err(XtaskError::file("read", &wheels))?;
        let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
        files.find(|file| file.extension().is_some_and(|extension| extension == "whl")).ok_or_else(
            || XtaskError::Command {
                command: format!("pip wheel {PACKAGE}"),
                reason: format!("no wheel in {}", wheels.display()),
            },
        )
    }

    fn pip(&self, arguments: &[&str], paths: &[&Path]) -> Result<(), XtaskError> {
        let mut command = self.command("python");
        command.args(["-m", "pip", "--disable-pip-version-check"]).args(arguments).args(paths);
        // Shares what cargo has built with the rest of the workspace.
        command::run(command.env("CARGO_TARGET_DIR", repository::target()))
    }

    fn stamp(&self) -> PathBuf {
        self.directory.join("constraints.txt")
    }

    fn pins() -> Result<String, XtaskError> {
        let path = repository::path(CONSTRAINTS);
        fs::read_to_string(&path).map_err(XtaskError::file("read", &path))
    }
}

fn directory() -> PathBuf {
    repository::target().join("python")
}

/// Formatting, lints and types of the package and the example plugins.
pub(crate) fn lints() -> Result<(), XtaskError> {
    let environment = Environment::fresh()?;
    let examples = examples()?;
    let mut folders = vec![PACKAGE.to_owned()];
    folders.extend(examples.iter().map(|name| format!("examples/{name}")));
    let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
    let config = "--config=sdk-python/pyproject.toml";
    environment
        .run("ruff", &[&["format", "--check", "--quiet", config], folders.as_slice()].concat())?;
    environment.run("ruff", &[&["check", "--quiet", config], folders.as_slice()].concat())?;
    environment.run("mypy", &["--config-file=sdk-python/pyproject.toml", "-p", "temps_plugin"])?;
    let python = environment.directory.join("bin/python");
    let python = format!("--pythonpath={}", python.display());
    environment.run("pyright", &["--project", "sdk-python", &python])?;
    for name in &examples {
        let folder = format!("examples/{name}");
        let mut command = environment.command("mypy");
        command.current_dir(repository::path(&folder)).args(["--strict", "."]);
        command::run(&mut command)?;
    }
    Ok(())
}

/// The tests of the package, as installed, and of the example plugins.
pub(crate) fn tests() -> Result<(), XtaskError> {
    let environment = Environment::ready()?;
    environment.run("pytest", &["-c", "sdk-python/pyproject.toml", "sdk-python/tests"])?;
    for name in examples()? {
        let folder = repository::path(&format!("examples/{name}"));
        if folder.join("tests").is_dir() {
            let mut command = environment.command("pytest");
            command::run(command.current_dir(folder).args(["-q", "tests"]))?;
        }
    }
    Ok(())
}

/// Builds these example plugins in Python into `directory`, one executable file each.
pub(crate) fn build_plugins(directory: &Path, names: &[String]) -> Result<Vec<Built>, XtaskError> {
    let environment = Environment::ready()?;
    let mut plugins = Vec::new();
    for name in names {
        let path = directory.join(name);
        let source = repository::path(&format!("examples/{name}/plugin.py"));
        let mut command = environment.command("python");
        command.args(["-m", "temps_plugin", "build"]).arg(&source).arg("--output").arg(&path);
        command::run(&mut command)?;
        plugins.push(Built { name: name.clone(), path });
    }
    Ok(plugins)
}

/// The example plugins in Python.
fn examples() -> Result<Vec<String>, XtaskError> {
    repository::examples("plugin.py")
}
