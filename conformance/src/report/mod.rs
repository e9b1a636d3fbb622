//! One result model, two ways to write it, and the progress line.

pub mod human;
pub mod json;

use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use serde::Serialize;
use temps_plugin_schema::Dialect;

use crate::ExitCode;
use crate::model::{CheckResult, Status, as_millis};
use crate::rules::Level;
use crate::transcript::Transcript;

/// Version of the JSON document. It changes when a reader would have to.
pub const FORMAT_VERSION: u32 = 1;

/// Everything a run found out.
#[derive(Debug, Clone, Serialize)]
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
    /// How many checks ended how.
    pub counts: Counts,
    /// The results, in the order of the registry and then of the dialects.
    pub results: Vec<CheckResult>,
    /// How long the run took, in milliseconds.
    #[serde(rename = "duration_ms", serialize_with = "as_millis")]
    pub duration: Duration,
}

/// What a plugin said of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No check of a MUST rule failed, and at least one check passed.
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Passed.
    pub passed: usize,
    /// Failed, and their rule is a MUST.
    pub failed: usize,
    /// Failed, and their rule is a SHOULD or MAY.
    pub warnings: usize,
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
            let field = match (&result.status, result.severity) {
                (Status::Passed { .. }, _) => &mut counts.passed,
                (Status::Failed { .. }, Level::Must) => &mut counts.failed,
                (Status::Failed { .. }, _) => &mut counts.warnings,
                (Status::Skipped { .. }, _) => &mut counts.skipped,
                (Status::Fault { .. }, _) => &mut counts.faults,
            };
            *field += 1;
        }
        counts
    }

    /// How many checks were made to an end.
    #[must_use]
    pub fn run(self) -> usize {
        self.passed + self.failed + self.warnings
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
}

impl RunReport {
    /// The exit status that goes with this report.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self.verdict {
            Verdict::Conformant => ExitCode::Conformant,
            Verdict::NotConformant => ExitCode::NotConformant,
            Verdict::NothingRun => ExitCode::Usage,
            Verdict::NeverStarted => ExitCode::NeverStarted,
            Verdict::RunnerFault => ExitCode::RunnerFault,
        }
    }
}

/// Says on stderr how far the run is.
#[derive(Debug)]
pub struct Progress {
    style: ProgressStyle,
    state: Mutex<ProgressState>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProgressStyle {
    Silent,
    Lines,
    InPlace,
}

#[derive(Debug, Default)]
struct ProgressState {
    total: usize,
    done: usize,
    failed: usize,
}

/// Without a terminal, a line is written each time this many checks are done.
const LINE_EVERY: usize = 50;

impl Progress {
    /// Says nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self { style: ProgressStyle::Silent, state: Mutex::default() }
    }

    /// Writes to stderr: one line that changes on a terminal, now and then a line elsewhere.
    #[must_use]
    pub fn on_stderr(terminal: bool) -> Self {
        let style = if terminal { ProgressStyle::InPlace } else { ProgressStyle::Lines };
        Self { style, state: Mutex::default() }
    }

    pub(crate) fn begin(&self, total: usize) {
        if let Ok(mut state) = self.state.lock() {
            *state = ProgressState { total, ..ProgressState::default() };
        }
    }

    pub(crate) fn finished(&self, result: &CheckResult) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        state.done += 1;
        let failed = matches!(result.status, Status::Failed { .. } | Status::Fault { .. });
        state.failed += usize::from(failed);
        let ProgressState { total, done, failed } = *state;
        let mut err = anstream::stderr().lock();
        // Progress is a courtesy: a closed stderr must not end the run.
        let _ = match self.style {
            ProgressStyle::Silent => Ok(()),
            ProgressStyle::InPlace => {
                let check = result.check;
                write!(err, "\r\x1b[2K[{done}/{total}] {failed} failed  {check}")
                    .and_then(|()| err.flush())
            }
            ProgressStyle::Lines if done % LINE_EVERY == 0 || done == total => {
                writeln!(err, "{done} of {total} checks made, {failed} failed")
            }
            ProgressStyle::Lines => Ok(()),
        };
    }

    pub(crate) fn end(&self) {
        if self.style == ProgressStyle::InPlace {
            let mut err = anstream::stderr().lock();
            let _ = write!(err, "\r\x1b[2K").and_then(|()| err.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: usize, failed: usize, warnings: usize, faults: usize) -> Counts {
        Counts { passed, failed, warnings, skipped: 3, faults }
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
