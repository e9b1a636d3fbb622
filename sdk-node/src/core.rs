//! The plugin as the SDK drives it: every hook becomes a command for the event loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use futures_util::future::ready;
use futures_util::{FutureExt, StreamExt, stream};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use temps_plugin_sdk::binding::{EventLoop, Gone, HookDone};
use temps_plugin_sdk::{App, BoxFuture, Caller, PluginContext, Problem, ReplyTo};
use tokio::runtime::Handle;

use crate::bridge::{Bridge, Command};
use crate::exchange::Incoming;

/// The event loop as the SDK sees it.
pub(crate) struct Loop(pub(crate) Arc<Bridge>);

impl EventLoop for Loop {
    fn start(&self, ctx: PluginContext, runtime: Handle, done: HookDone) -> Arc<dyn App> {
        let (bridge, stopping) = (Arc::clone(&self.0), ctx.clone());
        runtime.spawn(async move {
            stopping.stopping().await;
            bridge.push(Command::Stopping);
        });
        self.0.push(Command::Start(Box::new((ctx, runtime)), done));
        Arc::new(NodeApp { bridge: Arc::clone(&self.0), next_id: AtomicU64::new(1) })
    }

    fn event(&self, event: String, done: HookDone) {
        self.0.push(Command::Event(event, done));
    }

    fn shutdown(&self, done: HookDone) {
        self.0.push(Command::Shutdown(done));
    }
}

/// The author's handler.
struct NodeApp {
    bridge: Arc<Bridge>,
    next_id: AtomicU64,
}

impl App for NodeApp {
    fn call(
        &self,
        mut request: Request<Body>,
        reply: ReplyTo<'_>,
    ) -> BoxFuture<'static, Response<Body>> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let bridge = Arc::clone(&self.bridge);
        let (answer, answered) = reply.later();
        Box::pin(async move {
            let upgrade =
                asks_for_upgrade(request.headers()).then(|| hyper::upgrade::on(&mut request));
            let caller = Caller::of(&request).signed_in();
            let (parts, body) = request.into_parts();
            let (inline, body) = inline(&parts.headers, body).await;
            let tell = Arc::clone(&bridge);
            let mut gone = Gone::new(move || tell.push(Command::Gone(id)));
            let incoming = Incoming { id, parts, body, inline, caller, answer, upgrade };
            bridge.push(Command::Request(Box::new(incoming)));
            let response = answered.await;
            gone.answered();
            response.unwrap_or_else(|| {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Problem::new(status, "the plugin failed").into_response()
            })
        })
    }
}

/// Whether a connection is asked to become something else.
fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    let has_upgrade = |value: &http::HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        text.split(',').any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
    };
    headers.contains_key(header::UPGRADE)
        && headers.get_all(header::CONNECTION).iter().any(has_upgrade)
}

/// The whole body beside an empty one, if it came with the head; else the body as it was. One that the
/// peer holds back until it is asked for is not asked for here.
async fn inline(headers: &HeaderMap, mut body: Body) -> (Option<Bytes>, Body) {
    let length = body.size_hint().exact();
    let Some(length) = length.filter(|length| (1..=INLINE_BYTES).contains(length)) else {
        return (None, body);
    };
    if headers.contains_key(header::EXPECT) {
        return (None, body);
    }
    let mut first = body.frame().now_or_never();
    if first.is_none() {
        // Asking makes the server look for it; it does so once it is polled again.
        tokio::task::yield_now().await;
        first = body.frame().now_or_never();
    }
    let first = match first {
        None => return (None, body),
        Some(None) => return (None, Body::empty()),
        Some(Some(first)) => first.map(|frame| frame.into_data().unwrap_or_default()),
    };
    match first {
        Ok(data) if data.len() as u64 == length => (Some(data), Body::empty()),
        // A body with a length has no trailers that could be lost here.
        first => {
            let begun = stream::once(ready(first)).chain(body.into_data_stream());
            (None, Body::from_stream(begun))
        }
    }
}

/// Longest body that is taken along with the head.
const INLINE_BYTES: u64 = 16 * 1024;

/// How long a number of milliseconds is.
pub(crate) fn milliseconds(milliseconds: f64) -> napi::Result<Duration> {
    Duration::try_from_secs_f64(milliseconds / 1000.0)
        .map_err(|error| crate::invalid(format!("{milliseconds} ms is no time: {error}")))
}
