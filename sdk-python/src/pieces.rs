//! The body of an answer, and who notices that nobody waits for it any more.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

use crate::bridge::Bridge;
use crate::exchange::Request;
use crate::flow;

/// Tells the event loop that nobody waits for an answer any more, unless it was given.
pub(crate) struct Gone {
    bridge: Arc<Bridge>,
    id: Option<u64>,
}

impl Gone {
    pub(crate) fn new(bridge: Arc<Bridge>, id: u64) -> Self {
        Self { bridge, id: Some(id) }
    }

    /// The answer was given.
    pub(crate) fn answered(&mut self) {
        self.id = None;
    }
}

impl Drop for Gone {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.bridge.run(move |py, handlers| handlers.with_request(py, id, Request::peer_gone));
        }
    }
}

/// A frame of the body, or why there will be none.
pub(crate) type Outgoing = Result<Frame<Bytes>, &'static str>;

/// The body of an answer that comes in pieces.
pub(crate) struct Pieces {
    pieces: flow::Receiver<Outgoing>,
    gone: Gone,
    /// What is missing of the declared length, if there is one.
    left: Option<u64>,
}

impl Pieces {
    pub(crate) fn new(
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
