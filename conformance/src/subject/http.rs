//! Requests as data, and whole responses.

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use temps_plugin_host::{Identity, Signature};
use temps_plugin_schema::Dialect;
use temps_plugin_schema::http::header;

use super::Plugin;
use crate::model::Stop;

/// A request to the plugin. It is signed unless it says otherwise or goes to the health path.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) signature: Signature,
    pub(super) identity: Option<Identity>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Bytes>,
}

impl Request {
    /// A request with any method.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            signature: Signature::Default,
            identity: None,
            headers: Vec::new(),
            body: None,
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST.
    #[must_use]
    pub fn post(target: &str) -> Self {
        Self::new("POST", target)
    }

    /// Leaves the signature out.
    #[must_use]
    pub fn unsigned(mut self) -> Self {
        self.signature = Signature::Absent;
        self
    }

    /// Signs with this text.
    #[must_use]
    pub fn signature(mut self, text: &str) -> Self {
        self.signature = Signature::Other(text.to_owned());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds what a host of the dialect proves itself with at `/_events`.
    #[must_use]
    pub fn with_event_auth(self, plugin: &Plugin) -> Self {
        match plugin.dialect() {
            Dialect::One => self.header(header::AUTH, plugin.secret()),
            Dialect::Two => self,
        }
    }

    /// Says that a signed-in caller asks.
    #[must_use]
    pub fn caller(self, id: &str, email: &str, role: &str) -> Self {
        self.header(header::USER_ID, id)
            .header(header::USER_EMAIL, email)
            .header(header::USER_ROLE, role)
    }

    /// Says who asks, as a host does. A token in it is kept out of transcripts.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The request with another method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// What is written to a connection for this request, signed with `secret` if it is signed at all.
    #[must_use]
    pub fn to_bytes(&self, secret: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: plugin\r\n", self.method, self.target);
        let mut add = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
        match &self.signature {
            Signature::Absent => {}
            Signature::Other(text) => add(header::AUTH_SIGNATURE, text),
            _ => add(header::AUTH_SIGNATURE, secret),
        }
        for (name, value) in self.identity.iter().flat_map(Identity::headers) {
            add(name, &value);
        }
        for (name, value) in &self.headers {
            add(name, value);
        }
        if let Some(body) = &self.body {
            add("content-length", &body.len().to_string());
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// Sends these bytes.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = Some(bytes.into());
        self
    }

    /// Sends JSON.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.header("content-type", "application/json").body(value.to_string())
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signed = match self.signature {
            Signature::Absent => " without signature",
            Signature::Other(_) => " with a wrong signature",
            _ => "",
        };
        let target: String = self.target.chars().take(60).collect();
        write!(f, "{} {target}{signed}", self.method)
    }
}

/// A response with its whole body.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value, empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> String {
        self.headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .unwrap_or_default()
    }

    /// The body as JSON of a response with this status.
    ///
    /// # Errors
    /// [`Stop::Failed`] when the status or the body is another.
    pub fn json(&self, status: u16) -> Result<Value, Stop> {
        let excerpt = || self.text().chars().take(200).collect::<String>();
        if self.status != status {
            return Err(Stop::failed(
                format!("status {status}"),
                format!("{} {}", self.status, excerpt()),
            ));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Stop::failed("a JSON body", format!("{error} in {:?}", excerpt())))
    }
}
