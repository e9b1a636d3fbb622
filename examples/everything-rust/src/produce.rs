//! Routes that make responses of every kind.

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::AppState;
use crate::recorded::Recorded;

/// Most bytes `/bytes/{n}` makes: 1 GiB.
const MOST_BYTES: u64 = 1 << 30;
/// The pattern of `/bytes/{n}` repeats after this many bytes.
const PERIOD: u64 = 251;

pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/status/{code}", get(status))
        .route("/bytes/{n}", get(many_bytes))
        .route("/sse", get(server_sent_events))
        .route("/slow", get(slow))
        .route("/cancelled", get(cancelled))
        .route("/print", post(print))
        .route("/panic", get(fail))
}

async fn status(Path(code): Path<String>) -> Response {
    let status = code
        .parse()
        .ok()
        .filter(|code| (200..=599).contains(code))
        .and_then(|code| StatusCode::from_u16(code).ok());
    match status {
        Some(
            status
            @ (StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED),
        ) => status.into_response(),
        Some(status) => (status, Json(json!({ "status": status.as_u16() }))).into_response(),
        None => bad_request(&format!("{code:?} is no status; allowed: 200 to 599")),
    }
}

async fn many_bytes(Path(n): Path<String>) -> Response {
    let Some(n) = number_of_bytes(&n) else {
        return bad_request(&format!("{n:?} is no number of bytes; allowed: 0 to {MOST_BYTES}"));
    };
    let pieces = stream::iter(pattern(n).map(Ok::<_, std::io::Error>));
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(n));
    response
}

pub(crate) fn number_of_bytes(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().filter(|n| *n <= MOST_BYTES)
}

/// `n` bytes of which number `i` is `i` mod 251, in pieces.
pub(crate) fn pattern(n: u64) -> impl Iterator<Item = Bytes> + Send {
    // One chunk of whole periods serves for all of it: it is cut, never copied.
    let chunk: Bytes = (0..PERIOD * 256).map(|i| (i % PERIOD) as u8).collect::<Vec<_>>().into();
    let mut left = n;
    std::iter::from_fn(move || {
        let take = left.min(chunk.len() as u64);
        left -= take;
        (take > 0).then(|| chunk.slice(..take as usize))
    })
}

#[derive(Deserialize)]
struct SseQuery {
    #[serde(default = "three")]
    count: u64,
    #[serde(default)]
    interval_ms: u64,
}

fn three() -> u64 {
    3
}

async fn server_sent_events(Query(query): Query<SseQuery>) -> Response {
    let SseQuery { count, interval_ms } = query;
    let events = stream::unfold(0, move |i| async move {
        if i >= count {
            return None;
        }
        if i > 0 && interval_ms > 0 {
            tokio::time::sleep(Duration::from_millis(interval_ms)).await;
        }
        let event = format!("id: {i}\ndata: {{\"n\":{i}}}\n\n");
        Some((Ok::<_, std::io::Error>(event), i + 1))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

#[derive(Deserialize)]
pub(crate) struct SlowQuery {
    #[serde(default)]
    pub(crate) ms: u64,
}

async fn slow(State(state): State<AppState>, Query(query): Query<SlowQuery>) -> Json<Value> {
    let unanswered = Unanswered(Some(state.recorded));
    tokio::time::sleep(Duration::from_millis(query.ms)).await;
    unanswered.answered();
    Json(json!({ "slept_ms": query.ms }))
}

/// Counts a request as cancelled when its handler is dropped before it has answered.
struct Unanswered(Option<Recorded>);

impl Unanswered {
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(recorded) = &self.0 {
            recorded.count_cancelled();
        }
    }
}

async fn cancelled(State(state): State<AppState>) -> Json<Value> {
    Json(json!({ "cancelled": state.recorded.cancelled() }))
}

async fn print(body: String) -> Json<Value> {
    println!("{body}");
    Json(json!({ "printed": body.len() }))
}

async fn fail() -> StatusCode {
    panic!("the request asked for a failing handler")
}

pub(crate) fn bad_request(error: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response()
}
