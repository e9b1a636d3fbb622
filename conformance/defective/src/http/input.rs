//! The reading half of a connection, with what was read ahead.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::OwnedReadHalf;

/// How much is asked for at once.
const READ: usize = 64 * 1024;

/// Bytes from the peer.
pub(crate) struct Input {
    half: OwnedReadHalf,
    pub(crate) buffer: BytesMut,
}

impl Input {
    pub(crate) fn new(half: OwnedReadHalf) -> Self {
        Self { half, buffer: BytesMut::new() }
    }

    /// Reads more; false at the end. Nothing is lost when it is dropped.
    pub(crate) async fn fill(&mut self) -> io::Result<bool> {
        self.buffer.reserve(READ);
        Ok(self.half.read_buf(&mut self.buffer).await? > 0)
    }

    /// Some bytes, at most so many and at least one.
    pub(crate) async fn some(&mut self, most: usize) -> io::Result<Bytes> {
        if self.buffer.is_empty() && !self.fill().await? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let count = most.min(self.buffer.len());
        Ok(self.buffer.split_to(count).freeze())
    }

    /// A line without its end; `limit` bytes at most.
    pub(crate) async fn line(&mut self, limit: usize) -> io::Result<Bytes> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let mut line = self.buffer.split_to(end + 1).freeze();
                line.truncate(if line[..end].ends_with(b"\r") { end - 1 } else { end });
                return Ok(line);
            }
            if self.buffer.len() > limit {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long"));
            }
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Waits for the peer to go away; what it sends meanwhile, up to `limit` bytes, is kept.
    pub(crate) async fn gone(&mut self, limit: usize) {
        loop {
            if self.buffer.len() > limit {
                return std::future::pending().await;
            }
            match self.fill().await {
                Ok(true) => {}
                Ok(false) | Err(_) => return,
            }
        }
    }
}
