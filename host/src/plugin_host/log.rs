//! What a plugin writes to standard error, over all its processes: the last lines, with levels.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

/// How many lines are kept.
const LINES: usize = 500;

/// How grave a line is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Of use to the plugin's author only.
    Trace,
    /// Of use when something is looked for.
    Debug,
    /// What goes on. Lines that say nothing of their level are taken for it.
    Info,
    /// Something that should be looked at.
    Warn,
    /// Something that failed.
    Error,
}

/// A line of a plugin's standard error, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[non_exhaustive]
pub struct LogLine {
    /// Counts the lines of a plugin, from 1.
    pub number: u64,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How grave it is, by what it says of itself.
    pub level: LogLevel,
    /// The line as it was written; most are JSON.
    pub text: String,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Mutex<VecDeque<LogLine>>,
    /// The number of the last line; none will follow it when there is an end.
    last: watch::Sender<(u64, bool)>,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, VecDeque<LogLine>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, text: &str) {
        let mut lines = self.lock();
        if lines.len() == LINES {
            lines.pop_front();
        }
        // Under the lock, so that nobody is told of a line that is not there.
        self.last.send_modify(|(last, _)| {
            *last += 1;
            let (level, text) = (level(text), text.to_owned());
            lines.push_back(LogLine { number: *last, at: Timestamp::now(), level, text });
        });
    }

    /// The lines kept whose numbers are larger than `number`.
    pub(crate) fn after(&self, number: u64) -> Vec<LogLine> {
        self.lock().iter().filter(|line| line.number > number).cloned().collect()
    }

    /// Waits until there is a line whose number is larger than `number`. False when none will come.
    pub(crate) async fn beyond(&self, number: u64) -> bool {
        let mut last = self.last.subscribe();
        // The sender is here, so it cannot be gone.
        let told = last.wait_for(|(last, ended)| *last > number || *ended).await;
        told.is_ok_and(|told| told.0 > number)
    }

    /// No more lines will come.
    pub(super) fn close(&self) {
        self.last.send_modify(|(_, ended)| *ended = true);
    }
}

/// What a line says of its own level: in the member `level` of its JSON, or as one of its first words.
fn level(text: &str) -> LogLevel {
    let named = |name: &str| match name.to_ascii_lowercase().as_str() {
        "trace" => Some(LogLevel::Trace),
        "debug" => Some(LogLevel::Debug),
        "info" | "notice" => Some(LogLevel::Info),
        "warn" | "warning" => Some(LogLevel::Warn),
        "error" | "err" | "fatal" | "critical" | "panic" => Some(LogLevel::Error),
        _ => None,
    };
    if text.starts_with('{') {
        let line: Result<Value, _> = serde_json::from_str(text);
        let said = line.ok().and_then(|line| named(line["level"].as_str()?));
        return said.unwrap_or(LogLevel::Info);
    }
    // A time comes first in many formats, and a logger's name in some.
    let mut words = text.split_whitespace().take(4);
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_ascii_alphabetic()).to_owned();
    words.find_map(|word| named(&bare(word))).unwrap_or(LogLevel::Info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_its_level_in_one_way_or_another() {
        let all = [
            (r#"{"level":"ERROR","message":"no"}"#, LogLevel::Error),
            (r#"{"level":"warning"}"#, LogLevel::Warn),
            (r#"{"message":"error"}"#, LogLevel::Info),
            ("2026-11-22T05:00:00Z  WARN hello: it is late", LogLevel::Warn),
            ("[debug] x", LogLevel::Debug),
            ("ERROR: no", LogLevel::Error),
            ("thread 'main' panicked at x", LogLevel::Info),
            ("all is well and no error is here", LogLevel::Info),
            ("", LogLevel::Info),
        ];
        for (line, expected) in all {
            assert_eq!(level(line), expected, "{line}");
        }
    }

    #[tokio::test]
    async fn the_last_lines_are_kept_and_numbered() {
        let log = Log::default();
        for number in 1..=LINES + 10 {
            log.push(&format!("line {number}"));
        }
        let kept = log.after(0);
        assert_eq!((kept.len(), kept[0].number, kept[0].text.as_str()), (LINES, 11, "line 11"));
        assert_eq!(log.after(509).len(), 1);
        assert!(log.beyond(509).await);
        let (waited, ()) = tokio::join!(log.beyond(510), async { log.push("one more") });
        assert!(waited && log.after(510)[0].text == "one more");
        let (waited, ()) = tokio::join!(log.beyond(511), async { log.close() });
        assert!(!waited);
    }
}
