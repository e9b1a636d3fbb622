//! One request and its response.

use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use temps_plugin_schema::http::header;

use super::HttpError;
use super::body::{self, Body, BodySender};
use super::client::{PluginHttp, add_header, uri};
use super::identity::Identity;

/// How long the head of a response may take unless the request says otherwise.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest body that [`Response::bytes`] collects, in bytes.
const COLLECT_LIMIT: usize = 64 * 1024 * 1024;

/// An upgraded connection, for reading and writing.
pub type Upgraded = TokioIo<hyper::upgrade::Upgraded>;

/// Whether and how a request is signed with `x-temps-auth-signature`.
#[derive(Clone, Default)]
pub enum Signature {
    /// With the secret, unless the request goes to the health path (AU-01, AU-13).
    #[default]
    Default,
    /// With the secret, wherever it goes.
    Right,
    /// Not at all.
    Absent,
    /// With this text instead.
    Other(String),
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "Default",
            Self::Right => "Right",
            Self::Absent => "Absent",
            Self::Other(_) => "Other([redacted])",
        })
    }
}

/// A request that is being put together. What cannot be written as HTTP is reported by
/// [`RequestBuilder::send`].
#[must_use = "a request is sent by `send` only"]
pub struct RequestBuilder {
    http: PluginHttp,
    method: Method,
    target: String,
    headers: HeaderMap,
    signature: Signature,
    body: Body,
    timeout: Duration,
    error: Option<HttpError>,
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestBuilder({} {})", self.method, self.target)
    }
}

impl RequestBuilder {
    pub(super) fn new(http: PluginHttp, method: Method, target: &str) -> Self {
        Self {
            http,
            method,
            target: target.to_owned(),
            headers: HeaderMap::new(),
            signature: Signature::Default,
            body: body::empty(),
            timeout: HEAD_TIMEOUT,
            error: None,
        }
    }

    /// Adds a header; one that is there already is repeated.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        if let Err(error) = add_header(&mut self.headers, name, value.as_ref()) {
            self.error.get_or_insert(error);
        }
        self
    }

    /// Says who is asking. The actor token is kept out of taps and tails from now on.
    pub fn identity(mut self, identity: &Identity) -> Self {
        if let Some(token) = &identity.actor_token {
            self.http.tap().redactor.learn(token);
        }
        for (name, value) in identity.headers() {
            self = self.header(name, value);
        }
        self
    }

    /// Signs it so.
    pub fn signature(mut self, signature: Signature) -> Self {
        self.signature = signature;
        self
    }

    /// Leaves the signature out.
    pub fn unsigned(self) -> Self {
        self.signature(Signature::Absent)
    }

    /// Sends these bytes, with a `content-length`.
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = body::full(bytes.into());
        self
    }

    /// Sends `value` as JSON.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, HttpError> {
        let bytes = serde_json::to_vec(value).map_err(HttpError::Json)?;
        Ok(self.header("content-type", "application/json").body(bytes))
    }

    /// Sends the body in chunks, piece by piece from the sender that is returned. Feed it from another
    /// task than the one that awaits [`RequestBuilder::send`].
    pub fn streamed(mut self) -> (Self, BodySender) {
        let (sender, body) = body::stream();
        self.body = body;
        (self, sender)
    }

    /// Sends any body.
    pub fn any_body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Gives the response's head so long, instead of 30 s. Its body may take as long as it likes.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends it and waits for the head of the response, whatever its status. Dropping the future, or
    /// the response before its end, closes the connection.
    ///
    /// # Errors
    /// When no head comes.
    pub async fn send(mut self) -> Result<Response, HttpError> {
        if let Some(signature) = self.http.signature_for(&self.target, &self.signature) {
            self = self.header(header::AUTH_SIGNATURE, signature);
        }
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut request = http::Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = uri(&self.target)?;
        *request.headers_mut() = self.headers;
        self.http.exchange(request, self.timeout).await
    }
}

/// A response whose body has yet to be read.
#[derive(Debug)]
pub struct Response {
    inner: http::Response<Body>,
    trailers: Option<HeaderMap>,
}

impl Response {
    pub(super) fn new(inner: http::Response<Body>) -> Self {
        Self { inner, trailers: None }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// A header as text, the first one when repeated; `None` when it is absent or no ASCII text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// The next piece of the body as it comes, `None` at its end.
    ///
    /// # Errors
    /// When the body breaks off.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, HttpError> {
        while let Some(frame) = self.inner.body_mut().frame().await {
            match frame.map_err(HttpError::Exchange)?.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(frame) => self.trailers = frame.into_trailers().ok(),
            }
        }
        Ok(None)
    }

    /// The trailers, once the body has been read to its end.
    #[must_use]
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_ref()
    }

    /// Reads the body to its end, at most so many bytes of it. Trailers are there afterwards.
    ///
    /// # Errors
    /// When it is larger, or breaks off.
    pub async fn collect(&mut self, limit: usize) -> Result<Bytes, HttpError> {
        let mut all = BytesMut::new();
        while let Some(piece) = self.chunk().await? {
            if all.len() + piece.len() > limit {
                return Err(HttpError::BodyTooLarge { limit });
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// The whole body, at most 64 MiB.
    ///
    /// # Errors
    /// As [`Response::collect`].
    pub async fn bytes(mut self) -> Result<Bytes, HttpError> {
        self.collect(COLLECT_LIMIT).await
    }

    /// The whole body as text; what is no UTF-8 is replaced.
    ///
    /// # Errors
    /// As [`Response::collect`].
    pub async fn text(self) -> Result<String, HttpError> {
        let bytes = self.bytes().await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The whole body, read as JSON.
    ///
    /// # Errors
    /// As [`Response::collect`], and when it is not that JSON.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, HttpError> {
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(HttpError::Json)
    }

    /// Reads the body to its end and drops it; returns its size in bytes.
    ///
    /// # Errors
    /// When it breaks off.
    pub async fn drain(mut self) -> Result<u64, HttpError> {
        let mut size = 0;
        while let Some(piece) = self.chunk().await? {
            size += piece.len() as u64;
        }
        Ok(size)
    }

    /// The connection after a 101.
    ///
    /// # Errors
    /// When the connection was not upgraded.
    pub async fn upgrade(self) -> Result<Upgraded, HttpError> {
        let upgraded = hyper::upgrade::on(self.inner).await;
        upgraded.map(TokioIo::new).map_err(|error| HttpError::Exchange(error.into()))
    }

    /// The response as hyper's types have it.
    #[must_use]
    pub fn into_inner(self) -> http::Response<Body> {
        self.inner
    }
}
