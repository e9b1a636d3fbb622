//! HTTP/1.1 by hand: heads in and out, bodies as they come, trailers, upgrades.

mod body;
mod connection;
mod exchange;
mod head;
mod input;
mod reply;

use futures_util::future::BoxFuture;
use tokio::net::unix::OwnedWriteHalf;

pub(crate) use connection::{Connection, Next};
pub(crate) use exchange::{Exchange, Framing};
pub(crate) use head::Request;
pub(crate) use input::Input;
pub(crate) use reply::Reply;

/// A connection's second life, after a 101.
pub(crate) type Upgrade = Box<dyn FnOnce(Input, OwnedWriteHalf) -> BoxFuture<'static, ()> + Send>;

/// How a request was answered.
pub(crate) enum Answered {
    /// By a response that is whole.
    Response,
    /// By a 101; the connection goes on as something else.
    Upgraded(Upgrade),
}
