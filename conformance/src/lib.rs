//! Holds a Temps plugin to the protocol, rule by rule, and shows what went over the wire.
//!
//! The suite starts the plugin as a host would, through the floors of `temps-plugin-host`, and proves
//! the rules of `PROTOCOL.md` on it one [`model::Check`] at a time. Checks are data in a
//! [`registry`]; [`run`] makes the selected ones and answers with one [`report::RunReport`], which
//! [`report::Format`] writes in the ways there are.
//!
//! Three things are kept apart everywhere: what the plugin did wrong ([`model::Stop::Failed`]), what
//! does not apply to it ([`model::Stop::Skipped`]), and what the suite itself could not do
//! ([`model::Stop::Fault`]).

pub mod baseline;
pub mod checks;
pub mod cli;
mod embed;
pub mod explain;
pub mod fuzz;
pub mod model;
pub mod registry;
pub mod report;
pub mod requests;
pub mod rules;
mod runner;
pub mod selection;
pub mod subject;
pub mod traceability;
pub mod transcript;
mod visible;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use temps_plugin_schema::Dialect;

pub use embed::{Conformance, assert_conformant};
pub use runner::{RunError, run};
pub use transcript::Transcripts;

/// What to check, and how.
#[derive(Debug)]
pub struct RunOptions {
    /// The plugin's program and its own arguments; nothing when it is attached to.
    pub command: Vec<OsString>,
    /// The dialects to check.
    pub dialects: Vec<Dialect>,
    /// Only checks that match one of these; all when there is none.
    pub run: Vec<selection::Pattern>,
    /// No checks that match one of these.
    pub skip: Vec<selection::Pattern>,
    /// The plugin to attach to, instead of starting one.
    pub attach: Option<subject::Attach>,
    /// Failures that do not fail the run.
    pub known_failing: Option<baseline::KnownFailing>,
    /// Whether a selected check that is not made fails the run.
    pub deny_skips: bool,
    /// Where directories, logs and transcripts are kept: a new or an empty directory.
    pub keep: Option<PathBuf>,
    /// Also make the checks that wait for limits of the protocol, which may be minutes.
    pub slow: bool,
    /// How many checks are made at the same time.
    pub jobs: usize,
    /// Every time limit is multiplied by this.
    pub timeout_scale: f64,
    /// The database URL for a plugin that asks for one.
    pub database_url: Option<String>,
    /// Which checks keep what went over the wire. [`Transcripts::All`] makes reports many times
    /// as large.
    pub transcripts: Transcripts,
    /// What the plugin's author has written down of its routes and events.
    pub config: Option<Arc<requests::Config>>,
    /// Fuzz the plugin after the checks, or instead of them.
    pub fuzz: Option<fuzz::FuzzOptions>,
    /// Who is told how far the run is.
    pub progress: report::Progress,
}

impl RunOptions {
    /// Checks all that applies to `command` in both dialects, silently.
    pub fn new(command: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            dialects: Dialect::ALL.to_vec(),
            run: Vec::new(),
            skip: Vec::new(),
            attach: None,
            known_failing: None,
            deny_skips: false,
            keep: None,
            slow: false,
            jobs: default_jobs(),
            timeout_scale: 1.0,
            database_url: None,
            transcripts: Transcripts::Failed,
            config: None,
            fuzz: None,
            progress: report::Progress::silent(),
        }
    }
}

/// How many checks are made at the same time unless the caller says otherwise: two a processor,
/// because most of a check is waiting.
#[must_use]
pub fn default_jobs() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (2 * processors).min(MAX_JOBS)
}

/// Most checks made at the same time. More only make the machine slow, and checks have time limits.
pub const MAX_JOBS: usize = 64;

/// What the process tells its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// The plugin is conformant.
    Conformant = 0,
    /// It is not.
    NotConformant = 1,
    /// The command line is wrong, or nothing was run.
    Usage = 2,
    /// The plugin never started.
    NeverStarted = 3,
    /// The runner failed.
    RunnerFault = 4,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
