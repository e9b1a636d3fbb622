//! Single WebSocket frames to and from a plugin, good ones and bad ones.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use temps_plugin_schema::Dialect;
use temps_plugin_schema::channel::{HostMessage, Request};
use temps_plugin_schema::http::{header, path};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{ChannelError, MAX_MESSAGE_BYTES};
use crate::http::{PluginHttp, Signature, add_header};
use crate::tap::{Direction, Opcode, Tap, WireKind, cut};

/// How long the answer to a dial may take unless it says otherwise.
const DIAL_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest excerpt of a refusal's body, in bytes.
const EXCERPT_BYTES: usize = 200;

/// What to dial, and how.
#[derive(Debug, Clone)]
pub struct Dial {
    /// Path and query.
    pub target: String,
    /// How the request is signed.
    pub signature: Signature,
    /// Further headers, such as those of an [`Identity`](crate::Identity) or
    /// `sec-websocket-protocol`.
    pub headers: Vec<(String, String)>,
    /// How long the answer may take.
    pub timeout: Duration,
}

impl Dial {
    /// A signed dial of `target`, such as a WebSocket route of the plugin's author.
    #[must_use]
    pub fn to(target: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            signature: Signature::Default,
            headers: Vec::new(),
            timeout: DIAL_TIMEOUT,
        }
    }

    /// A signed dial of the channel.
    #[must_use]
    pub fn channel() -> Self {
        Self::to(path::CHANNEL)
    }
}

/// What came from the plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// A text message, whole.
    Text(String),
    /// A binary message, whole.
    Binary(Bytes),
    /// A ping; it has been answered.
    Ping(Bytes),
    /// A pong.
    Pong(Bytes),
    /// A close frame, with code and reason when it has them; it has been answered. Nothing but the end
    /// follows.
    Close(Option<(u16, String)>),
}

/// An open WebSocket to a plugin, frame by frame. Dropping it cuts the connection without a close
/// frame.
pub struct RawChannel {
    stream: WebSocketStream<UnixStream>,
    tap: Tap,
}

impl fmt::Debug for RawChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RawChannel")
    }
}

impl RawChannel {
    /// Dials the channel, signed.
    ///
    /// # Errors
    /// When the plugin does not accept.
    pub async fn dial(http: &PluginHttp) -> Result<Self, ChannelError> {
        Self::dial_with(http, Dial::channel()).await
    }

    /// Dials as `dial` says.
    ///
    /// # Errors
    /// When the plugin does not accept.
    pub async fn dial_with(http: &PluginHttp, dial: Dial) -> Result<Self, ChannelError> {
        let request = request(http, &dial)?;
        let tap = http.tap().clone();
        tap.record(Direction::ToPlugin, 0, |tap| WireKind::HttpRequest {
            exchange: 0,
            method: "GET".to_owned(),
            target: tap.text(&dial.target),
            headers: tap.headers(request.headers()),
        });
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        let handshake = async {
            let socket = http.connect_raw().await.map_err(ChannelError::Connect)?;
            tokio_tungstenite::client_async_with_config(request, socket, Some(config))
                .await
                .map_err(|error| refusal(error, &tap))
        };
        let (stream, response) = tokio::time::timeout(dial.timeout, handshake)
            .await
            .unwrap_or(Err(ChannelError::Timeout { after: dial.timeout }))?;
        record_response(&tap, response.status().as_u16(), response.headers());
        Ok(Self { stream, tap })
    }

    pub(super) fn into_parts(self) -> (WebSocketStream<UnixStream>, Tap) {
        (self.stream, self.tap)
    }

    /// Sends a text message.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_text(&mut self, text: impl Into<String>) -> Result<(), ChannelError> {
        self.send(Message::text(text.into())).await
    }

    /// Sends a binary message.
    ///
    /// # Errors
    /// As [`RawChannel::send_text`].
    pub async fn send_binary(&mut self, bytes: impl Into<Bytes>) -> Result<(), ChannelError> {
        self.send(Message::Binary(bytes.into())).await
    }

    /// Sends a proper message.
    ///
    /// # Errors
    /// As [`RawChannel::send_text`].
    pub async fn send_message(
        &mut self,
        dialect: Dialect,
        message: HostMessage,
    ) -> Result<(), ChannelError> {
        let text =
            message.encode(dialect).map_err(|error| ChannelError::Broken(error.to_string()))?;
        self.send_text(text).await
    }

    /// Sends one text message in several frames (CH-37). One piece is an ordinary message.
    ///
    /// # Errors
    /// As [`RawChannel::send_text`].
    pub async fn send_fragments<T: Into<Bytes>>(
        &mut self,
        pieces: impl IntoIterator<Item = T>,
    ) -> Result<(), ChannelError> {
        let mut pieces = pieces.into_iter().peekable();
        let mut kind = Data::Text;
        while let Some(piece) = pieces.next() {
            let last = pieces.peek().is_none();
            let frame = Frame::message(piece, OpCode::Data(kind), last);
            self.send(Message::Frame(frame)).await?;
            kind = Data::Continue;
        }
        Ok(())
    }

    /// Sends a ping; its payload is at most 125 bytes. The pong comes by [`RawChannel::recv`].
    ///
    /// # Errors
    /// As [`RawChannel::send_text`].
    pub async fn send_ping(&mut self, payload: impl Into<Bytes>) -> Result<(), ChannelError> {
        self.send(Message::Ping(payload.into())).await
    }

    /// Sends a close frame. The plugin's answer comes by [`RawChannel::recv`].
    ///
    /// # Errors
    /// As [`RawChannel::send_text`].
    pub async fn send_close(&mut self, code: u16, reason: &str) -> Result<(), ChannelError> {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.send(Message::Close(Some(frame))).await
    }

    /// Writes bytes past the WebSocket layer: half a frame, or nothing like one.
    ///
    /// # Errors
    /// As [`RawChannel::send_text`].
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> Result<(), ChannelError> {
        let socket = self.stream.get_mut();
        let written = async {
            socket.write_all(bytes).await?;
            socket.flush().await
        };
        written.await.map_err(|e| ChannelError::Broken(e.to_string()))
    }

    /// The next thing that comes, `None` when the connection has ended after a close frame. Cancel
    /// safe.
    ///
    /// # Errors
    /// When the connection ends otherwise, or what comes is no WebSocket.
    pub async fn recv(&mut self) -> Result<Option<Incoming>, ChannelError> {
        loop {
            let message = match self.stream.next().await {
                Some(Ok(message)) => message,
                None | Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) => {
                    return Ok(None);
                }
                Some(Err(error)) => return Err(ChannelError::Broken(describe(&error))),
            };
            record(&self.tap, Direction::FromPlugin, &message);
            return Ok(Some(match message {
                Message::Text(text) => Incoming::Text(text.to_string()),
                Message::Binary(bytes) => Incoming::Binary(bytes),
                Message::Ping(payload) => Incoming::Ping(payload),
                Message::Pong(payload) => Incoming::Pong(payload),
                Message::Close(frame) => Incoming::Close(
                    frame.map(|frame| (frame.code.into(), frame.reason.to_string())),
                ),
                Message::Frame(_) => continue,
            }));
        }
    }

    /// The next request of the plugin; everything else that comes before it is dropped. `None` when the
    /// channel has ended.
    ///
    /// # Errors
    /// As [`RawChannel::recv`], and when a text is no request of that dialect.
    pub async fn recv_request(
        &mut self,
        dialect: Dialect,
    ) -> Result<Option<Request>, ChannelError> {
        while let Some(incoming) = self.recv().await? {
            if let Incoming::Text(text) = incoming {
                return Request::decode(dialect, &text)
                    .map(Some)
                    .map_err(|error| ChannelError::Broken(format!("no request: {error}")));
            }
        }
        Ok(None)
    }

    async fn send(&mut self, message: Message) -> Result<(), ChannelError> {
        record(&self.tap, Direction::ToPlugin, &message);
        let sent = self.stream.send(message).await;
        sent.map_err(|error| ChannelError::Broken(describe(&error)))
    }
}

fn request(http: &PluginHttp, dial: &Dial) -> Result<http::Request<()>, ChannelError> {
    let mut request = format!("ws://plugin{}", dial.target)
        .into_client_request()
        .map_err(|error| ChannelError::Request(error.to_string()))?;
    let signature = http.signature_for(&dial.target, &dial.signature);
    let signature = signature.iter().map(|text| (header::AUTH_SIGNATURE, text));
    let others = dial.headers.iter().map(|(name, value)| (name.as_str(), value));
    for (name, value) in signature.chain(others) {
        add_header(request.headers_mut(), name, value.as_bytes())
            .map_err(|error| ChannelError::Request(error.to_string()))?;
    }
    Ok(request)
}

fn refusal(error: Error, tap: &Tap) -> ChannelError {
    let Error::Http(response) = error else {
        return ChannelError::Broken(describe(&error));
    };
    let status = response.status().as_u16();
    record_response(tap, status, response.headers());
    let body = response.into_body().unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    let body = cut(&tap.redactor.clean(&body), EXCERPT_BYTES).to_owned();
    ChannelError::Refused { status, body }
}

fn record_response(tap: &Tap, status: u16, headers: &http::HeaderMap) {
    tap.record(Direction::FromPlugin, 0, |tap| WireKind::HttpResponse {
        exchange: 0,
        status,
        headers: tap.headers(headers),
    });
}

/// What happened to the connection, in words.
pub(super) fn describe(error: &Error) -> String {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => "the connection ended".to_owned(),
        error => error.to_string(),
    }
}

/// Tells the tap of a frame.
pub(super) fn record(tap: &Tap, direction: Direction, message: &Message) {
    tap.record(direction, message.len(), |tap| {
        let (opcode, text) = match message {
            Message::Text(text) => (Opcode::Text, tap.text(text.as_str())),
            Message::Binary(_) => (Opcode::Binary, String::new()),
            Message::Ping(_) => (Opcode::Ping, String::new()),
            Message::Pong(_) => (Opcode::Pong, String::new()),
            Message::Close(None) => (Opcode::Close, String::new()),
            Message::Close(Some(frame)) => (Opcode::Close, tap.text(frame.reason.as_str())),
            Message::Frame(frame) => {
                let text = String::from_utf8_lossy(frame.payload());
                (Opcode::Fragment, tap.text(&text))
            }
        };
        WireKind::WebSocket { opcode, text }
    });
}
