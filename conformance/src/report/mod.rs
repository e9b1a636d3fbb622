//! One result model, the ways to write it, and the progress line.
//!
//! [`RunReport`] is all there is to say; a writer adds nothing and asks nobody. What several of them
//! need is in `rows.rs` (one result an item, and what fails a run beside the checks) and `text.rs`.

mod destination;
pub mod explanation;
mod format;
mod fuzz;
pub mod github;
mod html;
pub mod human;
pub mod json;
mod junit;
mod progress;
mod rows;
#[cfg(test)]
mod sample;
mod tap;

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use temps_plugin_schema::Dialect;

pub use destination::{Destination, DestinationError};
pub use format::{Format, Rendering, WriteError};
pub use progress::Progress;
pub use rows::Outcome;

use crate::ExitCode;
use crate::baseline::Objection;
use crate::fuzz::FuzzReport;
use crate::model::{CheckResult, as_millis};
use crate::transcript::Transcript;
use crate::visible::visible_line;

/// Version of the JSON document. It changes when a reader would have to.
pub const FORMAT_VERSION: u32 = 1;

/// Everything a run found out.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RunReport {
    /// Always [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Version of the suite.
    pub suite_version: &'static str,
    /// What was started, without the protocol's flags.
    pub command: Vec<String>,
    /// What the plugin said of itself; none when it never started.
    pub plugin: Option<PluginSummary>,
    /// How the first start in each requested dialect went.
    pub starts: Vec<StartReport>,
    /// The verdict.
    pub verdict: Verdict,
    /// What the run was told not to put up with, beside the plugin itself. Any fails the run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objections: Vec<Objection>,
    /// How many checks ended how.
    pub counts: Counts,
    /// The results, in the order of the registry and then of the dialects.
    pub results: Vec<CheckResult>,
    /// What came of fuzzing, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuzz: Option<FuzzReport>,
    /// When the run began.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
    /// How long the run took, in milliseconds.
    #[serde(rename = "duration_ms", serialize_with = "as_millis")]
    #[schemars(with = "u64")]
    pub duration: Duration,
}

/// What a plugin said of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PluginSummary {
    /// Its manifest's `name`.
    pub name: String,
    /// Its manifest's `version`.
    pub version: String,
    /// Whether it serves a user interface.
    pub has_ui: bool,
    /// Whether it claims the everything profile.
    pub everything: bool,
}

/// How the first start in one dialect went.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StartReport {
    /// The dialect.
    pub dialect: Dialect,
    /// How it went.
    #[serde(flatten)]
    pub outcome: StartOutcome,
    /// What went over the wire, when it did not start.
    #[serde(skip_serializing_if = "Transcript::is_empty")]
    pub transcript: Transcript,
}

/// The possible ends of a first start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum StartOutcome {
    /// `ready` came.
    Started,
    /// The plugin showed that it knows the other dialect only.
    NotSpoken {
        /// How it showed that.
        reason: String,
    },
    /// It did not become ready.
    Failed {
        /// Why, for the person who runs the suite.
        reason: String,
    },
}

/// What the run says about the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No check of a MUST rule failed, apart from known failures, and at least one check was made.
    Conformant,
    /// A check of a MUST rule failed.
    NotConformant,
    /// No selected check applies to this plugin.
    NothingRun,
    /// The plugin started in none of the dialects.
    NeverStarted,
    /// The runner failed, so that nothing can be said.
    RunnerFault,
}

/// How many checks ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// Passed.
    pub passed: usize,
    /// Failed, and their rule is a MUST.
    pub failed: usize,
    /// Failed, and their rule is a SHOULD or MAY.
    pub warnings: usize,
    /// Failed, which is known and put up with.
    pub known: usize,
    /// Not made.
    pub skipped: usize,
    /// Not finished because the runner failed.
    pub faults: usize,
}

impl Counts {
    /// Counts `results`.
    #[must_use]
    pub fn of(results: &[CheckResult]) -> Self {
        let mut counts = Self::default();
        for result in results {
            let field = match Outcome::of(result) {
                Outcome::Passed => &mut counts.passed,
                Outcome::Failed => &mut counts.failed,
                Outcome::Warned => &mut counts.warnings,
                Outcome::Known => &mut counts.known,
                Outcome::Skipped => &mut counts.skipped,
                Outcome::Fault => &mut counts.faults,
            };
            *field += 1;
        }
        counts
    }

    /// How many checks were made to an end.
    #[must_use]
    pub fn run(self) -> usize {
        self.passed + self.failed + self.warnings + self.known
    }
}

impl Verdict {
    /// What `counts` of a plugin that has started say.
    #[must_use]
    pub fn of(counts: Counts) -> Self {
        match counts {
            // A fault first: whatever else was found, the tool is broken and must say so.
            Counts { faults: 1.., .. } => Self::RunnerFault,
            Counts { failed: 1.., .. } => Self::NotConformant,
            counts if counts.run() == 0 => Self::NothingRun,
            _ => Self::Conformant,
        }
    }

    /// What a report calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Conformant => "conformant",
            Self::NotConformant => "not conformant",
            Self::NothingRun => "nothing was checked",
            Self::NeverStarted => "the plugin never started",
            Self::RunnerFault => "the runner failed",
        }
    }
}

impl RunReport {
    /// The dialects in which the plugin started, as `dialect 1 and 2`.
    #[must_use]
    pub fn spoken(&self) -> String {
        let spoken = self.starts.iter().filter(|start| start.outcome == StartOutcome::Started);
        let numbers: Vec<_> = spoken.map(|start| start.dialect.number().to_string()).collect();
        if numbers.is_empty() {
            return "no dialect".into();
        }
        format!("dialect {}", numbers.join(" and "))
    }

    /// What the report is about, on one line: the plugin's name and version, or its command.
    #[must_use]
    pub fn subject(&self) -> String {
        match &self.plugin {
            Some(plugin) => visible_line(&format!("{} {}", plugin.name, plugin.version)),
            None => self.command_line(),
        }
    }

    /// What was started, on one line.
    #[must_use]
    pub fn command_line(&self) -> String {
        visible_line(&self.command.join(" "))
    }
    /// The exit status that goes with this report.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self.verdict {
            Verdict::Conformant if self.objections.is_empty() => ExitCode::Conformant,
            Verdict::Conformant => ExitCode::NotConformant,
            Verdict::NotConformant => ExitCode::NotConformant,
            Verdict::NothingRun => ExitCode::Usage,
            Verdict::NeverStarted => ExitCode::NeverStarted,
            Verdict::RunnerFault => ExitCode::RunnerFault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: usize, failed: usize, warnings: usize, faults: usize) -> Counts {
        Counts { passed, failed, warnings, known: 0, skipped: 3, faults }
    }

    #[test]
    fn a_verdict_needs_something_that_passed_or_failed() {
        assert_eq!(Verdict::of(counts(1, 0, 0, 0)), Verdict::Conformant);
        assert_eq!(Verdict::of(counts(1, 0, 5, 0)), Verdict::Conformant);
        assert_eq!(Verdict::of(counts(9, 1, 0, 0)), Verdict::NotConformant);
        assert_eq!(Verdict::of(counts(0, 0, 0, 0)), Verdict::NothingRun);
        assert_eq!(Verdict::of(counts(9, 1, 0, 1)), Verdict::RunnerFault);
    }
}
