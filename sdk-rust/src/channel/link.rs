//! One live channel. Reading and writing are two tasks, so that a host that does not read its end
//! cannot keep replies and pings from being read here.

use std::future::Future;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use temps_plugin_schema::Dialect;
use temps_plugin_schema::channel::HostMessage;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Duration, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::pending::Pending;
use crate::events::EventIntake;

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

/// Runs a channel; the future ends with it and says why.
pub(crate) fn start<S>(
    socket: WebSocketStream<S>,
    dialect: Dialect,
    events: EventIntake,
) -> (Link, impl Future<Output = String>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sink, stream) = socket.split();
    let (outbox, requests) = mpsc::channel(OUTBOX);
    let pending = Pending::default();
    let link = Link { dialect, pending: pending.clone(), outbox };
    let end = async move {
        let mut writer = tokio::spawn(write(sink, requests));
        let mut reader = Reader { stream, dialect, pending: pending.clone(), events };
        let reason = tokio::select! {
            reason = reader.run() => reason,
            written = &mut writer => match written {
                // We asked to close: wait for the host's own close frame, within bounds.
                Ok(Ok(())) => match timeout(CLOSE_WAIT, reader.run()).await {
                    Ok(reason) => reason,
                    Err(_) => "closed by the plugin; the host did not answer".to_owned(),
                },
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            },
        };
        writer.abort();
        pending.close();
        reason
    };
    (link, end)
}

/// Writes requests until there are no more or a close is asked for.
async fn write<S>(
    mut sink: SplitSink<WebSocketStream<S>, Message>,
    mut outbox: mpsc::Receiver<Outgoing>,
) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(outgoing) = outbox.recv().await {
        match outgoing {
            Outgoing::Request(frame) => sink.send(Message::text(frame)).await?,
            Outgoing::Close => {
                let frame = CloseFrame { code: CloseCode::Away, reason: "plugin stops".into() };
                return sink.send(Message::Close(Some(frame))).await;
            }
        }
    }
    Ok(())
}

struct Reader<S> {
    stream: SplitStream<WebSocketStream<S>>,
    dialect: Dialect,
    pending: Pending,
    events: EventIntake,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Reader<S> {
    /// Reads until the channel ends; says why it did. Pings are answered by the WebSocket layer.
    async fn run(&mut self) -> String {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => self.take(text.as_str()).await,
                Some(Ok(Message::Binary(bytes))) => skip_binary(&bytes),
                Some(Ok(_)) => {}
                Some(Err(error)) => return error.to_string(),
                None => return "closed by the host".to_owned(),
            }
        }
    }

    /// One message: a reply, an event, or something to skip (CH-30 to CH-34).
    async fn take(&self, text: &str) {
        match HostMessage::decode(self.dialect, text) {
            Ok(HostMessage::Reply(reply)) => {
                let id = reply.id;
                if !self.pending.complete(reply) {
                    tracing::warn!(id, "skipped a reply to no call under way");
                }
            }
            Ok(HostMessage::Event(event)) => {
                if self.events.put(event, text.len()).await.is_err() {
                    tracing::warn!("skipped an event: the plugin is stopping");
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
