//! The Python side of the chores: the package's wheel in a virtual environment under target/python.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Built, answers};
use crate::error::XtaskError;
use crate::repository;
use crate::venv::Venv;

/// The package.
const PACKAGE: &str = "sdk-python";
/// What every package of the environment is pinned to.
pub(crate) const CONSTRAINTS: &str = "sdk-python/constraints.txt";
/// Asks an interpreter whether it will do.
const SUITS: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";

/// What to install when there is no Python that will do.
pub(crate) const MISSING: &str = "Python 3.10 or later with venv: apt install python3-venv, or \
                                  https://www.python.org/downloads; PYTHON names another one";

/// A virtual environment with the package installed from its wheel, and the tools of its tests.
pub(crate) struct Environment(Venv);

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
        let environment = Self(Venv::at(directory()));
        environment.0.create()?;
        environment.install()?;
        Ok(environment)
    }

    /// The environment of the last time, if it is still what is asked for, with the package of now.
    pub(crate) fn ready() -> Result<Self, XtaskError> {
        let environment = Self(Venv::at(directory()));
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
        let mut command = self.0.program(program, ".");
        command::run(command.args(arguments))
    }

    /// Builds the wheel and installs it, with the tools of its tests.
    fn install(&self) -> Result<(), XtaskError> {
        let wheel = self.0.wheel(PACKAGE, "release")?;
        eprintln!("installing {}", wheel.display());
        let constraints = repository::path(CONSTRAINTS);
        // The same version may have been installed before, with other contents.
        self.0.pip(&["uninstall", "--quiet", "--yes", "temps-plugin"], &[])?;
        let wheel = format!("{}[dev]", wheel.display());
        self.0.pip(&["install", "--quiet", "--constraint"], &[&constraints, Path::new(&wheel)])?;
        let stamp = self.stamp();
        fs::write(&stamp, Self::pins()?).map_err(XtaskError::file("write", &stamp))
    }

    fn stamp(&self) -> PathBuf {
        self.0.directory().join("constraints.txt")
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
    let python = environment.0.directory().join("bin/python");
    let python = format!("--pythonpath={}", python.display());
    environment.run("pyright", &["--project", "sdk-python", &python])?;
    for name in &examples {
        let folder = format!("examples/{name}");
        command::run(environment.0.program("mypy", &folder).args(["--strict", "."]))?;
    }
    Ok(())
}

/// The tests of the package, as installed, and of the example plugins.
pub(crate) fn tests() -> Result<(), XtaskError> {
    let environment = Environment::ready()?;
    environment.run("pytest", &["-c", "sdk-python/pyproject.toml", "sdk-python/tests"])?;
    for name in examples()? {
        let folder = format!("examples/{name}");
        if repository::path(&folder).join("tests").is_dir() {
            command::run(environment.0.program("pytest", &folder).args(["-q", "tests"]))?;
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
        let mut command = environment.0.program("python", ".");
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
