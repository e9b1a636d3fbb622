//! Running the selected checks: first one start in each dialect, then everything in parallel.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, StreamExt as _, future, stream};
use jiff::{Timestamp, Unit};
use temps_plugin_schema::Dialect;

use crate::baseline::{Objection, denied_skips};
use crate::fuzz::{self, FuzzReport};
use crate::model::{Check, CheckResult, Needs, Status, Verdict};
use crate::registry::START_CHECK;
use crate::report::{
    Counts, FORMAT_VERSION, RunReport, StartOutcome, StartReport, Verdict as Answer,
};
use crate::selection::{Selected, SelectionError, select};
use crate::subject::{
    Base, Cx, Keep, KeepRoot, OUT_OF_SIGHT, Probe, Subject, attach, probe, settle,
};
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
    /// The options ask for nothing, or for what cannot be.
    #[error("{0}")]
    Usage(String),
    /// There is no plugin to attach to.
    #[error("cannot attach: {0}")]
    Attach(String),
}

impl RunError {
    /// The exit status that goes with this error.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Selection(_) | Self::Usage(_) => ExitCode::Usage,
            Self::Attach(_) => ExitCode::NeverStarted,
        }
    }
}

/// Holds a plugin to the protocol.
///
/// # Errors
/// When the options select nothing, or ask for what cannot be. What goes wrong later is in the report.
pub async fn run(options: RunOptions) -> Result<RunReport, RunError> {
    let alone = options.fuzz.as_ref().is_some_and(|fuzz| fuzz.alone);
    let selected = match alone {
        true => Vec::new(),
        false => select(&registry::CHECKS, &options.run, &options.skip)?,
    };
    check_usage(&options, &selected, alone)?;
    let keep = options.keep.as_deref().map(|dir| {
        KeepRoot::create(dir)
            .map_err(|error| RunError::Usage(format!("--keep {}: {error}", dir.display())))
    });
    let keep = keep.transpose()?;
    let (began, started_at) = (Instant::now(), now());
    let (starts, subjects) = first_starts(&options, keep.as_ref()).await?;
    let announced = subjects.iter().filter_map(|(_, subject)| subject.as_ref());
    let plugin = announced.into_iter().find(|s| s.announced()).map(|s| s.summary());
    let mut results = run_all(&selected, &subjects, &starts, &options, keep.as_ref()).await;
    if plugin.is_none() {
        // Nothing can be said of a plugin that never started, but what is wrong with its start.
        results
            .retain(|result| matches!(result.status, Status::Failed { .. } | Status::Fault { .. }));
    }
    let fuzz = match &options.fuzz {
        Some(fuzz) if plugin.is_some() => Some(fuzz::run(&subjects, &options, fuzz).await),
        _ => None,
    };
    for (_, subject) in &subjects {
        if let Some(subject) = subject {
            subject.shut_down().await;
        }
    }
    let objections = objections(&options, &mut results, keep.as_deref());
    let counts = Counts::of(&results);
    let verdict = verdict(&starts, counts, fuzz.as_ref(), plugin.is_some());
    Ok(RunReport {
        format_version: FORMAT_VERSION,
        suite_version: env!("CARGO_PKG_VERSION"),
        command: shown_command(&options),
        plugin,
        starts,
        verdict,
        objections,
        counts,
        results,
        fuzz,
        started_at,
        duration: began.elapsed(),
    })
}

/// The time of day, as exact as a report needs it.
fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(Unit::Millisecond).unwrap_or(now)
}

fn check_usage(options: &RunOptions, selected: &[Selected], alone: bool) -> Result<(), RunError> {
    let usage = |text: &str| Err(RunError::Usage(text.into()));
    match (&options.attach, options.command.is_empty()) {
        (None, true) => return usage("a plugin to start is needed"),
        (Some(_), false) => return usage("a plugin is either started or attached to, not both"),
        (Some(_), true) if options.dialects.len() != 1 => {
            return usage("a plugin that runs speaks one dialect; say which with --dialect 1 or 2");
        }
        (Some(_), true) if options.fuzz.is_some() => {
            return usage("a plugin that was attached to is not fuzzed: it cannot be started anew");
        }
        _ => {}
    }
    if !alone && !selected.iter().any(|s| s.dialects.iter().any(|d| options.dialects.contains(d))) {
        return usage("no selected check is made in the requested dialect");
    }
    Ok(())
}

/// What was started, or attached to.
fn shown_command(options: &RunOptions) -> Vec<String> {
    match &options.attach {
        Some(attach) => vec!["--attach".to_owned(), attach.socket.display().to_string()],
        None => options.command.iter().map(|arg| arg.to_string_lossy().into_owned()).collect(),
    }
}

/// A dialect, and the plugin that speaks it, if it does.
type Subjects = (Dialect, Option<Arc<Subject>>);

/// Starts the plugin once in each dialect, or attaches to it.
async fn first_starts(
    options: &RunOptions,
    keep: Option<&Arc<KeepRoot>>,
) -> Result<(Vec<StartReport>, Vec<Subjects>), RunError> {
    if let (Some(to), [dialect]) = (&options.attach, options.dialects.as_slice()) {
        let subject = attach(to, Base::of(options, *dialect)).await.map_err(RunError::Attach)?;
        let (outcome, transcript) = (StartOutcome::Started, Transcript::default());
        let start = StartReport { dialect: *dialect, outcome, transcript };
        return Ok((vec![start], vec![(*dialect, Some(subject))]));
    }
    let probes = options.dialects.iter().map(|dialect| probe(options, *dialect, keep));
    let mut probes = future::join_all(probes).await;
    settle(&mut probes);
    let starts = probes.iter().map(|probe| start_report(probe, options.transcripts)).collect();
    let subjects = options.dialects.iter().copied();
    Ok((starts, subjects.zip(probes.into_iter().map(|probe| probe.subject)).collect()))
}

/// What the run was told not to put up with. Marks the failures that are known.
fn objections(
    options: &RunOptions,
    results: &mut [CheckResult],
    keep: Option<&KeepRoot>,
) -> Vec<Objection> {
    let mut objections = Vec::new();
    if let Some(known) = &options.known_failing {
        objections.extend(known.apply(results));
    }
    if options.deny_skips {
        objections.extend(denied_skips(results));
    }
    objections.extend(keep.and_then(KeepRoot::trouble).map(|trouble| Objection {
        file: None,
        line: None,
        message: format!("--keep: not all could be kept: {trouble}"),
    }));
    objections
}

/// What the starts, the checks and the fuzz stage say together.
fn verdict(
    starts: &[StartReport],
    counts: Counts,
    fuzz: Option<&FuzzReport>,
    started: bool,
) -> Answer {
    let failed = starts.iter().any(|start| matches!(start.outcome, StartOutcome::Failed { .. }));
    let checks = Answer::of(counts);
    let both = match fuzz {
        Some(FuzzReport { fault: Some(_), .. }) => Answer::RunnerFault,
        Some(fuzz) if !fuzz.findings.is_empty() && checks != Answer::RunnerFault => {
            Answer::NotConformant
        }
        Some(fuzz) if fuzz.cases() > 0 && checks == Answer::NothingRun => Answer::Conformant,
        _ => checks,
    };
    match both {
        _ if !started => Answer::NeverStarted,
        // Whatever was selected: a dialect that was asked for and breaks off is a broken promise.
        Answer::Conformant | Answer::NothingRun if failed => Answer::NotConformant,
        answer => answer,
    }
}

fn start_report(probe: &Probe, transcripts: Transcripts) -> StartReport {
    let transcript = match probe.outcome {
        StartOutcome::Failed { .. } => probe.transcript.clone(),
        _ if transcripts == Transcripts::All => probe.transcript.clone().of_a_pass(),
        StartOutcome::Started | StartOutcome::NotSpoken { .. } => Transcript::default(),
    };
    StartReport { dialect: probe.dialect, outcome: probe.outcome.clone(), transcript }
}

async fn run_all(
    selected: &[Selected],
    subjects: &[Subjects],
    starts: &[StartReport],
    options: &RunOptions,
    keep: Option<&Arc<KeepRoot>>,
) -> Vec<CheckResult> {
    // Dialect by dialect within a check, so that results of one check stand together.
    let jobs: Vec<_> = selected
        .iter()
        .flat_map(|selected| {
            let wanted = |(dialect, _): &Subjects| selected.dialects.contains(dialect);
            let subjects = subjects.iter().zip(starts);
            subjects
                .filter(move |(subject, _)| wanted(subject))
                .map(|(subject, start)| (selected.check, subject, start))
        })
        .collect();
    options.progress.begin(jobs.len());
    let make = |(number, job)| make(number, job, options, keep);
    // Slow checks do little but wait: they all begin at once and take no place from the others.
    let (slow, quick): (Vec<_>, Vec<_>) =
        jobs.into_iter().enumerate().partition(|(_, (check, ..))| check.slow && options.slow);
    let (mut results, quick) = future::join(
        future::join_all(slow.into_iter().map(make)),
        stream::iter(quick).map(make).buffer_unordered(options.jobs.max(1)).collect::<Vec<_>>(),
    )
    .await;
    results.extend(quick);
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

async fn make(
    number: usize,
    (check, (dialect, subject), start): Job<'_>,
    options: &RunOptions,
    keep: Option<&Arc<KeepRoot>>,
) -> (usize, CheckResult) {
    let kept = || keep.map(|root| Keep::below(root, check.id, *dialect));
    let result = match subject {
        _ if check.slow && !options.slow => too_slow(check, *dialect),
        Some(subject) if subject.refused().is_none() => {
            spawn_one(check, subject, kept(), options.transcripts).await
        }
        Some(subject) if subject.announced() && judges_lines(check) => {
            spawn_one(check, subject, kept(), options.transcripts).await
        }
        Some(subject) if check.needs == Needs::Process => {
            can_only_fail(spawn_one(check, subject, kept(), options.transcripts).await)
        }
        _ => not_started(check, *dialect, start),
    };
    options.progress.finished(&result);
    (number, result)
}

/// A check, what it is made on, and how the first start of that went.
type Job<'a> = (&'static Check, &'a Subjects, &'a StartReport);

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
    keep: Option<Keep>,
    transcripts: Transcripts,
) -> CheckResult {
    let began = Instant::now();
    let dialect = subject.dialect();
    match tokio::spawn(run_one(check, Arc::clone(subject), keep, transcripts)).await {
        Ok(result) => result,
        Err(error) => {
            let status = Status::Fault { message: format!("the check's task ended: {error}") };
            let nothing = Transcript::default();
            result(check, dialect, status, began.elapsed(), nothing)
        }
    }
}

async fn run_one(
    check: &'static Check,
    subject: Arc<Subject>,
    keep: Option<Keep>,
    transcripts: Transcripts,
) -> CheckResult {
    let began = Instant::now();
    let dialect = subject.dialect();
    if let Some(reason) = lacks(check, &subject) {
        let status = Status::Skipped { reason };
        return result(check, dialect, status, Duration::ZERO, Transcript::default());
    }
    let cx = Cx::new(Arc::clone(&subject), keep);
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
    let status = match status {
        Status::Fault { .. } => status,
        // Whatever it concluded, it concluded from nothing.
        _ if cx.looked_out_of_sight() => Status::Skipped { reason: OUT_OF_SIGHT.into() },
        _ => status,
    };
    let transcript = match status {
        Status::Failed { .. } | Status::Fault { .. } => cx.transcript(),
        _ if transcripts == Transcripts::All => cx.transcript().of_a_pass(),
        Status::Passed { .. } | Status::Skipped { .. } => Transcript::default(),
    };
    result(check, dialect, status, began.elapsed(), transcript)
}

/// What the plugin does not have that the check needs.
fn lacks(check: &Check, subject: &Subject) -> Option<String> {
    let summary = subject.summary();
    match check.needs {
        Needs::Start | Needs::Process if subject.is_attached() => Some(OUT_OF_SIGHT.into()),
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
        known: None,
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::LazyLock;

    use tokio::sync::Barrier;

    use super::*;
    use crate::model::Evidence;
    use crate::subject::{Base, Facts};

    /// Everybody who has to be under way at the same time.
    static ALL: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(3));

    fn in_dialect_one(checks: &'static [Check]) -> Vec<Selected> {
        let dialects = vec![Dialect::One];
        checks.iter().map(|check| Selected { check, dialects: dialects.clone() }).collect()
    }

    async fn meet() -> Verdict {
        ALL.wait().await;
        Ok(Evidence::saw("the others"))
    }

    #[tokio::test]
    async fn slow_checks_take_no_place_from_others_or_each_other() {
        const MEET: Check = Check::must("test/meet", "", &[], |_| Box::pin(meet()));
        static CHECKS: [Check; 3] = [MEET, MEET.slow(), MEET.slow()];
        let options = RunOptions { slow: true, jobs: 1, ..RunOptions::new(["plugin"]) };
        let base = Base {
            program: PathBuf::from("plugin"),
            args: Vec::new(),
            dialect: Dialect::One,
            timeout_scale: 1.0,
            database_url: None,
            config: None,
        };
        let subject = Some(Arc::new(Subject::new(base, Facts::default(), None)));
        let start = StartReport {
            dialect: Dialect::One,
            outcome: StartOutcome::Started,
            transcript: Transcript::default(),
        };
        let checks = in_dialect_one(&CHECKS);
        let subjects = [(Dialect::One, subject)];
        let run = run_all(&checks, &subjects, std::slice::from_ref(&start), &options, None);
        let results = tokio::time::timeout(Duration::from_secs(60), run).await.unwrap();
        assert!(results.iter().all(|result| matches!(result.status, Status::Passed { .. })));
        assert_eq!(results.len(), 3);
    }

    #[tokio::test]
    async fn slow_checks_are_made_only_when_asked_for() {
        static CHECKS: [Check; 1] =
            [Check::must("test/never", "", &[], |_| Box::pin(std::future::pending())).slow()];
        let options = RunOptions::new(["plugin"]);
        let start = StartReport {
            dialect: Dialect::One,
            outcome: StartOutcome::Started,
            transcript: Transcript::default(),
        };
        let checks = in_dialect_one(&CHECKS);
        let results =
            run_all(&checks, &[(Dialect::One, None)], std::slice::from_ref(&start), &options, None)
                .await;
        assert!(
            matches!(&results[0].status, Status::Skipped { reason } if reason.contains("--slow"))
        );
    }
}
