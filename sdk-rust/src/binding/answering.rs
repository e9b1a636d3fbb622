//! One answer as author code gives it: whole, or a head and then piece by piece.

use std::sync::Arc;

use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::Frame;

use super::flow::{self, Sent};
use super::outbox::Outbox;
use super::pieces::{Gone, Outgoing, Pieces};
use crate::{Problem, Reply};

/// The head of an answer.
#[derive(Debug)]
pub struct Head {
    status: StatusCode,
    headers: HeaderMap,
    /// The length the author declared.
    length: Option<u64>,
}

impl Head {
    /// Checks status and declared length. How a body is framed is the server's business:
    /// `transfer-encoding` is left out.
    ///
    /// # Errors
    /// A status outside 200 to 599, a `content-length` that is not one number.
    pub fn new(status: i64, mut headers: HeaderMap) -> Result<Self, AnswerError> {
        let status = u16::try_from(status)
            .ok()
            .filter(|status| (200..=599).contains(status))
            .and_then(|status| StatusCode::from_u16(status).ok())
            .ok_or(AnswerError::Status(status))?;
        headers.remove(TRANSFER_ENCODING);
        let length = declared_length(&headers)?;
        Ok(Self { status, headers, length })
    }

    /// The answer with this head and that body.
    pub fn response(self, body: Body) -> Response<Body> {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

fn declared_length(headers: &HeaderMap) -> Result<Option<u64>, AnswerError> {
    let mut length = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let this = value.to_str().ok().and_then(|text| text.parse::<u64>().ok());
        if this.is_none() || length.is_some_and(|length| Some(length) != this) {
            return Err(AnswerError::Length(format!("{value:?}")));
        }
        length = this;
    }
    Ok(length)
}

/// Why a part of an answer was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The status is none that an application gives.
    #[error("status is {0}; allowed: 200 to 599")]
    Status(i64),
    /// The declared length is none.
    #[error("content-length is {0}; allowed: one number of bytes")]
    Length(String),
    /// The body has not the length that was declared: the answer is broken off.
    #[error("content-length is {declared}, but the body has {}{sent} bytes", if *.is_all { "" } else { "at least " })]
    OtherLength {
        /// What the head said.
        declared: u64,
        /// What was given so far.
        sent: u64,
        /// Whether there is no more to come.
        is_all: bool,
    },
    /// A head when there was one before.
    #[error("the response was started before")]
    Started,
    /// A piece before the head.
    #[error("the head of the response comes first")]
    NotStarted,
    /// Anything after the end.
    #[error("the response is complete")]
    Complete,
}

/// What an answer in pieces tells of, from threads of the runtime.
pub struct Listener {
    /// Nobody waits for the answer any more.
    pub gone: Gone,
    /// There is room again after [`Sent::Full`].
    pub resume: Box<dyn Fn() + Send + Sync>,
}

/// One answer.
pub struct Answering {
    is_head: bool,
    outbox: Arc<Outbox>,
    reply: Option<Reply>,
    progress: Progress,
}

/// How far the answer is.
enum Progress {
    Nothing,
    /// The head is on its way; the body follows.
    Streaming {
        out: flow::Sender<Outgoing>,
        sent: u64,
        length: Option<u64>,
    },
    /// The whole answer is on its way, or broken off, or there is nobody to have it.
    Complete,
}

impl Answering {
    /// The answer to a request of this method.
    #[must_use]
    pub fn new(method: &Method, reply: Reply, outbox: Arc<Outbox>) -> Self {
        let is_head = method == Method::HEAD;
        Self { is_head, outbox, reply: Some(reply), progress: Progress::Nothing }
    }

    /// Whether there is nothing left to give.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.progress, Progress::Complete)
    }

    /// Whether the head was given.
    #[must_use]
    pub fn has_started(&self) -> bool {
        !matches!(self.progress, Progress::Nothing)
    }

    /// Gives head and body at once.
    ///
    /// # Errors
    /// Out of turn; a body of another length than the head says.
    pub fn whole(&mut self, mut head: Head, body: Bytes) -> Result<(), AnswerError> {
        self.check_unstarted()?;
        let has_none = self.has_no_body(head.status);
        let sent = body.len() as u64;
        if let Some(declared) = head.length
            && declared != sent
            && !has_none
        {
            self.break_off();
            return Err(AnswerError::OtherLength { declared, sent, is_all: true });
        }
        self.progress = Progress::Complete;
        let is_missing = head.length.is_none() && sent > 0 && head.status != StatusCode::NO_CONTENT;
        if self.is_head && is_missing {
            // That of the body that GET would have had.
            head.headers.insert(CONTENT_LENGTH, sent.into());
        }
        self.give(head.response(if has_none { Body::empty() } else { Body::from(body) }));
        Ok(())
    }

    /// Gives the head; the body follows piece by piece.
    ///
    /// # Errors
    /// Out of turn.
    pub fn start(&mut self, head: Head, listener: Listener) -> Result<(), AnswerError> {
        self.check_unstarted()?;
        let (out, pieces) = flow::queue(listener.resume);
        let length = head.length.filter(|_| !self.has_no_body(head.status));
        let pieces = Pieces::new(pieces, listener.gone, length);
        self.progress = Progress::Streaming { out, sent: 0, length };
        self.give(head.response(Body::new(pieces)));
        Ok(())
    }

    /// Gives a piece of the body.
    ///
    /// # Errors
    /// Out of turn; more bytes than the head says, which breaks the answer off.
    pub fn piece(&mut self, piece: Bytes) -> Result<Sent, AnswerError> {
        let is_head = self.is_head;
        let Progress::Streaming { out, sent, length } = &mut self.progress else {
            return Err(self.out_of_turn());
        };
        let bytes = piece.len();
        *sent += bytes as u64;
        if let Some(declared) = *length
            && *sent > declared
        {
            let sent = *sent;
            self.break_off();
            return Err(AnswerError::OtherLength { declared, sent, is_all: false });
        }
        let has_all = *length == Some(*sent);
        let outcome = if bytes > 0 && !is_head {
            out.send(Ok(Frame::data(piece)), bytes)
        } else if out.is_gone() {
            Sent::Gone
        } else {
            Sent::Room
        };
        // A server that has all that was declared waits for nothing more.
        Ok(if outcome == Sent::Gone && has_all { Sent::Room } else { outcome })
    }

    /// Ends the body, with trailers if there are any.
    ///
    /// # Errors
    /// Out of turn; fewer bytes than the head says, which breaks the answer off.
    pub fn end(&mut self, trailers: Option<HeaderMap>) -> Result<(), AnswerError> {
        let Progress::Streaming { out, sent, length } = &self.progress else {
            return Err(self.out_of_turn());
        };
        if let Some(declared) = *length
            && *sent < declared
            && !self.is_head
        {
            let sent = *sent;
            self.break_off();
            return Err(AnswerError::OtherLength { declared, sent, is_all: true });
        }
        if let Some(trailers) = trailers {
            out.send(Ok(Frame::trailers(trailers)), 0);
        }
        // Dropping the sender ends the body.
        self.progress = Progress::Complete;
        Ok(())
    }

    /// Gives an answer that is not the application's own, such as one that switches protocols. Does nothing
    /// when there was one before.
    pub fn other(&mut self, response: Response<Body>) {
        if !self.has_started() {
            self.progress = Progress::Complete;
            self.give(response);
        }
    }

    /// Ends an answer that cannot be finished: 500 if nothing was sent, else a closed connection.
    pub fn break_off(&mut self) {
        match std::mem::replace(&mut self.progress, Progress::Complete) {
            Progress::Streaming { out, .. } => {
                out.send(Err("the application failed in the middle of its answer"), 0);
            }
            Progress::Nothing => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                self.give(Problem::new(status, "the plugin failed").into_response());
            }
            Progress::Complete => {}
        }
    }

    /// Nobody waits for it any more.
    pub fn abandon(&mut self) {
        self.progress = Progress::Complete;
        self.reply = None;
    }

    fn check_unstarted(&self) -> Result<(), AnswerError> {
        match self.progress {
            Progress::Nothing => Ok(()),
            Progress::Streaming { .. } => Err(AnswerError::Started),
            Progress::Complete => Err(AnswerError::Complete),
        }
    }

    fn out_of_turn(&self) -> AnswerError {
        if self.is_complete() { AnswerError::Complete } else { AnswerError::NotStarted }
    }

    fn give(&mut self, response: Response<Body>) {
        if let Some(reply) = self.reply.take() {
            // Nobody takes it when the peer has just gone away, which `Gone` tells.
            self.outbox.give(reply, response);
        }
    }

    fn has_no_body(&self, status: StatusCode) -> bool {
        self.is_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }
}
