//! Where a run's reports go, and in which form.

use clap::Args;

use super::{complain, show, write_out};
use crate::report::{Destination, DestinationError, Format, Rendering, RunReport, github};
use crate::{ExitCode, Transcripts};

/// The options of `run` that are about its reports.
#[derive(Debug, Args)]
pub(super) struct OutputArgs {
    /// How to write the report to stdout.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Also write the report to a file, such as `junit=target/junit.xml`. May be repeated.
    #[arg(long = "report", value_name = "FORMAT=FILE")]
    reports: Vec<Destination>,
    /// Which checks keep what went over the wire, in the formats json and html: those that did not
    /// pass, or all. Unless it is said, all when an HTML page is written.
    #[arg(long, value_enum, value_name = "WHICH")]
    transcripts: Option<Transcripts>,
    /// Show the evidence of passed checks, and skipped checks too.
    #[arg(long, short)]
    verbose: bool,
}

impl OutputArgs {
    /// Sees that the files can be written, before a run whose reports would be lost.
    pub(super) fn prepare(&self) -> Result<(), DestinationError> {
        Destination::prepare(&self.reports)
    }

    /// What the run has to keep.
    pub(super) fn transcripts(&self) -> Transcripts {
        let wanted = self.formats().any(Format::shows_passes);
        let unless_said = if wanted { Transcripts::All } else { Transcripts::Failed };
        self.transcripts.unwrap_or(unless_said)
    }

    fn formats(&self) -> impl Iterator<Item = Format> {
        self.reports.iter().map(|report| report.format).chain([self.format])
    }

    /// Writes every report that was asked for. One that can't be written does not keep the others
    /// from it.
    pub(super) fn write(&self, report: &RunReport) -> ExitCode {
        let rendering = Rendering { verbose: self.verbose };
        let mut outcome = report.exit_code();
        let mut failed = |error: &dyn std::fmt::Display| {
            complain(error);
            outcome = ExitCode::RunnerFault;
        };
        for destination in &self.reports {
            match destination.format.render(report, rendering) {
                Ok(text) => {
                    if let Err(error) = destination.write(&plain(destination.format, text)) {
                        failed(&error);
                    }
                }
                Err(error) => failed(&error),
            }
        }
        if let Some(file) = step_summary(self.formats())
            && let Err(error) = github::append_step_summary(report, &file)
        {
            failed(&format!("can't write the step summary {}: {error}", file.display()));
        }
        match self.format.render(report, rendering) {
            Ok(text) => {
                let shown = match self.format {
                    Format::Human => show(&text),
                    // Their text is what it is: nothing may be stripped from it.
                    _ => write_out(std::io::stdout().lock(), &text),
                };
                if shown != ExitCode::Conformant {
                    outcome = shown;
                }
            }
            Err(error) => failed(&error),
        }
        outcome
    }
}

/// The file for the job summary, when one of `formats` is for GitHub and its runner has given one.
fn step_summary(mut formats: impl Iterator<Item = Format>) -> Option<std::path::PathBuf> {
    if !formats.any(|format| format == Format::Github) {
        return None;
    }
    let file = std::env::var_os("GITHUB_STEP_SUMMARY")?;
    (!file.is_empty()).then(|| file.into())
}

/// `text` for a file, which is no terminal.
fn plain(format: Format, text: String) -> String {
    match format {
        Format::Human => anstream::adapter::strip_str(&text).to_string(),
        _ => text,
    }
}
