//! Runs the measurements; `cargo xtask bench` builds everything and calls this.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use temps_plugin_bench::node::Node;
use temps_plugin_bench::python::Python;
use temps_plugin_bench::suite::{self, Languages, Selection};
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
    /// Make this measurement only, or those of this language; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<Selection>,
    /// An interpreter with temps-plugin and bench/python/requirements-bench.txt, for the Python rows.
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Why there is no such interpreter: the Python rows say so.
    #[arg(long, value_name = "REASON", conflicts_with = "python")]
    #[arg(default_value = "no --python was given; `cargo xtask bench` makes an environment")]
    without_python: String,
    /// A folder with temps-plugin and the programs of bench/node, for the Node rows.
    #[arg(long, value_name = "FOLDER")]
    node: Option<PathBuf>,
    /// Why there is no such folder: the Node rows say so.
    #[arg(long, value_name = "REASON", conflicts_with = "node")]
    #[arg(default_value = "no --node was given; `cargo xtask bench` makes a folder")]
    without_node: String,
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
    let node = cli.node.as_deref().map(Node::new).transpose()?;
    let languages = Languages {
        python: python.as_ref().ok_or(cli.without_python.as_str()),
        node: node.as_ref().ok_or(cli.without_node.as_str()),
    };
    let report = suite::run(cli.quick, &cli.only, languages)?;
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
