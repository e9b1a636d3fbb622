//! One WebSocket on tokio, from its handshake to its close frame.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use pyo3::prelude::*;
use temps_plugin_sdk::binding::flow;
use temps_plugin_sdk::{Caller, PluginContext, Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::bridge::Bridge;
use crate::websocket::WebSocket;

/// Largest message taken from a peer.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of messages that may wait for the application; nothing more is read meanwhile.
const UNREAD_BYTES: u32 = 64 * 1024;
/// How long the peer may take to answer a close frame.
const CLOSE_WAIT: Duration = Duration::from_secs(1);

/// What the application makes of a handshake.
pub(crate) enum Decision {
    Accept { headers: HeaderMap, outgoing: flow::Receiver<Message> },
    Refuse(Response<Body>),
}

/// Whether a request asks for a WebSocket.
pub(crate) fn asked_for(request: &Request<Body>) -> bool {
    request.method() == Method::GET
        && request
            .headers()
            .get(header::UPGRADE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Answers a handshake as the application decides.
pub(crate) async fn answer(
    bridge: Arc<Bridge>,
    ctx: PluginContext,
    id: u64,
    mut request: Request<Body>,
) -> Response<Body> {
    let Some(key) = handshake_key(request.headers()) else {
        let hint = "send `Sec-WebSocket-Version: 13` and a `Sec-WebSocket-Key`";
        return Problem::new(StatusCode::BAD_REQUEST, hint).into_response();
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let caller = Caller::of(&request).signed_in();
    let (parts, _) = request.into_parts();
    let (decision, decided) = oneshot::channel();
    let mut gone = Gone { bridge: Arc::clone(&bridge), id, ended: false };
    bridge.run(move |py, handlers| {
        let protocols = subprotocols(&parts.headers);
        let scope = handlers.common()?.web_socket(py, &parts, caller, &protocols)?;
        let socket = Py::new(py, WebSocket::new(id, protocols, decision, Arc::clone(handlers)))?;
        handlers.web_sockets().insert(id, socket.clone_ref(py));
        handlers.author.call_method1(py, pyo3::intern!(py, "websocket"), (scope, socket))?;
        Ok(())
    });
    match decided.await {
        Ok(Decision::Accept { headers, outgoing }) => {
            tokio::spawn(async move {
                if let Ok(upgraded) = upgrade.await {
                    let close = converse(upgraded, outgoing, &gone, &ctx).await;
                    gone.end(close);
                }
            });
            switching(&key, headers)
        }
        Ok(Decision::Refuse(response)) => {
            gone.ended = true;
            response
        }
        Err(_) => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the plugin failed").into_response()
        }
    }
}

fn handshake_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let version = headers.get(header::SEC_WEBSOCKET_VERSION)?;
    (version == "13").then(|| headers.get(header::SEC_WEBSOCKET_KEY).cloned())?
}

fn subprotocols(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|list| list.split(',')).map(|one| one.trim().to_owned()).collect()
}

fn switching(key: &HeaderValue, mut headers: HeaderMap) -> Response<Body> {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers;
    response
}

/// How a WebSocket ended.
pub(crate) struct Closed {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

impl Closed {
    pub(crate) fn with(code: u16) -> Self {
        Self { code, reason: String::new() }
    }
}

/// Tells the application that its peer has gone.
struct Gone {
    bridge: Arc<Bridge>,
    id: u64,
    ended: bool,
}

impl Gone {
    fn deliver(&self, message: Received) {
        let id = self.id;
        self.bridge.run(move |py, handlers| {
            let socket = handlers.web_sockets().get(&id).map(|socket| socket.clone_ref(py));
            socket.map_or(Ok(()), |socket| socket.bind(py).borrow_mut().deliver(py, message))
        });
    }

    fn end(&mut self, closed: Closed) {
        if !std::mem::replace(&mut self.ended, true) {
            self.deliver(Received::Disconnect(closed));
        }
    }
}

impl Drop for Gone {
    fn drop(&mut self) {
        // 1006: the connection was lost without a close frame.
        self.end(Closed::with(1006));
    }
}

/// Carries messages both ways until one side closes.
async fn converse(
    upgraded: hyper::upgrade::Upgraded,
    mut outgoing: flow::Receiver<Message>,
    application: &Gone,
    ctx: &PluginContext,
) -> Closed {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let io = TokioIo::new(upgraded);
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let (mut sink, mut stream) = socket.split();
    let room = Arc::new(Semaphore::new(UNREAD_BYTES as usize));
    let reading = async {
        loop {
            match stream.next().await {
                Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                    let bytes = u32::try_from(message.len()).unwrap_or(UNREAD_BYTES);
                    let share = bytes.clamp(1, UNREAD_BYTES);
                    let Ok(permit) = Arc::clone(&room).acquire_many_owned(share).await else {
                        return Closed::with(1006);
                    };
                    application.deliver(Received::Message(message, permit));
                }
                Some(Ok(Message::Close(frame))) => {
                    return frame.map_or(Closed::with(1005), |frame| Closed {
                        code: frame.code.into(),
                        reason: frame.reason.as_str().to_owned(),
                    });
                }
                Some(Ok(_)) => {}
                Some(Err(Error::Capacity(_))) => return Closed::with(1009),
                Some(Err(_)) | None => return Closed::with(1006),
            }
        }
    };
    tokio::pin!(reading);
    let goodbye = loop {
        tokio::select! {
            closed = &mut reading => {
                // The answer to a close frame is queued in the sink; a peer that is gone misses it.
                drop(sink.close().await);
                return closed;
            }
            message = outgoing.next() => match message {
                Some(message @ Message::Close(_)) => break message,
                Some(message) => {
                    if sink.send(message).await.is_err() {
                        return Closed::with(1006);
                    }
                }
                None => break close_message(1011, ""),
            },
            () = ctx.stopping() => break close_message(1001, "the plugin stops"),
        }
    };
    let code = match &goodbye {
        Message::Close(Some(frame)) => frame.code.into(),
        _ => 1005,
    };
    if sink.send(goodbye).await.is_ok() {
        // What the peer still says before its own close frame is not waited for any longer.
        drop(timeout(CLOSE_WAIT, reading).await);
    }
    Closed::with(code)
}

pub(crate) fn close_message(code: u16, reason: &str) -> Message {
    Message::Close(Some(CloseFrame { code: CloseCode::from(code), reason: reason.into() }))
}

/// What the application receives.
pub(crate) enum Received {
    Message(Message, OwnedSemaphorePermit),
    Disconnect(Closed),
}
