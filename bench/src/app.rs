//! The route that a plugin and the bare server both serve, and the bytes that ask for it.

use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use temps_plugin_schema::http::header;

/// Where the JSON route is.
pub const JSON_PATH: &str = "/json";
/// The secret of every plugin that is started here.
pub const SECRET: &str = "bench_0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// What the JSON route answers with.
#[derive(Debug, Clone, Copy, Serialize)]
struct Item {
    id: u32,
    name: &'static str,
    state: &'static str,
    labels: [&'static str; 2],
    score: f64,
}

const ITEM: Item =
    Item { id: 7, name: "shop", state: "ready", labels: ["blue", "round"], score: 0.5 };

/// The routes under measure.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route(JSON_PATH, get(|| async { Json(ITEM) }))
}

/// A `GET` of `path` as a host of dialect 2 proxies it, byte for byte.
#[must_use]
pub fn signed_get(path: &str) -> Vec<u8> {
    let headers = [
        ("host", "plugin"),
        ("accept", "application/json"),
        ("user-agent", "temps-plugin-bench"),
        (header::PLUGIN, "bench-plugin"),
        (header::REQUEST_ID, "5f0c9f0e-6a37-4f0e-9d1c-0d6b8c1a7e42"),
        (header::USER_ID, "7"),
        (header::USER_EMAIL, "ada@example.org"),
        (header::USER_ROLE, "user"),
        (header::AUTH_SIGNATURE, SECRET),
    ];
    let mut text = format!("GET {path} HTTP/1.1\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_after_its_head_and_is_signed() {
        let text = String::from_utf8(signed_get("/json")).unwrap();
        assert!(text.starts_with("GET /json HTTP/1.1\r\nhost: plugin\r\n"));
        assert!(text.ends_with("\r\n\r\n") && text.contains(SECRET));
        assert!(temps_plugin_schema::handshake::is_auth_secret(SECRET));
    }
}
