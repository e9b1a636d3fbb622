//! One connection to the socket, and whether author code has taken it over.
//!
//! A WebSocket of the author's own leaves the HTTP server with its upgrade. When the plugin stops, it
//! should still get the moment it needs to say goodbye (LC-15), so the server has to know of it: the
//! stream counts itself while author code holds it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::Dispatch;
use super::answer_body::Flush;
use super::steps::Steps;

/// How many connections author code has taken over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Upgrades(Arc<watch::Sender<usize>>);

impl Upgrades {
    /// Waits until author code holds none.
    pub(crate) async fn gone(&self) {
        // The sender is held here, so waiting cannot fail.
        drop(self.0.subscribe().wait_for(|count| *count == 0).await);
    }
}

/// What a connection's requests share.
pub(crate) struct Connection {
    pub(crate) dispatch: Arc<Dispatch>,
    upgrades: Upgrades,
    taken_over: AtomicBool,
    /// For an answer that fails: whether what came before is on its way.
    pub(crate) flush: Flush,
    /// Those of a connection whose answers come from another thread.
    pub(crate) steps: Option<Arc<Steps>>,
}

impl Connection {
    pub(crate) fn new(dispatch: Arc<Dispatch>, upgrades: Upgrades) -> Self {
        let steps = dispatch.answers_elsewhere.then(Steps::new);
        let (taken_over, flush) = (AtomicBool::new(false), Flush::default());
        Self { dispatch, upgrades, taken_over, flush, steps }
    }

    /// Author code has answered with an upgrade: the stream is its own from here on.
    pub(crate) fn take_over(&self) {
        if !self.taken_over.swap(true, Ordering::Relaxed) {
            self.upgrades.0.send_modify(|count| *count += 1);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if *self.taken_over.get_mut() {
            self.upgrades.0.send_modify(|count| *count -= 1);
        }
    }
}

/// The stream below a connection. It keeps the connection's count for as long as anyone holds it.
pub(crate) struct Stream {
    inner: TokioIo<UnixStream>,
    connection: Arc<Connection>,
}

impl Stream {
    pub(crate) fn new(stream: UnixStream, connection: Arc<Connection>) -> Self {
        Self { inner: TokioIo::new(stream), connection }
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper comes here once its own buffers are empty.
        std::task::ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        self.connection.flush.done();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, pieces)
    }
}
