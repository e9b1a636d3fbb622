//! The channel: one WebSocket from the host, over which calls go out and events come in
//! (PROTOCOL.md, section "Channel").
//!
//! [`ChannelHub`] owns the one place a live channel can have; [`link`] runs a live one; [`pending`]
//! keeps the calls that wait for an answer.

mod link;
mod pending;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use temps_plugin_schema::Dialect;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::events::EventIntake;
use crate::runtime::state::{Machine, Step};
use crate::server::problem::problem;

pub(crate) use link::Link;

/// Largest message taken from a host: well above the 16 MiB that every plugin must take (CH-37), and
/// still a bound.
const MESSAGE_BYTES: usize = 64 * 1024 * 1024;

const READ_BUFFER_BYTES: usize = 8 * 1024;

/// Accepts channels, one at a time, and tells everyone which one is live.
pub(crate) struct ChannelHub {
    dialect: Dialect,
    machine: Arc<Machine>,
    events: EventIntake,
    /// The live channel, for callers; `None` while there is none.
    live: watch::Sender<Option<Link>>,
    /// Holds a permit once there was a channel, however short its life.
    opened: Notify,
    /// The task that runs it. `Some` from the moment an upgrade is granted, so that a second dial is
    /// refused before the first one's upgrade is through.
    task: Mutex<Option<JoinHandle<()>>>,
}

impl ChannelHub {
    pub(crate) fn new(dialect: Dialect, machine: Arc<Machine>, events: EventIntake) -> Self {
        let live = watch::Sender::new(None);
        Self { dialect, machine, events, live, opened: Notify::new(), task: Mutex::new(None) }
    }

    /// The live channel as it comes and goes.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Link>> {
        self.live.subscribe()
    }

    /// Waits for the first channel; returns at once if there was one.
    pub(crate) async fn opened(&self) {
        self.opened.notified().await;
    }

    /// Answers a request for `/_temps/channel`: 101, or what is wrong with it.
    pub(crate) fn accept(self: &Arc<Self>, request: &mut Request<Body>) -> Response<Body> {
        let key = match upgrade_key(request) {
            Ok(key) => key,
            Err(reason) => return problem(StatusCode::BAD_REQUEST, reason),
        };
        let mut task = self.task();
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            return problem(
                StatusCode::CONFLICT,
                "another channel is live; there is one at a time",
            );
        }
        let upgrade = hyper::upgrade::on(request);
        let hub = Arc::clone(self);
        *task = Some(tokio::spawn(async move {
            match upgrade.await {
                Ok(upgraded) => hub.run(TokioIo::new(upgraded)).await,
                Err(error) => tracing::warn!(%error, "the channel's upgrade was not completed"),
            }
        }));
        switching_protocols(&key)
    }

    async fn run(&self, io: TokioIo<hyper::upgrade::Upgraded>) {
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES))
            .max_frame_size(Some(MESSAGE_BYTES))
            // The whole free buffer is zeroed before each read: a large one costs more than it saves.
            .read_buffer_size(READ_BUFFER_BYTES)
            // Host and plugin are on one machine: a frame is written when it is ready, not gathered.
            .write_buffer_size(0);
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        let (link, channel) = link::start(socket, self.dialect, self.events.clone());
        self.live.send_replace(Some(link));
        self.opened.notify_one();
        self.machine.step(Step::ChannelOpened);
        tracing::debug!("channel open");
        let reason = channel.await;
        self.live.send_replace(None);
        self.machine.step(Step::ChannelLost);
        tracing::debug!(%reason, "channel closed");
    }

    /// Ends the live channel, if any, with a close frame (LC-10).
    pub(crate) async fn close(&self) {
        let link = self.live.borrow().clone();
        if let Some(link) = link {
            link.close();
        }
        let task = self.task().take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::warn!(%error, "the channel's task failed");
        }
    }

    fn task(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `Sec-WebSocket-Key` of a request that asks for a WebSocket, or why it does not.
fn upgrade_key(request: &Request<Body>) -> Result<HeaderValue, &'static str> {
    let headers = request.headers();
    let lists = |name: header::HeaderName, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|value| value.trim().eq_ignore_ascii_case(token))
    };
    if request.method() != http::Method::GET {
        return Err("the channel is opened with GET");
    }
    if !lists(header::CONNECTION, "upgrade") || !lists(header::UPGRADE, "websocket") {
        return Err("the channel is a WebSocket: send `Connection: upgrade`, `Upgrade: websocket`");
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err("the channel speaks `Sec-WebSocket-Version: 13`");
    }
    headers.get(header::SEC_WEBSOCKET_KEY).cloned().ok_or("`Sec-WebSocket-Key` is missing")
}

fn switching_protocols(key: &HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}
