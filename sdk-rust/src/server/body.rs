//! A request body that is finished even when nobody reads it.
//!
//! A response may come before the request's body was read: a 401, a 404, a handler that does not
//! care. Closing the connection then would reset it under a peer that is still sending, and the
//! response would be lost with it. So what is left of the body is read and thrown away, within
//! bounds, while the response is on its way (HT-07).

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Duration, timeout};

/// Most bytes thrown away for one request.
const DISCARD_BYTES: usize = 64 * 1024 * 1024;
/// How long to wait for the next piece of a body that nobody wants.
const DISCARD_WAIT: Duration = Duration::from_millis(500);

/// The body of a request, for those who answer it.
pub(crate) fn of_request(headers: &HeaderMap, body: Incoming) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    if headers.contains_key(header::EXPECT) {
        // The peer waits for `100 Continue` and sends nothing unless somebody reads.
        return Body::new(body);
    }
    Body::new(RequestBody(Some(body)))
}

/// `None` once the body has ended.
struct RequestBody(Option<Incoming>);

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(incoming) = &mut self.0 else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(&mut *incoming).poll_frame(cx));
        // hyper tells of the end of a body with a length only with the next request, if the answer came
        // before it.
        if !matches!(frame, Some(Ok(_))) || incoming.is_end_stream() {
            self.0 = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some(rest) = self.0.take().filter(|body| !body.is_end_stream()) else { return };
        // Author code may drop a body on a thread of its own; then the connection is just closed.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(discard(rest));
        }
    }
}

async fn discard(mut body: Incoming) {
    let mut left = DISCARD_BYTES;
    while let Ok(Some(Ok(frame))) = timeout(DISCARD_WAIT, body.frame()).await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
