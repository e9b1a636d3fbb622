//! One request and its response, of which either may be read and written piece by piece.

use std::fmt::Write as _;
use std::io;

use bytes::{Buf as _, Bytes};
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::OwnedWriteHalf;

use super::Answered;
use super::body::BodyKind;
use super::head::Request;
use super::input::Input;
use super::reply::Reply;
use crate::defects::{author, health, http as rude, requests, ui};
use crate::log;
use crate::server::HEALTH;

/// How much a peer may send ahead while a handler waits.
const AHEAD: usize = 1024 * 1024;

/// How the length of a response body is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    /// There is none: `HEAD`, 204 and their like.
    Bodiless,
    /// By the end of the connection, for peers of HTTP/1.0.
    Close,
}

/// A request under way.
pub(crate) struct Exchange<'c> {
    pub(crate) request: Request,
    /// Trailers of the request, once its body is at its end.
    pub(crate) trailers: Vec<(String, Vec<u8>)>,
    input: &'c mut Input,
    output: &'c mut OwnedWriteHalf,
    /// Set once a response has begun.
    begun: Option<Framing>,
    /// Whether the peer waits for leave to send its body.
    expects: bool,
    keeps: bool,
}

impl<'c> Exchange<'c> {
    pub(super) fn new(
        request: Request,
        input: &'c mut Input,
        output: &'c mut OwnedWriteHalf,
    ) -> Self {
        let expects = request.one_one && request.lists("expect", "100-continue");
        let keeps = match request.one_one {
            true => !request.lists("connection", "close"),
            false => request.lists("connection", "keep-alive"),
        };
        let keeps = keeps && !rude::CLOSES_AFTER_RESPONSE.active();
        Self { request, trailers: Vec::new(), input, output, begun: None, expects, keeps }
    }

    /// Whether a part of the response may have been sent.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// The next piece of the request body; none at its end.
    pub(crate) async fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        if std::mem::take(&mut self.expects) && !self.request.body.is_done() {
            self.output.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        self.request.body.next(self.input, &mut self.trailers).await
    }

    /// The whole request body; none when it is longer than `limit`.
    pub(crate) async fn body(&mut self, limit: usize) -> io::Result<Option<Vec<u8>>> {
        let mut whole = Vec::new();
        while let Some(piece) = self.chunk().await? {
            if whole.len() + piece.len() > limit {
                return Ok(None);
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Some(whole))
    }

    /// Waits for the caller to go away (HT-30).
    pub(crate) async fn caller_gone(&mut self) {
        self.input.gone(AHEAD).await;
    }

    /// Sends a whole response.
    pub(crate) async fn reply(&mut self, reply: Reply) -> io::Result<()> {
        let Reply { status, headers, body } = reply;
        let last = if author::STATUSES_TO_999.active() { 999 } else { 599 };
        if !(200..=last).contains(&status) {
            log::error(&format!("a handler answered with the status {status}"));
            return Box::pin(self.reply(Reply::text(500, "the handler failed"))).await;
        }
        self.begin(status, &headers, Framing::Length(body.len() as u64)).await?;
        self.write(&body).await
    }

    /// [`Exchange::reply`] as the last thing a handler does.
    pub(crate) async fn answer(&mut self, reply: Reply) -> io::Result<Answered> {
        self.reply(reply).await.map(|()| Answered::Response)
    }

    /// Sends status and headers.
    pub(crate) async fn begin(
        &mut self,
        status: u64,
        headers: &[(String, Vec<u8>)],
        framing: Framing,
    ) -> io::Result<()> {
        let head = self.request.method == "HEAD" && !has_body_to_head(self.request.path());
        let none = head || matches!(status, 204 | 205 | 304);
        let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status)).into_bytes();
        for (name, value) in headers {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        let mut end = String::new();
        let framing = match framing {
            Framing::Chunked if !self.request.one_one => Framing::Close,
            framing => framing,
        };
        // Writing into a text does not fail.
        let _ = match framing {
            Framing::Length(_) if matches!(status, 204 | 304) => Ok(()),
            Framing::Length(_) if status == 205 => write!(end, "content-length: 0\r\n"),
            Framing::Length(length) => write!(end, "content-length: {length}\r\n"),
            Framing::Chunked => write!(end, "transfer-encoding: chunked\r\n"),
            Framing::Bodiless | Framing::Close => Ok(()),
        };
        self.skip_what_is_here();
        // What is left of the body may be much; the next head would stand behind all of it.
        self.keeps &= self.request.body.is_done() && framing != Framing::Close;
        if status != 101 && !self.keeps {
            end.push_str("connection: close\r\n");
        }
        end.push_str("\r\n");
        head.extend_from_slice(end.as_bytes());
        self.begun = Some(if none { Framing::Bodiless } else { framing });
        self.output.write_all(&head).await
    }

    /// Skips the rest of a body that has come already and that nobody wants.
    fn skip_what_is_here(&mut self) {
        if let BodyKind::Length(left) = self.request.body
            && let Ok(left) = usize::try_from(left)
            && left <= self.input.buffer.len()
        {
            self.input.buffer.advance(left);
            self.request.body = BodyKind::Done;
        }
    }

    /// Sends a piece of the response body.
    pub(crate) async fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        if piece.is_empty() {
            return Ok(());
        }
        match self.begun {
            Some(Framing::Chunked) => {
                let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
                chunk.extend_from_slice(piece);
                chunk.extend_from_slice(b"\r\n");
                self.output.write_all(&chunk).await
            }
            Some(Framing::Length(_) | Framing::Close) => self.output.write_all(piece).await,
            Some(Framing::Bodiless) | None => Ok(()),
        }
    }

    /// Ends a response of chunks, with trailers.
    pub(crate) async fn end(&mut self, trailers: &[(String, Vec<u8>)]) -> io::Result<()> {
        if self.begun != Some(Framing::Chunked) {
            return Ok(());
        }
        let mut end = b"0\r\n".to_vec();
        for (name, value) in trailers {
            end.extend_from_slice(name.as_bytes());
            end.extend_from_slice(b": ");
            end.extend_from_slice(value);
            end.extend_from_slice(b"\r\n");
        }
        end.extend_from_slice(b"\r\n");
        self.output.write_all(&end).await
    }

    /// Whether the connection serves another request.
    pub(crate) async fn finish(&mut self) -> io::Result<bool> {
        self.output.flush().await?;
        Ok(self.keeps && self.request.body.is_done())
    }
}

/// Whether a defect has the answer to `HEAD` carry a body at this path.
fn has_body_to_head(path: &str) -> bool {
    (path == HEALTH && health::HEAD_WITH_BODY.active())
        || (path == "/context" && requests::HEAD_HAS_A_BODY.active())
        || (path.starts_with("/ui/") && ui::HEAD_WITH_BODY.active())
}

/// The words of a status line; they mean nothing to anybody.
pub(super) fn reason(status: u64) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "",
    }
}
