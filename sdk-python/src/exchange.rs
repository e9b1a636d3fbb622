//! One HTTP request, from its arrival to the end of its answer: ASGI's `receive` and `send`.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::{Method, Response, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use pyo3::exceptions::{PyConnectionResetError, PyRuntimeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use temps_plugin_sdk::{Problem, Reply};
use tokio::task::AbortHandle;

use crate::answer::{self, Head};
use crate::awaitable::{Cancel, Done, Waiting};
use crate::bridge::Incoming;
use crate::flow::{self, Sent};
use crate::pieces::{Gone, Outgoing, Pieces};
use crate::runtime::Handlers;
use crate::scope;

/// How far the answer is.
enum Progress {
    /// Nothing was sent.
    Nothing,
    /// The head is known, and waits for the first piece of the body.
    Started(Head),
    /// The head is on its way; the body follows.
    Streaming { out: flow::Sender<Outgoing>, sent: u64, length: Option<u64>, trailers: bool },
    /// The whole answer is on its way, or broken off.
    Complete,
}

/// An HTTP request: what an application receives of it and sends back.
#[pyclass(module = "temps_plugin._core")]
pub(crate) struct Request {
    id: u64,
    is_head: bool,
    home: Arc<Handlers>,
    /// `None` while a piece is awaited, and after the last one. Never locked: a body may go to another
    /// thread but not be used by two, and the lock says just that.
    body: Mutex<Option<Body>>,
    body_ended: bool,
    /// What awaits the next piece of the body on tokio.
    pulling: Option<AbortHandle>,
    /// Who awaits it.
    reading: Option<Waiting>,
    /// A piece that came when its reader had given up: the next one gets it.
    arrived: Option<Py<PyDict>>,
    /// Who awaits the end of it all.
    lingering: Vec<Waiting>,
    /// Who awaits room for the next piece of the answer.
    writing: Vec<Waiting>,
    answer: Option<Reply>,
    progress: Progress,
    client_gone: bool,
    /// The application knows that its peer is gone.
    told: Arc<AtomicBool>,
    /// The task that runs the application.
    #[pyo3(get, set)]
    task: Option<Py<PyAny>>,
}

impl Request {
    pub(crate) fn new(incoming: Incoming, home: Arc<Handlers>) -> Self {
        let body_ended = incoming.body.is_end_stream();
        Self {
            id: incoming.id,
            is_head: incoming.parts.method == Method::HEAD,
            home,
            body: Mutex::new(Some(incoming.body)),
            body_ended,
            pulling: None,
            reading: None,
            arrived: None,
            lingering: Vec::new(),
            writing: Vec::new(),
            answer: Some(incoming.answer),
            progress: Progress::Nothing,
            client_gone: false,
            told: Arc::default(),
            task: None,
        }
    }

    /// Puts a body in place of the one that is there.
    fn keep(&mut self, body: Option<Body>) -> Option<Body> {
        let place = self.body.get_mut().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(place, body)
    }

    fn is_over(&self) -> bool {
        self.client_gone || matches!(self.progress, Progress::Complete)
    }

    /// Awaits the next frame of the body on tokio.
    fn pull(&mut self, mut body: Body) -> PyResult<()> {
        let (bridge, id) = (Arc::clone(&self.home.bridge), self.id);
        let tokio = self.home.tokio()?.clone();
        let pulling = tokio.clone().spawn(async move {
            let frame = body.frame().await;
            bridge.run(move |py, handlers| {
                // If the request is over, what is left of the body is read and thrown away there.
                let _runtime = tokio.enter();
                handlers.with_request(py, id, |request, py| request.pulled(py, body, frame))
            });
        });
        self.pulling = Some(pulling.abort_handle());
        Ok(())
    }

    /// A frame that was awaited is here.
    fn pulled(
        &mut self,
        py: Python<'_>,
        body: Body,
        frame: Option<Result<Frame<Bytes>, axum::Error>>,
    ) -> PyResult<()> {
        self.pulling = None;
        if self.is_over() {
            return Ok(());
        }
        if matches!(frame, Some(Err(_))) {
            return self.peer_gone(py);
        }
        let message = self.message(py, body, frame)?;
        let taken = match self.reading.take() {
            Some(reading) => reading.resolve(py, Ok(message.clone().into_any()))?,
            None => false,
        };
        if !taken {
            self.arrived = Some(message.unbind());
        }
        Ok(())
    }

    /// A frame of the body as a message. The body is kept unless it has ended.
    fn message<'py>(
        &mut self,
        py: Python<'py>,
        body: Body,
        frame: Option<Result<Frame<Bytes>, axum::Error>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let frame = match frame {
            Some(Ok(frame)) => Some(frame),
            // The peer broke off in the middle of its own request.
            Some(Err(_)) => {
                self.client_gone = true;
                return disconnect(py);
            }
            None => None,
        };
        self.body_ended = frame.is_none() || body.is_end_stream();
        if !self.body_ended {
            self.keep(Some(body));
        }
        let message = PyDict::new(py);
        message.set_item(intern!(py, "type"), intern!(py, "http.request"))?;
        let data = frame.as_ref().and_then(Frame::data_ref);
        let data = PyBytes::new(py, data.map_or(&[], |data| data));
        message.set_item(intern!(py, "body"), data)?;
        let trailers = frame.as_ref().and_then(Frame::trailers_ref);
        if let Some(trailers) = trailers {
            self.body_ended = true;
            self.keep(None);
            message.set_item(intern!(py, "trailers"), scope::headers(py, trailers)?)?;
        }
        message.set_item(intern!(py, "more_body"), !self.body_ended)?;
        Ok(message)
    }

    /// Nobody waits for the answer any more: the application is told, or else cancelled.
    pub(crate) fn peer_gone(&mut self, py: Python<'_>) -> PyResult<()> {
        if self.is_over() {
            return Ok(());
        }
        self.client_gone = true;
        self.progress = Progress::Complete;
        self.tell_end(py)?;
        for writing in std::mem::take(&mut self.writing) {
            if writing.resolve(py, Err(disconnected()))? {
                self.told.store(true, Ordering::Relaxed);
            }
        }
        let Some(task) = &self.task else { return Ok(()) };
        // The application may have been woken just now, by room for its next piece: it is told when
        // it sends that.
        let cancel = Cancel { task: task.clone_ref(py), told: Arc::clone(&self.told) };
        self.home.event_loop.call_method1(py, intern!(py, "call_soon"), (cancel,))?;
        Ok(())
    }

    /// There is room for more of the answer.
    fn drained(&mut self, py: Python<'_>) -> PyResult<()> {
        for writing in std::mem::take(&mut self.writing) {
            writing.resolve(py, Ok(py.None().into_bound(py)))?;
        }
        Ok(())
    }

    /// Wakes everyone who awaits something of the peer.
    fn tell_end(&mut self, py: Python<'_>) -> PyResult<()> {
        let waiting: Vec<_> = self.lingering.drain(..).chain(self.reading.take()).collect();
        for waiting in waiting {
            if waiting.resolve(py, Ok(disconnect(py)?.into_any()))? {
                self.told.store(true, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    fn start(&mut self, message: &Bound<'_, PyDict>) -> PyResult<()> {
        if !matches!(self.progress, Progress::Nothing) {
            return Err(out_of_turn("http.response.start", "the response was started before"));
        }
        self.progress = Progress::Started(Head::read(message)?);
        Ok(())
    }

    /// A piece of the body. True when the application has to wait for room.
    fn body_piece(&mut self, py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<bool> {
        let piece = answer::body(message)?;
        let more = answer::flag(message, "more_body")?;
        match std::mem::replace(&mut self.progress, Progress::Complete) {
            Progress::Nothing => {
                self.progress = Progress::Nothing;
                Err(out_of_turn("http.response.body", "http.response.start comes first"))
            }
            Progress::Complete => {
                Err(out_of_turn("http.response.body", "the response is complete"))
            }
            Progress::Started(head) if !more && !head.trailers => {
                self.whole(py, head, piece)?;
                Ok(false)
            }
            Progress::Started(head) => {
                self.progress = self.stream(head);
                self.next_piece(py, piece, more)
            }
            streaming @ Progress::Streaming { .. } => {
                self.progress = streaming;
                self.next_piece(py, piece, more)
            }
        }
    }

    /// Answers with a head and the whole body.
    fn whole(&mut self, py: Python<'_>, head: Head, body: Bytes) -> PyResult<()> {
        let sent = body.len() as u64;
        if let Some(length) = head.length
            && length != sent
            && !self.has_no_body(head.status)
        {
            self.break_off(py)?;
            return Err(PyRuntimeError::new_err(format!(
                "content-length is {length}, but the body has {sent} bytes"
            )));
        }
        let body = if self.has_no_body(head.status) { Body::empty() } else { Body::from(body) };
        self.give(response(head, body));
        self.tell_end(py)?;
        Ok(())
    }

    /// Answers with a head; the body follows piece by piece.
    fn stream(&mut self, head: Head) -> Progress {
        let (bridge, id) = (Arc::clone(&self.home.bridge), self.id);
        let (out, pieces) = flow::queue(move || {
            bridge.run(move |py, handlers| handlers.with_request(py, id, Request::drained));
        });
        let gone = Gone::new(Arc::clone(&self.home.bridge), self.id);
        let length = head.length.filter(|_| !self.has_no_body(head.status));
        let trailers = head.trailers;
        let pieces = Pieces::new(pieces, gone, length);
        self.give(response(head, Body::new(pieces)));
        Progress::Streaming { out, sent: 0, length, trailers }
    }

    fn next_piece(&mut self, py: Python<'_>, piece: Bytes, more: bool) -> PyResult<bool> {
        let Progress::Streaming { out, sent, length, trailers } = &mut self.progress else {
            return Ok(false);
        };
        let bytes = piece.len();
        *sent += bytes as u64;
        let wrong = length.is_some_and(|length| *sent > length || (!more && *sent < length));
        if wrong {
            let (sent, length) = (*sent, length.unwrap_or_default());
            self.break_off(py)?;
            return Err(PyRuntimeError::new_err(format!(
                "content-length is {length}, but the body has {} {sent} bytes",
                if more { "at least" } else { "only" },
            )));
        }
        let room = if bytes > 0 && !self.is_head {
            out.send(Ok(Frame::data(piece)), bytes)
        } else if out.is_gone() && *length != Some(*sent) {
            Sent::Gone
        } else {
            Sent::Room
        };
        if room == Sent::Gone && more {
            // Said here, as a loop that only sends leaves no room for whoever else could say it.
            self.client_gone = true;
            self.progress = Progress::Complete;
            self.tell_end(py)?;
            self.told.store(true, Ordering::Relaxed);
            return Err(disconnected());
        }
        if !more && !*trailers {
            // Dropping the sender ends the body.
            self.progress = Progress::Complete;
            self.tell_end(py)?;
            return Ok(false);
        }
        Ok(room == Sent::Full)
    }

    fn trailers(&mut self, py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<()> {
        let Progress::Streaming { out, trailers: true, .. } = &self.progress else {
            return Err(out_of_turn(
                "http.response.trailers",
                "it follows the body of a response started with \"trailers\": True",
            ));
        };
        if let Some(pairs) = message.get_item(intern!(py, "headers"))? {
            let trailers = answer::read_headers(&pairs)?;
            out.send(Ok(Frame::trailers(trailers)), 0);
        }
        if !answer::flag(message, "more_trailers")? {
            self.progress = Progress::Complete;
            self.tell_end(py)?;
        }
        Ok(())
    }

    /// Ends an answer that cannot be finished: 500 if nothing was sent, else a closed connection.
    fn break_off(&mut self, py: Python<'_>) -> PyResult<()> {
        match std::mem::replace(&mut self.progress, Progress::Complete) {
            Progress::Streaming { out, .. } => {
                out.send(Err("the application failed in the middle of its answer"), 0);
            }
            _ => self.give(
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the plugin failed")
                    .into_response(),
            ),
        }
        self.tell_end(py)?;
        Ok(())
    }

    fn give(&mut self, response: Response<Body>) {
        if let Some(answer) = self.answer.take() {
            // Nobody takes it when the peer has just gone away, which `Gone` tells.
            self.home.outbox.give(answer, response);
        }
    }

    fn has_no_body(&self, status: StatusCode) -> bool {
        self.is_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    }
}

#[pymethods]
impl Request {
    /// ASGI's `receive`.
    fn receive<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if self.is_over() {
            self.told.store(true, Ordering::Relaxed);
            return Done::with(disconnect(py)?.into_any());
        }
        if let Some(message) = self.arrived.take() {
            return Done::with(message.into_bound(py).into_any());
        }
        if let Some(mut body) = self.keep(None) {
            let mut cx = Context::from_waker(Waker::noop());
            if let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(&mut cx) {
                let message = self.message(py, body, frame)?;
                return Done::with(message.into_any());
            }
            let future = Waiting::only(&mut self.reading, self.home.event_loop.bind(py))?;
            self.pull(body)?;
            return Ok(future);
        }
        if self.pulling.is_none() {
            let (future, waiting) = Waiting::new(self.home.event_loop.bind(py))?;
            self.lingering.retain(|waiting| !waiting.is_done(py).unwrap_or(true));
            self.lingering.push(waiting);
            return Ok(future);
        }
        Waiting::only(&mut self.reading, self.home.event_loop.bind(py))
    }

    /// ASGI's `send`.
    fn send<'py>(
        &mut self,
        py: Python<'py>,
        message: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (message, kind) = answer::typed(message)?;
        if self.client_gone {
            self.told.store(true, Ordering::Relaxed);
            return Err(disconnected());
        }
        let full = match &*kind {
            "http.response.start" => self.start(message).map(|()| false)?,
            "http.response.body" => self.body_piece(py, message)?,
            "http.response.trailers" => self.trailers(py, message).map(|()| false)?,
            other => {
                return Err(PyRuntimeError::new_err(format!(
                    "{other:?} cannot be sent for HTTP; allowed: http.response.start, \
                     http.response.body, http.response.trailers"
                )));
            }
        };
        if full {
            let (future, waiting) = Waiting::new(self.home.event_loop.bind(py))?;
            self.writing.push(waiting);
            return Ok(future);
        }
        Done::nothing(py)
    }

    /// The application has returned or failed. What it left out is an error; true if it did.
    fn finish(&mut self, py: Python<'_>) -> PyResult<bool> {
        let home = Arc::clone(&self.home);
        let _runtime = home.tokio()?.enter();
        home.forget(self.id);
        self.task = None;
        // What is left of the body is read and thrown away by the server.
        self.keep(None);
        if let Some(pulling) = self.pulling.take() {
            pulling.abort();
        }
        if self.is_over() {
            return Ok(false);
        }
        self.break_off(py)?;
        Ok(true)
    }

    /// Whether the peer has gone away before it had its answer.
    #[getter]
    fn gone(&self) -> bool {
        self.client_gone
    }
}

fn response(head: Head, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    response
}

fn disconnect(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let message = PyDict::new(py);
    message.set_item(intern!(py, "type"), intern!(py, "http.disconnect"))?;
    Ok(message)
}

fn disconnected() -> PyErr {
    PyConnectionResetError::new_err("the peer has gone away")
}

fn out_of_turn(kind: &str, why: &str) -> PyErr {
    PyRuntimeError::new_err(format!("{kind} out of turn: {why}"))
}
