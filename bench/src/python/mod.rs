//! The Python package: requests beside granian and uvicorn, starts and memory beside the bare
//! interpreter, events beside the Rust SDK.
//!
//! All of it runs on one interpreter, in an environment that `cargo xtask bench` makes. The programs
//! are in `bench/python`.

mod events;
mod requests;
mod start;

use std::path::{Path, PathBuf};
use std::process::Command;

use temps_plugin_schema::Dialect;

use crate::BenchError;
use crate::channel::Answering;
use crate::process::Process;

pub use events::events;
pub use requests::{fastapi, latency, throughput};
pub use start::{idle, spawn};

/// Where the programs are.
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python");

/// An interpreter whose environment has the package and what it is measured beside.
#[derive(Debug)]
pub struct Python(PathBuf);

/// An ASGI application in `bench/python`, by the name of its module.
#[derive(Debug, Clone, Copy)]
pub enum App {
    /// One answer, by ASGI alone.
    Trivial,
    /// The same answer from a route of `FastAPI`'s.
    Fastapi,
}

impl App {
    fn module(self) -> &'static str {
        match self {
            Self::Trivial => "trivial",
            Self::Fastapi => "with_fastapi",
        }
    }
}

impl Python {
    /// An interpreter that has everything the measurements need.
    ///
    /// # Errors
    /// When it does not: with what it lacks.
    pub fn new(interpreter: &Path) -> Result<Self, BenchError> {
        // Not resolved: the link in a virtual environment is what makes it one.
        let interpreter = std::path::absolute(interpreter)
            .map_err(BenchError::system(interpreter.display().to_string()))?;
        let python = Self(interpreter);
        let needs = "import fastapi, granian, httptools, temps_plugin, uvicorn, uvloop";
        let output = python
            .command(&["-c", needs])
            .output()
            .map_err(BenchError::system(format!("start {}", python.0.display())))?;
        if output.status.success() {
            return Ok(python);
        }
        let says = String::from_utf8_lossy(&output.stderr);
        let last = says.trim().lines().last().unwrap_or("it gave no reason").to_owned();
        Err(BenchError::unexpected(format!("{} will not do: {last}", python.0.display())))
    }

    /// The interpreter with these arguments, among the programs.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.0);
        command.args(arguments).current_dir(PROGRAMS);
        command
    }

    fn plugin(
        &self,
        program: &str,
        dialect: Dialect,
        more: &[&str],
    ) -> Result<Process, BenchError> {
        Process::plugin_by(self.command(&[program]), dialect, more)
    }

    /// A plugin around an application.
    fn serving(&self, app: App) -> Result<Process, BenchError> {
        let flag = format!("--bench-app={}", app.module());
        self.plugin("serving.py", Dialect::Two, &[&flag])
    }

    fn answering(&self) -> Result<Answering, BenchError> {
        Answering::start_by(|flag| self.plugin("answering.py", Dialect::Two, &[flag]))
    }

    /// granian as its authors measure it: one worker, HTTP/1 only.
    fn granian(&self, app: App) -> Result<Process, BenchError> {
        let app = format!("{}:app", app.module());
        let options = [
            "--interface=asgi",
            "--workers=1",
            "--loop=uvloop",
            "--http=1",
            "--no-access-log",
            "--log-level=warning",
        ];
        let arguments = [&["-m", "granian", &app], options.as_slice()].concat();
        Process::server(self.command(&arguments))
    }

    /// uvicorn with the quickest loop and parser it has.
    fn uvicorn(&self, app: App) -> Result<Process, BenchError> {
        let app = format!("{}:app", app.module());
        let options = [
            "--workers=1",
            "--loop=uvloop",
            "--http=httptools",
            "--no-access-log",
            "--log-level=warning",
        ];
        let arguments = [&["-m", "uvicorn", &app], options.as_slice()].concat();
        Process::server(self.command(&arguments))
    }
}
