//! `fuzz`: the fuzz stage by itself. `run --fuzz` is the same stage behind the checks.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::ops::Range;
use std::time::Duration;

use clap::{ArgGroup, Args};

use super::complain;
use super::output::OutputArgs;
use super::plugin::{DialectArg, parse_scale, until_done};
use crate::fuzz::case::Script;
use crate::fuzz::{Budget, FuzzOptions, LARGEST_SEED};
use crate::report::Progress;
use crate::{ExitCode, RunOptions};

pub(super) const EXAMPLES: &str = "\
Examples:
  temps-plugin-conformance fuzz --seconds 60 -- ./my-plugin
  temps-plugin-conformance fuzz --seed 7 --cases 0..5000 --dialect 2 -- ./my-plugin
  temps-plugin-conformance run --fuzz 30 --seed 7 -- ./my-plugin";

/// How long the stage takes when nothing is said.
const SECONDS: u64 = 30;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").args(["seconds", "cases", "case"])))]
pub(super) struct FuzzArgs {
    /// How long to fuzz each dialect, in seconds; 30 when nothing else is said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,
    /// Play these cases of the seed, FROM..TO with TO left out, however long it takes.
    #[arg(long, value_name = "FROM..TO", value_parser = parse_cases)]
    cases: Option<Range<u64>>,
    /// Play the one case that a finding printed, on a fresh start.
    #[arg(long, value_name = "CASE", conflicts_with = "seed", value_parser = parse_script)]
    case: Option<Script>,
    /// Where chance begins. One is chosen, and printed, when none is given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=LARGEST_SEED))]
    seed: Option<u64>,
    /// The dialects to fuzz, both at the same time.
    #[arg(long, value_enum, default_value_t = DialectArg::Both)]
    dialect: DialectArg,
    #[command(flatten)]
    output: OutputArgs,
    /// Multiply every time limit by this, for slow machines.
    #[arg(long, value_name = "F", default_value_t = 1.0, value_parser = parse_scale)]
    timeout_scale: f64,
    /// The database URL handed to a plugin that asks for a database.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The plugin's program and its own arguments; the protocol's flags are put behind them.
    #[arg(required = true, last = true, value_name = "PLUGIN")]
    command: Vec<OsString>,
}

fn parse_cases(text: &str) -> Result<Range<u64>, String> {
    let numbers = text.split_once("..").map(|(from, to)| (from.parse(), to.parse()));
    match numbers {
        Some((Ok(from), Ok(to))) if from < to => Ok(from..to),
        _ => Err("two numbers such as 0..1000, the first below the second".into()),
    }
}

fn parse_script(code: &str) -> Result<Script, String> {
    code.parse().map_err(|error: crate::fuzz::BadCode| error.to_string())
}

/// Fuzzes and writes the report.
pub(super) async fn main(args: FuzzArgs) -> ExitCode {
    let budget = match (args.case, args.cases) {
        (Some(script), _) => Budget::Script(script),
        (None, Some(cases)) => Budget::Cases(cases),
        (None, None) => Budget::Time(Duration::from_secs(args.seconds.unwrap_or(SECONDS))),
    };
    let options = RunOptions {
        dialects: args.dialect.dialects(),
        timeout_scale: args.timeout_scale,
        database_url: args.database_url,
        progress: Progress::on_stderr(std::io::stderr().is_terminal()),
        fuzz: Some(FuzzOptions { budget, seed: args.seed, alone: true }),
        ..RunOptions::new(args.command)
    };
    if let Err(error) = args.output.prepare() {
        complain(error);
        return ExitCode::Usage;
    }
    match until_done(options).await {
        Ok(report) => args.output.write(&report),
        Err(code) => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_range_or_no_case_is_said() {
        assert_eq!(parse_cases("3..9"), Ok(3..9));
        for text in ["", "3", "9..3", "3..3", "a..b", "-1..2", "3..=9"] {
            assert!(parse_cases(text).unwrap_err().contains("0..1000"), "{text}");
        }
        for code in ["", "x", "v0.abc", "v1.###", "v1.AAAA"] {
            assert!(parse_script(code).unwrap_err().contains("is no case"), "{code}");
        }
    }
}
