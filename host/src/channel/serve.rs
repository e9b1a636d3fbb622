//! The two tasks of a [`Channel`](super::Channel): one reads and answers, one writes.
//!
//! Memory is bounded on every side: frames to write wait in a short queue; calls under way share a
//! budget of bytes, and while it is used up nothing more is read from the plugin.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use temps_plugin_schema::channel::{HostMessage, Reply, Request};
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::raw::{RawChannel, describe, record};
use super::{ChannelEnd, Counters, count};
use crate::platform::{CallOrigin, Platform, answer};
use crate::tap::{Direction, Tap};

/// What the calls under way may hold in memory, in KiB: 256 MiB.
const BUDGET_KIB: usize = 256 * 1024;
/// What a call costs at least, in KiB, so that at most 1024 are under way.
const CALL_KIB: usize = 256;
/// How long the connection's end is waited for after a close frame.
const AFTER_CLOSE: Duration = Duration::from_secs(2);
/// How long one frame may take to be written. A plugin that reads nothing for so long gets nothing more
/// over this channel.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// The close code that stands for a close frame without one (RFC 6455, section 7.4.1).
const NO_CODE: u16 = 1005;

/// A frame to write, and who wants to know that it was.
pub(super) struct Outgoing {
    pub(super) message: Message,
    pub(super) written: Option<oneshot::Sender<()>>,
}

/// What the reading task needs to answer.
pub(super) struct Serving {
    pub(super) origin: CallOrigin,
    pub(super) platform: Arc<dyn Platform>,
    pub(super) queue: mpsc::Sender<Outgoing>,
    pub(super) counters: Arc<Counters>,
    pub(super) pings: Pings,
}

/// Pings that wait for their pong, by payload.
#[derive(Clone, Default)]
pub(super) struct Pings(Arc<Mutex<PingState>>);

#[derive(Default)]
struct PingState {
    last: u64,
    waiting: HashMap<u64, oneshot::Sender<()>>,
}

impl Pings {
    fn lock(&self) -> std::sync::MutexGuard<'_, PingState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fresh payload, and what tells of its pong.
    pub(super) fn expect(&self) -> (u64, oneshot::Receiver<()>) {
        let (arrived, pong) = oneshot::channel();
        let mut state = self.lock();
        state.last += 1;
        let payload = state.last;
        state.waiting.insert(payload, arrived);
        (payload, pong)
    }

    pub(super) fn forget(&self, payload: u64) {
        self.lock().waiting.remove(&payload);
    }

    fn arrived(&self, payload: &[u8]) {
        let Ok(payload) = payload.try_into().map(u64::from_be_bytes) else {
            return;
        };
        if let Some(waiting) = self.lock().waiting.remove(&payload) {
            // Whoever sent the ping may have given up.
            let _ = waiting.send(());
        }
    }

    fn give_up(&self) {
        self.lock().waiting.clear();
    }
}

type Sink = SplitSink<WebSocketStream<UnixStream>, Message>;
type Source = SplitStream<WebSocketStream<UnixStream>>;

/// Starts both tasks. `report` gets the end of the channel once.
pub(super) fn spawn(
    raw: RawChannel,
    serving: Serving,
    frames: mpsc::Receiver<Outgoing>,
    report: watch::Sender<Option<ChannelEnd>>,
) -> [JoinHandle<()>; 2] {
    let (stream, tap) = raw.into_parts();
    let (sink, source) = stream.split();
    let (closing, host_closes) = watch::channel(false);
    let (stuck, unread) = oneshot::channel();
    let writer = tokio::spawn(write(sink, frames, closing, stuck, tap.clone()));
    let stop_writer = writer.abort_handle();
    let reader = tokio::spawn(async move {
        let pings = serving.pings.clone();
        let unread = async {
            if unread.await.is_err() {
                // The writing task has ended in another way, which the reading one meets as well.
                std::future::pending::<()>().await;
            }
        };
        let end = tokio::select! {
            end = read(source, serving, host_closes, tap) => end,
            () = unread => {
                let seconds = WRITE_PATIENCE.as_secs();
                let reason = format!("the plugin has not read from it for {seconds} s");
                ChannelEnd::Lost { reason }
            }
        };
        stop_writer.abort();
        report.send_replace(Some(end));
        pings.give_up();
    });
    [reader, writer]
}

async fn write(
    mut sink: Sink,
    mut frames: mpsc::Receiver<Outgoing>,
    closing: watch::Sender<bool>,
    stuck: oneshot::Sender<()>,
    tap: Tap,
) {
    while let Some(Outgoing { message, written }) = frames.recv().await {
        if message.is_close() {
            closing.send_replace(true);
        }
        record(&tap, Direction::ToPlugin, &message);
        match tokio::time::timeout(WRITE_PATIENCE, sink.send(message)).await {
            Ok(Ok(())) => {}
            // The reading task meets the same end and tells of it.
            Ok(Err(_)) => return,
            Err(_) => {
                // The reading task may have ended meanwhile.
                let _ = stuck.send(());
                return;
            }
        }
        if let Some(written) = written {
            // Whoever sent the frame may have given up.
            let _ = written.send(());
        }
    }
}

async fn read(
    mut source: Source,
    serving: Serving,
    host_closes: watch::Receiver<bool>,
    tap: Tap,
) -> ChannelEnd {
    let serving = Arc::new(serving);
    let budget = Arc::new(Semaphore::new(BUDGET_KIB));
    let mut calls = JoinSet::new();
    loop {
        let message = match source.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => return lost(&error, *host_closes.borrow()),
            None => return lost(&Error::ConnectionClosed, *host_closes.borrow()),
        };
        record(&tap, Direction::FromPlugin, &message);
        match message {
            Message::Text(text) => {
                while calls.try_join_next().is_some() {}
                let Ok(permit) = budget.clone().acquire_many_owned(cost(text.len())).await else {
                    continue;
                };
                match Request::decode(serving.origin.dialect, text.as_str()) {
                    Ok(request) => {
                        count(&serving.counters.requests);
                        calls.spawn(reply(serving.clone(), request, permit));
                    }
                    Err(_) => count(&serving.counters.skipped),
                }
            }
            Message::Binary(_) | Message::Frame(_) => count(&serving.counters.skipped),
            Message::Pong(payload) => serving.pings.arrived(&payload),
            Message::Ping(_) => {}
            Message::Close(frame) => {
                // Reading on flushes the answer to the close frame.
                let rest = async { while let Some(Ok(_)) = source.next().await {} };
                let _ = tokio::time::timeout(AFTER_CLOSE, rest).await;
                if *host_closes.borrow() {
                    return ChannelEnd::ClosedByHost;
                }
                let (code, reason) = frame.map_or((NO_CODE, String::new()), |frame| {
                    (frame.code.into(), frame.reason.to_string())
                });
                let reason = tap.redactor.clean(&reason).into_owned();
                return ChannelEnd::ClosedByPlugin { code, reason };
            }
        }
    }
}

fn cost(bytes: usize) -> u32 {
    let kib = (bytes / 1024).clamp(CALL_KIB, BUDGET_KIB);
    u32::try_from(kib).unwrap_or(u32::MAX)
}

fn lost(error: &Error, host_closes: bool) -> ChannelEnd {
    let reason = describe(error);
    ChannelEnd::Lost {
        reason: if host_closes {
            format!("{reason}, with no answer to this host's close frame")
        } else {
            reason
        },
    }
}

async fn reply(serving: Arc<Serving>, request: Request, permit: OwnedSemaphorePermit) {
    let (id, method) = (request.id, request.method.clone());
    let outcome = answer(&*serving.platform, serving.origin.clone(), request).await;
    let reply = HostMessage::Reply(Reply { id, method: Some(method), outcome });
    let Ok(text) = reply.encode(serving.origin.dialect) else {
        return;
    };
    let (written, done) = oneshot::channel();
    let outgoing = Outgoing { message: Message::text(text), written: Some(written) };
    if serving.queue.send(outgoing).await.is_ok() && done.await.is_ok() {
        count(&serving.counters.replies);
    }
    drop(permit);
}
