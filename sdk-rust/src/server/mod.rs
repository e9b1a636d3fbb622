//! The socket server: from a request's first byte to author code and back (PROTOCOL.md, section
//! "HTTP").
//!
//! [`socket`] binds, [`serve`] accepts and drains, [`body`] finishes what nobody reads, [`gate`] lets
//! in, and [`Dispatch`] knows which path belongs to whom.

mod body;
pub(crate) mod gate;
pub(crate) mod problem;
pub(crate) mod serve;
pub(crate) mod socket;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};

use axum::body::Body;
use futures_util::FutureExt;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use temps_plugin_schema::http::path;
use temps_plugin_schema::{PluginEvent, Wire, limits};

use crate::channel::ChannelHub;
use crate::events::EventIntake;
use crate::runtime::core::App;
use crate::ui::UiBundle;
use gate::Gate;
use problem::{json, problem};

/// Which path belongs to whom. The SDK's own come first, so that no route of an author can take
/// their place.
pub(crate) struct Dispatch {
    pub(crate) plugin_name: String,
    pub(crate) health_path: String,
    pub(crate) gate: Gate,
    pub(crate) hub: Arc<ChannelHub>,
    pub(crate) events: EventIntake,
    pub(crate) ui: Option<UiBundle>,
    /// The author's own routes, once they are initialised.
    pub(crate) app: OnceLock<Arc<dyn App>>,
}

const HEALTHY: &str = r#"{"status":"ok"}"#;
const NOT_SIGNED: &str = "the request does not carry the host's signature";
const NOT_STARTED: &str = "the plugin is still starting; try again in a moment";

impl Dispatch {
    /// Answers one request, whatever it is.
    pub(crate) async fn answer(&self, mut request: Request<Body>) -> Response<Body> {
        let path = request.uri().path();
        if path == self.health_path {
            return self.health(&mut request);
        }
        if path == path::EVENTS {
            return self.event(request).await;
        }
        if self.gate.admit(&mut request).is_err() {
            return unauthorized();
        }
        let path = request.uri().path();
        if path == path::CHANNEL {
            return self.hub.accept(&mut request);
        }
        if path::is_under(path, path::RESERVED) {
            return problem(StatusCode::NOT_FOUND, "nothing of the protocol is at this path");
        }
        match &self.ui {
            Some(ui) if path::is_under(path, path::UI) => ui.serve(request.method(), path),
            _ => self.author_code(request).await,
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
        let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, "health is read with GET");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        response
    }

    /// `POST /_events`: 200 once the event is taken over, 400 when it is none (EV-32 to EV-34).
    async fn event(&self, request: Request<Body>) -> Response<Body> {
        if self.gate.admit_event(request.headers()).is_err() {
            return unauthorized();
        }
        if request.method() != Method::POST {
            let mut response =
                problem(StatusCode::METHOD_NOT_ALLOWED, "events are delivered with POST");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
            return response;
        }
        let body = Limited::new(request.into_body(), limits::BODY_FLOOR_BYTES);
        let bytes = match body.collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(error) => {
                let detail = format!("the event's body cannot be read: {error}");
                return problem(StatusCode::BAD_REQUEST, &detail);
            }
        };
        match PluginEvent::from_json(&bytes) {
            Ok(event) => match self.events.put(event, bytes.len()).await {
                Ok(()) => json(StatusCode::OK, "application/json", r#"{"accepted":true}"#),
                Err(_closed) => problem(StatusCode::SERVICE_UNAVAILABLE, "the plugin is stopping"),
            },
            Err(error) => {
                problem(StatusCode::BAD_REQUEST, &format!("the body is no event: {error}"))
            }
        }
    }

    /// Hands the request to the author's routes; a panic or a status that is none becomes a 500.
    async fn author_code(&self, request: Request<Body>) -> Response<Body> {
        let Some(app) = self.app.get() else {
            let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, NOT_STARTED);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            return response;
        };
        // Making the future is author code too: a tower service may panic before its first await.
        let answer = AssertUnwindSafe(async { app.call(request).await }).catch_unwind().await;
        match answer {
            Ok(response) if is_final(response.status()) => response,
            Ok(response) => {
                let status = response.status().as_u16();
                let plugin = &self.plugin_name;
                tracing::error!(plugin, status, "a handler gave a status outside 200 to 599");
                problem(StatusCode::INTERNAL_SERVER_ERROR, "the handler gave an invalid status")
            }
            Err(_panic) => {
                tracing::error!(plugin = self.plugin_name, "a request handler panicked");
                problem(StatusCode::INTERNAL_SERVER_ERROR, "the handler failed")
            }
        }
    }
}

/// A status that can end a request: 200 to 599, or the upgrade that takes the connection over.
fn is_final(status: StatusCode) -> bool {
    (200..=599).contains(&status.as_u16()) || status == StatusCode::SWITCHING_PROTOCOLS
}

fn unauthorized() -> Response<Body> {
    problem(StatusCode::UNAUTHORIZED, NOT_SIGNED)
}
