//! The packages of the conformance runner: a wheel for PyPI and packages for npm. Both are made with
//! the runner of this machine, installed from their packed form in folders under target/packages, and
//! tried there as their users use them. The runner is that of the tests, not optimised: what is tried is
//! how it is packed.

mod npm;
mod wheel;

use std::path::PathBuf;

use crate::error::XtaskError;
use crate::repository;

/// Formatting, lints and types of the packages; then both are built, installed and tried.
pub(crate) fn test() -> Result<(), XtaskError> {
    wheel::test()?;
    npm::test()
}

/// Where one of them is built and installed.
fn folder(name: &str) -> PathBuf {
    repository::target().join("packages").join(name)
}
