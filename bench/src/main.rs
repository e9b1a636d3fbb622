//! Runs the measurements; `cargo xtask bench` builds everything and calls this.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use temps_plugin_bench::suite::{self, Measurement};
use temps_plugin_bench::{BenchError, report::Report};

/// Measure what the SDK costs beside the same thing without it.
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
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match suite::run(cli.quick, &cli.only).and_then(|report| finish(&report, &cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
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
