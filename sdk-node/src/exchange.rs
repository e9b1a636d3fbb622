//! One request and its answer, on the event loop's thread.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::upgrade::OnUpgrade;
use temps_plugin_sdk::binding::{Answering, Gone, Listener};
use temps_plugin_sdk::{PluginContext, Reply, VerifiedCaller};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::bridge::{Bridge, Command};
use crate::upgraded::TakeOver;

/// A request on its way to the event loop.
pub(crate) struct Incoming {
    pub(crate) id: u64,
    pub(crate) parts: http::request::Parts,
    pub(crate) body: Body,
    /// The whole body, where it was there at once.
    pub(crate) inline: Option<Bytes>,
    pub(crate) caller: Option<VerifiedCaller>,
    pub(crate) answer: Reply,
    /// What is left of the connection once it is taken over.
    pub(crate) upgrade: Option<OnUpgrade>,
}

/// A request under way.
pub(crate) struct Exchange {
    id: u64,
    bridge: Arc<Bridge>,
    body: RequestBody,
    pub(crate) answering: Answering,
    pub(crate) upgrade: Option<OnUpgrade>,
    pub(crate) taken_over: Option<TakeOver>,
}

/// How far the request's body is.
enum RequestBody {
    /// Nobody has asked for it.
    Untouched(Body),
    /// Some of it was taken.
    Begun(Body),
    /// The next piece is awaited on tokio.
    Pulling(AbortHandle),
    /// There is no more, or nobody wants it.
    Over,
}

impl Exchange {
    pub(crate) fn new(
        id: u64,
        bridge: Arc<Bridge>,
        body: Body,
        answering: Answering,
        upgrade: Option<OnUpgrade>,
    ) -> Self {
        let body =
            if body.is_end_stream() { RequestBody::Over } else { RequestBody::Untouched(body) };
        Self { id, bridge, body, answering, upgrade, taken_over: None }
    }

    /// Asks for the next piece of the body. Asking while one is awaited changes nothing.
    pub(crate) fn pull(&mut self, tokio: &Handle) {
        match std::mem::replace(&mut self.body, RequestBody::Over) {
            RequestBody::Untouched(mut body) | RequestBody::Begun(mut body) => {
                let (bridge, id) = (Arc::clone(&self.bridge), self.id);
                let pulling = tokio.spawn(async move {
                    let frame = body.frame().await;
                    bridge.push(Command::Pulled(id, body, frame));
                });
                self.body = RequestBody::Pulling(pulling.abort_handle());
            }
            other => self.body = other,
        }
    }

    /// A piece that was asked for is here; `rest` is what follows, if anything may.
    pub(crate) fn pulled(&mut self, rest: Option<Body>) {
        self.body = rest.map_or(RequestBody::Over, RequestBody::Begun);
    }

    /// Nobody wants what is left of the body: the server reads it and throws it away.
    pub(crate) fn discard(&mut self) {
        if let RequestBody::Pulling(pulling) = std::mem::replace(&mut self.body, RequestBody::Over)
        {
            pulling.abort();
        }
    }

    /// Whether nothing is left to do. A body that nobody has begun to read by the end of the answer is
    /// not waited for.
    pub(crate) fn is_over(&self) -> bool {
        self.answering.is_complete()
            && self.taken_over.is_none()
            && matches!(self.body, RequestBody::Over | RequestBody::Untouched(_))
    }

    /// Who is told of an answer in pieces.
    pub(crate) fn listener(&self) -> Listener {
        let (gone, drain, id) = (Arc::clone(&self.bridge), Arc::clone(&self.bridge), self.id);
        Listener {
            gone: Gone::new(move || gone.push(Command::Gone(id))),
            resume: Box::new(move || drain.push(Command::Drain(id))),
        }
    }

    /// Has author code take the connection over; false when nothing was asked to be.
    pub(crate) fn take_over(&mut self, tokio: Handle, ctx: PluginContext) -> bool {
        let Some(upgrade) = self.upgrade.take() else { return false };
        self.discard();
        let bridge = Arc::clone(&self.bridge);
        self.taken_over = Some(TakeOver::new(self.id, bridge, upgrade, tokio, ctx));
        true
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.discard();
    }
}
