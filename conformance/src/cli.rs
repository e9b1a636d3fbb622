//! The command line: what may be typed, and what it means.

use std::ffi::OsString;
use std::io::IsTerminal;

use clap::{Args, Parser, Subcommand, ValueEnum};
use temps_plugin_schema::Dialect;

use crate::report::{self, Progress};
use crate::selection::Pattern;
use crate::{ExitCode, RunOptions, registry, run};

const EXAMPLES: &str = "\
Examples:
  temps-plugin-conformance run -- ./my-plugin
  temps-plugin-conformance run --dialect 2 -- node dist/plugin.js
  temps-plugin-conformance run --run 'handshake/*' --skip HS-28 -- ./my-plugin --verbose
  temps-plugin-conformance run --format json -- ./my-plugin > report.json
  temps-plugin-conformance list
  temps-plugin-conformance rules

Exit status:
  0  conformant: no check of a MUST rule failed (failed SHOULD checks are shown as warnings)
  1  not conformant
  2  wrong usage, or nothing selected or nothing run
  3  the plugin never started
  4  the runner itself failed";

/// Holds a Temps plugin to the protocol, rule by rule.
#[derive(Debug, Parser)]
#[command(name = "temps-plugin-conformance", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a plugin, many times over, and check what it does.
    #[command(after_help = EXAMPLES)]
    Run(RunArgs),
    /// Show all checks with the rules they prove.
    List(FormatArgs),
    /// Show all rules with the checks that prove them, or the reason why none does.
    Rules(FormatArgs),
}

#[derive(Debug, Args)]
struct FormatArgs {
    /// How to write the answer.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The dialects to check. A dialect that the plugin does not speak is left out of `both`.
    #[arg(long, value_enum, default_value_t = DialectArg::Both)]
    dialect: DialectArg,
    /// Make only checks whose id, or one of whose rules, matches this glob. May be repeated.
    #[arg(long, value_name = "GLOB")]
    run: Vec<String>,
    /// Leave out checks whose id, or one of whose rules, matches this glob. May be repeated.
    #[arg(long, value_name = "GLOB")]
    skip: Vec<String>,
    /// How to write the report.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// How many checks to make at the same time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: u16,
    /// Multiply every time limit by this, for slow machines.
    #[arg(long, value_name = "F", default_value_t = 1.0, value_parser = parse_scale)]
    timeout_scale: f64,
    /// The database URL handed to a plugin that asks for a database.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// Show the evidence of passed checks, and skipped checks too.
    #[arg(long, short)]
    verbose: bool,
    /// The plugin's program and its own arguments; the protocol's flags are put behind them.
    #[arg(required = true, last = true, value_name = "PLUGIN")]
    command: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Human,
    Json,
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

/// Does what the command line asks for. Reports go to stdout; progress and errors to stderr.
pub async fn main(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Run(args) => run_command(args).await,
        Command::List(FormatArgs { format: Format::Human }) => {
            show(&report::human::list(&registry::CHECKS))
        }
        Command::List(FormatArgs { format: Format::Json }) => {
            show(&report::json::list(&registry::CHECKS))
        }
        Command::Rules(FormatArgs { format: Format::Human }) => show(&report::human::rules()),
        Command::Rules(FormatArgs { format: Format::Json }) => show(&report::json::rules()),
    }
}

async fn run_command(args: RunArgs) -> ExitCode {
    let (verbose, format) = (args.verbose, args.format);
    let options = RunOptions {
        command: args.command,
        dialects: args.dialect.dialects(),
        run: args.run.into_iter().map(Pattern::new).collect(),
        skip: args.skip.into_iter().map(Pattern::new).collect(),
        jobs: usize::from(args.jobs),
        timeout_scale: args.timeout_scale,
        database_url: args.database_url,
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
    let report = match outcome {
        Ok(report) => report,
        Err(error) => {
            anstream::eprintln!("error: {error}");
            return error.exit_code();
        }
    };
    let text = match format {
        Format::Human => report::human::report(&report, verbose),
        Format::Json => report::json::report(&report),
    };
    match show(&text) {
        ExitCode::Conformant => report.exit_code(),
        failed => failed,
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

/// Writes to stdout. A reader that has gone away (`| head`) is no failure of the run.
fn show(text: &str) -> ExitCode {
    use std::io::Write as _;
    let mut out = anstream::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::Conformant,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::Conformant,
        Err(error) => {
            anstream::eprintln!("error: the report cannot be written: {error}");
            ExitCode::RunnerFault
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_plugin_keeps_its_own_arguments() {
        let cli =
            Cli::try_parse_from(["x", "run", "--jobs", "2", "--", "./p", "--jobs", "9"]).unwrap();
        let Command::Run(args) = cli.command else { panic!("not a run") };
        assert_eq!((args.jobs, args.command.len()), (2, 3));
    }

    #[test]
    fn a_run_without_a_plugin_is_wrong_usage() {
        assert_eq!(Cli::try_parse_from(["x", "run"]).unwrap_err().exit_code(), 2);
        assert!(Cli::try_parse_from(["x", "run", "--timeout-scale", "0", "--", "p"]).is_err());
        assert!(Cli::try_parse_from(["x", "run", "--dialect", "3", "--", "p"]).is_err());
    }
}
