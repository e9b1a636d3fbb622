//! Requests to a plugin under test, as its host would make them.

use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use temps_plugin_schema::http::{Role, header};
use tokio::net::UnixStream;

use crate::{ErrorKind, PluginSdkError};

/// Someone signed in to the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestUser {
    /// The user's id.
    pub id: String,
    /// The user's mail address.
    pub email: String,
    /// What the user is; [`Role::User`] unless said otherwise.
    pub role: Role,
    /// The user's permissions; none unless said otherwise.
    pub permissions: Vec<String>,
    /// What lets the plugin call the platform's API as this user; none unless said otherwise.
    pub actor_token: Option<String>,
}

impl TestUser {
    /// An ordinary user.
    pub fn new(id: impl Into<String>, email: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            email: email.into(),
            role: Role::User,
            permissions: Vec::new(),
            actor_token: None,
        }
    }

    /// The same user in another role.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// The same user with a permission more, such as `projects:read`.
    #[must_use]
    pub fn permission(mut self, permission: impl Into<String>) -> Self {
        self.permissions.push(permission.into());
        self
    }

    /// The same user with an actor token, so that the plugin can use `api_for`.
    #[must_use]
    pub fn actor_token(mut self, token: impl Into<String>) -> Self {
        self.actor_token = Some(token.into());
        self
    }

    /// The headers by which the host says who sends a request.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            (header::USER_ID, self.id.clone()),
            (header::USER_EMAIL, self.email.clone()),
            (header::USER_ROLE, self.role.to_string()),
            (header::USER_PERMISSIONS, self.permissions.join(",")),
        ];
        headers.extend(self.actor_token.clone().map(|token| (header::ACTOR_TOKEN, token)));
        headers
    }
}

/// A request that was not sent yet.
#[must_use = "a request does nothing until `send` is awaited"]
pub struct TestRequest {
    socket: PathBuf,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Result<Bytes, PluginSdkError>,
}

impl TestRequest {
    pub(super) fn new(socket: PathBuf, secret: &str, method: Method, path: &str) -> Self {
        let headers = vec![(header::AUTH_SIGNATURE.to_owned(), secret.to_owned())];
        Self { socket, method, path: path.to_owned(), headers, body: Ok(Bytes::new()) }
    }

    /// Sends it in the name of `user`.
    pub fn signed_in(mut self, user: &TestUser) -> Self {
        let identity = user.headers().into_iter();
        self.headers.extend(identity.map(|(name, value)| (name.to_owned(), value)));
        self
    }

    /// Leaves the host's signature out.
    pub fn unsigned(mut self) -> Self {
        self.headers.retain(|(name, _)| name != header::AUTH_SIGNATURE);
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends `body` as it is.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Ok(body.into());
        self
    }

    /// Sends `value` as JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        self.body = serde_json::to_vec(value).map(Bytes::from).map_err(Into::into);
        self.header("content-type", "application/json")
    }

    /// Sends the request and reads the whole response.
    ///
    /// # Errors
    /// When the request cannot be built, or the plugin gives no response.
    pub async fn send(self) -> Result<TestResponse, PluginSdkError> {
        let mut request = http::Request::builder()
            .method(self.method)
            .uri(self.path)
            .header(http::header::HOST, "plugin")
            .body(Full::new(self.body?))
            .map_err(PluginSdkError::other)?;
        for (name, value) in self.headers {
            let name: HeaderName = name.parse().map_err(PluginSdkError::other)?;
            let value = HeaderValue::from_str(&value).map_err(PluginSdkError::other)?;
            request.headers_mut().append(name, value);
        }
        let stream = UnixStream::connect(&self.socket).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(PluginSdkError::other)?;
        // Ends with the response, or with this future.
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(connection);
        let response = sender.send_request(request).await.map_err(PluginSdkError::other)?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(PluginSdkError::other)?.to_bytes();
        Ok(TestResponse { status: parts.status, headers: parts.headers, body })
    }
}

/// A response, whole.
#[derive(Debug, Clone)]
pub struct TestResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl TestResponse {
    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// The body as text, with replacement characters where it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when it is no JSON of that shape; the message shows the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, PluginSdkError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let message = format!("the body is not as expected: {error}: {}", self.text());
            PluginSdkError::new(ErrorKind::Protocol, message).with_source(error)
        })
    }
}
