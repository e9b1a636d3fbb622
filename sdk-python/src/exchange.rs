//! One HTTP request, from its arrival to the end of its answer: ASGI's `receive` and `send`.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use pyo3::exceptions::{PyConnectionResetError, PyRuntimeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use temps_plugin_sdk::binding::flow::Sent;
use temps_plugin_sdk::binding::{AnswerError, Answering, Gone, Head, Listener};
use tokio::task::AbortHandle;

use crate::answer;
use crate::awaitable::{Cancel, Done, Waiting};
use crate::bridge::{Bridge, Incoming};
use crate::runtime::Handlers;
use crate::scope;

/// An HTTP request: what an application receives of it and sends back.
#[pyclass(module = "temps_plugin._core")]
pub(crate) struct Request {
    id: u64,
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
    /// The head, while it waits for the first piece of the body; and whether trailers were announced.
    head: Option<(Head, bool)>,
    /// Those that were announced, as far as they have come.
    trailers: Option<HeaderMap>,
    answering: Answering,
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
        let outbox = Arc::clone(&home.outbox);
        Self {
            id: incoming.id,
            home,
            body: Mutex::new(Some(incoming.body)),
            body_ended,
            pulling: None,
            reading: None,
            arrived: None,
            lingering: Vec::new(),
            writing: Vec::new(),
            head: None,
            trailers: None,
            answering: Answering::new(&incoming.parts.method, incoming.answer, outbox),
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
        self.client_gone || self.answering.is_complete()
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
        self.answering.abandon();
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
        if self.head.is_some() || self.answering.has_started() {
            return Err(out_of_turn("http.response.start", &AnswerError::Started));
        }
        self.head = Some(answer::head(message)?);
        Ok(())
    }

    /// A piece of the body. True when the application has to wait for room.
    fn body_piece(&mut self, py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<bool> {
        let piece = answer::body(message)?;
        let more = answer::flag(message, "more_body")?;
        let given = match self.head.take() {
            Some((head, false)) if !more => self.answering.whole(head, piece).map(|()| Sent::Room),
            head => self.next_piece(head, piece, more),
        };
        let sent = match given {
            Ok(sent) => sent,
            Err(error @ AnswerError::OtherLength { .. }) => {
                self.tell_end(py)?;
                return Err(PyRuntimeError::new_err(error.to_string()));
            }
            Err(error) => return Err(out_of_turn("http.response.body", &error)),
        };
        if sent == Sent::Gone && more {
            // Said here, as a loop that only sends leaves no room for whoever else could say it.
            self.client_gone = true;
            self.answering.abandon();
            self.tell_end(py)?;
            self.told.store(true, Ordering::Relaxed);
            return Err(disconnected());
        }
        if self.answering.is_complete() {
            self.tell_end(py)?;
            return Ok(false);
        }
        Ok(sent == Sent::Full)
    }

    fn next_piece(
        &mut self,
        head: Option<(Head, bool)>,
        piece: Bytes,
        more: bool,
    ) -> Result<Sent, AnswerError> {
        if let Some((head, trailers)) = head {
            self.trailers = trailers.then(HeaderMap::new);
            let listener = self.listener();
            self.answering.start(head, listener)?;
        }
        let sent = self.answering.piece(piece)?;
        if !more && self.trailers.is_none() {
            self.answering.end(None)?;
        }
        Ok(sent)
    }

    fn listener(&self) -> Listener {
        let (bridge, id) = (Arc::clone(&self.home.bridge), self.id);
        let resume = move || {
            bridge.run(move |py, handlers| handlers.with_request(py, id, Request::drained));
        };
        Listener { gone: gone(&self.home.bridge, self.id), resume: Box::new(resume) }
    }

    fn trailers(&mut self, py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<()> {
        let Some(mut trailers) = self.trailers.take().filter(|_| !self.answering.is_complete())
        else {
            return Err(PyRuntimeError::new_err(
                "http.response.trailers out of turn: it follows the body of a response started \
                 with \"trailers\": True",
            ));
        };
        if let Some(pairs) = message.get_item(intern!(py, "headers"))? {
            trailers.extend(answer::read_headers(&pairs)?);
        }
        if answer::flag(message, "more_trailers")? {
            self.trailers = Some(trailers);
            return Ok(());
        }
        let ended = self.answering.end(Some(trailers));
        self.tell_end(py)?;
        ended.map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }

    /// Ends an answer that cannot be finished: 500 if nothing was sent, else a closed connection.
    fn break_off(&mut self, py: Python<'_>) -> PyResult<()> {
        self.answering.break_off();
        self.tell_end(py)
    }
}

/// Tells the event loop when nobody waits for an answer any more.
pub(crate) fn gone(bridge: &Arc<Bridge>, id: u64) -> Gone {
    let bridge = Arc::clone(bridge);
    Gone::new(move || {
        bridge.run(move |py, handlers| handlers.with_request(py, id, Request::peer_gone));
    })
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

fn disconnect(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let message = PyDict::new(py);
    message.set_item(intern!(py, "type"), intern!(py, "http.disconnect"))?;
    Ok(message)
}

fn disconnected() -> PyErr {
    PyConnectionResetError::new_err("the peer has gone away")
}

fn out_of_turn(kind: &str, why: &AnswerError) -> PyErr {
    PyRuntimeError::new_err(format!("{kind} out of turn: {why}"))
}
