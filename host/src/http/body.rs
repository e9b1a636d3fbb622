//! Bodies: whole, streamed, and watched by a tap.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, channel};

use crate::tap::{Direction, Tap, WireKind};

/// Any error of a body or a connection.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request or response body.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

pub(super) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed_unsync()
}

pub(super) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// How many pieces a streamed body holds until the plugin reads: few, so that a plugin that does not
/// read slows its sender (HT-20).
const STREAM_DEPTH: usize = 2;

/// A streamed body and the end it is fed from.
pub(super) fn stream() -> (BodySender, Body) {
    let (sender, body) = channel::Channel::<Bytes, BoxError>::new(STREAM_DEPTH);
    (BodySender { sender }, body.boxed_unsync())
}

/// Feeds a streamed request body. Dropping it ends the body regularly.
pub struct BodySender {
    sender: channel::Sender<Bytes, BoxError>,
}

impl std::fmt::Debug for BodySender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BodySender")
    }
}

impl BodySender {
    /// Sends a piece; waits while the plugin does not read. False when nobody takes it any more.
    pub async fn send(&mut self, data: impl Into<Bytes>) -> bool {
        self.sender.send_data(data.into()).await.is_ok()
    }

    /// Ends the body with trailers. They reach the plugin only if the request has a `trailer` header
    /// that names them. False when nobody takes them any more.
    pub async fn finish_with(mut self, trailers: HeaderMap) -> bool {
        self.sender.send_trailers(trailers).await.is_ok()
    }

    /// Breaks the body off: the connection is closed in the middle of the request.
    pub fn abort(self) {
        self.sender.abort("the sender gave up".into());
    }
}

/// Tells a tap how large a body was once it ended, or broke off.
pub(super) struct Tapped<B: http_body::Body> {
    body: B,
    size: usize,
    done: bool,
    report: Report,
}

pub(super) struct Report {
    pub(super) tap: Tap,
    pub(super) exchange: u64,
    pub(super) direction: Direction,
}

impl<B: http_body::Body> Tapped<B> {
    pub(super) fn new(body: B, report: Report) -> Self {
        Self { body, size: 0, done: false, report }
    }

    fn report(&mut self, complete: bool) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        let exchange = self.report.exchange;
        self.report.tap.record(self.report.direction, self.size, |_| WireKind::HttpBody {
            exchange,
            complete,
        });
    }
}

impl<B: http_body::Body<Data = Bytes> + Unpin> http_body::Body for Tapped<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                self.size += frame.data_ref().map_or(0, Bytes::len);
                if frame.is_trailers() {
                    self.report(true);
                }
            }
            Some(Err(_)) => self.report(false),
            None => self.report(true),
        }
        if self.body.is_end_stream() {
            self.report(true);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: http_body::Body> Drop for Tapped<B> {
    fn drop(&mut self) {
        self.report(self.body.is_end_stream());
    }
}
