//! Author code that goes wrong on request: answers that are none, bodies left alone, responses that
//! break off, hooks that hold.

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use temps_plugin_sdk::PluginContext;

use crate::AppState;
use crate::produce::{SlowQuery, bad_request, number_of_bytes, pattern};

/// How often a start hook that holds looks whether it may go on.
const HOLD_POLL: Duration = Duration::from_millis(10);

pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/answer", post(answer))
        .route("/unread", post(unread))
        .route("/broken/{n}", get(broken))
        // The SDK's own route hides it, and says so on stderr.
        .route("/health", any(async || StatusCode::IM_A_TEAPOT))
}

#[derive(Deserialize)]
struct Wanted {
    status: i64,
    headers: Vec<(String, String)>,
    body: String,
}

/// Whatever the types of `http` can express goes to the SDK unchecked; the rest is this handler's failure.
async fn answer(Json(wanted): Json<Wanted>) -> Response {
    let mut response = Response::new(Body::from(wanted.body));
    *response.status_mut() = u16::try_from(wanted.status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .unwrap_or_else(|| panic!("the request asked for the status {}", wanted.status));
    for (name, value) in wanted.headers {
        match (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            (Ok(name), Ok(value)) => response.headers_mut().append(name, value),
            _ => return bad_request(&format!("{name}: {value} is no header")),
        };
    }
    response
}

async fn unread(Query(query): Query<SlowQuery>, request: Request) -> Json<Value> {
    tokio::time::sleep(Duration::from_millis(query.ms)).await;
    // Held until here: what is dropped is read and thrown away.
    drop(request);
    Json(json!({ "read": 0 }))
}

async fn broken(Path(n): Path<String>) -> Response {
    let Some(n) = number_of_bytes(&n) else {
        return bad_request(&format!("{n:?} is no number of bytes"));
    };
    let pieces = stream::unfold(pattern(n), async |mut pieces| match pieces.next() {
        Some(piece) => Some((Ok::<Bytes, std::io::Error>(piece), pieces)),
        None => panic!("the request asked for a response that breaks off"),
    });
    let kind = HeaderValue::from_static("application/octet-stream");
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(pieces)).into_response()
}

/// Waits for as long as `hold-start` is in the data directory.
pub(crate) async fn hold_start(ctx: &PluginContext) {
    let hold = ctx.data_dir().join("hold-start");
    while hold.exists() {
        tokio::time::sleep(HOLD_POLL).await;
    }
}

/// Whether `fail-stop` is in the data directory.
pub(crate) fn stop_is_to_fail(ctx: &PluginContext) -> bool {
    ctx.data_dir().join("fail-stop").exists()
}
