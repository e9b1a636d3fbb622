//! A connection that author code has taken over. What it writes begins with the head of a response: one
//! with status 101 makes the rest of the connection its own, any other refuses.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use napi::bindgen_prelude::Result;
use temps_plugin_sdk::PluginContext;
use temps_plugin_sdk::binding::flow::{self, Sent};
use temps_plugin_sdk::binding::{Gone, Head};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::bridge::{Bridge, Command};
use crate::exchange::Exchange;
use crate::invalid;
use crate::web_socket::{Frames, GOING_AWAY};

/// Longest head of a response.
const HEAD_BYTES: usize = 64 * 1024;
/// Most headers of one.
const HEADERS: usize = 128;
/// Bytes read from the peer at once.
const READ_BYTES: usize = 64 * 1024;
/// How long a WebSocket's peer may take to answer the close frame at the plugin's end.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

type Io = TokioIo<Upgraded>;

/// A connection that is being taken over, or was.
pub(crate) struct TakeOver {
    id: u64,
    bridge: Arc<Bridge>,
    tokio: Handle,
    ctx: PluginContext,
    stage: Stage,
    wanted: Arc<Notify>,
}

enum Stage {
    /// The head of the response, as far as it has come.
    Head { upgrade: Option<OnUpgrade>, head: Vec<u8> },
    /// It was a refusal: what follows is its body.
    Refused,
    /// Nothing more is written once `out` is gone.
    Switched { out: Option<flow::Sender<Bytes>>, task: AbortHandle },
}

impl TakeOver {
    pub(crate) fn new(
        id: u64,
        bridge: Arc<Bridge>,
        upgrade: OnUpgrade,
        tokio: Handle,
        ctx: PluginContext,
    ) -> Self {
        let stage = Stage::Head { upgrade: Some(upgrade), head: Vec::new() };
        Self { id, bridge, tokio, ctx, stage, wanted: Arc::default() }
    }

    /// Asks for the next bytes of the peer.
    pub(crate) fn pull(&self) {
        self.wanted.notify_one();
    }

    /// The head's end, and the answer to give, once the head is whole.
    fn head(&mut self, bytes: &[u8]) -> Result<Option<(ResponseHead, Bytes)>> {
        let Stage::Head { head, .. } = &mut self.stage else { return Ok(None) };
        head.extend_from_slice(bytes);
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        let bad = |error: httparse::Error| {
            invalid(format!("what was written to the socket is no head of a response: {error}"))
        };
        match parsed.parse(head).map_err(bad)? {
            httparse::Status::Partial if head.len() > HEAD_BYTES => {
                Err(invalid(format!("the head of the response is longer than {HEAD_BYTES} bytes")))
            }
            httparse::Status::Partial => Ok(None),
            httparse::Status::Complete(length) => {
                let read = ResponseHead::of(&parsed)?;
                Ok(Some((read, Bytes::copy_from_slice(&head[length..]))))
            }
        }
    }

    /// Makes the connection author code's own, once the answer has gone out; what follows the head goes
    /// to the peer right after it.
    fn switch(&mut self, headers: &HeaderMap, rest: Bytes) -> Sent {
        let Stage::Head { upgrade, .. } = &mut self.stage else { return Sent::Gone };
        let Some(upgrade) = upgrade.take() else { return Sent::Gone };
        let (bridge, id) = (Arc::clone(&self.bridge), self.id);
        let (out, outgoing) = flow::queue(move || bridge.push(Command::Drain(id)));
        let raw = Raw {
            id,
            bridge: Arc::clone(&self.bridge),
            wanted: Arc::clone(&self.wanted),
            ctx: self.ctx.clone(),
            is_web_socket: headers.contains_key(header::SEC_WEBSOCKET_ACCEPT),
        };
        let told = Arc::clone(&self.bridge);
        // Told at the end, whatever it is.
        let gone = Gone::new(move || told.push(Command::Gone(id)));
        let task = self.tokio.spawn(async move {
            let _gone = gone;
            if let Ok(upgraded) = upgrade.await
                && let Err(error) = raw.carry(TokioIo::new(upgraded), outgoing).await
            {
                tracing::debug!(%error, "a connection that was taken over broke off");
            }
        });
        let length = rest.len();
        let sent = if length > 0 { out.send(rest, length) } else { Sent::Room };
        self.stage = Stage::Switched { out: Some(out), task: task.abort_handle() };
        sent
    }
}

impl Drop for TakeOver {
    fn drop(&mut self) {
        if let Stage::Switched { task, .. } = &self.stage {
            task.abort();
        }
    }
}

/// What JavaScript does with a connection it has taken over.
impl Exchange {
    /// Bytes for the peer.
    pub(crate) fn write_raw(&mut self, bytes: Bytes) -> Result<Sent> {
        let Some(taken) = &mut self.taken_over else { return Ok(Sent::Gone) };
        match &mut taken.stage {
            Stage::Switched { out: Some(out), .. } => {
                let length = bytes.len();
                Ok(out.send(bytes, length))
            }
            Stage::Switched { out: None, .. } => Ok(Sent::Gone),
            Stage::Refused => self.answering.piece(bytes).map_err(invalid),
            Stage::Head { .. } => match taken.head(&bytes)? {
                None => Ok(Sent::Room),
                Some((head, rest)) => self.answer_upgrade(head, rest),
            },
        }
    }

    fn answer_upgrade(&mut self, head: ResponseHead, rest: Bytes) -> Result<Sent> {
        let Some(taken) = &mut self.taken_over else { return Ok(Sent::Gone) };
        if head.status != StatusCode::SWITCHING_PROTOCOLS {
            taken.stage = Stage::Refused;
            let mut headers = head.headers;
            headers.remove(header::CONNECTION);
            let head = Head::new(i64::from(head.status.as_u16()), headers).map_err(invalid)?;
            let listener = self.listener();
            self.answering.start(head, listener).map_err(invalid)?;
            return if rest.is_empty() {
                Ok(Sent::Room)
            } else {
                self.answering.piece(rest).map_err(invalid)
            };
        }
        let sent = taken.switch(&head.headers, rest);
        self.answering.other(switching(head.headers));
        Ok(sent)
    }

    /// Author code writes nothing more.
    pub(crate) fn end_raw(&mut self) -> Result<()> {
        let Some(taken) = &mut self.taken_over else { return Ok(()) };
        match &mut taken.stage {
            // Dropping the sender ends that direction; the other one goes on.
            Stage::Switched { out, .. } => {
                *out = None;
                Ok(())
            }
            Stage::Refused => {
                self.taken_over = None;
                self.answering.end(None).map_err(invalid)
            }
            Stage::Head { .. } => {
                self.taken_over = None;
                self.answering.break_off();
                Ok(())
            }
        }
    }
}

/// The head of a response as author code wrote it.
struct ResponseHead {
    status: StatusCode,
    headers: HeaderMap,
}

impl ResponseHead {
    fn of(parsed: &httparse::Response<'_, '_>) -> Result<Self> {
        let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
        let status = status.ok_or_else(|| invalid("the response has no status"))?;
        let mut headers = HeaderMap::new();
        for field in parsed.headers.iter() {
            let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(invalid)?;
            headers.append(name, HeaderValue::from_bytes(field.value).map_err(invalid)?);
        }
        Ok(Self { status, headers })
    }
}

/// A connection's two directions.
struct Raw {
    id: u64,
    bridge: Arc<Bridge>,
    wanted: Arc<Notify>,
    ctx: PluginContext,
    is_web_socket: bool,
}

impl Raw {
    /// Carries bytes both ways until both sides have ended.
    async fn carry(self, io: Io, outgoing: flow::Receiver<Bytes>) -> std::io::Result<()> {
        let (reader, writer) = tokio::io::split(io);
        let reading = self.read(reader);
        let writing = self.write(writer, outgoing);
        tokio::pin!(reading, writing);
        tokio::select! {
            read = &mut reading => {
                read?;
                writing.await.map(|_| ())
            }
            written = &mut writing => match written? {
                Goodbye::Authors => reading.await,
                // What the peer still says is not waited for any longer.
                Goodbye::Ours => timeout(CLOSE_WAIT, reading).await.unwrap_or(Ok(())),
            }
        }
    }

    /// Hands over what comes, one piece each time it is asked for.
    async fn read(&self, mut reader: ReadHalf<Io>) -> std::io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            self.wanted.notified().await;
            let length = reader.read(&mut buffer).await?;
            let piece = (length > 0).then(|| Bytes::copy_from_slice(&buffer[..length]));
            self.bridge.push(Command::Raw(self.id, piece));
            if length == 0 {
                return Ok(());
            }
        }
    }

    async fn write(
        &self,
        mut writer: WriteHalf<Io>,
        mut outgoing: flow::Receiver<Bytes>,
    ) -> std::io::Result<Goodbye> {
        let mut frames = Frames::default();
        loop {
            let may_part = self.is_web_socket && frames.is_between();
            tokio::select! {
                biased;
                () = self.ctx.stopping(), if may_part => {
                    writer.write_all(&GOING_AWAY).await?;
                    writer.shutdown().await?;
                    return Ok(Goodbye::Ours);
                }
                piece = outgoing.next() => match piece {
                    Some(bytes) => {
                        if self.is_web_socket {
                            frames.pass(&bytes);
                        }
                        writer.write_all(&bytes).await?;
                    }
                    None => {
                        writer.shutdown().await?;
                        return Ok(Goodbye::Authors);
                    }
                }
            }
        }
    }
}

/// Who has ended what is written.
enum Goodbye {
    Authors,
    Ours,
}

/// The answer that switches protocols.
pub(crate) fn switching(headers: HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers;
    response
}
