//! `cargo xtask`: every chore of this repository, one module each.
//!
//! This file only knows which chores there are.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod command;
mod conformance;
mod defects;
mod error;
mod explain;
mod go;
mod node;
mod packages;
mod plugins;
mod python;
mod repository;
mod schema;
mod soak;
mod test;
mod venv;

use error::XtaskError;

/// The chores of this repository.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "Examples:\n  \
                  cargo xtask conformance    build the example plugins and put each through the suite\n  \
                  cargo xtask test           everything that must hold before a change lands\n  \
                  cargo xtask plugins        only build them, into target/plugins"
)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Build every example plugin and put each through the conformance suite in both dialects.
    Conformance(conformance::Args),
    /// Generate conformance/DEFECTS.md: which defect is caught by which checks.
    Defects(defects::Args),
    /// Record how a sound plugin passes each check, for `temps-plugin-conformance explain`.
    Explain(explain::Args),
    /// Formatting, lints, all tests, schema drift, docs, conformance of the examples.
    Test(test::Args),
    /// Build every example plugin into target/plugins, one executable file each.
    Plugins(plugins::Args),
    /// Generate schema/json and the types of the SDKs from the wire types.
    Schema(schema::Args),
    /// Run the conformance suite on the example plugins many times under load.
    Soak(soak::Args),
    /// Measure what the SDK costs beside the same thing without it.
    Bench(bench::Args),
}

impl Chore {
    fn run(self) -> Result<(), XtaskError> {
        match self {
            Self::Conformance(args) => conformance::run(&args),
            Self::Defects(args) => defects::run(&args),
            Self::Explain(args) => explain::run(&args),
            Self::Test(args) => test::run(&args),
            Self::Plugins(args) => plugins::run(&args),
            Self::Schema(args) => schema::run(&args),
            Self::Soak(args) => soak::run(&args),
            Self::Bench(args) => bench::run(&args),
        }
    }
}

fn main() -> ExitCode {
    match Cli::parse().chore.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
