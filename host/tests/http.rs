//! Requests to a running plugin.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test that uses them")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{PATIENCE, Place, SHORT};
use http::{HeaderMap, Method};
use serde_json::Value;
use temps_plugin_host::tap::{Direction, WireKind};
use temps_plugin_host::{
    Dial, HttpError, Identity, Incoming, RawChannel, RunningPlugin, Signature,
};
use temps_plugin_schema::http::Role;
use temps_plugin_schema::{Dialect, PluginEvent, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn seen(plugin: &RunningPlugin, identity: Option<&Identity>) -> Value {
    let mut request = plugin.http().get("/seen");
    if let Some(identity) = identity {
        request = request.identity(identity);
    }
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn requests_are_signed_unless_told_otherwise_and_health_is_not() {
    for dialect in Dialect::ALL {
        let place = Place::new();
        let plugin = place.fixture("").dialect(dialect).start().await.unwrap();
        let headers = seen(&plugin, None).await;
        assert_eq!(headers["x-temps-auth-signature"], plugin.secret().expose());
        let status = async |signature| {
            let request = plugin.http().get("/seen").signature(signature);
            request.send().await.unwrap().status().as_u16()
        };
        let unsigned = if dialect == Dialect::Two { 401 } else { 200 };
        assert_eq!(status(Signature::Absent).await, unsigned);
        assert_eq!(status(Signature::Other("wrong".into())).await, 401);
        assert_eq!(status(Signature::Right).await, 200);
        let signed = place.wire.events().into_iter().filter_map(|event| match event.kind {
            WireKind::HttpRequest { target, headers, .. } => Some((target, headers)),
            _ => None,
        });
        let has = |headers: &[(String, String)]| {
            headers.iter().any(|(name, _)| name == "x-temps-auth-signature")
        };
        let health: Vec<_> = signed.filter(|(target, _)| target == "/health").collect();
        assert!(!health.is_empty() && health.iter().all(|(_, headers)| !has(headers)));
    }
}

#[tokio::test]
async fn an_identity_reaches_the_plugin_and_its_token_no_tap() {
    let place = Place::new();
    let plugin = place.start("").await;
    let identity = Identity::new("7", "ada@example.com", Role::Admin)
        .permissions(["projects:read"])
        .actor_token(Secret::new("the-actor-token"));
    let headers = seen(&plugin, Some(&identity)).await;
    assert_eq!(headers["x-temps-user-id"], "7");
    assert_eq!(headers["x-temps-user-email"], "ada@example.com");
    assert_eq!(headers["x-temps-user-role"], "admin");
    assert_eq!(headers["x-temps-user-permissions"], "projects:read");
    assert_eq!(headers["x-temps-actor-token"], "the-actor-token");
    assert!(!place.wire.text().contains("the-actor-token"));
    assert_eq!(seen(&plugin, None).await.get("x-temps-user-id"), None);
}

#[tokio::test]
async fn events_are_posted_as_the_dialect_asks() {
    for dialect in Dialect::ALL {
        let place = Place::new();
        let plugin = place.fixture("").dialect(dialect).start().await.unwrap();
        let event: PluginEvent = serde_json::from_str(
            r#"{"id":"1","event_type":"project.created","timestamp":"2026-06-06T12:00:00Z"}"#,
        )
        .unwrap();
        let headers: Value = plugin.http().post_event(&event).await.unwrap().json().await.unwrap();
        let auth = headers.get("x-temps-auth").and_then(Value::as_str);
        let expected = (dialect == Dialect::One).then(|| plugin.secret().expose());
        assert_eq!(auth, expected);
        assert_eq!(headers["content-type"], "application/json");
    }
}

#[tokio::test]
async fn connections_are_used_again() {
    let place = Place::new();
    let plugin = place.start("").await;
    for _ in 0..50 {
        assert_eq!(plugin.http().health().await.unwrap(), 200);
    }
    assert_eq!(plugin.http().connections_opened(), 1);
}

#[tokio::test]
async fn bodies_are_streamed_both_ways_with_trailers() {
    let place = Place::new();
    let plugin = place.start("").await;
    let request = plugin.http().post("/echo").header("trailer", "x-sum").header("te", "trailers");
    let (request, mut body) = request.streamed();
    let sending = tokio::spawn(request.send());
    assert!(body.send("first").await);
    let mut response = sending.await.unwrap().unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "first");
    assert!(body.send("second").await);
    assert_eq!(response.chunk().await.unwrap().unwrap(), "second");
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "11".parse().unwrap());
    assert!(body.finish_with(trailers).await);
    assert_eq!(response.chunk().await.unwrap(), None);
    assert_eq!(response.trailers().unwrap()["x-sum"], "11");
    let sizes = place.wire.events().into_iter().filter_map(|event| match event.kind {
        WireKind::HttpBody { complete: true, .. } => Some((event.direction, event.size)),
        _ => None,
    });
    let sizes: Vec<_> = sizes.collect();
    assert!(sizes.contains(&(Direction::ToPlugin, 11)), "{sizes:?}");
    assert!(sizes.contains(&(Direction::FromPlugin, 11)), "{sizes:?}");
}

#[tokio::test]
async fn a_plugin_that_does_not_read_slows_the_sender() {
    let place = Place::new();
    let plugin = place.start("").await;
    let (request, mut body) = plugin.http().post("/echo").streamed();
    let piece = Bytes::from(vec![b'z'; 256 * 1024]);
    let unread = async {
        let _response = request.send().await.unwrap();
        std::future::pending::<()>().await;
    };
    let mut sent = 0_u32;
    let flood = async {
        while tokio::time::timeout(SHORT, body.send(piece.clone())).await.is_ok() {
            sent += 1;
        }
    };
    tokio::select! {
        () = flood => {}
        () = unread => {}
    }
    assert!(sent < 64, "{sent} pieces went nowhere");
}

#[tokio::test]
async fn an_exchange_that_breaks_is_told_as_what_it_is() {
    let place = Place::new();
    let plugin = place.start("").await;
    let http = plugin.http().clone();
    let bad = http.get("/bad path").send().await.unwrap_err();
    assert!(matches!(bad, HttpError::Request(_)), "{bad}");
    let bad = http.get("/").header("x y", "1").send().await.unwrap_err();
    assert!(matches!(bad, HttpError::Request(_)), "{bad}");
    let late = http.get("/frame").timeout(Duration::from_millis(50)).send().await.unwrap_err();
    assert!(matches!(late, HttpError::Timeout { .. }), "{late}");
    let large = http.post("/echo").body(vec![0; 4096]).send().await.unwrap().collect(4095).await;
    assert!(matches!(large, Err(HttpError::BodyTooLarge { limit: 4095 })));
    let missing = http.request(Method::PUT, "/nowhere").send().await.unwrap();
    assert_eq!(missing.status(), 404);
    plugin.stop(PATIENCE).await;
    let gone = http.health().await.unwrap_err();
    assert!(matches!(gone, HttpError::Connect(_)), "{gone}");
}

#[tokio::test]
async fn odd_bytes_go_over_a_raw_connection() {
    let place = Place::new();
    let plugin = place.start("").await;
    let mut raw = plugin.http().connect_raw().await.unwrap();
    raw.write_all(b"THIS IS NO HTTP\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    raw.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn a_route_of_the_author_can_be_a_websocket() {
    let place = Place::new();
    let plugin = place.start("").await;
    let mut socket = RawChannel::dial_with(plugin.http(), Dial::to("/ws")).await.unwrap();
    socket.send_text("hello").await.unwrap();
    assert_eq!(socket.recv().await.unwrap(), Some(Incoming::Text("hello".into())));
    socket.send_binary(vec![1, 2]).await.unwrap();
    let incoming = socket.recv().await.unwrap();
    assert_eq!(incoming, Some(Incoming::Binary(Bytes::from_static(&[1, 2]))));
    socket.send_close(1000, "done").await.unwrap();
    let incoming = socket.recv().await.unwrap();
    assert!(matches!(incoming, Some(Incoming::Close(_))), "{incoming:?}");
    assert_eq!(socket.recv().await.unwrap(), None);
}

#[tokio::test]
async fn an_upgrade_by_plain_http_gives_the_connection() {
    let place = Place::new();
    let plugin = place.start("").await;
    let request = plugin.http().get("/ws").header("connection", "upgrade");
    let request = request.header("upgrade", "websocket").header("sec-websocket-key", "AAAA");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 101);
    let mut connection = response.upgrade().await.unwrap();
    connection.write_all(&[0x81, 0x81, 0, 0, 0, 0, b'x']).await.unwrap();
    let mut frame = [0; 3];
    connection.read_exact(&mut frame).await.unwrap();
    assert_eq!(&frame, &[0x81, 1, b'x']);
}
