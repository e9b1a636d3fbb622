//! `cargo xtask bench`: builds the benchmark with optimisations and runs it.
//!
//! What is measured and how lives in `bench/`; this file only passes the arguments on.

use std::path::PathBuf;

use crate::command::{cargo, run as run_command};
use crate::error::XtaskError;
use crate::repository;

const PACKAGE: &str = "temps-plugin-bench";

/// Measure what the SDK costs beside the same thing without it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing is asserted: goals are shown as met or missed, and the exit code is 0 \
                  either way.\n\nExamples:\n  cargo xtask bench                     everything, in \
                  about two minutes\n  cargo xtask bench --quick             rough numbers, soon\n  \
                  cargo xtask bench --only channel      one measurement; a wrong name lists them all"
)]
pub(crate) struct Args {
    /// Fewer and shorter rounds: rough numbers, soon.
    #[arg(long)]
    quick: bool,
    /// Where the numbers go as JSON; target/bench.json in the repository unless given.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Make this measurement only; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), XtaskError> {
    // Every binary: `cargo run` by itself builds only the one it runs, which needs the others.
    run_command(cargo("build").args(["--release", "--package", PACKAGE, "--bins"]))?;
    let json = args.json.clone().unwrap_or_else(|| repository::target().join("bench.json"));
    let mut bench = cargo("run");
    bench.args(["--quiet", "--release", "--package", PACKAGE, "--", "--json"]).arg(json);
    bench.args(args.quick.then_some("--quick"));
    for name in &args.only {
        bench.args(["--only", name]);
    }
    run_command(&mut bench)
}
