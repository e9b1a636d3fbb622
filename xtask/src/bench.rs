//! `cargo xtask bench`: builds the benchmark with optimisations and runs it.
//!
//! What is measured and how lives in `bench/`; this file passes the arguments on, and makes the
//! environments that the Python and the Node rows are measured in.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{cargo, run as run_command};
use crate::error::XtaskError;
use crate::{node, python, repository};

const PACKAGE: &str = "temps-plugin-bench";
/// What the Python package is measured beside.
const REQUIREMENTS: &str = "bench/python/requirements-bench.txt";
/// How the names of the measurements begin that need Python.
const IN_PYTHON: &str = "python";
/// How the names of the measurements begin that need Node.
const IN_NODE: &str = "node";

/// Measure what the SDKs cost beside the same thing without them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Nothing is asserted: goals are shown as met or missed, and the exit code is 0 \
                  either way. The rows in Python need Python 3.10 or later, those in Node need \
                  Node.js 20 or later with npm; without them they are shown as not \
                  measured.\n\nExamples:\n  \
                  cargo xtask bench                     everything, in about ten minutes\n  \
                  cargo xtask bench --quick             rough numbers, soon\n  \
                  cargo xtask bench --only channel      one measurement; a wrong name lists them all\n  \
                  cargo xtask bench --only host         the host's proxy, and a hundred plugins\n  \
                  cargo xtask bench --only python-idle  one in Python\n  \
                  cargo xtask bench --only node         all of those in Node"
)]
pub(crate) struct Args {
    /// Fewer and shorter rounds: rough numbers, soon.
    #[arg(long)]
    quick: bool,
    /// Where the numbers go as JSON; target/bench.json in the repository unless given.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Make this measurement only, or those of this language; may be given several times.
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
    if args.wants(IN_PYTHON) {
        if python::present() {
            bench.arg("--python").arg(environment()?);
        } else {
            bench.args(["--without-python", &format!("missing here: {}", python::MISSING)]);
        }
    }
    if args.wants(IN_NODE) {
        if node::present() {
            bench.arg("--node").arg(node::bench_folder()?.path());
        } else {
            bench.args(["--without-node", &format!("missing here: {}", node::MISSING)]);
        }
    }
    run_command(&mut bench)
}

impl Args {
    /// Whether measurements were asked for whose names begin so.
    fn wants(&self, start: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name.starts_with(start))
    }
}

/// A virtual environment under target/bench-python with the package of now and what it is measured
/// beside; its interpreter. Not the one of the tests: what else is installed would count.
fn environment() -> Result<PathBuf, XtaskError> {
    let directory = repository::target().join("bench-python");
    let interpreter = directory.join("bin").join("python");
    eprintln!("preparing the Python environment in {}", directory.display());
    // What is there already stays.
    run_command(Command::new(python::interpreter()).args(["-m", "venv"]).arg(&directory))?;
    let pip = |arguments: &[&str], path: &Path| {
        let mut command = Command::new(&interpreter);
        command.args(["-m", "pip", "--disable-pip-version-check", "install", "--quiet"]);
        // Shares what cargo has built with the rest of the workspace.
        command.args(arguments).arg(path).env("CARGO_TARGET_DIR", repository::target());
        run_command(&mut command)
    };
    pip(&["--requirement"], &repository::path(REQUIREMENTS))?;
    // The same version may have been installed before, with other contents.
    pip(&["--force-reinstall", "--no-deps"], &repository::path("sdk-python"))?;
    Ok(interpreter)
}
