//! What all of the plugin's tasks share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};

use tokio::sync::watch;

use crate::calls::Calls;
use crate::channel::Place;
use crate::events::Events;

/// Which of the two dialects is spoken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    One,
    Two,
}

impl Dialect {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// The plugin once it knows its secret.
pub(crate) struct Plugin {
    pub(crate) dialect: Dialect,
    pub(crate) secret: String,
    pub(crate) data_dir: PathBuf,
    /// Whether the start hook has returned.
    pub(crate) initialised: AtomicBool,
    /// Whether a signal has come.
    pub(crate) stopping: watch::Sender<bool>,
    /// Whether there has been a request.
    pub(crate) was_asked: AtomicBool,
    /// Requests that have begun and are not answered.
    pub(crate) in_flight: watch::Sender<usize>,
    /// Whether there has been a channel.
    pub(crate) had_channel: watch::Sender<bool>,
    pub(crate) channel: Place,
    pub(crate) calls: Calls,
    pub(crate) events: Events,
    /// Slow requests whose callers left early (EP-26).
    pub(crate) cancelled: AtomicU64,
}

impl Plugin {
    pub(crate) fn new(dialect: Dialect, secret: String, data_dir: PathBuf) -> Self {
        Self {
            dialect,
            secret,
            data_dir,
            initialised: AtomicBool::new(false),
            stopping: watch::Sender::new(false),
            was_asked: AtomicBool::new(false),
            in_flight: watch::Sender::new(0),
            had_channel: watch::Sender::new(false),
            channel: Place::default(),
            calls: Calls::default(),
            events: Events::default(),
            cancelled: AtomicU64::new(0),
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits for the first signal.
    pub(crate) async fn told_to_stop(&self) {
        becomes(&self.stopping, |stopping| *stopping).await;
    }

    /// Waits for the first channel.
    pub(crate) async fn first_channel(&self) {
        becomes(&self.had_channel, |had| *had).await;
    }

    /// Waits until nothing is under way.
    pub(crate) async fn idle(&self) {
        becomes(&self.in_flight, |count| *count == 0).await;
    }
}

/// Waits for a value. What `wait_for` returns locks the value; it is dropped here.
async fn becomes<T>(value: &watch::Sender<T>, wanted: impl FnMut(&T) -> bool) {
    // The sender lives as long as this waits.
    let _ = value.subscribe().wait_for(wanted).await.is_ok();
}
