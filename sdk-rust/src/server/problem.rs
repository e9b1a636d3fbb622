//! Answers that say what is wrong, as problem documents (RFC 9457).

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::response::IntoResponse;
use http::{HeaderValue, Response, StatusCode, header};
use temps_plugin_schema::channel::ErrorCode;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use crate::{ErrorKind, PluginSdkError};

/// An error answer in the form the SDK itself gives: a problem document (RFC 9457) with `type`,
/// `title`, `status` and `detail`.
///
/// ```
/// use axum::http::StatusCode;
/// use temps_plugin_sdk::Problem;
/// use temps_plugin_sdk::prelude::*;
///
/// # use axum::extract::State;
/// async fn newest(ctx: State<PluginContext>, caller: VerifiedCaller) -> Result<String, Problem> {
///     if !caller.is_admin() {
///         return Err(Problem::new(StatusCode::FORBIDDEN, "only administrators may see this"));
///     }
///     // A platform without such a project makes this a 404.
///     Ok(ctx.temps().get_last_deployment(7, None).await?.state)
/// }
/// # let _: axum::Router<PluginContext> = axum::Router::new().route("/newest", get(newest));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
}

impl Problem {
    /// A problem; `detail` tells a person what to do.
    pub fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, detail: detail.into() }
    }
}

impl From<PluginSdkError> for Problem {
    /// What a failed call means to the caller of a handler, so that `?` works there: what the
    /// platform does not have or grant is 404 or 403, who must sign in gets 401, a platform that does
    /// not answer is 504 or 502, and a mistake of the plugin's own is 500 and logged.
    fn from(error: PluginSdkError) -> Self {
        let code = error.remote().map(|body| &body.code);
        let status = match (error.kind(), code) {
            (_, Some(ErrorCode::NotFound)) => StatusCode::NOT_FOUND,
            (_, Some(ErrorCode::PermissionDenied)) => StatusCode::FORBIDDEN,
            (_, Some(ErrorCode::Unauthenticated)) | (ErrorKind::NoActor, _) => {
                StatusCode::UNAUTHORIZED
            }
            (ErrorKind::Timeout, _) => StatusCode::GATEWAY_TIMEOUT,
            (ErrorKind::Remote | ErrorKind::Disconnected | ErrorKind::Protocol, _) => {
                StatusCode::BAD_GATEWAY
            }
            _ => {
                tracing::error!(%error, "a request failed");
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the plugin failed");
            }
        };
        Self::new(status, error.to_string())
    }
}

impl From<JsonRejection> for Problem {
    /// Says of a bad body what axum says: 400 no JSON, 415 not said to be JSON, 422 another shape.
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl utoipa::ToSchema for Problem {}

impl utoipa::PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let status = ObjectBuilder::new().schema_type(Type::Integer);
        ObjectBuilder::new()
            .property("type", text())
            .property("title", text())
            .property("status", status)
            .property("detail", text())
            .into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        problem(self.status, &self.detail)
    }
}

/// A problem document. `detail` says what to do and holds nothing of the request.
pub(crate) fn problem(status: StatusCode, detail: &str) -> Response<Body> {
    let title = status.canonical_reason().unwrap_or("Error");
    let document = serde_json::json!({
        "type": "about:blank",
        "title": title,
        "status": status.as_u16(),
        "detail": detail,
    });
    json(status, "application/problem+json", document.to_string())
}

/// 405, with the methods that are allowed.
pub(crate) fn method_not_allowed(allowed: &'static str, detail: &str) -> Response<Body> {
    let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, detail);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// A response with a body of JSON text.
pub(crate) fn json(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
