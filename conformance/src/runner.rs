//! Running the selected checks: first one start in each dialect, then everything in parallel.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, StreamExt as _, future, stream};
use jiff::{Timestamp, Unit};
use temps_plugin_schema::Dialect;

use crate::model::{Check, CheckResult, Needs, Status, Verdict};
use crate::registry::START_CHECK;
use crate::report::{
    Counts, FORMAT_VERSION, RunReport, StartOutcome, StartReport, Verdict as Answer,
};
use crate::selection::{SelectionError, select};
use crate::subject::{Cx, Probe, Subject, probe, settle};
use crate::transcript::{Transcript, Transcripts};
use crate::{ExitCode, RunOptions, registry};

/// No check may take longer; every wait inside has a shorter limit of its own.
const CHECK_LIMIT: Duration = Duration::from_secs(120);

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The selection is wrong.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// The options ask for nothing.
    #[error("{0}")]
    Usage(String),
}

impl RunError {
    /// The exit status that goes with this error.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Selection(_) | Self::Usage(_) => ExitCode::Usage,
        }
    }
}

/// Holds a plugin to the protocol.
///
/// # Errors
/// When the options select nothing. What goes wrong later is in the report.
pub async fn run(options: RunOptions) -> Result<RunReport, RunError> {
    let checks = select(&registry::CHECKS, &options.run, &options.skip)?;
    if options.command.is_empty() || options.dialects.is_empty() {
        return Err(RunError::Usage("a plugin to start and a dialect are needed".into()));
    }
    if !checks.iter().any(|check| options.dialects.iter().any(|d| check.dialects.contains(*d))) {
        return Err(RunError::Usage("no selected check is made in the requested dialect".into()));
    }
    let (began, started_at) = (Instant::now(), now());
    let mut probes =
        future::join_all(options.dialects.iter().map(|dialect| probe(&options, *dialect))).await;
    settle(&mut probes);
    let starts: Vec<StartReport> = probes.iter().map(start_report).collect();
    let subjects: Vec<(Dialect, Option<Arc<Subject>>)> = options
        .dialects
        .iter()
        .copied()
        .zip(probes.into_iter().map(|probe| probe.subject))
        .collect();

    let announced = subjects.iter().filter_map(|(_, subject)| subject.as_ref());
    let plugin = announced.into_iter().find(|s| s.announced()).map(|s| s.summary());
    let mut results = run_all(&checks, &subjects, &starts, &options).await;
    if plugin.is_none() {
        // Nothing can be said of a plugin that never started, but what is wrong with its start.
        results
            .retain(|result| matches!(result.status, Status::Failed { .. } | Status::Fault { .. }));
    }
    for (_, subject) in &subjects {
        if let Some(subject) = subject {
            subject.shut_down().await;
        }
    }
    let counts = Counts::of(&results);
    let verdict = verdict(&starts, counts, plugin.is_some());
    Ok(RunReport {
        format_version: FORMAT_VERSION,
        suite_version: env!("CARGO_PKG_VERSION"),
        command: options.command.iter().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        plugin,
        starts,
        verdict,
        counts,
        results,
        started_at,
        duration: began.elapsed(),
    })
}

/// The time of day, as exact as a report needs it.
fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(Unit::Millisecond).unwrap_or(now)
}

/// What the starts and the checks say together.
fn verdict(starts: &[StartReport], counts: Counts, started: bool) -> Answer {
    let failed = starts.iter().any(|start| matches!(start.outcome, StartOutcome::Failed { .. }));
    match Answer::of(counts) {
        _ if !started => Answer::NeverStarted,
        // Whatever was selected: a dialect that was asked for and breaks off is a broken promise.
        Answer::Conformant | Answer::NothingRun if failed => Answer::NotConformant,
        answer => answer,
    }
}

fn start_report(probe: &Probe) -> StartReport {
    let transcript = match probe.outcome {
        StartOutcome::Failed { .. } => probe.transcript.clone(),
        StartOutcome::Started | StartOutcome::NotSpoken { .. } => Transcript::default(),
    };
    StartReport { dialect: probe.dialect, outcome: probe.outcome.clone(), transcript }
}

async fn run_all(
    checks: &[&'static Check],
    subjects: &[(Dialect, Option<Arc<Subject>>)],
    starts: &[StartReport],
    options: &RunOptions,
) -> Vec<CheckResult> {
    // Dialect by dialect within a check, so that results of one check stand together.
    let jobs: Vec<_> = checks
        .iter()
        .flat_map(|check| {
            subjects.iter().zip(starts).map(move |(subject, start)| (*check, subject, start))
        })
        .filter(|(check, (dialect, _), _)| check.dialects.contains(*dialect))
        .collect();
    options.progress.begin(jobs.len());
    let mut results: Vec<(usize, CheckResult)> = stream::iter(jobs.into_iter().enumerate())
        .map(|(number, (check, (dialect, subject), start))| async move {
            let result = match subject {
                _ if check.slow && !options.slow => too_slow(check, *dialect),
                Some(subject) if subject.refused().is_none() => {
                    spawn_one(check, subject, options.transcripts).await
                }
                Some(subject) if subject.announced() && judges_lines(check) => {
                    spawn_one(check, subject, options.transcripts).await
                }
                Some(subject) if check.needs == Needs::Process => {
                    can_only_fail(spawn_one(check, subject, options.transcripts).await)
                }
                _ => not_started(check, *dialect, start),
            };
            options.progress.finished(&result);
            (number, result)
        })
        .buffer_unordered(options.jobs.max(1))
        .collect()
        .await;
    options.progress.end();
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Whether a check can be made of a plugin that announces itself and that no host takes.
fn judges_lines(check: &Check) -> bool {
    check.area() == MANIFEST_AREA || check.needs == Needs::Process
}

/// A plugin that does not start passes nothing.
fn can_only_fail(result: CheckResult) -> CheckResult {
    match result.status {
        Status::Passed { .. } => {
            let reason = format!("the plugin did not start in {}", result.dialect);
            CheckResult { status: Status::Skipped { reason }, ..result }
        }
        _ => result,
    }
}

/// The checks that need no more than the first line.
const MANIFEST_AREA: &str = "manifest";

fn too_slow(check: &'static Check, dialect: Dialect) -> CheckResult {
    let reason = "it waits for a limit of the protocol; --slow makes it".to_owned();
    let status = Status::Skipped { reason };
    result(check, dialect, status, Duration::ZERO, Transcript::default())
}

fn not_started(check: &'static Check, dialect: Dialect, start: &StartReport) -> CheckResult {
    let status = match &start.outcome {
        StartOutcome::Failed { reason } if check.id == START_CHECK => Verdict::Err(
            crate::model::Stop::failed("the plugin starts and becomes ready", reason.as_str()),
        )
        .into(),
        _ => Status::Skipped { reason: format!("the plugin did not start in {dialect}") },
    };
    result(check, dialect, status, Duration::ZERO, start.transcript.clone())
}

/// Makes a check in a task of its own, so that checks use all processors.
async fn spawn_one(
    check: &'static Check,
    subject: &Arc<Subject>,
    keep: Transcripts,
) -> CheckResult {
    let began = Instant::now();
    let dialect = subject.dialect();
    match tokio::spawn(run_one(check, Arc::clone(subject), keep)).await {
        Ok(result) => result,
        Err(error) => {
            let status = Status::Fault { message: format!("the check's task ended: {error}") };
            let nothing = Transcript::default();
            result(check, dialect, status, began.elapsed(), nothing)
        }
    }
}

async fn run_one(check: &'static Check, subject: Arc<Subject>, keep: Transcripts) -> CheckResult {
    let began = Instant::now();
    let dialect = subject.dialect();
    if let Some(reason) = lacks(check, &subject) {
        let status = Status::Skipped { reason };
        return result(check, dialect, status, Duration::ZERO, Transcript::default());
    }
    let cx = Cx::new(Arc::clone(&subject));
    // A panic is a defect of the check. It must not look like one of the plugin, nor end the run.
    let verdict = AssertUnwindSafe((check.run)(cx.clone())).catch_unwind();
    let limit = CHECK_LIMIT.mul_f64(subject.timeout_scale().max(1.0));
    let status = match tokio::time::timeout(limit, verdict).await {
        Ok(Ok(verdict)) => verdict.into(),
        Ok(Err(panic)) => {
            Status::Fault { message: format!("the check panicked: {}", text_of(&*panic)) }
        }
        Err(_) => {
            Status::Fault { message: format!("the check was not done after {} s", limit.as_secs()) }
        }
    };
    cx.clean_up().await;
    let transcript = match status {
        Status::Failed { .. } | Status::Fault { .. } => cx.transcript(),
        _ if keep == Transcripts::All => cx.transcript().of_a_pass(),
        Status::Passed { .. } | Status::Skipped { .. } => Transcript::default(),
    };
    result(check, dialect, status, began.elapsed(), transcript)
}

/// What the plugin does not have that the check needs.
fn lacks(check: &Check, subject: &Subject) -> Option<String> {
    let summary = subject.summary();
    match check.needs {
        Needs::Ui if !summary.has_ui => Some("the plugin serves no user interface".into()),
        Needs::Requests if !subject.has_requests() => Some(
            "there is no conformance.toml, and the plugin sends no OpenAPI document; `init` writes \
             a first file"
                .into(),
        ),
        Needs::Everything if !summary.everything => {
            Some("the plugin does not claim the everything profile".into())
        }
        _ => None,
    }
}

fn result(
    check: &'static Check,
    dialect: Dialect,
    status: Status,
    duration: Duration,
    transcript: Transcript,
) -> CheckResult {
    let Check { id, title, rules, severity, .. } = *check;
    let profile = check.profile();
    CheckResult {
        check: id,
        title,
        rules,
        severity,
        profile,
        dialect,
        status,
        duration,
        transcript,
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("with a value that is no text")
}
