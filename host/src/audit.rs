//! The audit log: every change of state of every plugin, one JSON object a line.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use crate::plugin_host::PluginTransition;
use crate::supervise::State;

/// A file that lines are added to, for its owner only.
#[derive(Debug)]
pub struct AuditLog {
    file: Mutex<File>,
}

#[derive(Serialize)]
struct Line<'a> {
    at: Timestamp,
    plugin: Option<&'a str>,
    file: &'a Path,
    from: State,
    to: State,
    reason: &'a str,
}

impl AuditLog {
    /// Opens the file, made with mode 0600 if it is not there.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().append(true).create(true).mode(0o600).open(path)?;
        Ok(Self { file: Mutex::new(file) })
    }

    /// Adds a line, in one write, so that no line is ever torn.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record(&self, told: &PluginTransition<'_>) -> io::Result<()> {
        let change = told.transition;
        let mut line = serde_json::to_vec(&Line {
            at: Timestamp::try_from(change.at).map_err(io::Error::other)?,
            plugin: told.name,
            file: told.file,
            from: change.from,
            to: change.to,
            reason: &change.reason,
        })?;
        line.push(b'\n');
        self.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
    }
}
