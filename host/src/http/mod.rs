//! HTTP/1.1 to a plugin's socket: kept connections, streamed bodies, trailers, upgrades.

mod body;
mod client;
mod connector;
mod identity;
mod request;

pub use body::{Body, BodySender, BoxError};
pub use client::PluginHttp;
pub(crate) use client::add_header;
#[cfg(feature = "server")]
pub(crate) use client::uri_of;
pub use identity::Identity;
pub use request::{RequestBuilder, Response, Signature, Upgraded};

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The request cannot be written as HTTP: a bad path, header name or header value.
    #[error("the request is no HTTP: {0}")]
    Request(String),
    /// The socket does not accept connections.
    #[error("cannot connect to the plugin's socket: {0}")]
    Connect(#[source] std::io::Error),
    /// The connection broke, or what came was no HTTP.
    #[error("the exchange broke off: {0}")]
    Exchange(#[source] BoxError),
    /// No response head came in time.
    #[error("no response within {} s", .after.as_secs_f64())]
    Timeout {
        /// How long it was given.
        after: std::time::Duration,
    },
    /// The response's body is larger than the caller takes.
    #[error("the response's body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The response's body is not the JSON asked for.
    #[error("the response's body is not as expected: {0}")]
    Json(#[source] serde_json::Error),
}
