//! The client of one plugin's socket.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use temps_plugin_schema::http::{header, path};
use temps_plugin_schema::{Dialect, PluginEvent, Secret};
use tokio::net::UnixStream;

use super::body::{Body, Report, Tapped};
use super::connector::Connector;
use super::request::{RequestBuilder, Response, Signature};
use super::{BoxError, HttpError};
use crate::redact::Redactor;
use crate::tap::{Direction, Tap, WireKind, WireTap};

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(60);

/// Sends requests to one plugin. Clones share the connections, which are kept open and used again
/// (HT-35).
#[derive(Clone)]
pub struct PluginHttp {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client<Connector, Body>,
    connector: Connector,
    health_path: String,
    dialect: Dialect,
    secret: Secret,
    exchanges: AtomicU64,
    tap: Tap,
}

impl fmt::Debug for PluginHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginHttp")
            .field("socket_path", &self.shared.connector.path())
            .finish_non_exhaustive()
    }
}

impl PluginHttp {
    pub(crate) fn new(
        socket_path: &Path,
        health_path: &str,
        dialect: Dialect,
        secret: Secret,
        tap: Tap,
        kept: usize,
    ) -> Self {
        let connector = Connector::new(socket_path);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(kept)
            .pool_timer(TokioTimer::new())
            .build(connector.clone());
        Self {
            shared: Arc::new(Shared {
                client,
                connector,
                health_path: health_path.to_owned(),
                dialect,
                secret,
                exchanges: AtomicU64::new(0),
                tap,
            }),
        }
    }

    /// A client for a plugin that somebody else has started. `tap` sees what passes, without the
    /// secret.
    #[must_use]
    pub fn attach(
        socket_path: &Path,
        health_path: &str,
        dialect: Dialect,
        secret: Secret,
        tap: Option<Arc<dyn WireTap>>,
    ) -> Self {
        let tap = Tap::new(tap, Redactor::new([secret.clone()]));
        Self::new(socket_path, health_path, dialect, secret, tap, usize::MAX)
    }

    /// A request to `target`, a path with or without a query, such as `/echo?x=1`.
    ///
    /// It is signed, in both dialects, unless it goes to the health path (AU-01, AU-13); the builder
    /// can say otherwise.
    pub fn request(&self, method: Method, target: &str) -> RequestBuilder {
        RequestBuilder::new(self.clone(), method, target)
    }

    /// A `GET`.
    pub fn get(&self, target: &str) -> RequestBuilder {
        self.request(Method::GET, target)
    }

    /// A `POST`.
    pub fn post(&self, target: &str) -> RequestBuilder {
        self.request(Method::POST, target)
    }

    /// A `DELETE`.
    pub fn delete(&self, target: &str) -> RequestBuilder {
        self.request(Method::DELETE, target)
    }

    /// Asks for health, unsigned, and drops the body (HT-03, HT-06).
    ///
    /// # Errors
    /// When no response comes.
    pub async fn health(&self) -> Result<StatusCode, HttpError> {
        let response = self.get(&self.shared.health_path).send().await?;
        let status = response.status();
        response.drain().await?;
        Ok(status)
    }

    /// Posts an event: signed, and in dialect 1 with the secret as `x-temps-auth` too (AU-15).
    ///
    /// # Errors
    /// When no response comes.
    pub async fn post_event(&self, event: &PluginEvent) -> Result<Response, HttpError> {
        let mut request = self.post(path::EVENTS).json(event)?;
        if self.shared.dialect == Dialect::One {
            request = request.header(header::AUTH, self.shared.secret.expose());
        }
        request.send().await
    }

    /// A connection of its own, for bytes that no HTTP client would send. It is not tapped.
    ///
    /// # Errors
    /// When the socket does not accept.
    pub async fn connect_raw(&self) -> std::io::Result<UnixStream> {
        self.shared.connector.connect().await
    }

    /// How many connections were opened so far, the raw ones included.
    #[must_use]
    pub fn connections_opened(&self) -> u64 {
        self.shared.connector.opened()
    }

    pub(crate) fn tap(&self) -> &Tap {
        &self.shared.tap
    }

    /// The headers that a request to `target` carries by this choice.
    pub(crate) fn signature_for(&self, target: &str, choice: &Signature) -> Option<String> {
        let path = target.split('?').next().unwrap_or_default();
        match choice {
            Signature::Default if path == self.shared.health_path => None,
            Signature::Default | Signature::Right => Some(self.shared.secret.expose().to_owned()),
            Signature::Absent => None,
            Signature::Other(text) => Some(text.clone()),
        }
    }

    pub(super) async fn exchange(
        &self,
        request: http::Request<Body>,
        timeout: Duration,
    ) -> Result<Response, HttpError> {
        let response = tokio::time::timeout(timeout, self.forward(request)).await;
        Ok(Response::new(response.map_err(|_| HttpError::Timeout { after: timeout })??))
    }

    /// Sends a request as it stands and waits for the head of its response for as long as it takes.
    pub(crate) async fn forward(
        &self,
        mut request: http::Request<Body>,
    ) -> Result<http::Response<Body>, HttpError> {
        let exchange = self.shared.exchanges.fetch_add(1, Ordering::Relaxed) + 1;
        let tap = &self.shared.tap;
        self.record_request(exchange, &request);
        if tap.is_set() {
            request = request.map(|body| self.tapped(body, exchange, Direction::ToPlugin));
        }
        let response = self.shared.client.request(request).await.map_err(broken)?;
        tap.record(Direction::FromPlugin, 0, |tap| WireKind::HttpResponse {
            exchange,
            status: response.status().as_u16(),
            headers: tap.headers(response.headers()),
        });
        let upgrading = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if tap.is_set() && !upgrading {
            let (head, body) = response.into_parts();
            let body = self.tapped(body, exchange, Direction::FromPlugin);
            return Ok(http::Response::from_parts(head, body));
        }
        Ok(response.map(boxed))
    }

    fn record_request(&self, exchange: u64, request: &http::Request<Body>) {
        self.shared.tap.record(Direction::ToPlugin, 0, |tap| {
            let target = request.uri().path_and_query().map(PathAndQuery::as_str);
            WireKind::HttpRequest {
                exchange,
                method: request.method().to_string(),
                target: tap.text(target.unwrap_or_default()),
                headers: tap.headers(request.headers()),
            }
        });
    }

    fn tapped<B>(&self, body: B, exchange: u64, direction: Direction) -> Body
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + Unpin + 'static,
        B::Error: Into<BoxError>,
    {
        boxed(Tapped::new(body, Report { tap: self.shared.tap.clone(), exchange, direction }))
    }
}

fn boxed<B>(body: B) -> Body
where
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    use http_body_util::BodyExt;
    body.map_err(Into::into).boxed_unsync()
}

/// A failed exchange, with a failed connection told apart.
fn broken(error: hyper_util::client::legacy::Error) -> HttpError {
    let connecting = error.is_connect();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause.filter(|_| connecting) {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return HttpError::Connect(std::io::Error::new(io.kind(), io.to_string()));
        }
        cause = error.source();
    }
    HttpError::Exchange(with_causes(&error).into())
}

/// An error with what lies beneath it, which hyper does not show by itself.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The URI of a target, which hyper wants with a host.
pub(super) fn uri(target: &str) -> Result<Uri, HttpError> {
    let bad = |error: &dyn fmt::Display| HttpError::Request(format!("{target:?}: {error}"));
    uri_of(target.parse().map_err(|error: http::uri::InvalidUri| bad(&error))?)
}

/// The URI of a path that has been read already.
pub(crate) fn uri_of(target: PathAndQuery) -> Result<Uri, HttpError> {
    let uri = Uri::builder().scheme("http").authority("plugin").path_and_query(target);
    uri.build().map_err(|error| HttpError::Request(error.to_string()))
}

/// Adds a header, repeated ones included.
pub(crate) fn add_header(
    headers: &mut HeaderMap,
    name: &str,
    value: &[u8],
) -> Result<(), HttpError> {
    let bad = |reason: &dyn fmt::Display| HttpError::Request(format!("header {name:?}: {reason}"));
    let name = http::HeaderName::from_bytes(name.as_bytes()).map_err(|error| bad(&error))?;
    let value = http::HeaderValue::from_bytes(value).map_err(|error| bad(&error))?;
    headers.append(name, value);
    Ok(())
}
