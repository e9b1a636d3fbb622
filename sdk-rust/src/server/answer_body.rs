//! The body of an answer, which may fail when part of it was sent (HT-24).
//!
//! hyper closes the connection of a body that fails, and drops what it has not written by then: a body
//! that fails early would take its own head with it. So a failure is held back until all that came
//! before it is with the socket.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body as HttpBody, Frame, SizeHint};

use super::connection::Connection;

/// A body on its way to a peer.
pub(crate) struct AnswerBody {
    body: Body,
    /// The connection of an answer of author code's; none for the SDK's own, which do not fail.
    author: Option<Arc<Connection>>,
    failure: Option<axum::Error>,
}

impl From<Body> for AnswerBody {
    fn from(body: Body) -> Self {
        Self { body, author: None, failure: None }
    }
}

impl AnswerBody {
    /// A body that author code gave.
    pub(crate) fn of_author(body: Body, connection: Arc<Connection>) -> Self {
        Self { body, author: Some(connection), failure: None }
    }
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let Some(connection) = &this.author else { return Pin::new(&mut this.body).poll_frame(cx) };
        if this.failure.is_none() {
            let body = &mut this.body;
            let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(body).poll_frame(cx)));
            this.failure = Some(match polled {
                Ok(Poll::Ready(Some(Err(error)))) => error,
                Ok(polled) => return polled,
                Err(_panic) => axum::Error::new("it panicked"),
            });
            connection.flush.ask();
        }
        std::task::ready!(connection.flush.poll(cx.waker()));
        Poll::Ready(this.failure.take().map(|error| {
            connection.dispatch.broke_off(&error);
            Err(error)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.failure.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether all that was written is with the socket, for whoever asks.
#[derive(Default)]
pub(crate) struct Flush {
    asked: AtomicBool,
    waiting: AtomicWaker,
}

impl Flush {
    /// Asks for the next flush.
    fn ask(&self) {
        self.asked.store(true, Ordering::Release);
    }

    /// Waits for it.
    fn poll(&self, waker: &Waker) -> Poll<()> {
        self.waiting.register(waker);
        if self.asked.load(Ordering::Acquire) { Poll::Pending } else { Poll::Ready(()) }
    }

    /// There was one.
    pub(crate) fn done(&self) {
        if self.asked.load(Ordering::Acquire) {
            self.asked.store(false, Ordering::Release);
            self.waiting.wake();
        }
    }
}
