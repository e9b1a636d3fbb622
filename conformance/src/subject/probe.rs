//! The first start in each dialect, on which everything else depends.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use temps_plugin_host::{StartError, StartErrorKind, Step};
use temps_plugin_schema::{Dialect, PluginManifest, Secret};

use super::plan::{Base, Plan};
use super::{Facts, Keep, KeepRoot, Subject, find_program};
use crate::RunOptions;
use crate::model::Stop;
use crate::report::StartOutcome;
use crate::transcript::{Tape, Transcript};

/// What came of the first start in one dialect.
pub(crate) struct Probe {
    pub(crate) dialect: Dialect,
    pub(crate) outcome: StartOutcome,
    pub(crate) transcript: Transcript,
    /// What to check; none when there is no program, or it does not speak the dialect.
    pub(crate) subject: Option<Arc<Subject>>,
    /// Whether the failure is one that a plugin of the other dialect shows.
    suggests_other: bool,
}

/// Starts the plugin once in `dialect`.
pub(crate) async fn probe(
    options: &RunOptions,
    dialect: Dialect,
    keep: Option<&Arc<KeepRoot>>,
) -> Probe {
    let first = keep.map(|root| Keep::below(root, "first-start", dialect));
    let shared = keep.map(|root| Keep::below(root, "shared", dialect));
    let tape = super::tape(first.as_ref());
    let base = match base(options, dialect) {
        Ok(base) => base,
        Err(failure) => {
            let outcome = StartOutcome::Failed { reason: failure.reason };
            let transcript = Transcript::default();
            return Probe { dialect, outcome, transcript, subject: None, suggests_other: false };
        }
    };
    let begun = attempt(&base, dialect, &tape).await;
    let transcript = tape.transcript();
    if let Some(first) = first {
        first.transcript(&transcript);
    }
    match begun {
        Ok(facts) => {
            let outcome = match &facts.refused {
                None => StartOutcome::Started,
                Some(reason) => StartOutcome::Failed { reason: reason.clone() },
            };
            let subject = Some(Arc::new(Subject::new(base, facts, shared)));
            Probe { dialect, outcome, transcript, subject, suggests_other: false }
        }
        Err(failure) => {
            let suggests_other = failure.suggests_other;
            let facts = Facts { refused: Some(failure.reason.clone()), ..Facts::default() };
            let outcome = StartOutcome::Failed { reason: failure.reason };
            let subject = Some(Arc::new(Subject::new(base, facts, shared)));
            Probe { dialect, outcome, transcript, subject, suggests_other }
        }
    }
}

/// Takes a failure for "does not speak that dialect" where another dialect works.
pub(crate) fn settle(probes: &mut [Probe]) {
    let announced = |probe: &Probe| probe.subject.as_ref().is_some_and(|s| s.announced());
    if !probes.iter().any(announced) {
        return;
    }
    for probe in probes.iter_mut().filter(|probe| probe.suggests_other) {
        if let StartOutcome::Failed { reason } = &probe.outcome {
            let reason = reason.lines().next().unwrap_or_default().to_owned();
            probe.outcome = StartOutcome::NotSpoken { reason };
            probe.subject = None;
        }
    }
}

struct Failed {
    reason: String,
    suggests_other: bool,
}

impl From<Stop> for Failed {
    fn from(stop: Stop) -> Self {
        let reason = match stop {
            Stop::Failed(failure) => failure.seen,
            Stop::Skipped(reason) | Stop::Fault(reason) => reason,
        };
        Self { reason, suggests_other: false }
    }
}

fn base(options: &RunOptions, dialect: Dialect) -> Result<Base, Failed> {
    Ok(Base {
        program: find(options.command.first().map(OsStr::new).unwrap_or_default())?,
        args: options.command.get(1..).unwrap_or_default().to_vec(),
        ..Base::of(options, dialect)
    })
}

async fn attempt(base: &Base, dialect: Dialect, tape: &Tape) -> Result<Facts, Failed> {
    let plan = Plan::new(base, &Value::Null)?;
    let (launcher, _) = plan.launcher(base, tape.for_process(&Secret::new(plan.secret())))?;
    let started = async {
        let mut starting = launcher.spawn_in(dialect).await?;
        starting.announce().await?;
        starting.finish().await
    };
    let facts = match started.await {
        Ok(running) => {
            let line = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
            let handshake = running.handshake();
            let facts = Facts {
                manifest: manifest_of(dialect, &handshake.announce_line),
                ready: line(&handshake.ready_line),
                serves_ui: running
                    .http()
                    .get("/ui/")
                    .send()
                    .await
                    .is_ok_and(|ui| ui.status() == 200),
                refused: None,
            };
            running.stop(base.limit(2)).await;
            facts
        }
        Err(error) => {
            // A host stops here, and so would the suite, without a word on what is wrong in detail.
            let manifest = refused_manifest(base, dialect, tape, &error).await?;
            let manifest = manifest.ok_or_else(|| failed(&error))?;
            Facts { manifest, refused: Some(failed(&error).reason), ..Facts::default() }
        }
    };
    Ok(facts)
}

/// The manifest because of which a host has refused the plugin; none if it was for another reason.
async fn refused_manifest(
    base: &Base,
    dialect: Dialect,
    tape: &Tape,
    error: &StartError,
) -> Result<Option<Value>, Failed> {
    let breaks_a_rule = matches!(error.kind(), StartErrorKind::ManifestInvalid(_));
    let is_bad_line = matches!(error.kind(), StartErrorKind::BadLine { .. });
    if error.step() != Step::Announce || !(breaks_a_rule || is_bad_line) {
        return Ok(None);
    }
    let plan = Plan::new(base, &Value::Null)?;
    let (launcher, _) = plan.launcher(base, tape.for_process(&Secret::new(plan.secret())))?;
    let mut starting = launcher.spawn_in(dialect).await.map_err(|e| failed(&e))?;
    let line = starting.next_line().await.map_err(|e| failed(&e))?;
    let manifest = manifest_of(dialect, &line);
    // A line that is bad for its fields' types is one with a manifest, any other is not.
    let has_wrong_types = || {
        manifest.is_object() && serde_json::from_value::<PluginManifest>(manifest.clone()).is_err()
    };
    let refused = breaks_a_rule || (is_of_type(dialect, &line) && has_wrong_types());
    Ok(refused.then_some(manifest))
}

/// Whether a first line has the `type` of its dialect.
fn is_of_type(dialect: Dialect, line: &str) -> bool {
    let value: Value = serde_json::from_str(line).unwrap_or_default();
    match dialect {
        Dialect::One => value["type"] == "manifest",
        Dialect::Two => value["type"] == "hello",
    }
}

fn manifest_of(dialect: Dialect, line: &str) -> Value {
    let mut value: Value = serde_json::from_str(line).unwrap_or_default();
    match dialect {
        Dialect::One => value,
        Dialect::Two => value.get_mut("manifest").map(Value::take).unwrap_or_default(),
    }
}

/// A start that failed, told without its first words, which name program and dialect once more.
fn failed(error: &StartError) -> Failed {
    let text = error.to_string();
    let reason = text.split_once(": ").map_or(text.as_str(), |(_, rest)| rest).to_owned();
    let kind = error.kind();
    let suggests_other = error.step() == Step::Announce
        && match kind {
            StartErrorKind::ExitedEarly { .. } => error.dialect() == Some(Dialect::Two),
            StartErrorKind::BadLine { reason, .. } => reason.contains("type"),
            other => {
                other.to_string().contains("manifest")
                    && !matches!(other, StartErrorKind::ManifestInvalid(_))
            }
        };
    Failed { reason, suggests_other }
}

/// The program: a path as it is, a bare name along `PATH`.
fn find(program: &OsStr) -> Result<PathBuf, Failed> {
    find_program(program).ok_or_else(|| Failed {
        reason: format!(
            "there is no program {} along PATH; give a path such as ./{0}",
            program.display()
        ),
        suggests_other: false,
    })
}
