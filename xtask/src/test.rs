//! `cargo xtask test`: everything that must hold before a change lands.

use std::process::Command;
use std::time::Instant;

use crate::command::{answers, cargo, run as run_command};
use crate::error::XtaskError;
use crate::{conformance, defects, go, node, packages, python, schema};

/// Formatting, lints, all tests, schema drift, docs, conformance of the examples.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask test\n  cargo xtask test --only Node    the steps with Node in their names"
)]
pub(crate) struct Args {
    /// Only the steps that have this in their names.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// A step: what it is called and what it does.
type Step = (&'static str, fn() -> Result<(), XtaskError>);

const STEPS: [Step; 14] = [
    ("formatting", formatting),
    ("lints", lints),
    ("tests", tests),
    ("schema drift", schema::check),
    ("drift of the table of defects", defects::check),
    ("docs", docs),
    ("formatting, lints and types of Python", python::lints),
    ("tests of Python", python::tests),
    ("formatting, lints and types of Node", node::lints),
    ("tests of Node", node::tests),
    ("formatting and lints of Go", go::lints),
    ("tests of Go", go::tests),
    ("packages of the runner", packages::test),
    ("conformance of the examples", || conformance::run(&conformance::Args::default())),
];

pub(crate) fn run(args: &Args) -> Result<(), XtaskError> {
    prerequisites()?;
    let steps = chosen(args.only.as_deref())?;
    let mut failed = Vec::new();
    for (i, (name, step)) in steps.iter().enumerate() {
        println!("\n[{}/{}] {name}", i + 1, steps.len());
        let start = Instant::now();
        match step() {
            Ok(()) => println!("{name}: ok in {:.0?}", start.elapsed()),
            Err(error) => {
                println!("{name}: FAILED: {error}");
                failed.push((*name).to_owned());
            }
        }
    }
    println!("\nsteps: {} passed, {} failed", steps.len() - failed.len(), failed.len());
    if failed.is_empty() { Ok(()) } else { Err(XtaskError::StepsFailed(failed)) }
}

/// The steps that have `text` in their names; all of them without one.
fn chosen(text: Option<&str>) -> Result<Vec<Step>, XtaskError> {
    let wanted = |(name, _): &&Step| text.is_none_or(|text| name.contains(text));
    let chosen: Vec<Step> = STEPS.iter().filter(wanted).copied().collect();
    match text {
        Some(text) if chosen.is_empty() => Err(XtaskError::UnknownStep {
            found: text.to_owned(),
            known: STEPS.iter().map(|(name, _)| *name).collect(),
        }),
        _ => Ok(chosen),
    }
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
    if !node::present() {
        missing.push(node::MISSING.to_owned());
    }
    if !go::present() {
        missing.push(go::MISSING.to_owned());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_chosen_by_a_part_of_their_names() {
        let names = |text| {
            let steps = chosen(text).unwrap();
            steps.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(names(Some("Node")), ["formatting, lints and types of Node", "tests of Node"]);
        assert_eq!(names(None).len(), STEPS.len());
    }

    #[test]
    fn a_text_no_step_has_is_refused_with_the_steps_there_are() {
        let error = chosen(Some("node")).unwrap_err().to_string();
        assert!(error.contains("\"node\"") && error.contains("tests of Node"), "{error}");
    }
}
