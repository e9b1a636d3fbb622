//! `baseline update`: writes down what fails now, so that `run --known-failing` does not fail for it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::ToSpan as _;
use jiff::civil::Date;

use super::plugin::{PluginArgs, until_done};
use super::{complain, show};
use crate::ExitCode;
use crate::baseline::{BaselineError, Renewal, Updated, today, update};
use crate::model::Status;
use crate::report::{RunReport, Verdict};

const EXAMPLES: &str = "\
Examples:
  temps-plugin-conformance baseline update --file known.toml --reason 'issue 17' -- ./my-plugin
  temps-plugin-conformance baseline update --file known.toml --expires 2027-03-01 -- ./my-plugin
  temps-plugin-conformance run --known-failing known.toml -- ./my-plugin

An entry of the file:
  [[known]]
  check = \"stop/drains\"        # the id of a check
  dialect = 2                  # left out: both
  reason = \"issue 17\"          # why it fails
  expires = 2027-03-01         # the last day on which it may";

#[derive(Debug, Subcommand)]
pub(super) enum BaselineCommand {
    /// Run the suite and bring the file in line with it: entries that pass are removed, failures that
    /// are not known are added. Entries that stay keep their reason, their day and their comments.
    #[command(after_help = EXAMPLES)]
    Update(UpdateArgs),
}

#[derive(Debug, Args)]
pub(super) struct UpdateArgs {
    /// The file. It need not exist.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// Why what fails now and is not known yet fails.
    #[arg(long, value_name = "TEXT", value_parser = parse_reason)]
    reason: Option<String>,
    /// The last day of new entries, and of those that have expired.
    #[arg(long, value_name = "DATE", conflicts_with = "days", value_parser = parse_day)]
    expires: Option<Date>,
    /// The same, as so many days from today.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
    #[command(flatten)]
    plugin: PluginArgs,
    /// The plugin's program and its own arguments; the protocol's flags are put behind them.
    #[arg(required = true, last = true, value_name = "PLUGIN")]
    command: Vec<OsString>,
}

fn parse_reason(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("a reason is not empty".into()) } else { Ok(text.into()) }
}

fn parse_day(text: &str) -> Result<Date, String> {
    let day: Date = text.parse().map_err(|_| "a day such as 2027-03-01".to_owned())?;
    if day < today() { Err("a day that is not over yet".into()) } else { Ok(day) }
}

pub(super) async fn main(command: BaselineCommand) -> ExitCode {
    let BaselineCommand::Update(args) = command;
    let (file, reason) = (args.file, args.reason);
    let expires =
        args.expires.unwrap_or_else(|| today().saturating_add(i32::from(args.days).days()));
    let options = match args.plugin.options(args.command) {
        Ok(options) => options,
        Err(error) => {
            complain(error);
            return ExitCode::Usage;
        }
    };
    let report = match until_done(options).await {
        Ok(report) => report,
        Err(code) => return code,
    };
    if let Some(code) = useless(&report) {
        return code;
    }
    let renewal = Renewal { reason: reason.as_deref(), expires, today: today() };
    match rewrite(&file, &report, &renewal) {
        Ok(updated) => show(&told(&file, &updated)),
        Err(error) => {
            complain(error);
            ExitCode::Usage
        }
    }
}

/// A run that says too little about the plugin to write anything down.
fn useless(report: &RunReport) -> Option<ExitCode> {
    let fault = |status: &Status| matches!(status, Status::Fault { .. });
    match report.verdict {
        Verdict::Conformant | Verdict::NotConformant => return None,
        Verdict::NothingRun => complain("nothing was checked, so the file stays as it is"),
        Verdict::NeverStarted => {
            complain("the plugin never started, so the file stays as it is; `run` tells why");
        }
        Verdict::RunnerFault => {
            let broken = report.results.iter().find(|result| fault(&result.status));
            let check = broken.map_or("a check", |result| result.check);
            complain(format_args!("the runner failed in {check}, so the file stays as it is"));
        }
    }
    Some(report.exit_code())
}

fn rewrite(
    file: &Path,
    report: &RunReport,
    renewal: &Renewal<'_>,
) -> Result<Updated, BaselineError> {
    let wrap = |source| BaselineError::File { file: file.to_owned(), source };
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.map_err(wrap)?,
    };
    let updated = update(file, &text, &report.results, renewal)?;
    std::fs::write(file, &updated.text).map_err(wrap)?;
    Ok(updated)
}

fn told(file: &Path, updated: &Updated) -> String {
    let groups = [
        ("added", &updated.added),
        ("renewed", &updated.renewed),
        ("narrowed", &updated.narrowed),
        ("removed", &updated.removed),
        ("kept", &updated.kept),
    ];
    let mut out = String::new();
    for (what, entries) in groups {
        for entry in entries {
            out.push_str(&format!("{what:<9} {entry}\n"));
        }
    }
    let left =
        updated.added.len() + updated.renewed.len() + updated.narrowed.len() + updated.kept.len();
    out.push_str(&format!("{}: {left} known failures\n", file.display()));
    out
}
