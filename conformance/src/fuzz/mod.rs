//! The fuzz stage: what a host would never send, and what must hold nevertheless.
//!
//! A [`case::Case`] is a few operations on a plugin as data: starts, connections, frames. `generate`
//! makes one from a seed and a number, `arena` plays it and looks whether everything in `breach`
//! still holds. What does not is shrunk (`shrink`) on fresh starts to the smallest [`case::Script`]
//! that breaks it again, and printed as one command, with the script in it (`code`).
//!
//! A stage depends on nothing but seed, dialect and plugin; how many cases it gets through is all that
//! time decides.

mod answers;
mod arena;
mod breach;
mod bytes;
pub mod case;
mod code;
mod corpus;
mod explain;
mod generate;
mod in_place;
mod meter;
mod proper;
mod replay;
mod report;
mod resources;
mod shrink;
mod stage;
mod start;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future;
use temps_plugin_schema::Dialect;

use self::arena::Patience;
use self::case::Script;
use self::meter::Meter;
use self::replay::replay;
use self::stage::Stage;
use crate::RunOptions;
use crate::subject::Subject;

pub use self::breach::Invariant;
pub use self::bytes::{Blob, Json, Part, Payload};
pub use self::code::BadCode;
pub use self::report::{Finding, FuzzReport, StageReport};

/// Seeds stay where every JSON reader is exact.
pub const LARGEST_SEED: u64 = (1 << 53) - 1;
/// How often a given case is played before it counts as gone: some take luck.
const TRIES: u32 = 3;

/// What to fuzz with.
#[derive(Debug, Clone)]
pub struct FuzzOptions {
    /// What to play.
    pub budget: Budget,
    /// Where chance begins, at most [`LARGEST_SEED`]; one is chosen when there is none.
    pub seed: Option<u64>,
    /// Whether this is all that is run: no check is made.
    pub alone: bool,
}

/// What to play.
#[derive(Debug, Clone)]
pub enum Budget {
    /// As many cases as there is time for, in each dialect, not counting the shrinking of findings.
    Time(Duration),
    /// These cases.
    Cases(Range<u64>),
    /// This script, and nothing else.
    Script(Script),
}

/// Fuzzes the plugin in every dialect that it was started in.
pub(crate) async fn run(
    subjects: &[(Dialect, Option<Arc<Subject>>)],
    options: &RunOptions,
    fuzz: &FuzzOptions,
) -> FuzzReport {
    let began = Instant::now();
    let started = subjects.iter().filter_map(|(_, subject)| subject.as_ref());
    // One that a host refuses runs, but never with a channel.
    let subjects: Vec<&Arc<Subject>> =
        started.filter(|subject| subject.refused().is_none()).collect();
    let mut report = FuzzReport {
        seed: None,
        stages: Vec::new(),
        findings: Vec::new(),
        late_once: Vec::new(),
        notes: notes(),
        fault: None,
        duration: Duration::ZERO,
    };
    match &fuzz.budget {
        Budget::Script(script) => play_given(&subjects, options, script, &mut report).await,
        budget => match seed(fuzz.seed, options) {
            Ok(seed) => {
                report.seed = Some(seed);
                explore(&subjects, options, budget, &mut report).await;
            }
            Err(reason) => report.fault = Some(reason),
        },
    }
    report.duration = began.elapsed();
    report
}

fn notes() -> Vec<String> {
    if resources::known() {
        return Vec::new();
    }
    let what = "descriptors, memory and zombies were not watched: this system has no /proc";
    vec![what.to_owned()]
}

/// The seed that was given, or a fresh one. It is said at once: a run that is cut short can still be
/// repeated.
fn seed(given: Option<u64>, options: &RunOptions) -> Result<u64, String> {
    let seed = match given {
        Some(seed) => seed,
        None => getrandom::u64().map_err(|error| format!("a seed: {error}"))? & LARGEST_SEED,
    };
    let chosen = if given.is_none() { ", chosen at random" } else { "" };
    options.progress.say(&format!("fuzzing with seed {seed}{chosen}"));
    Ok(seed)
}

async fn explore(
    subjects: &[&Arc<Subject>],
    options: &RunOptions,
    budget: &Budget,
    report: &mut FuzzReport,
) {
    let seed = report.seed.unwrap_or_default();
    let meter = Meter::new(&options.progress, seed);
    let stages = subjects.iter().map(|subject| {
        let stage = Stage { subject, options, seed, meter: &meter };
        async move { stage.run(budget).await }
    });
    for staged in future::join_all(stages).await {
        report.stages.push(staged.report);
        report.findings.extend(staged.findings);
        report.late_once.extend(staged.late_once);
        report.fault = report.fault.take().or(staged.fault);
    }
    options.progress.end();
}

/// Plays one script in each dialect.
async fn play_given(
    subjects: &[&Arc<Subject>],
    options: &RunOptions,
    script: &Script,
    report: &mut FuzzReport,
) {
    for subject in subjects {
        let dialect = subject.dialect();
        let mut stage = StageReport {
            dialect,
            cases: script.cases.len() as u64,
            operations: script.len() as u64,
            starts: 0,
        };
        for _ in 0..TRIES {
            stage.starts += 1;
            match replay(subject, script, Patience::long(options.timeout_scale)).await {
                Ok(played) => {
                    let Some(breach) = played.breach else { continue };
                    let command =
                        report::command_for_script(options, dialect, script).unwrap_or_default();
                    let mut finding = Finding::new(dialect, breach, script, command);
                    finding.transcript = played.transcript;
                    report.findings.push(finding);
                    break;
                }
                Err(reason) => {
                    report.fault = Some(reason);
                    break;
                }
            }
        }
        report.stages.push(stage);
    }
}
