//! The channel: the plugin's calls answered, events sent (PROTOCOL.md, section "CH: channel").
//!
//! [`Channel`] is the host as it should be. [`RawChannel`] sends and receives single frames, for a
//! runner that wants to see what a plugin makes of a host that is not.

mod raw;
mod serve;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use temps_plugin_schema::channel::HostMessage;
use temps_plugin_schema::{Dialect, PluginEvent, PluginManifest};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use crate::platform::{CallOrigin, Platform};
pub use raw::{Dial, Incoming, RawChannel};
use serve::{Outgoing, Pings, Serving};

/// Largest message taken from a plugin, in bytes: an `api_call` with a body of 32 MiB, of which every
/// character may be escaped in JSON, fits (CH-38).
pub const MAX_MESSAGE_BYTES: usize = 96 * 1024 * 1024;

/// How many frames wait for a plugin that does not read before `emit` waits too.
const QUEUE: usize = 64;

/// What is wrong with a channel.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// The plugin answered the dial with something else than 101, such as 401 (AU-06) or 409 (CH-03).
    #[error("the plugin refused the channel with status {status}: {body:?}")]
    Refused {
        /// The status.
        status: u16,
        /// The beginning of the body, redacted.
        body: String,
    },
    /// The socket does not accept connections.
    #[error("cannot connect to the plugin's socket: {0}")]
    Connect(#[source] std::io::Error),
    /// No answer to the dial came in time.
    #[error("the plugin did not answer the dial within {} s", .after.as_secs_f64())]
    Timeout {
        /// How long it was given.
        after: Duration,
    },
    /// The dial cannot be written as HTTP: a bad path or header.
    #[error("the dial is no HTTP: {0}")]
    Request(String),
    /// What came was no WebSocket, or the connection broke.
    #[error("the channel broke: {0}")]
    Broken(String),
    /// The channel is over.
    #[error("the channel is over: {0}")]
    Ended(ChannelEnd),
    /// No pong came in time.
    #[error("no pong came within {} s", .after.as_secs_f64())]
    NoPong {
        /// How long it was given.
        after: Duration,
    },
}

/// How a channel ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelEnd {
    /// The plugin sent a close frame (LC-10).
    ClosedByPlugin {
        /// The close code, 1005 when the frame had none.
        code: u16,
        /// The reason given.
        reason: String,
    },
    /// This host closed it, and the plugin answered the close frame.
    ClosedByHost,
    /// The connection ended without a close frame.
    Lost {
        /// What happened.
        reason: String,
    },
}

impl fmt::Display for ChannelEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClosedByPlugin { code, reason } if reason.is_empty() => {
                write!(f, "the plugin closed it with code {code}")
            }
            Self::ClosedByPlugin { code, reason } => {
                write!(f, "the plugin closed it with code {code}: {reason}")
            }
            Self::ClosedByHost => f.write_str("this host closed it"),
            Self::Lost { reason } => write!(f, "it was lost: {reason}"),
        }
    }
}

/// What passed over a channel so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelStats {
    /// Requests of the plugin that were understood as such.
    pub requests: u64,
    /// Replies written.
    pub replies: u64,
    /// Events written.
    pub events: u64,
    /// Messages of the plugin that were skipped (CH-17, CH-39).
    pub skipped: u64,
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    replies: AtomicU64,
    events: AtomicU64,
    skipped: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A live channel. Two tasks serve it; dropping it stops them and cuts the connection without a close
/// frame.
pub struct Channel {
    dialect: Dialect,
    queue: mpsc::Sender<Outgoing>,
    end: watch::Receiver<Option<ChannelEnd>>,
    counters: Arc<Counters>,
    pings: Pings,
    tasks: [JoinHandle<()>; 2],
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("end", &*self.end.borrow())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Channel {
    /// Serves an open connection: answers the plugin's calls from `platform`, each in a task of its own
    /// so that a slow one delays no other (CH-49).
    #[must_use]
    pub fn serve(
        raw: RawChannel,
        dialect: Dialect,
        manifest: Arc<PluginManifest>,
        platform: Arc<dyn Platform>,
    ) -> Self {
        let (queue, frames) = mpsc::channel(QUEUE);
        let (report, end) = watch::channel(None);
        let counters = Arc::<Counters>::default();
        let pings = Pings::default();
        let serving = Serving {
            origin: CallOrigin::new(manifest, dialect),
            platform,
            queue: queue.clone(),
            counters: counters.clone(),
            pings: pings.clone(),
        };
        let tasks = serve::spawn(raw, serving, frames, report);
        Self { dialect, queue, end, counters, pings, tasks }
    }

    /// Sends an event and waits until it is written (EV-20, EV-29). Whether the plugin wants it is for
    /// the caller to ask: [`PluginManifest::wants_event`].
    ///
    /// # Errors
    /// When the channel is over.
    pub async fn emit(&self, event: PluginEvent) -> Result<(), ChannelError> {
        let text = HostMessage::Event(event)
            .encode(self.dialect)
            .map_err(|error| ChannelError::Broken(error.to_string()))?;
        self.write(Message::text(text)).await?;
        count(&self.counters.events);
        Ok(())
    }

    /// Sends a ping and waits for its pong (CH-36); returns how long that took.
    ///
    /// # Errors
    /// When no pong comes in time or the channel is over.
    pub async fn ping(&self, timeout: Duration) -> Result<Duration, ChannelError> {
        let begin = Instant::now();
        let (payload, pong) = self.pings.expect();
        let exchange = async {
            self.write(Message::Ping(payload.to_be_bytes().to_vec().into())).await?;
            match pong.await {
                Ok(()) => Ok(begin.elapsed()),
                Err(_) => Err(ChannelError::Ended(self.closed().await)),
            }
        };
        let outcome = tokio::time::timeout(timeout, exchange).await;
        self.pings.forget(payload);
        outcome.unwrap_or(Err(ChannelError::NoPong { after: timeout }))
    }

    /// Closes it with a close frame and waits for the plugin's answer, at most so long.
    pub async fn close(self, timeout: Duration) -> ChannelEnd {
        let closing = async {
            // Fails when the channel is over, which the end tells.
            let _ = self.write(Message::Close(None)).await;
            self.closed().await
        };
        tokio::time::timeout(timeout, closing).await.unwrap_or_else(|_| ChannelEnd::Lost {
            reason: format!("no answer to the close frame within {timeout:?}"),
        })
    }

    /// Waits for the end of the channel.
    pub async fn closed(&self) -> ChannelEnd {
        let mut end = self.end.clone();
        loop {
            if let Some(end) = end.borrow_and_update().clone() {
                return end;
            }
            if end.changed().await.is_err() {
                let reason = "its task was stopped".to_owned();
                return ChannelEnd::Lost { reason };
            }
        }
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn end(&self) -> Option<ChannelEnd> {
        self.end.borrow().clone()
    }

    /// What passed over it so far.
    #[must_use]
    pub fn stats(&self) -> ChannelStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ChannelStats {
            requests: read(&self.counters.requests),
            replies: read(&self.counters.replies),
            events: read(&self.counters.events),
            skipped: read(&self.counters.skipped),
        }
    }

    /// Hands a frame to the writing task and waits until it is written.
    async fn write(&self, message: Message) -> Result<(), ChannelError> {
        let (written, done) = oneshot::channel();
        let outgoing = Outgoing { message, written: Some(written) };
        if self.queue.send(outgoing).await.is_ok() && done.await.is_ok() {
            return Ok(());
        }
        Err(ChannelError::Ended(self.closed().await))
    }
}
