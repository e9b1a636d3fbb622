//! Answers that are errors, as problem documents (RFC 9457).

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use temps_plugin_sdk::prelude::axum::Json;
use temps_plugin_sdk::prelude::axum::extract::rejection::JsonRejection;
use temps_plugin_sdk::prelude::axum::response::{IntoResponse, Response};
use utoipa::ToSchema;

use crate::file::FileError;

/// An error answer.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// What the status means.
    title: &'static str,
    /// The HTTP status.
    #[serde(serialize_with = "number")]
    #[schema(value_type = u16)]
    status: StatusCode,
    /// What went wrong; it names the field, if one is to blame.
    detail: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde asks for"
)]
fn number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            title: status.canonical_reason().unwrap_or("Error"),
            status,
            detail: detail.into(),
        }
    }
}

impl From<JsonRejection> for Problem {
    /// The status tells the cases apart: 400 no JSON, 415 not said to be JSON, 422 a wrong field.
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        // Paths of the server are nothing for a browser.
        tracing::error!(%error, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the plugin could not write to its data directory; its log says why",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, Json(self)).into_response();
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}
