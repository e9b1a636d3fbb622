//! The suite proven by defective plugins: each defect is caught by exactly the checks that it declares,
//! every check catches one, and the same program without a defect passes everything.
//!
//! A defect meets every check but those in [`EXPENSIVE`], which it meets when it declares them or is of
//! their area, and the slow ones, which it meets when it declares them. One dialect is enough where the
//! defect is the same in both; they take turns. `DEFECTS_FULL=1` makes the expensive checks, and both
//! dialects, of every defect: `cargo xtask defects --full`, which does so with a release build. `DEFECTS=socket/*,stop/sigterm-ignored` picks
//! defects, `DEFECTS_CHECKS=everything/*` the checks to make of them, for a quick look.
//!
//! Checks of the requests profile are made of defects that declare some, and of the sound plugin, by
//! `defective/conformance.toml`; a run without such a file makes none.
//!
//! A plugin that never starts counts as caught by `handshake/completes` and by those checks of its two
//! lines that fail by themselves; it passes nothing.
//!
//! Time limits are cut short, because many defects show by something that does not happen. Results that
//! are not the declared ones are settled at the end, one try at a time: those checks are made again with
//! the full limits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use futures_util::{StreamExt as _, future, stream};
use temps_plugin_conformance::model::{Check, CheckResult, Profile, Status};
use temps_plugin_conformance::registry::CHECKS;
use temps_plugin_conformance::report::{RunReport, Verdict};
use temps_plugin_conformance::requests::Config;
use temps_plugin_conformance::selection::Pattern;
use temps_plugin_conformance::{RunOptions, run};
use temps_plugin_schema::Dialect;

use support::defects::{DEFECTIVE, Defect, catalogue, check, is_looked_at, picked};

/// Checks that cost as much as all others together: they move megabytes or wait for slow handlers.
const EXPENSIVE: [&str; 16] = [
    "http/large-body",
    "channel/large-messages",
    "everything/large-body",
    "everything/api-too-much",
    "everything/bytes",
    "everything/stream-echo",
    "everything/slow-reader",
    "everything/drains",
    "everything/others-are-served",
    "everything/call-given-up",
    "everything/parallel-requests",
    "everything/reconnections",
    "everything/endless-message",
    "everything/huge-stream",
    "everything/event-burst",
    "everything/drains-streams",
];

/// How many defects are tried at the same time, and how many checks of each.
const RUNS: usize = 4;
const JOBS: usize = 4;
/// After how many tries the progress is told.
const PROGRESS: usize = 50;
/// By how much time limits are cut short at first.
const HASTE: f64 = 0.2;

static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("defective/conformance.toml");
    Arc::new(Config::load(&path).unwrap())
});

impl Defect {
    /// Whether it is a matter of the requests profile too.
    fn shows_on_requests(&self) -> bool {
        self.declared().into_iter().any(|id| check(id).profile() == Profile::Requests)
    }

    /// The dialects to try it in: one when one shows everything, the one of its `turn` if possible.
    fn tried_in(&self, turn: usize) -> Vec<Dialect> {
        let whole = |dialect: &&Dialect| self.expected(**dialect).len() == self.declared().len();
        if full() || self.also_in.iter().any(|also| !also.is_empty()) {
            return self.dialects.clone();
        }
        let turns = self.dialects.iter().cycle().skip(turn).take(self.dialects.len());
        turns.copied().find(|d| whole(&d)).map_or_else(|| self.dialects.clone(), |d| vec![d])
    }

    /// Whether a check that it declares waits for a limit of the protocol.
    fn is_slow(&self) -> bool {
        self.declared().into_iter().any(|id| check(id).slow)
    }

    /// The checks it does not meet.
    fn left_out(&self) -> Vec<Pattern> {
        let declared = self.declared();
        let costly = |check: &&Check| {
            let expensive = EXPENSIVE.contains(&check.id) && !full() && check.area() != self.area();
            (expensive || check.slow) && !declared.contains(check.id) || !is_looked_at(check.id)
        };
        CHECKS.iter().filter(costly).map(|check| Pattern::new(check.id)).collect()
    }

    fn options(&self, dialect: Dialect) -> RunOptions {
        RunOptions {
            dialects: vec![dialect],
            jobs: JOBS,
            slow: self.is_slow(),
            config: self.shows_on_requests().then(|| Arc::clone(&CONFIG)),
            ..RunOptions::new([DEFECTIVE.to_str().unwrap(), "--defect", &self.id])
        }
    }
}

fn full() -> bool {
    std::env::var_os("DEFECTS_FULL").is_some_and(|value| value == "1")
}

fn failed(report: &RunReport) -> BTreeSet<String> {
    let failures = report.results.iter().filter(|r| matches!(r.status, Status::Failed { .. }));
    let mut failed: BTreeSet<String> = failures.map(|result| result.check.to_owned()).collect();
    if report.verdict == Verdict::NeverStarted {
        failed.insert("handshake/completes".to_owned());
    }
    failed
}

/// One defect in one dialect.
#[derive(Clone, Copy)]
struct Try {
    defect: &'static Defect,
    dialect: Dialect,
}

impl Try {
    /// The checks whose result, with time limits cut short, is not the declared one.
    async fn in_haste(self) -> Vec<String> {
        let Self { defect, dialect } = self;
        let options = defect.options(dialect);
        let hasty = RunOptions { timeout_scale: HASTE, skip: defect.left_out(), ..options };
        let report = run(hasty).await.unwrap();
        let expected = defect.expected(dialect);
        failed(&report).symmetric_difference(&expected).cloned().chain(faults(&report)).collect()
    }

    /// What is not as declared of the `doubtful` checks, made again with the full time limits, in
    /// words; nothing when all is.
    async fn with_patience(self, doubtful: &[String]) -> String {
        let Self { defect, dialect } = self;
        let patient = RunOptions { run: patterns(doubtful), jobs: 1, ..defect.options(dialect) };
        let report = run(patient).await.unwrap();
        let (seen, faults, expected) = (failed(&report), faults(&report), defect.expected(dialect));
        let mut wrong = String::new();
        let mut caught_by = expected.clone();
        for id in doubtful {
            if seen.contains(id) != expected.contains(id) || faults.contains(id) {
                let result = report.results.iter().find(|result| result.check == id);
                let declared = if expected.contains(id) { "declared" } else { "not declared" };
                let what = result.map_or("was not made".to_owned(), told);
                writeln!(wrong, "{} ({dialect}): {id}, {declared}, {what}", defect.id).unwrap();
                if !caught_by.remove(id) {
                    caught_by.insert(id.clone());
                }
            }
        }
        if !wrong.is_empty() {
            writeln!(wrong, "{} ({dialect}): it is caught by {caught_by:?}\n", defect.id).unwrap();
        }
        wrong
    }
}

fn patterns<'a>(ids: impl IntoIterator<Item = &'a String>) -> Vec<Pattern> {
    ids.into_iter().map(Pattern::new).collect()
}

fn faults(report: &RunReport) -> BTreeSet<String> {
    let faults = report.results.iter().filter(|r| matches!(r.status, Status::Fault { .. }));
    faults.map(|result| result.check.to_owned()).collect()
}

fn told(result: &CheckResult) -> String {
    match &result.status {
        Status::Passed { evidence } => format!("passed: {}", evidence.0.join("; ")),
        Status::Failed { failure } => {
            format!("failed: expected {}, saw {}", failure.expected, failure.seen)
        }
        Status::Skipped { reason } => format!("skipped: {reason}"),
        Status::Fault { message } => format!("fault of the suite: {message}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_defect_is_caught_by_exactly_the_checks_it_declares() {
    let tries = picked().iter().enumerate().flat_map(|(turn, defect)| {
        defect.tried_in(turn).into_iter().map(move |dialect| Try { defect, dialect })
    });
    // Those that wait for a limit of the protocol do little else: they take no place from the others.
    let (waiting, quick): (Vec<_>, Vec<_>) = tries.partition(|a_try| a_try.defect.is_slow());
    let (all, made) = (waiting.len() + quick.len(), AtomicUsize::new(0));
    let try_one = async |a_try: Try| {
        let doubtful = a_try.in_haste().await;
        let made = made.fetch_add(1, Ordering::Relaxed) + 1;
        if made.is_multiple_of(PROGRESS) || made == all {
            eprintln!("{made} of {all} tries made");
        }
        (a_try, doubtful)
    };
    let (waited, others) = future::join(
        future::join_all(waiting.into_iter().map(&try_one)),
        stream::iter(quick).map(&try_one).buffer_unordered(RUNS).collect::<Vec<_>>(),
    )
    .await;
    let mut wrong = BTreeSet::new();
    for (a_try, doubtful) in waited.into_iter().chain(others) {
        if !doubtful.is_empty() {
            wrong.insert(a_try.with_patience(&doubtful).await);
        }
    }
    let wrong: String = wrong.into_iter().collect();
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sound_plugin_passes_everything() {
    let options = RunOptions::new([DEFECTIVE.to_str().unwrap()]);
    let config = Some(Arc::clone(&CONFIG));
    let report = run(RunOptions { slow: true, config, ..options }).await.unwrap();
    let passed = |result: &&CheckResult| matches!(result.status, Status::Passed { .. });
    let others: Vec<String> = report
        .results
        .iter()
        .filter(|result| !passed(result))
        .map(|result| format!("{} ({}): {}", result.check, result.dialect, told(result)))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
    let made: usize = CHECKS
        .iter()
        .map(|check| Dialect::ALL.iter().filter(|d| check.dialects.contains(**d)).count())
        .sum();
    assert_eq!(report.results.len(), made);
}

#[test]
fn every_check_has_a_defect() {
    let defects = catalogue();
    let declared: BTreeSet<&str> = defects.iter().flat_map(Defect::declared).collect();
    let mut without: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for check in CHECKS.iter().filter(|check| !declared.contains(check.id)) {
        without.entry(check.area()).or_default().push(check.id);
    }
    assert!(without.is_empty(), "checks that no defect is caught by: {without:#?}");
}

#[test]
fn what_is_declared_exists() {
    for defect in catalogue() {
        for id in defect.declared() {
            let made = defect.dialects.iter().any(|d| check(id).dialects.contains(*d));
            assert!(made, "{}: {id} is made in none of its dialects", defect.id);
        }
        for (also, dialect) in defect.also_in.iter().zip(Dialect::ALL) {
            assert!(also.iter().all(|id| check(id).dialects.contains(dialect)), "{}", defect.id);
        }
    }
    for id in EXPENSIVE {
        check(id);
    }
}

#[test]
fn an_unknown_defect_is_refused_with_the_nearest() {
    let output = Command::new(&*DEFECTIVE).args(["--defect", "socket/mode-644"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("did you mean socket/mode-0644?"), "{said}");
}
