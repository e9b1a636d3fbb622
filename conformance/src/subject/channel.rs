//! A channel in the hands of a check: frames out, frames in, nothing answered by itself.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;
use temps_plugin_host::{ChannelError, Incoming, RawChannel};
use temps_plugin_schema::Dialect;
use temps_plugin_schema::channel as wire;

use crate::model::Stop;

/// How long the end of the connection is waited for after a close frame.
const AFTER_CLOSE: Duration = Duration::from_secs(1);

/// An open channel. Dropping it cuts the connection without a close frame.
#[derive(Debug)]
pub struct Channel {
    raw: RawChannel,
    dialect: Dialect,
    limit: Duration,
    pings: u64,
    /// Text messages that came while something else was waited for.
    waiting: VecDeque<String>,
}

impl Channel {
    pub(super) fn new(raw: RawChannel, dialect: Dialect, limit: Duration) -> Self {
        Self { raw, dialect, limit, pings: 0, waiting: VecDeque::new() }
    }

    /// Sends a text message.
    ///
    /// # Errors
    /// [`Stop::Failed`] when the channel is gone.
    pub async fn send_text(&mut self, text: &str) -> Result<(), Stop> {
        gone(tokio::time::timeout(self.limit, self.raw.send_text(text)).await)
    }

    /// Sends a binary message.
    ///
    /// # Errors
    /// As [`Channel::send_text`].
    pub async fn send_binary(&mut self, bytes: Vec<u8>) -> Result<(), Stop> {
        gone(tokio::time::timeout(self.limit, self.raw.send_binary(bytes)).await)
    }

    /// Sends one text message in frames of at most so many bytes.
    ///
    /// # Errors
    /// As [`Channel::send_text`].
    pub async fn send_fragments(&mut self, bytes: &[u8], size: usize) -> Result<(), Stop> {
        let pieces: Vec<Vec<u8>> = bytes.chunks(size).map(<[u8]>::to_vec).collect();
        gone(tokio::time::timeout(self.limit, self.raw.send_fragments(pieces)).await)
    }

    /// Writes bytes that are no proper frame and cuts the connection.
    ///
    /// # Errors
    /// As [`Channel::send_text`].
    pub async fn send_raw_and_drop(mut self, bytes: &[u8]) -> Result<(), Stop> {
        gone(tokio::time::timeout(self.limit, self.raw.send_bytes(bytes)).await)
    }

    /// Writes bytes past the WebSocket layer: frames of the caller's own making.
    ///
    /// # Errors
    /// As [`Channel::send_text`].
    pub async fn send_raw(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        gone(tokio::time::timeout(self.limit, self.raw.send_bytes(bytes)).await)
    }

    /// The text messages that came while something else was waited for.
    pub(crate) fn take_texts(&mut self) -> impl Iterator<Item = String> {
        self.waiting.drain(..)
    }

    /// Sends an event in the message of a proper host.
    ///
    /// # Errors
    /// As [`Channel::send_text`].
    pub async fn send_event(&mut self, event: &Value) -> Result<(), Stop> {
        self.send_text(&serde_json::json!({"type": "event", "event": event}).to_string()).await
    }

    /// Sends a ping and waits for its pong. Everything sent before has been read by then.
    ///
    /// # Errors
    /// [`Stop::Failed`] when none comes.
    pub async fn ping(&mut self) -> Result<(), Stop> {
        self.pings += 1;
        let payload = self.pings.to_be_bytes();
        gone(tokio::time::timeout(self.limit, self.raw.send_ping(payload.to_vec())).await)?;
        self.pong(&payload).await
    }

    /// Waits for the pong of a ping with this payload.
    ///
    /// # Errors
    /// [`Stop::Failed`] when none comes.
    pub async fn pong(&mut self, payload: &[u8]) -> Result<(), Stop> {
        let pong = async {
            loop {
                match self.raw.recv().await {
                    Ok(Some(Incoming::Pong(bytes))) if bytes[..] == *payload => return Ok(()),
                    Ok(Some(Incoming::Text(text))) => self.waiting.push_back(text),
                    Ok(Some(Incoming::Close(frame))) => {
                        return Err(format!("a close frame {frame:?}"));
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => return Err("the end of the channel".to_owned()),
                    Err(error) => return Err(error.to_string()),
                }
            }
        };
        match tokio::time::timeout(self.limit, pong).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(seen)) => Err(Stop::failed("a pong", seen)),
            Err(_) => {
                Err(Stop::failed("a pong", format!("none within {} s", self.limit.as_secs_f64())))
            }
        }
    }

    /// Whether a text message has come that nobody has asked for yet.
    #[must_use]
    pub fn has_text(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The next text message, as it came.
    ///
    /// # Errors
    /// [`Stop::Failed`] when none comes, or a binary one.
    pub async fn text(&mut self) -> Result<String, Stop> {
        if let Some(text) = self.waiting.pop_front() {
            return Ok(text);
        }
        match self.message().await? {
            Incoming::Text(text) => Ok(text),
            other => Err(Stop::failed("a text message", format!("{other:?}"))),
        }
    }

    /// The next message that is neither ping nor pong.
    ///
    /// # Errors
    /// [`Stop::Failed`] when none comes.
    pub async fn message(&mut self) -> Result<Incoming, Stop> {
        let next = async {
            loop {
                match self.raw.recv().await {
                    Ok(Some(Incoming::Ping(_) | Incoming::Pong(_))) => {}
                    Ok(Some(incoming)) => return Ok(incoming),
                    Ok(None) => return Err("the end of the channel".to_owned()),
                    Err(error) => return Err(error.to_string()),
                }
            }
        };
        match tokio::time::timeout(self.limit, next).await {
            Ok(Ok(incoming)) => Ok(incoming),
            Ok(Err(seen)) => Err(Stop::failed("a message from the plugin", seen)),
            Err(_) => Err(Stop::failed(
                "a message from the plugin",
                format!("none within {} s", self.limit.as_secs_f64()),
            )),
        }
    }

    /// The next request of the plugin.
    ///
    /// # Errors
    /// [`Stop::Failed`] when none comes, or something that is no request of the dialect.
    pub async fn request(&mut self) -> Result<wire::Request, Stop> {
        let text = self.text().await?;
        wire::Request::decode(self.dialect, &text).map_err(|error| {
            let shown: String = text.chars().take(300).collect();
            Stop::failed(format!("a request of {}", self.dialect), format!("{shown:?}: {error}"))
        })
    }

    /// Answers a request.
    ///
    /// # Errors
    /// As [`Channel::send_text`].
    pub async fn answer(
        &mut self,
        request: &wire::Request,
        outcome: Result<Value, (&str, &str)>,
    ) -> Result<(), Stop> {
        let text = reply(self.dialect, request.id, &request.method, outcome).to_string();
        self.send_text(&text).await
    }

    /// Closes the channel and expects a close frame in answer.
    ///
    /// # Errors
    /// [`Stop::Failed`] when none comes.
    pub async fn close(mut self) -> Result<(), Stop> {
        gone(tokio::time::timeout(self.limit, self.raw.send_close(1000, "")).await)?;
        self.closed().await.map(|_| ())
    }

    /// Waits for a close frame of the plugin and returns its code, 1005 when it has none.
    ///
    /// # Errors
    /// [`Stop::Failed`] when the channel ends without one.
    pub async fn closed(&mut self) -> Result<u16, Stop> {
        loop {
            match self.message().await {
                Ok(Incoming::Close(frame)) => {
                    // Reading on sends our own close frame, for which the plugin may wait.
                    let _ = tokio::time::timeout(AFTER_CLOSE, self.raw.recv()).await;
                    return Ok(frame.map_or(1005, |(code, _)| code));
                }
                Ok(_) => {}
                Err(Stop::Failed(failure)) => {
                    return Err(Stop::failed("a close frame", failure.seen));
                }
                Err(other) => return Err(other),
            }
        }
    }
}

/// A response as a host of the dialect writes it.
#[must_use]
pub fn reply(
    dialect: Dialect,
    id: u64,
    method: &str,
    outcome: Result<Value, (&str, &str)>,
) -> Value {
    let error =
        |(code, message): (&str, &str)| serde_json::json!({"code": code, "message": message});
    match (dialect, outcome) {
        (Dialect::One, Ok(result)) => {
            serde_json::json!({"type": "response", "id": id, "result": result})
        }
        (Dialect::One, Err(e)) => {
            serde_json::json!({"type": "response", "id": id, "error": error(e)})
        }
        (Dialect::Two, Ok(result)) => serde_json::json!({
            "type": "response", "id": id, "outcome": {"ok": {"method": method, "result": result}},
        }),
        (Dialect::Two, Err(e)) => serde_json::json!({
            "type": "response", "id": id, "outcome": {"err": error(e)},
        }),
    }
}

fn gone(sent: Result<Result<(), ChannelError>, tokio::time::error::Elapsed>) -> Result<(), Stop> {
    match sent {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Stop::failed("a channel that is open", error.to_string())),
        Err(_) => {
            Err(Stop::failed("a channel that is read", "the plugin does not read".to_owned()))
        }
    }
}
