//! What can go wrong in a chore.

use std::io;
use std::path::{Path, PathBuf};

/// Why a chore failed. Its text is all that a person sees, so it says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum XtaskError {
    /// The file system refused something.
    #[error("can't {what} {}: {source}", path.display())]
    File {
        /// What was tried, such as `read`.
        what: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A value could not be written as JSON.
    #[error("can't write {path} as JSON: {source}")]
    Json {
        /// The file it was meant for.
        path: String,
        /// Why not.
        source: serde_json::Error,
    },
    /// Generated files are not what their source says.
    #[error("{what} is out of date:\n{}\nrun `{remedy}` and commit what it changes", lines(files))]
    OutOfDate {
        /// What was checked.
        what: &'static str,
        /// Each file, with what is wrong with it.
        files: Vec<String>,
        /// The command that mends it.
        remedy: &'static str,
    },
    /// A plugin that does not exist was asked for.
    #[error("there is no example plugin {found:?}; there are {}", known.join(", "))]
    UnknownPlugin {
        /// What was asked for.
        found: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A step of `cargo xtask test` that does not exist was asked for.
    #[error("no step has {found:?} in its name; there are:\n{}", known.join("\n"))]
    UnknownStep {
        /// What was asked for.
        found: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// Plugins did not hold to the protocol. The report of each was shown.
    #[error("not conformant:\n{}", lines(_0))]
    NotConformant(Vec<String>),
    /// Steps of `cargo xtask test` failed. Each has said why.
    #[error("failed: {}", _0.join(", "))]
    StepsFailed(Vec<String>),
    /// Programs that a chore needs are not there.
    #[error("missing on this machine:\n{}", lines(_0))]
    Prerequisites(Vec<String>),
    /// A program that a chore runs did not succeed. It has said why itself.
    #[error("`{command}` failed: {reason}")]
    Command {
        /// The program with its arguments.
        command: String,
        /// Its exit status, or why it did not start.
        reason: String,
    },
}

impl XtaskError {
    /// Wraps a refusal of the file system, for `map_err`.
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }
}

fn lines(files: &[String]) -> String {
    let lines: Vec<_> = files.iter().map(|file| format!("  {file}")).collect();
    lines.join("\n")
}
