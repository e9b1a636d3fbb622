//! `cargo xtask test`: everything that must hold before a change lands.

use std::process::Command;
use std::time::Instant;

use crate::command::{answers, cargo, run as run_command};
use crate::error::XtaskError;
use crate::{conformance, python, schema};

/// Formatting, lints, all tests, schema drift, docs, conformance of the examples.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask test")]
pub(crate) struct Args {}

/// A step: what it is called and what it does.
type Step = (&'static str, fn() -> Result<(), XtaskError>);

const STEPS: [Step; 8] = [
    ("formatting", formatting),
    ("lints", lints),
    ("tests", tests),
    ("schema drift", schema::check),
    ("docs", docs),
    ("formatting, lints and types of Python", python::lints),
    ("tests of Python", python::tests),
    ("conformance of the examples", || conformance::run(&conformance::Args::default())),
];

pub(crate) fn run(_: &Args) -> Result<(), XtaskError> {
    prerequisites()?;
    let mut failed = Vec::new();
    for (i, (name, step)) in STEPS.iter().enumerate() {
        println!("\n[{}/{}] {name}", i + 1, STEPS.len());
        let start = Instant::now();
        match step() {
            Ok(()) => println!("{name}: ok in {:.0?}", start.elapsed()),
            Err(error) => {
                println!("{name}: FAILED: {error}");
                failed.push((*name).to_owned());
            }
        }
    }
    println!("\nsteps: {} passed, {} failed", STEPS.len() - failed.len(), failed.len());
    if failed.is_empty() { Ok(()) } else { Err(XtaskError::StepsFailed(failed)) }
}

/// Everything a step needs that cargo does not bring along, with how to get it.
fn prerequisites() -> Result<(), XtaskError> {
    let mut missing = Vec::new();
    let mut need = |command: &mut Command, what: &str| {
        if !answers(command) {
            missing.push(what.to_owned());
        }
    };
    need(Command::new("cargo").args(["fmt", "--version"]), "rustfmt: rustup component add rustfmt");
    need(
        Command::new("cargo").args(["clippy", "--version"]),
        "clippy: rustup component add clippy",
    );
    need(
        Command::new("cc").arg("--version"),
        "a C compiler: apt install gcc, or the Xcode command line tools on macOS",
    );
    if !python::present() {
        missing.push(python::MISSING.to_owned());
    }
    if missing.is_empty() { Ok(()) } else { Err(XtaskError::Prerequisites(missing)) }
}

fn formatting() -> Result<(), XtaskError> {
    run_command(cargo("fmt").args(["--all", "--check"]))
}

fn lints() -> Result<(), XtaskError> {
    run_command(cargo("clippy").args(["--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn tests() -> Result<(), XtaskError> {
    run_command(cargo("test").args(["--workspace", "--quiet"]))
}

fn docs() -> Result<(), XtaskError> {
    run_command(cargo("doc").args(["--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}
