//! The socket server: from a request's first byte to author code and back (PROTOCOL.md, section
//! "HTTP").
//!
//! [`socket`] binds, [`serve`] accepts and drains, [`connection`] is one peer, [`body`] finishes what
//! nobody reads, [`answer_body`] sends what author code gives before it fails, [`gate`] lets in, and
//! [`Dispatch`] knows which path belongs to whom. [`reply`] is an answer that comes from another thread,
//! which may take the connection's next step ([`steps`]).

mod answer_body;
mod body;
mod connection;
pub(crate) mod gate;
pub(crate) mod problem;
pub(crate) mod reply;
pub(crate) mod serve;
pub(crate) mod socket;
mod steps;

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::upgrade::OnUpgrade;
use temps_plugin_schema::http::path;
use temps_plugin_schema::{PluginEvent, Wire, limits};

use crate::channel::ChannelHub;
use crate::events::{EventIntake, IntakeClosed};
use crate::runtime::core::{App, BoxFuture};
use crate::ui::UiBundle;
use answer_body::AnswerBody;
use connection::Connection;
use gate::Gate;
use problem::{json, method_not_allowed, problem};
use reply::ReplyTo;

/// Which path belongs to whom. The SDK's own come first, so that no route of an author can take
/// their place.
pub(crate) struct Dispatch {
    pub(crate) plugin_name: String,
    pub(crate) health_path: String,
    pub(crate) gate: Gate,
    pub(crate) hub: Arc<ChannelHub>,
    pub(crate) events: EventIntake,
    pub(crate) ui: Option<UiBundle>,
    /// Whether answers come from a thread of author code's, which then writes them.
    pub(crate) answers_elsewhere: bool,
    /// The author's own routes, once they are initialised.
    pub(crate) app: OnceLock<Arc<dyn App>>,
}

const HEALTHY: &str = r#"{"status":"ok"}"#;
const NOT_SIGNED: &str = "the request does not carry the host's signature";
const NOT_STARTED: &str = "the plugin is still starting; try again in a moment";

/// The answer to one request: at hand, or awaited. A plain enum, so that nothing but author code is
/// polled on the way of an ordinary request.
pub(crate) enum Answer {
    /// The SDK's own.
    Ready(Option<Response<Body>>),
    /// The SDK's own, once the body is read.
    Later(BoxFuture<'static, Response<Body>>),
    /// Author code's.
    Author(AuthorsAnswer),
}

/// What author code makes of a request.
pub(crate) struct AuthorsAnswer {
    answer: BoxFuture<'static, Response<Body>>,
    connection: Arc<Connection>,
    /// Whether the request asks to switch protocols.
    upgrading: bool,
}

impl From<Response<Body>> for Answer {
    fn from(response: Response<Body>) -> Self {
        Self::Ready(Some(response))
    }
}

impl Future for Answer {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = match self.get_mut() {
            Self::Ready(response) => response.take().unwrap_or_else(polled_again),
            Self::Later(answer) => ready!(answer.as_mut().poll(cx)),
            Self::Author(authors) => return authors.poll(cx).map(Ok),
        };
        Poll::Ready(Ok(response.map(AnswerBody::from)))
    }
}

impl AuthorsAnswer {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<AnswerBody>> {
        let polled = catch_unwind(AssertUnwindSafe(|| self.answer.as_mut().poll(cx)));
        let Ok(answer) = polled else {
            return Poll::Ready(self.connection.dispatch.panicked().map(AnswerBody::from));
        };
        let response = self.connection.final_response(ready!(answer), self.upgrading);
        let connection = Arc::clone(&self.connection);
        Poll::Ready(response.map(|body| AnswerBody::of_author(body, connection)))
    }
}

fn polled_again() -> Response<Body> {
    problem(StatusCode::INTERNAL_SERVER_ERROR, "the answer was asked for twice")
}

impl Dispatch {
    /// Answers one request of a connection, whatever it is.
    pub(crate) fn answer(&self, mut request: Request<Body>, from: &Arc<Connection>) -> Answer {
        let path = request.uri().path();
        if path == self.health_path {
            return self.health(&mut request).into();
        }
        if path == path::EVENTS {
            return self.event(request);
        }
        if self.gate.admit(&mut request).is_err() {
            return unauthorized().into();
        }
        let path = request.uri().path();
        if path == path::CHANNEL {
            return self.hub.accept(&mut request).into();
        }
        if path::is_under(path, path::RESERVED) {
            return problem(StatusCode::NOT_FOUND, "nothing of the protocol is at this path")
                .into();
        }
        match &self.ui {
            Some(ui) if path::is_under(path, path::UI) => ui.serve(request.method(), path).into(),
            _ => self.author_code(request, from),
        }
    }

    /// Health answers without a signature, and only to those who look (AU-08).
    fn health(&self, request: &mut Request<Body>) -> Response<Body> {
        if request.method() == Method::GET || request.method() == Method::HEAD {
            return json(StatusCode::OK, "application/json", HEALTHY);
        }
        if self.gate.admit(request).is_err() {
            return unauthorized();
        }
        method_not_allowed("GET, HEAD", "health is read with GET")
    }

    /// `POST /_events`: 200 once the event is taken over, 400 when it is none (EV-32 to EV-34).
    fn event(&self, request: Request<Body>) -> Answer {
        if self.gate.admit_event(request.headers()).is_err() {
            return unauthorized().into();
        }
        if request.method() != Method::POST {
            return method_not_allowed("POST", "events are delivered with POST").into();
        }
        Answer::Later(Box::pin(take_event(self.events.clone(), request.into_body())))
    }

    /// Hands the request to the author's routes.
    fn author_code(&self, request: Request<Body>, from: &Arc<Connection>) -> Answer {
        let Some(app) = self.app.get() else {
            let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, NOT_STARTED);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            return response.into();
        };
        let upgrading = request.extensions().get::<OnUpgrade>().is_some();
        // Making the future is author code too: a tower service may panic before its first await.
        match catch_unwind(AssertUnwindSafe(|| app.call(request, ReplyTo(from.steps.as_ref())))) {
            Ok(answer) => {
                let connection = Arc::clone(from);
                Answer::Author(AuthorsAnswer { answer, connection, upgrading })
            }
            Err(_panic) => self.panicked().into(),
        }
    }

    fn panicked(&self) -> Response<Body> {
        tracing::error!(plugin = self.plugin_name, "a request handler panicked");
        problem(StatusCode::INTERNAL_SERVER_ERROR, "the handler failed")
    }

    /// Says that a response of author code's ended in the middle. Where answers come from elsewhere, those
    /// who give them have said why.
    fn broke_off(&self, error: &axum::Error) {
        if !self.answers_elsewhere {
            let plugin = &self.plugin_name;
            tracing::error!(plugin, %error, "the body of a response failed; it is broken off");
        }
    }
}

impl Connection {
    /// A status that ends no request is the handler's mistake (HT-31), unless it switches the protocols of
    /// a request that asks for that.
    fn final_response(&self, response: Response<Body>, upgrading: bool) -> Response<Body> {
        let status = response.status();
        if upgrading && status == StatusCode::SWITCHING_PROTOCOLS {
            self.take_over();
            return response;
        }
        if (200..=599).contains(&status.as_u16()) {
            return response;
        }
        let (plugin, status) = (&self.dispatch.plugin_name, status.as_u16());
        tracing::error!(plugin, status, "a handler gave a status outside 200 to 599");
        problem(StatusCode::INTERNAL_SERVER_ERROR, "the handler gave an invalid status")
    }
}

async fn take_event(events: EventIntake, body: Body) -> Response<Body> {
    let bytes = match Limited::new(body, limits::BODY_FLOOR_BYTES).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) => {
            let detail = format!("the event's body cannot be read: {error}");
            return problem(StatusCode::BAD_REQUEST, &detail);
        }
    };
    match PluginEvent::from_json(&bytes) {
        Ok(event) => match events.put(event, bytes.len()).await {
            Ok(()) => json(StatusCode::OK, "application/json", r#"{"accepted":true}"#),
            Err(IntakeClosed) => problem(StatusCode::SERVICE_UNAVAILABLE, "the plugin is stopping"),
        },
        Err(error) => problem(StatusCode::BAD_REQUEST, &format!("the body is no event: {error}")),
    }
}

fn unauthorized() -> Response<Body> {
    problem(StatusCode::UNAUTHORIZED, NOT_SIGNED)
}
