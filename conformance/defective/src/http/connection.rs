//! One connection: heads one after another, each with its exchange.

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;

use super::exchange::Exchange;
use super::head::{Head, Request};
use super::input::Input;
use crate::defects::faults;

/// How long, and for how many bytes, a peer is heard out that goes on sending after its answer. A
/// connection that is closed over unread bytes may take the answer with it.
const LINGER: Duration = Duration::from_secs(5);
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// What comes next on a connection.
pub(crate) enum Next {
    Request(Box<Request>),
    /// No request: the status owed, and why.
    Bad(u16, &'static str),
    Ended,
}

/// A connection between requests.
pub(crate) struct Connection {
    input: Input,
    output: OwnedWriteHalf,
}

impl Connection {
    pub(crate) fn new(stream: UnixStream) -> Self {
        let (read, output) = stream.into_split();
        Self { input: Input::new(read), output }
    }

    /// The next head. Nothing is lost when it is dropped.
    pub(crate) async fn next(&mut self) -> Next {
        loop {
            if !self.input.buffer.is_empty() {
                match Request::read(&mut self.input.buffer) {
                    Head::Whole(request) => return Next::Request(request),
                    Head::Bad(status, why) => return Next::Bad(status, why),
                    Head::Partial if faults::HEAD_IN_ONE_PIECE.active() => {
                        return Next::Bad(400, "this is no whole head");
                    }
                    Head::Partial => {}
                }
            }
            match self.input.fill().await {
                Ok(true) => {}
                Ok(false)
                    if faults::HANGS_ON_HALF_A_HEAD.active() && !self.input.buffer.is_empty() =>
                {
                    // The only thread of the plugin.
                    loop {
                        std::thread::park();
                    }
                }
                Ok(false) | Err(_) => return Next::Ended,
            }
        }
    }

    pub(crate) fn exchange(&mut self, request: Request) -> Exchange<'_> {
        Exchange::new(request, &mut self.input, &mut self.output)
    }

    /// Answers what is no request, and hears the peer out.
    pub(crate) async fn refuse(&mut self, status: u16, why: &str) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 {status} {}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{why}",
            super::exchange::reason(u64::from(status)),
            why.len()
        );
        self.output.write_all(head.as_bytes()).await?;
        self.linger().await;
        Ok(())
    }

    /// Ends the writing side and reads on until the peer has ended its own.
    pub(crate) async fn linger(&mut self) {
        // The peer may be gone already, which is as good.
        if self.output.shutdown().await.is_err() {
            return;
        }
        let heard_out = async {
            let mut left = LINGER_BYTES;
            while self.input.fill().await.is_ok_and(|more| more) {
                left = left.saturating_sub(self.input.buffer.len());
                self.input.buffer.clear();
                if left == 0 {
                    return;
                }
            }
        };
        // One that does not end is cut off.
        let _ = tokio::time::timeout(LINGER, heard_out).await;
    }

    /// What has come and is no request yet.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.input.buffer
    }

    pub(crate) fn into_parts(self) -> (Input, OwnedWriteHalf) {
        (self.input, self.output)
    }
}
