//! One WebSocket on the event loop: ASGI's `receive` and `send`.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Body;
use axum::response::IntoResponse;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use pyo3::exceptions::{PyConnectionResetError, PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use temps_plugin_sdk::Problem;
use temps_plugin_sdk::binding::Head;
use temps_plugin_sdk::binding::flow::{self, Sent};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::answer;
use crate::awaitable::{Done, Waiting};
use crate::conversation::{Closed, Decision, Received, close_message};
use crate::runtime::Handlers;

enum State {
    /// The application has not decided yet; `refusal` is one it has started to send.
    Connecting {
        told: bool,
        decision: Option<oneshot::Sender<Decision>>,
        refusal: Option<(Head, Vec<u8>)>,
    },
    Open(flow::Sender<Message>),
    /// Nothing more can be sent.
    Closed,
}

/// A WebSocket: what an application receives of it and sends.
#[pyclass(module = "temps_plugin._core")]
pub(crate) struct WebSocket {
    id: u64,
    home: Arc<Handlers>,
    state: State,
    protocols: Vec<String>,
    unread: VecDeque<Received>,
    reading: Option<Waiting>,
    writing: Vec<Waiting>,
    /// The peer has closed, or is gone.
    gone: bool,
    /// The application has received the disconnect.
    over: bool,
    /// The task that runs the application.
    #[pyo3(get, set)]
    task: Option<Py<PyAny>>,
}

impl WebSocket {
    pub(crate) fn new(
        id: u64,
        protocols: Vec<String>,
        decision: oneshot::Sender<Decision>,
        home: Arc<Handlers>,
    ) -> Self {
        Self {
            id,
            home,
            state: State::Connecting { told: false, decision: Some(decision), refusal: None },
            protocols,
            unread: VecDeque::new(),
            reading: None,
            writing: Vec::new(),
            gone: false,
            over: false,
            task: None,
        }
    }

    pub(crate) fn deliver(&mut self, py: Python<'_>, received: Received) -> PyResult<()> {
        if matches!(received, Received::Disconnect(_)) {
            self.state = State::Closed;
            self.gone = true;
            for writing in std::mem::take(&mut self.writing) {
                writing.resolve(py, Err(closed()))?;
            }
        }
        match self.reading.take() {
            Some(reading) if !reading.is_done(py)? => {
                let message = self.message(py, received)?;
                reading.resolve(py, Ok(message.into_any()))?;
            }
            _ => self.unread.push_back(received),
        }
        Ok(())
    }

    fn message<'py>(
        &mut self,
        py: Python<'py>,
        received: Received,
    ) -> PyResult<Bound<'py, PyDict>> {
        self.over = matches!(received, Received::Disconnect(_));
        received.message(py)
    }

    fn drained(&mut self, py: Python<'_>) -> PyResult<()> {
        for writing in std::mem::take(&mut self.writing) {
            writing.resolve(py, Ok(py.None().into_bound(py)))?;
        }
        Ok(())
    }

    fn accept(&mut self, message: &Bound<'_, PyDict>) -> PyResult<()> {
        let State::Connecting { decision, .. } = &mut self.state else {
            return Err(PyRuntimeError::new_err("websocket.accept out of turn: accepted before"));
        };
        let mut headers = match message.get_item("headers")? {
            Some(pairs) if !pairs.is_none() => answer::read_headers(&pairs)?,
            _ => HeaderMap::new(),
        };
        if let Some(protocol) = message.get_item("subprotocol")?.filter(|value| !value.is_none()) {
            let protocol: String = protocol.extract()?;
            if !self.protocols.contains(&protocol) {
                return Err(PyValueError::new_err(format!(
                    "subprotocol {protocol:?} was not offered; allowed: {:?}",
                    self.protocols
                )));
            }
            let value = HeaderValue::from_str(&protocol).map_err(crate::errors::value_error)?;
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
        }
        let (bridge, id) = (Arc::clone(&self.home.bridge), self.id);
        let (out, outgoing) = flow::queue(move || {
            bridge.run(move |py, handlers| {
                let socket = handlers.web_sockets().get(&id).map(|socket| socket.clone_ref(py));
                socket.map_or(Ok(()), |socket| socket.bind(py).borrow_mut().drained(py))
            });
        });
        if let Some(decision) = decision.take() {
            drop(decision.send(Decision::Accept { headers, outgoing }));
        }
        self.state = State::Open(out);
        Ok(())
    }

    /// A message of the application's. True when it has to wait for room.
    fn say(&mut self, message: &Bound<'_, PyDict>) -> PyResult<bool> {
        let State::Open(out) = &self.state else {
            return Err(PyRuntimeError::new_err("websocket.send out of turn: accept comes first"));
        };
        let present =
            |name| Ok::<_, PyErr>(message.get_item(name)?.filter(|value| !value.is_none()));
        let message = match (present("bytes")?, present("text")?) {
            (Some(bytes), None) => Message::binary(answer::bytes_of(&bytes)?.into_owned()),
            (None, Some(text)) => Message::text(text.extract::<String>()?),
            _ => return Err(PyValueError::new_err("websocket.send has either bytes or text")),
        };
        let bytes = message.len();
        match out.send(message, bytes) {
            Sent::Room => Ok(false),
            Sent::Full => Ok(true),
            // Said here, as a loop that only sends leaves no room for whoever else could say it.
            Sent::Gone => Err(closed()),
        }
    }

    fn close(&mut self, message: &Bound<'_, PyDict>) -> PyResult<()> {
        let code = match message.get_item("code")? {
            Some(code) => code.extract::<u16>()?,
            None => 1000,
        };
        let reason = match message.get_item("reason")?.filter(|value| !value.is_none()) {
            Some(reason) => reason.extract::<String>()?,
            None => String::new(),
        };
        if !CloseCode::from(code).is_allowed() || reason.len() > 123 {
            return Err(PyValueError::new_err(format!(
                "close code {code}, reason of {} bytes; allowed: 1000 to 4999 as RFC 6455 has it, at \
                 most 123 bytes",
                reason.len()
            )));
        }
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Connecting { decision, .. } => {
                let problem = Problem::new(StatusCode::FORBIDDEN, "the WebSocket was refused");
                refuse(decision, problem.into_response());
                self.unread.push_back(Received::Disconnect(Closed::with(1006)));
            }
            State::Open(out) => {
                out.send(close_message(code, &reason), 0);
            }
            State::Closed => {}
        }
        Ok(())
    }

    /// `websocket.http.response.start` and `.body`: a refusal of the application's own.
    fn refusal(&mut self, start: bool, message: &Bound<'_, PyDict>) -> PyResult<()> {
        let State::Connecting { decision, refusal, .. } = &mut self.state else {
            return Err(PyRuntimeError::new_err("a WebSocket is refused before it is accepted"));
        };
        if start {
            *refusal = Some((answer::head(message)?.0, Vec::new()));
            return Ok(());
        }
        let Some((_, body)) = refusal else {
            return Err(PyRuntimeError::new_err("websocket.http.response.start comes first"));
        };
        body.extend_from_slice(&answer::body(message)?);
        if !answer::flag(message, "more_body")? {
            if let Some((head, body)) = refusal.take() {
                refuse(decision.take(), head.response(Body::from(body)));
            }
            self.state = State::Closed;
            self.unread.push_back(Received::Disconnect(Closed::with(1006)));
        }
        Ok(())
    }
}

fn refuse(decision: Option<oneshot::Sender<Decision>>, response: Response<Body>) {
    if let Some(decision) = decision {
        drop(decision.send(Decision::Refuse(response)));
    }
}

#[pymethods]
impl WebSocket {
    /// ASGI's `receive`.
    fn receive<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let State::Connecting { told, .. } = &mut self.state
            && !std::mem::replace(told, true)
        {
            let message = PyDict::new(py);
            message.set_item(intern!(py, "type"), intern!(py, "websocket.connect"))?;
            return Done::with(message.into_any());
        }
        if let Some(received) = self.unread.pop_front() {
            let message = self.message(py, received)?;
            return Done::with(message.into_any());
        }
        if self.over {
            let why = "receive() after websocket.disconnect: there is nothing more to receive";
            return Err(PyRuntimeError::new_err(why));
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
        if matches!(self.state, State::Closed) {
            return Err(closed());
        }
        let full = match &*kind {
            "websocket.accept" => self.accept(message).map(|()| false)?,
            "websocket.send" => self.say(message)?,
            "websocket.close" => self.close(message).map(|()| false)?,
            "websocket.http.response.start" => self.refusal(true, message).map(|()| false)?,
            "websocket.http.response.body" => self.refusal(false, message).map(|()| false)?,
            other => {
                return Err(PyRuntimeError::new_err(format!(
                    "{other:?} cannot be sent for a WebSocket; allowed: websocket.accept, \
                     websocket.send, websocket.close, websocket.http.response.start, \
                     websocket.http.response.body"
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

    /// The application has returned, or failed. True if it has neither accepted nor refused.
    fn finish(&mut self, failed: bool) -> bool {
        self.home.forget_web_socket(self.id);
        self.task = None;
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Connecting { decision, .. } => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                refuse(decision, Problem::new(status, "the plugin failed").into_response());
                return true;
            }
            State::Open(out) => {
                out.send(close_message(if failed { 1011 } else { 1000 }, ""), 0);
            }
            State::Closed => {}
        }
        false
    }

    /// Whether the peer has closed, or is gone.
    #[getter]
    fn gone(&self) -> bool {
        self.gone
    }
}

impl Received {
    fn message(self, py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let dict = PyDict::new(py);
        match self {
            Self::Message(message, _permit) => {
                dict.set_item(intern!(py, "type"), intern!(py, "websocket.receive"))?;
                match message {
                    Message::Text(text) => {
                        dict.set_item(intern!(py, "text"), PyString::new(py, text.as_str()))?;
                    }
                    other => {
                        let bytes = PyBytes::new(py, &other.into_data());
                        dict.set_item(intern!(py, "bytes"), bytes)?;
                    }
                }
            }
            Self::Disconnect(closed) => {
                dict.set_item(intern!(py, "type"), intern!(py, "websocket.disconnect"))?;
                dict.set_item(intern!(py, "code"), closed.code)?;
                dict.set_item(intern!(py, "reason"), closed.reason)?;
            }
        }
        Ok(dict)
    }
}

fn closed() -> PyErr {
    PyConnectionResetError::new_err("the WebSocket is closed")
}
