//! How far the fuzz stage is, for a person who watches.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::report::Progress;

/// A stage that is over sooner than this is not talked about.
const SILENT: Duration = Duration::from_secs(2);

/// Counts for all dialects together.
pub(super) struct Meter<'a> {
    progress: &'a Progress,
    seed: u64,
    began: Instant,
    cases: AtomicU64,
    findings: AtomicU64,
}

impl<'a> Meter<'a> {
    pub(super) fn new(progress: &'a Progress, seed: u64) -> Self {
        let (cases, findings) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { progress, seed, began: Instant::now(), cases, findings }
    }

    /// One more case is about to be played.
    pub(super) fn played(&self) {
        let cases = self.cases.fetch_add(1, Ordering::Relaxed) + 1;
        let elapsed = self.began.elapsed();
        if elapsed >= SILENT {
            let Self { seed, findings, .. } = self;
            let findings = findings.load(Ordering::Relaxed);
            let seconds = elapsed.as_secs();
            self.progress.going_on(&format!(
                "fuzzing with seed {seed}: {cases} cases, {findings} findings, {seconds} s"
            ));
        }
    }

    /// Something was found.
    pub(super) fn found(&self) {
        self.findings.fetch_add(1, Ordering::Relaxed);
    }
}
