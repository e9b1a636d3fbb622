//! Responses that are whole.

use bytes::Bytes;
use serde_json::Value;

/// A status, headers in their order, and a body.
pub(crate) struct Reply {
    pub(crate) status: u64,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn new(status: u64, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn text(status: u64, body: impl Into<Bytes>) -> Self {
        Self::new(status, body).header("content-type", "text/plain; charset=utf-8")
    }

    pub(crate) fn json(status: u64, body: &Value) -> Self {
        Self::new(status, body.to_string()).header("content-type", "application/json")
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }
}
