//! Failures that are known: what a plugin does wrong today, why, and until when that is put up with.
//!
//! A known failure is shown and counted apart and does not fail the run. The file it stands in must
//! not outlive its truth, though: an entry that passes, has expired or names no check does fail it.
//! `entries` reads the file and is the only place that knows how an entry is written, [`KnownFailing`]
//! holds entries against results, [`update`] writes the file anew.

mod entries;
mod update;

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

pub use entries::{BaselineError, Entry, Problem, ProblemKind};
pub use update::{Renewal, Updated, update};

use crate::model::{CheckResult, Known, Status};

/// Entries of a file, and the day on which they are looked at.
#[derive(Debug, Clone)]
pub struct KnownFailing {
    file: PathBuf,
    entries: Vec<Entry>,
    today: Date,
}

/// Something that a run was told not to put up with. It says nothing about the plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Objection {
    /// The file that is to be changed, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The line there, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub message: String,
}

impl std::fmt::Display for Objection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
        }
        if let Some(line) = self.line {
            write!(f, "{line}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// The day it is, in UTC, so that a file expires everywhere at once.
#[must_use]
pub fn today() -> Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

impl KnownFailing {
    /// Reads the entries of `file` for a run on the day `today`.
    ///
    /// # Errors
    /// When the file cannot be read, or when entries are no entries; all of those are named at once.
    pub fn read(file: &Path, today: Date) -> Result<Self, BaselineError> {
        let text = entries::read_file(file)?;
        Self::parse(file, &text, today)
    }

    /// Takes `text` for the content of `file`.
    ///
    /// # Errors
    /// As [`KnownFailing::read`].
    pub fn parse(file: &Path, text: &str, today: Date) -> Result<Self, BaselineError> {
        let (entries, problems) = entries::parse(file, text)?;
        match problems.is_empty() {
            true => Ok(Self { file: file.to_owned(), entries, today }),
            false => Err(BaselineError::Entries { file: file.to_owned(), problems }),
        }
    }

    /// The entries, in the order of the file.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Marks the failures that are known, and says what is wrong with the entries. What was not made
    /// in this run says nothing about its entry.
    pub(crate) fn apply(&self, results: &mut [CheckResult]) -> Vec<Objection> {
        self.entries.iter().filter_map(|entry| self.hold(entry, results)).collect()
    }

    fn hold(&self, entry: &Entry, results: &mut [CheckResult]) -> Option<Objection> {
        let object = |message: String| {
            Some(Objection { file: Some(self.file.clone()), line: Some(entry.line), message })
        };
        let Entry { check, expires, .. } = entry;
        if *expires < self.today {
            return object(format!(
                "the entry for {check} expired on {expires}: repair the plugin and remove the \
                 entry, or give it a later day"
            ));
        }
        let mut passed = Vec::new();
        let mut failed = Vec::new();
        for result in results.iter_mut().filter(|result| entry.is_about(result)) {
            match result.status {
                Status::Passed { .. } => passed.push(result.dialect.number().to_string()),
                Status::Failed { .. } => {
                    failed.push(result.dialect.number().to_string());
                    result.known = Some(Known::from(entry));
                }
                Status::Skipped { .. } | Status::Fault { .. } => {}
            }
        }
        let (passed, failed) = (passed.join(" and "), failed.join(" and "));
        match (passed.as_str(), failed.as_str()) {
            ("", _) => None,
            (_, "") => object(format!(
                "{check} passes now in dialect {passed}: remove the entry, which \
                 `baseline update` does too"
            )),
            _ => object(format!(
                "{check} passes now in dialect {passed} and fails in dialect {failed} only: add \
                 `dialect = {failed}` to the entry, which `baseline update` does too"
            )),
        }
    }
}

impl From<&Entry> for Known {
    fn from(entry: &Entry) -> Self {
        Self { reason: entry.reason.clone(), expires: entry.expires }
    }
}

/// Objects to every check that was selected and not made. One objection a reason.
pub(crate) fn denied_skips(results: &[CheckResult]) -> Vec<Objection> {
    let mut by_reason: Vec<(&str, Vec<String>)> = Vec::new();
    for result in results {
        let Status::Skipped { reason } = &result.status else { continue };
        let check = format!("{} ({})", result.check, result.dialect);
        match by_reason.iter_mut().find(|(known, _)| known == reason) {
            Some((_, checks)) => checks.push(check),
            None => by_reason.push((reason, vec![check])),
        }
    }
    let object = |(reason, checks): (&str, Vec<String>)| Objection {
        file: None,
        line: None,
        message: format!(
            "--deny-skips: not made because {reason}: {}; make it possible, or leave them out \
             with --skip",
            checks.join(", ")
        ),
    };
    by_reason.into_iter().map(object).collect()
}

#[cfg(test)]
mod tests;
