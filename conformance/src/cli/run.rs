//! `run`: one plugin, held to the protocol.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use temps_plugin_schema::Dialect;

use super::output::OutputArgs;
use crate::report::Progress;
use crate::selection::Pattern;
use crate::{ExitCode, RunOptions, run};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The dialects to check. A dialect that the plugin does not speak is left out of `both`.
    #[arg(long, value_enum, default_value_t = DialectArg::Both)]
    dialect: DialectArg,
    /// Make only checks whose id, or one of whose rules, matches this glob. May be repeated.
    #[arg(long, value_name = "GLOB")]
    run: Vec<String>,
    /// Leave out checks whose id, or one of whose rules, matches this glob. May be repeated.
    #[arg(long, value_name = "GLOB")]
    skip: Vec<String>,
    #[command(flatten)]
    output: OutputArgs,
    /// How many checks to make at the same time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) jobs: u16,
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
    /// The plugin's program and its own arguments; the protocol's flags are put behind them.
    #[arg(required = true, last = true, value_name = "PLUGIN")]
    pub(super) command: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DialectArg {
    #[value(name = "1")]
    One,
    #[value(name = "2")]
    Two,
    Both,
}

impl DialectArg {
    fn dialects(self) -> Vec<Dialect> {
        match self {
            Self::One => vec![Dialect::One],
            Self::Two => vec![Dialect::Two],
            Self::Both => Dialect::ALL.to_vec(),
        }
    }
}

fn parse_scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if (0.1..=100.0).contains(&scale) => Ok(scale),
        _ => Err("a number from 0.1 to 100".into()),
    }
}

/// Makes the checks and writes the reports.
pub(super) async fn main(args: RunArgs) -> ExitCode {
    let output = args.output;
    if let Err(error) = output.prepare() {
        anstream::eprintln!("error: {error}");
        return ExitCode::Usage;
    }
    let config = match super::config::load(args.config) {
        Ok(config) => config,
        Err(error) => {
            anstream::eprintln!("error: {error}");
            return ExitCode::Usage;
        }
    };
    let options = RunOptions {
        command: args.command,
        dialects: args.dialect.dialects(),
        run: args.run.into_iter().map(Pattern::new).collect(),
        skip: args.skip.into_iter().map(Pattern::new).collect(),
        slow: args.slow,
        jobs: usize::from(args.jobs),
        timeout_scale: args.timeout_scale,
        database_url: args.database_url,
        transcripts: output.transcripts(),
        config,
        progress: Progress::on_stderr(std::io::stderr().is_terminal()),
    };
    // Dropping the run kills what it has started.
    let outcome = tokio::select! {
        outcome = run(options) => outcome,
        signal = interrupted() => {
            anstream::eprintln!("error: ended by {signal}; no verdict");
            return ExitCode::RunnerFault;
        }
    };
    match outcome {
        Ok(report) => output.write(&report),
        Err(error) => {
            anstream::eprintln!("error: {error}");
            error.exit_code()
        }
    }
}

/// Waits for a signal that ends the run.
async fn interrupted() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}
