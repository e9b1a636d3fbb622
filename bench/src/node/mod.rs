//! The Node package: requests beside `node:http`, starts and memory beside the bare interpreter, events
//! beside the Rust SDK.
//!
//! All of it runs on one Node, in a folder that `cargo xtask bench` makes out of `bench/node` and the
//! packed package.

mod requests;
mod start;

use std::path::{Path, PathBuf};
use std::process::Command;

use temps_plugin_schema::Dialect;

use crate::BenchError;
use crate::channel::{self, Answering, Effort};
use crate::process::Process;
use crate::report::Row;

pub use requests::{express, fastify, latency, throughput};
pub use start::{idle, spawn};

/// Fails without what the programs import, and prints where the interpreter is.
const SUITS: &str = "for (const name of ['temps-plugin', 'express', 'fastify']) require(name); \
                     console.log(process.execPath)";

/// A folder with the programs and everything that they import, and the Node they run on.
#[derive(Debug)]
pub struct Node {
    folder: PathBuf,
    /// Absolute: what is measured has no `PATH`.
    interpreter: PathBuf,
}

impl Node {
    /// The Node of the `PATH`, on a folder that has everything the measurements need.
    ///
    /// # Errors
    /// When there is none, or the folder lacks something: with what it lacks.
    pub fn new(folder: &Path) -> Result<Self, BenchError> {
        let folder = std::path::absolute(folder)
            .map_err(BenchError::system(folder.display().to_string()))?;
        let output = Command::new("node")
            .args(["-e", SUITS])
            .current_dir(&folder)
            .output()
            .map_err(BenchError::system(format!("start node in {}", folder.display())))?;
        if output.status.success() {
            let interpreter = String::from_utf8_lossy(&output.stdout).trim().into();
            return Ok(Self { folder, interpreter });
        }
        let says = String::from_utf8_lossy(&output.stderr);
        let error = says.lines().find(|line| line.contains("Error")).unwrap_or("no reason given");
        Err(BenchError::unexpected(format!("{} will not do: {error}", folder.display())))
    }

    /// The interpreter with these arguments, among the programs.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.args(arguments).current_dir(&self.folder);
        command
    }

    /// A file among the programs that runs by itself.
    fn file(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join(name));
        command.current_dir(&self.folder);
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

    /// An application for `node:http` in a server of its own.
    fn listening(&self, app: &str) -> Result<Process, BenchError> {
        Process::server(self.command(&["listening.mjs", &format!("--bench-app={app}")]))
    }

    fn answering(&self) -> Result<Answering, BenchError> {
        Answering::start_by(|flag| self.plugin("answering.mjs", Dialect::Two, &[flag]))
    }
}

/// From an event's frame to an `async` handler, in every placement, beside `on_event_async` of the
/// Rust SDK.
///
/// # Errors
/// When a side fails to answer.
pub fn events(node: &Node, effort: Effort) -> Result<Vec<Row>, BenchError> {
    channel::events_beside_rust("node", "Node", node.answering()?, effort)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_lacks_a_package_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let Err(error) = Node::new(folder.path()) else { panic!("an empty folder will do") };
        let (text, path) = (error.to_string(), folder.path().display().to_string());
        // Without Node the reason is another one; the folder is named either way.
        assert!(text.contains(&path), "{text}");
        assert!(text.contains("temps-plugin") || text.contains("start node"), "{text}");
    }
}
