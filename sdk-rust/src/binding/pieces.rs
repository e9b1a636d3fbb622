//! The body of an answer that comes in pieces, and who notices that nobody waits for it any more.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

use super::flow;

/// Tells author code that nobody waits for an answer any more, unless it was given.
pub struct Gone(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Gone {
    /// Calls `tell` when it is dropped before [`answered`](Self::answered).
    pub fn new(tell: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self(Some(Box::new(tell)))
    }

    /// The answer was given.
    pub fn answered(&mut self) {
        self.0 = None;
    }
}

impl Drop for Gone {
    fn drop(&mut self) {
        if let Some(tell) = self.0.take() {
            tell();
        }
    }
}

/// A frame of the body, or why there will be none.
pub(super) type Outgoing = Result<Frame<Bytes>, &'static str>;

/// The body.
pub(super) struct Pieces {
    pieces: flow::Receiver<Outgoing>,
    gone: Gone,
    /// What is missing of the declared length, if there is one.
    left: Option<u64>,
}

impl Pieces {
    pub(super) fn new(
        pieces: flow::Receiver<Outgoing>,
        gone: Gone,
        declared_length: Option<u64>,
    ) -> Self {
        let mut pieces = Self { pieces, gone, left: declared_length };
        pieces.count(0);
        pieces
    }

    /// Counts bytes that the server has taken. Once it has all that were declared it drops the body
    /// without waiting for its end, which is no sign of a peer that has gone away.
    fn count(&mut self, bytes: u64) {
        self.left = self.left.map(|left| left.saturating_sub(bytes));
        if self.left == Some(0) {
            self.gone.answered();
        }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        let piece = std::task::ready!(self.pieces.poll(cx));
        match &piece {
            Some(Ok(frame)) => self.count(frame.data_ref().map_or(0, |data| data.len() as u64)),
            Some(Err(_)) => {}
            None => self.gone.answered(),
        }
        Poll::Ready(piece)
    }
}
