//! Answers the SDK gives itself, as problem documents (RFC 9457).

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};

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

/// A response with a body of JSON text.
pub(crate) fn json(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
