//! Runs the measurements; `cargo xtask bench` builds everything and calls this.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use temps_plugin_bench::python::Python;
use temps_plugin_bench::suite::{self, Measurement};
use temps_plugin_bench::{BenchError, report::Report};

/// Measure what the SDKs cost beside the same thing without them.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Cli {
    /// Fewer and shorter rounds: rough numbers, soon.
    #[arg(long)]
    quick: bool,
    /// Where the numbers go as JSON.
    #[arg(long, value_name = "FILE", default_value = "target/bench.json")]
    json: PathBuf,
    /// Make this measurement only; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<Measurement>,
    /// An interpreter with temps-plugin and bench/python/requirements-bench.txt, for the Python rows.
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Why there is no such interpreter: the Python rows say so.
    #[arg(long, value_name = "REASON", conflicts_with = "python")]
    #[arg(default_value = "no --python was given; `cargo xtask bench` makes an environment")]
    without_python: String,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), BenchError> {
    let python = cli.python.as_deref().map(Python::new).transpose()?;
    let python = python.as_ref().ok_or(cli.without_python.as_str());
    let report = suite::run(cli.quick, &cli.only, python)?;
    finish(&report, cli)
}

fn finish(report: &Report, cli: &Cli) -> Result<(), BenchError> {
    report.print();
    let path = &cli.json;
    let json = serde_json::to_vec_pretty(report)
        .map_err(|error| BenchError::unexpected(format!("the report is no JSON: {error}")))?;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)
            .map_err(BenchError::system(format!("create {}", parent.display())))?;
    }
    std::fs::write(path, json).map_err(BenchError::system(format!("write {}", path.display())))?;
    eprintln!("the numbers are in {}", path.display());
    Ok(())
}
