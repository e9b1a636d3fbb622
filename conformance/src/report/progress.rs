//! The progress line.

use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::model::{CheckResult, Status};

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
    /// When [`Progress::going_on`] last said something.
    said: Option<Instant>,
}

/// How often a line that changes does so.
const REFRESH: Duration = Duration::from_millis(200);
/// How often a line is written where lines stay.
const LINE_PAUSE: Duration = Duration::from_secs(10);
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
        let ProgressState { total, done, failed, .. } = *state;
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

    /// Writes a line, whatever else is going on.
    pub(crate) fn say(&self, line: &str) {
        if self.style != ProgressStyle::Silent {
            let mut err = anstream::stderr().lock();
            let _ = writeln!(err, "{line}");
        }
    }

    /// Says how far something is that has no known end; as often as the reader can bear.
    pub(crate) fn going_on(&self, line: &str) {
        let pause = match self.style {
            ProgressStyle::Silent => return,
            ProgressStyle::InPlace => REFRESH,
            ProgressStyle::Lines => LINE_PAUSE,
        };
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        if state.said.is_some_and(|said| said.elapsed() < pause) {
            return;
        }
        state.said = Some(Instant::now());
        let mut err = anstream::stderr().lock();
        let _ = match self.style {
            ProgressStyle::InPlace => write!(err, "\r\x1b[2K{line}").and_then(|()| err.flush()),
            _ => writeln!(err, "{line}"),
        };
    }

    pub(crate) fn end(&self) {
        if self.style == ProgressStyle::InPlace {
            let mut err = anstream::stderr().lock();
            let _ = write!(err, "\r\x1b[2K").and_then(|()| err.flush());
        }
    }
}
