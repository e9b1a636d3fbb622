//! The last deliveries and what became of them.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::file::{self, FileError};
use crate::notice::Notice;

/// How many deliveries are kept.
pub(crate) const KEPT: usize = 50;

/// One event and what became of its message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Delivery {
    /// The event.
    pub(crate) event_id: String,
    /// What happened, such as `deployment.succeeded`.
    pub(crate) event_type: String,
    /// The project's name, or `project 7` when the platform did not tell it.
    pub(crate) project: String,
    /// The environment's name.
    pub(crate) environment: String,
    /// How far the message is.
    pub(crate) status: Status,
    /// How often it was posted.
    pub(crate) attempts: u32,
    /// What went wrong last, without the webhook's URL.
    pub(crate) last_error: Option<String>,
    /// When the event came in.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) received_at: Timestamp,
    /// When this entry last changed.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) updated_at: Timestamp,
}

/// How far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Waits for its turn.
    Queued,
    /// Was not taken yet and will be posted again.
    Retrying,
    /// Slack has taken it.
    Delivered,
    /// Slack has refused it, or could not be reached often enough.
    Failed,
    /// Was never posted, or given up before it could be.
    Dropped,
}

impl Status {
    fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Retrying)
    }
}

/// The last [`KEPT`] deliveries, newest first, and the file they live in.
///
/// Changes are made in memory; [`save`](Self::save) writes them down.
pub(crate) struct DeliveryLog {
    path: PathBuf,
    entries: Mutex<VecDeque<Delivery>>,
    /// Held while the file is written, so that no older state overwrites a newer one.
    saving: Mutex<()>,
}

impl DeliveryLog {
    /// Reads the log. What a former process left unfinished is dropped: nobody will post it.
    pub(crate) fn open(path: PathBuf) -> Result<Self, FileError> {
        let entries = file::load(&path)?.unwrap_or_default();
        let log = Self { path, entries: Mutex::new(entries), saving: Mutex::new(()) };
        log.drop_unfinished("the plugin ended before Slack had taken the message");
        Ok(log)
    }

    /// All entries, newest first.
    pub(crate) fn list(&self) -> Vec<Delivery> {
        self.entries().iter().cloned().collect()
    }

    /// Adds an entry; false when the event has one already, because a host that lost its channel may
    /// deliver an event twice.
    pub(crate) fn add(&self, notice: &Notice) -> bool {
        let mut entries = self.entries();
        if entries.iter().any(|entry| entry.event_id == notice.event_id) {
            return false;
        }
        let now = Timestamp::now();
        entries.push_front(Delivery {
            event_id: notice.event_id.clone(),
            event_type: notice.event_type.clone(),
            project: notice.project_fallback(),
            environment: notice.environment.clone(),
            status: Status::Queued,
            attempts: 0,
            last_error: None,
            received_at: now,
            updated_at: now,
        });
        if entries.len() > KEPT {
            // The oldest, but none that is still to be delivered.
            let oldest = entries.iter().rposition(|entry| entry.status.is_final());
            entries.remove(oldest.unwrap_or(KEPT));
        }
        true
    }

    /// Changes the entry of an event.
    pub(crate) fn update(&self, event_id: &str, change: impl FnOnce(&mut Delivery)) {
        let mut entries = self.entries();
        if let Some(entry) = entries.iter_mut().find(|entry| entry.event_id == event_id) {
            change(entry);
            entry.updated_at = Timestamp::now();
        }
    }

    /// Records how far a message is, and why.
    pub(crate) fn settle(&self, event_id: &str, status: Status, error: Option<String>) {
        self.update(event_id, |entry| {
            entry.status = status;
            entry.last_error = error.or(entry.last_error.take());
        });
    }

    /// Drops all that is not settled.
    pub(crate) fn drop_unfinished(&self, reason: &str) {
        let now = Timestamp::now();
        for entry in self.entries().iter_mut() {
            if !entry.status.is_final() {
                entry.status = Status::Dropped;
                entry.last_error = Some(reason.to_owned());
                entry.updated_at = now;
            }
        }
    }

    /// Writes the log to its file. Blocks.
    pub(crate) fn save(&self) -> Result<(), FileError> {
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        file::save(&self.path, &self.list())
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<Delivery>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::Outcome;

    fn notice(id: usize) -> Notice {
        Notice {
            event_id: id.to_string(),
            event_type: "deployment.failed".to_owned(),
            project_id: 7,
            environment: "production".to_owned(),
            outcome: Outcome::Failed { reason: None },
        }
    }

    fn open(dir: &tempfile::TempDir) -> DeliveryLog {
        DeliveryLog::open(dir.path().join("deliveries.json")).unwrap()
    }

    #[test]
    fn the_oldest_settled_entry_makes_room() {
        let log = open(&tempfile::tempdir().unwrap());
        for id in 0..KEPT {
            assert!(log.add(&notice(id)));
        }
        log.settle("1", Status::Delivered, None);
        assert!(log.add(&notice(KEPT)));
        let ids: Vec<_> = log.list().into_iter().map(|entry| entry.event_id).collect();
        assert_eq!((ids.len(), ids[0].as_str()), (KEPT, "50"));
        assert!(ids.contains(&"0".to_owned()) && !ids.contains(&"1".to_owned()));
    }

    #[test]
    fn an_event_that_comes_twice_counts_once() {
        let log = open(&tempfile::tempdir().unwrap());
        assert!(log.add(&notice(1)));
        assert!(!log.add(&notice(1)));
        assert_eq!(log.list().len(), 1);
    }

    #[test]
    fn what_a_former_process_left_unfinished_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let log = open(&dir);
        log.add(&notice(1));
        log.settle("1", Status::Delivered, None);
        log.add(&notice(2));
        log.save().unwrap();
        let statuses: Vec<_> = open(&dir).list().into_iter().map(|e| e.status).collect();
        assert_eq!(statuses, [Status::Dropped, Status::Delivered]);
    }
}
