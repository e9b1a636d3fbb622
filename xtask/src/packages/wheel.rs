//! The wheel: the runner as a program, beside a few lines of Python. Its environment also tries the
//! GitHub Action, whose test is in Python.

use super::folder;
use crate::command;
use crate::error::XtaskError;
use crate::python::CONSTRAINTS;
use crate::repository;
use crate::venv::Venv;

/// The package.
const PACKAGE: &str = "conformance/python";
/// The scripts of the action.
const ACTION: &str = "conformance/action";

pub(super) fn test() -> Result<(), XtaskError> {
    let environment = Venv::at(folder("python"));
    environment.create()?;
    let (wheel, constraints) = (environment.wheel(PACKAGE, "dev")?, repository::path(CONSTRAINTS));
    let tools = ["install", "--quiet", "mypy", "pytest", "PyYAML", "ruff", "--constraint"];
    environment.pip(&tools, &[&constraints, &wheel])?;
    let program = |name| environment.program(name, PACKAGE);
    let action = repository::path(ACTION);
    command::run(program("ruff").args(["format", "--check", "--quiet", "."]).arg(&action))?;
    command::run(program("ruff").args(["check", "--quiet", "."]).arg(&action))?;
    command::run(program("mypy").args(["src", "tests"]))?;
    command::run(&mut program("pytest"))?;
    let runner = environment.directory().join("bin/temps-plugin-conformance");
    command::run(program("pytest").arg(action.join("tests")).env("RUNNER", runner))
}
