//! The plugin under test and how it is checked: what `run` and `baseline update` have in common.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use temps_plugin_schema::Dialect;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::complain;
use super::select::SelectArgs;
use crate::report::{Progress, RunReport};
use crate::requests::ConfigError;
use crate::{ExitCode, MAX_JOBS, RunOptions, default_jobs, run};

#[derive(Debug, Args)]
pub(super) struct PluginArgs {
    /// The dialects to check. A dialect that the plugin does not speak is left out of `both`.
    #[arg(long, value_enum, default_value_t = DialectArg::Both)]
    dialect: DialectArg,
    #[command(flatten)]
    select: SelectArgs,
    /// How many checks to make at the same time; unless given, two a processor.
    #[arg(long, value_name = "N", default_value_t = default_jobs(), value_parser = parse_jobs)]
    pub(super) jobs: usize,
    /// Also make the slow checks, which wait for limits of the protocol: a minute and more.
    #[arg(long)]
    slow: bool,
    /// Multiply every time limit by this, for slow machines.
    #[arg(long, value_name = "F", default_value_t = 1.0, value_parser = parse_scale)]
    timeout_scale: f64,
    /// The database URL handed to a plugin that asks for a database.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Sample requests and events of this plugin; ./conformance.toml when that exists.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DialectArg {
    #[value(name = "1")]
    One,
    #[value(name = "2")]
    Two,
    Both,
}

impl DialectArg {
    pub(super) fn dialects(self) -> Vec<Dialect> {
        match self {
            Self::One => vec![Dialect::One],
            Self::Two => vec![Dialect::Two],
            Self::Both => Dialect::ALL.to_vec(),
        }
    }
}

pub(super) fn parse_scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if (0.1..=100.0).contains(&scale) => Ok(scale),
        _ => Err("a number from 0.1 to 100".into()),
    }
}

fn parse_jobs(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(jobs) if (1..=MAX_JOBS).contains(&jobs) => Ok(jobs),
        _ => Err(format!("a number from 1 to {MAX_JOBS}")),
    }
}

impl PluginArgs {
    /// The options of a run of `command` that says on stderr how far it is.
    pub(super) fn options(self, command: Vec<OsString>) -> Result<RunOptions, ConfigError> {
        let [run, skip] = self.select.patterns();
        Ok(RunOptions {
            dialects: self.dialect.dialects(),
            run,
            skip,
            slow: self.slow,
            jobs: self.jobs,
            timeout_scale: self.timeout_scale,
            database_url: self.database_url,
            config: super::config::load(self.config)?,
            progress: Progress::on_stderr(std::io::stderr().is_terminal()),
            ..RunOptions::new(command)
        })
    }
}

/// Runs the suite until it is done or a signal comes, and says why there is no report.
pub(super) async fn until_done(options: RunOptions) -> Result<RunReport, ExitCode> {
    // Listened for before anything is started: a signal that came earlier would end this process
    // alone.
    let signals = Signals::listen().map_err(|error| {
        complain(format_args!("signals cannot be listened for: {error}"));
        ExitCode::RunnerFault
    })?;
    // Dropping the run, and then the runtime, kills what was started.
    tokio::select! {
        outcome = run(options) => outcome.map_err(|error| {
            complain(&error);
            error.exit_code()
        }),
        signal = signals.next() => {
            complain(format_args!("ended by {signal}; no verdict"));
            Err(ExitCode::RunnerFault)
        }
    }
}

/// The signals that end a run.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one of them.
    async fn next(mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hangup.recv() => "SIGHUP",
        }
    }
}
