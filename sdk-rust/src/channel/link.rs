//! One live channel.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use temps_plugin_schema::Dialect;
use temps_plugin_schema::channel::HostMessage;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Duration, Sleep, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::pending::Pending;
use crate::events::{EventIntake, IntakeClosed};
use crate::runtime::core::BoxFuture;

/// Requests that may wait to be written before callers wait themselves.
const OUTBOX: usize = 64;
/// How long the host may take to answer our close frame.
const CLOSE_WAIT: Duration = Duration::from_secs(1);
/// Longest excerpt of a bad frame in the log, in characters.
const EXCERPT_CHARS: usize = 120;

/// A handle on a live channel, for callers.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) dialect: Dialect,
    pub(crate) pending: Pending,
    outbox: mpsc::Sender<Outgoing>,
}

enum Outgoing {
    Request(String),
    Close,
}

impl Link {
    /// Queues a request. False when the channel is gone.
    pub(crate) async fn send(&self, frame: String) -> bool {
        self.outbox.send(Outgoing::Request(frame)).await.is_ok()
    }

    /// Ends the channel with a close frame.
    pub(crate) fn close(&self) {
        let outbox = self.outbox.clone();
        tokio::spawn(async move { outbox.send(Outgoing::Close).await });
    }
}

/// A channel and the handle on it. The channel runs as long as its future is polled, which ends
/// with the reason why it did.
pub(crate) fn start<S>(
    socket: WebSocketStream<S>,
    dialect: Dialect,
    events: EventIntake,
) -> (Link, Channel<S>) {
    let (sender, outbox) = mpsc::channel(OUTBOX);
    let pending = Pending::default();
    let link = Link { dialect, pending: pending.clone(), outbox: sender };
    let channel = Channel { socket, outbox, dialect, pending, events, taking: None, closing: None };
    (link, channel)
}

/// A live channel.
///
/// One task reads and writes: on one machine a reply follows its request at once, and a second task
/// would cost a wake-up for each. Neither waits for the other: a poll writes what the socket takes and
/// then reads what has come, so a host that does not read keeps no reply or ping from being read.
pub(crate) struct Channel<S> {
    socket: WebSocketStream<S>,
    outbox: mpsc::Receiver<Outgoing>,
    dialect: Dialect,
    pending: Pending,
    events: EventIntake,
    /// An event there is no room for yet. Nothing is read meanwhile: the host has to wait.
    taking: Option<BoxFuture<'static, Result<(), IntakeClosed>>>,
    /// We have said goodbye: until when the host may answer.
    closing: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Channel<S> {
    type Output = String;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<String> {
        let this = self.get_mut();
        let ended = match this.write(cx) {
            Ok(()) => ready!(this.read(cx)),
            Err(error) => error.to_string(),
        };
        this.pending.close();
        Poll::Ready(ended)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Channel<S> {
    /// Writes requests for as long as the socket takes them.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        while self.closing.is_none() && self.socket.poll_ready_unpin(cx)?.is_ready() {
            match self.outbox.poll_recv(cx) {
                Poll::Pending => break,
                Poll::Ready(Some(Outgoing::Request(frame))) => {
                    self.socket.start_send_unpin(Message::text(frame))?;
                }
                Poll::Ready(Some(Outgoing::Close) | None) => {
                    let frame = CloseFrame { code: CloseCode::Away, reason: "plugin stops".into() };
                    self.socket.start_send_unpin(Message::Close(Some(frame)))?;
                    self.closing = Some(Box::pin(sleep(CLOSE_WAIT)));
                }
            }
        }
        // Not done yet is no reason to wait: the socket wakes this task when it takes more.
        match self.socket.poll_flush_unpin(cx) {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Ok(()),
        }
    }

    /// Reads until there is nothing more; ready when the channel has ended, with the reason. Pings
    /// are answered by the WebSocket layer.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        if let Some(deadline) = &mut self.closing
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready("closed by the plugin; the host did not answer".to_owned());
        }
        loop {
            if let Some(taking) = &mut self.taking {
                if ready!(taking.as_mut().poll(cx)).is_err() {
                    tracing::warn!("skipped an event: the plugin is stopping");
                }
                self.taking = None;
            }
            match ready!(self.socket.poll_next_unpin(cx)) {
                Some(Ok(Message::Text(text))) => self.take(text.as_str()),
                Some(Ok(Message::Binary(bytes))) => skip_binary(&bytes),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(error.to_string()),
                None => return Poll::Ready("closed by the host".to_owned()),
            }
        }
    }

    /// One message: a reply, an event, or something to skip (CH-30 to CH-34).
    fn take(&mut self, text: &str) {
        match HostMessage::decode(self.dialect, text) {
            Ok(HostMessage::Reply(reply)) => {
                let id = reply.id;
                if !self.pending.complete(reply) {
                    tracing::warn!(id, "skipped a reply to no call under way");
                }
            }
            Ok(HostMessage::Event(event)) => {
                let bytes = text.len();
                if let Err(event) = self.events.try_put(event, bytes) {
                    let events = self.events.clone();
                    self.taking = Some(Box::pin(async move { events.put(event, bytes).await }));
                }
            }
            Err(error) => {
                let reason = error.to_string();
                let ours = reply_id(text).is_some_and(|id| self.pending.fail(id, &reason));
                if !ours {
                    tracing::warn!(reason, frame = excerpt(text), "skipped a malformed frame");
                }
            }
        }
    }
}

/// The id of a frame that is a reply, whatever else is wrong with it.
fn reply_id(text: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Envelope {
        r#type: String,
        id: u64,
    }
    let envelope: Envelope = serde_json::from_str(text).ok()?;
    (envelope.r#type == "response").then_some(envelope.id)
}

fn skip_binary(bytes: &Bytes) {
    tracing::warn!(bytes = bytes.len(), "skipped a binary message: the channel speaks JSON text");
}

fn excerpt(text: &str) -> &str {
    match text.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}
