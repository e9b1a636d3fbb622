//! Who is asking: a trait for whoever knows the platform's sessions and keys.

use std::future::Future;
use std::pin::Pin;

use http::request::Parts;

use crate::http::{BoxError, Identity};

/// What [`Authenticator::authenticate`] returns. Write `Box::pin(async move { … })`.
pub type AuthenticateFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Identity>, BoxError>> + Send + 'a>>;

/// Says who makes a request (PROTOCOL.md, AU-21 and AU-22).
///
/// It sees the request as the caller has sent it, cookies and all; plugins do not (PX-09 to PX-13).
pub trait Authenticator: Send + Sync + 'static {
    /// The signed-in caller of this request, `None` when nobody is. What the identity has for an actor
    /// token is not looked at: the host issues its own.
    ///
    /// # Errors
    /// When that cannot be found out. The caller is answered with 503 and the error is logged.
    fn authenticate<'a>(&'a self, request: &'a Parts) -> AuthenticateFuture<'a>;
}

/// Knows nobody: every caller reaches public paths only.
#[derive(Debug, Clone, Copy, Default)]
pub struct NobodySignedIn;

impl Authenticator for NobodySignedIn {
    fn authenticate<'a>(&'a self, _: &'a Parts) -> AuthenticateFuture<'a> {
        Box::pin(std::future::ready(Ok(None)))
    }
}
