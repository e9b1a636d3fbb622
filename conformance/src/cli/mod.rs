//! The command line: what may be typed, and what it means.

mod config;
mod output;
mod run;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{ExitCode, registry, report};

const EXAMPLES: &str = "\
Examples:
  temps-plugin-conformance run -- ./my-plugin
  temps-plugin-conformance run --dialect 2 -- node dist/plugin.js
  temps-plugin-conformance run --run 'handshake/*' --skip HS-28 -- ./my-plugin --verbose
  temps-plugin-conformance run --format json -- ./my-plugin > report.json
  temps-plugin-conformance run --report html=report.html --report junit=junit.xml -- ./my-plugin
  temps-plugin-conformance run --config conformance.toml -- ./my-plugin
  temps-plugin-conformance init -- ./my-plugin
  temps-plugin-conformance list
  temps-plugin-conformance rules

Exit status:
  0  conformant: no check of a MUST rule failed (failed SHOULD checks are shown as warnings)
  1  not conformant
  2  wrong usage, or nothing selected or nothing run
  3  the plugin never started
  4  the runner itself failed";

const INIT_EXAMPLES: &str = "\
Examples:
  temps-plugin-conformance init
  temps-plugin-conformance init --config tests/conformance.toml -- ./my-plugin
  temps-plugin-conformance init --schema > conformance.toml.schema.json";

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
    Run(run::RunArgs),
    /// Write a first conformance.toml, with what a plugin says of its own routes if one is given.
    #[command(after_help = INIT_EXAMPLES)]
    Init(config::InitArgs),
    /// Show all checks with the rules they prove.
    List(FormatArgs),
    /// Show all rules with the checks that prove them, or the reason why none does.
    Rules(FormatArgs),
    /// Show the JSON Schema of the report that `run --format json` writes.
    Schema,
}

#[derive(Debug, Args)]
struct FormatArgs {
    /// How to write the answer.
    #[arg(long, value_enum, default_value_t = TableFormat::Human)]
    format: TableFormat,
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
        Command::Run(args) => run::main(args).await,
        Command::Init(args) => config::init(args).await,
        Command::List(FormatArgs { format: TableFormat::Human }) => {
            show(&report::human::list(&registry::CHECKS))
        }
        Command::List(FormatArgs { format: TableFormat::Json }) => {
            show(&report::json::list(&registry::CHECKS))
        }
        Command::Rules(FormatArgs { format: TableFormat::Human }) => show(&report::human::rules()),
        Command::Rules(FormatArgs { format: TableFormat::Json }) => show(&report::json::rules()),
        Command::Schema => show(&report::json::schema()),
    }
}

/// Writes to stdout, with colours when it is a terminal.
fn show(text: &str) -> ExitCode {
    write_out(anstream::stdout().lock(), text)
}

/// Writes to `out`. A reader that has gone away (`| head`) is no failure of the run.
fn write_out(mut out: impl std::io::Write, text: &str) -> ExitCode {
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
