//! The command line: what may be typed, and what it means.

mod baseline;
mod config;
mod fuzz;
mod output;
mod plugin;
mod run;
mod select;

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::model::Check;
use crate::selection::{Selected, select as select_checks};
use crate::{ExitCode, explain, registry, report};
use select::{PATTERNS, SelectArgs};

const EXAMPLES: &str = "\
Examples:
  temps-plugin-conformance run -- ./my-plugin
  temps-plugin-conformance run --dialect 2 -- node dist/plugin.js
  temps-plugin-conformance run --run 'handshake/*' --skip severity:should -- ./my-plugin --verbose
  temps-plugin-conformance run --known-failing known.toml --deny-skips -- ./my-plugin
  temps-plugin-conformance run --attach /tmp/p.sock --dialect 2 --auth-secret-file secret.txt
  temps-plugin-conformance run --keep=kept --run stop/sigterm -- ./my-plugin
  temps-plugin-conformance run --format json -- ./my-plugin > report.json
  temps-plugin-conformance run --report html=report.html --report junit=junit.xml -- ./my-plugin
  temps-plugin-conformance fuzz --seconds 60 --seed 7 -- ./my-plugin
  temps-plugin-conformance run --config conformance.toml -- ./my-plugin
  temps-plugin-conformance init -- ./my-plugin
  temps-plugin-conformance baseline update --file known.toml --reason 'issue 17' -- ./my-plugin
  temps-plugin-conformance explain handshake/ready-after-health
  temps-plugin-conformance list --run profile:plugin
  temps-plugin-conformance rules

Exit status:
  0  conformant: no check of a MUST rule failed (failed SHOULD checks are shown as warnings)
  1  not conformant, or the run found what it was told to deny
  2  wrong usage, or nothing selected or nothing run
  3  the plugin never started
  4  the runner itself failed";

const INIT_EXAMPLES: &str = "\
Examples:
  temps-plugin-conformance init
  temps-plugin-conformance init --config tests/conformance.toml -- ./my-plugin
  temps-plugin-conformance init --schema > conformance.toml.schema.json";
const LIST_EXAMPLES: &str = "\
Examples:
  temps-plugin-conformance list
  temps-plugin-conformance list --run 'profile:plugin,dialect:1' --skip 'ui/*'
  temps-plugin-conformance list --format json";
const RULES_EXAMPLES: &str = "\
Examples:
  temps-plugin-conformance rules
  temps-plugin-conformance rules --format json";
const SCHEMA_EXAMPLES: &str = "\
Examples:
  temps-plugin-conformance schema > report.schema.json";
const EXPLAIN_EXAMPLES: &str = "\
Examples:
  temps-plugin-conformance explain stop/sigterm
  temps-plugin-conformance explain stop/sigterm --format json";

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
    #[command(after_help = format!("{PATTERNS}\n\n{EXAMPLES}"))]
    Run(Box<run::RunArgs>),
    /// Send a plugin what no host would send, and see that it lives on.
    #[command(after_help = fuzz::EXAMPLES)]
    Fuzz(fuzz::FuzzArgs),
    /// Write a first conformance.toml, with what a plugin says of its own routes if one is given.
    #[command(after_help = INIT_EXAMPLES)]
    Init(config::InitArgs),
    /// Show the checks with the rules they prove.
    #[command(after_help = format!("{PATTERNS}\n\n{LIST_EXAMPLES}"))]
    List(ListArgs),
    /// Show all rules with the checks that prove them, or the reason why none does.
    #[command(after_help = RULES_EXAMPLES)]
    Rules(FormatArgs),
    /// Show the JSON Schema of the report that `run --format json` writes.
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Show what a check is about: its rules, how a sound plugin passes it, what it catches.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Keep the file of known failures.
    #[command(subcommand)]
    Baseline(baseline::BaselineCommand),
}

#[derive(Debug, Args)]
struct FormatArgs {
    /// How to write the answer.
    #[arg(long, value_enum, default_value_t = TableFormat::Human)]
    format: TableFormat,
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    select: SelectArgs,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    /// The id of a check, as `list` shows it.
    #[arg(value_name = "CHECK")]
    check: String,
    #[command(flatten)]
    format: FormatArgs,
}

/// The ways to write a table; those of a run's report are [`report::Format`].
#[derive(Debug, Clone, Copy, ValueEnum)]
enum TableFormat {
    Human,
    Json,
}

/// Does what the command line asks for. Reports go to stdout; progress and errors to stderr.
pub async fn main(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Run(args) => run::main(*args).await,
        Command::Fuzz(args) => fuzz::main(args).await,
        Command::Init(args) => config::init(args).await,
        Command::List(args) => list(&args),
        Command::Rules(FormatArgs { format: TableFormat::Human }) => show(&report::human::rules()),
        Command::Rules(FormatArgs { format: TableFormat::Json }) => show(&report::json::rules()),
        Command::Schema => show(&report::json::schema()),
        Command::Explain(args) => explain(&args),
        Command::Baseline(command) => baseline::main(command).await,
    }
}

fn list(args: &ListArgs) -> ExitCode {
    let [run, skip] = args.select.patterns();
    let checks: Vec<Check> = match select_checks(&registry::CHECKS, &run, &skip) {
        // Narrowed to the dialects that were asked for, so that what is shown is what would be made.
        Ok(selected) => selected.iter().map(Selected::as_made).collect(),
        Err(error) => {
            complain(error);
            return ExitCode::Usage;
        }
    };
    match args.format.format {
        TableFormat::Human => show(&report::human::list(&checks)),
        TableFormat::Json => show(&report::json::list(&checks)),
    }
}

fn explain(args: &ExplainArgs) -> ExitCode {
    match (explain::explain(&args.check), args.format.format) {
        (Ok(explanation), TableFormat::Human) => show(&report::explanation::human(&explanation)),
        (Ok(explanation), TableFormat::Json) => show(&report::explanation::json(&explanation)),
        (Err(error @ explain::ExplainError::Unknown(_)), _) => {
            complain(error);
            ExitCode::Usage
        }
        (Err(error), _) => {
            complain(error);
            ExitCode::RunnerFault
        }
    }
}

/// Says on stderr what is wrong. A stderr that is closed is no reason to end otherwise.
pub fn complain(error: impl Display) {
    tell(format_args!("error: {error}"));
}

/// Says something on stderr.
fn tell(text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Writes to stdout, with colours when it is a terminal.
fn show(text: &str) -> ExitCode {
    write_out(anstream::stdout().lock(), text)
}

/// Writes to `out`. A reader that has gone away (`| head`) is no failure of the run.
fn write_out(mut out: impl std::io::Write, text: &str) -> ExitCode {
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::Conformant,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::Conformant,
        Err(error) => {
            complain(format_args!("the report cannot be written: {error}"));
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
        assert_eq!((args.plugin.jobs, args.command.len()), (2, 3));
    }

    #[test]
    fn a_run_without_a_plugin_is_wrong_usage() {
        assert_eq!(Cli::try_parse_from(["x", "run"]).unwrap_err().exit_code(), 2);
        assert!(Cli::try_parse_from(["x", "run", "--timeout-scale", "0", "--", "p"]).is_err());
        assert!(Cli::try_parse_from(["x", "run", "--dialect", "3", "--", "p"]).is_err());
    }
}
