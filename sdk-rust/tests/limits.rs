//! What is hard to see from outside: limits of time and size, and the moments before a plugin is
//! initialised and after its hooks have failed. Some of these rules the conformance suite leaves to the
//! tests of an SDK.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::response::AppendHeaders;
use futures_util::stream;
use temps_plugin_sdk::prelude::*;
use temps_plugin_sdk::testing::{TestPlugin, event};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// A plugin of routes and options.
#[derive(Clone, Default)]
struct Limited {
    options: PluginOptions,
    openapi_bytes: usize,
    panic_in_shutdown: bool,
}

impl ExternalPlugin for Limited {
    fn manifest(&self) -> PluginManifest {
        PluginManifest::builder("limited", "1.0.0").build()
    }

    fn options(&self) -> PluginOptions {
        self.options.clone()
    }

    fn router(&self, ctx: PluginContext) -> axum::Router {
        axum::Router::new()
            .route("/for-ever", get(std::future::pending::<String>))
            .route("/deaf", post(deaf))
            .route(
                "/cookies",
                get(async || AppendHeaders([("set-cookie", "a"), ("set-cookie", "b")])),
            )
            .route("/breaks", get(async || breaking(false)))
            .route("/panics", get(async || breaking(true)))
            .route("/call", get(call))
            .with_state(ctx)
    }

    fn openapi_schema(&self) -> Option<utoipa::openapi::OpenApi> {
        let mut document = utoipa::openapi::OpenApiBuilder::new().build();
        document.info.title = "x".repeat(self.openapi_bytes);
        Some(document)
    }

    fn on_shutdown(&self, _ctx: &PluginContext) {
        assert!(!self.panic_in_shutdown, "on purpose");
    }
}

/// Holds the request and reads nothing of its body.
async fn deaf(body: Body) -> String {
    std::future::pending::<()>().await;
    drop(body);
    String::new()
}

/// A response whose body fails after its first piece.
fn breaking(panics: bool) -> Body {
    Body::from_stream(stream::unfold(0, move |n| async move {
        assert!(n == 0 || !panics, "on purpose");
        let piece = if n == 0 { Ok("first") } else { Err(std::io::Error::other("on purpose")) };
        Some((piece, n + 1))
    }))
}

async fn call(axum::extract::State(ctx): axum::extract::State<PluginContext>) -> String {
    let hurried = ctx.temps().with_timeout(Duration::from_millis(100));
    format!("{:?}", hurried.list_projects().await.unwrap_err().kind())
}

#[tokio::test]
async fn without_a_channel_in_time_the_plugin_gives_up_and_says_so() {
    let options = PluginOptions::default().channel_deadline(Some(Duration::from_millis(20)));
    let limited = Limited { options, ..Limited::default() };
    let mut plugin = TestPlugin::builder(limited).without_channel().start().await.unwrap();
    let error = plugin.ended().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ChannelDeadline);
    assert!(!plugin.socket_path().exists());
}

#[tokio::test]
async fn the_limit_counts_only_for_the_first_channel_and_can_be_turned_off() {
    let options = PluginOptions::default().channel_deadline(Some(Duration::from_millis(50)));
    let mut plugin = TestPlugin::start(Limited { options, ..Limited::default() }).await.unwrap();
    plugin.drop_channel().await;
    // The call waits longer for a channel than the limit allows for the first one.
    assert_eq!(plugin.get("/call").send().await.unwrap().text(), "Disconnected");
    plugin.stop().await.unwrap();

    let options = PluginOptions::default().channel_deadline(None);
    let limited = Limited { options, ..Limited::default() };
    let plugin = TestPlugin::builder(limited).without_channel().start().await.unwrap();
    assert_eq!(plugin.get("/call").send().await.unwrap().text(), "Disconnected");
    plugin.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_in_flight_is_broken_off_after_the_drain_limit() {
    let options = PluginOptions::default().drain(Duration::from_millis(20));
    let plugin = TestPlugin::start(Limited { options, ..Limited::default() }).await.unwrap();
    let endless = tokio::spawn(plugin.get("/for-ever").send());
    // An answer on another connection shows that the server has seen the first.
    plugin.get("/cookies").send().await.unwrap();
    plugin.stop().await.unwrap();
    assert!(endless.await.unwrap().is_err());
}

#[tokio::test]
async fn a_shutdown_hook_that_panics_ends_nothing_but_itself() {
    let limited = Limited { panic_in_shutdown: true, ..Limited::default() };
    let plugin = TestPlugin::start(limited).await.unwrap();
    let socket = plugin.socket_path().to_owned();
    plugin.stop().await.unwrap();
    assert!(!socket.exists());
}

#[tokio::test]
async fn an_openapi_document_that_does_not_fit_the_line_is_left_out() {
    let small = TestPlugin::start(Limited::default()).await.unwrap();
    assert!(small.ready().openapi.is_some());
    let limited = Limited { openapi_bytes: 2 * 1024 * 1024, ..Limited::default() };
    let large = TestPlugin::start(limited).await.unwrap();
    assert!(large.ready().openapi.is_none());
}

#[tokio::test]
async fn repeated_response_headers_keep_their_order() {
    let plugin = TestPlugin::start(Limited::default()).await.unwrap();
    let answer = plugin.get("/cookies").send().await.unwrap();
    let cookies: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a", "b"]);
}

#[tokio::test]
async fn a_body_that_fails_half_way_is_not_completed() {
    let limited = Limited::default();
    let plugin = TestPlugin::builder(limited).dialect(Dialect::One).start().await.unwrap();
    for path in ["/breaks", "/panics"] {
        let mut stream = UnixStream::connect(plugin.socket_path()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        // What was given before the failure has arrived, and no last chunk after it.
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer:?}");
        assert!(answer.ends_with("\r\n\r\n5\r\nfirst\r\n"), "{path}: {answer:?}");
        assert_eq!(plugin.get("/health").send().await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_handler_that_does_not_read_slows_its_peer_down() {
    const TURNS: usize = 50;
    let limited = Limited {
        options: PluginOptions::default().drain(Duration::from_millis(1)),
        ..Limited::default()
    };
    let plugin = TestPlugin::builder(limited).dialect(Dialect::One).start().await.unwrap();
    let mut stream = UnixStream::connect(plugin.socket_path()).await.unwrap();
    let head = b"POST /deaf HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let (mut sent, mut refused) = (0, 0);
    // Full for good: refused in every turn, though the server had its chance to read in each.
    while refused < TURNS {
        match stream.try_write(&[0; 65536]) {
            Ok(n) => (sent, refused) = (sent + n, 0),
            Err(_) => refused += 1,
        }
        plugin.get("/cookies").send().await.unwrap();
    }
    assert!(sent < 16 * 1024 * 1024, "{sent} bytes were taken and nobody has read them");
}

/// A plugin whose router waits to be told to go on.
struct Waiting {
    secret: Sender<String>,
    go: Mutex<Receiver<()>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl ExternalPlugin for Waiting {
    fn manifest(&self) -> PluginManifest {
        PluginManifest::builder("waiting", "1.0.0").event("*").build()
    }

    fn router(&self, ctx: PluginContext) -> axum::Router {
        self.secret.send(ctx.auth_secret().to_owned()).unwrap();
        self.go.lock().unwrap().recv().unwrap();
        axum::Router::new().route("/mine", get(async || "mine"))
    }

    fn on_event(&self, _ctx: &PluginContext, event: PluginEvent) {
        self.seen.lock().unwrap().push(event.id);
    }
}

/// The status of a request, written by hand: there is no test plugin yet to make it.
async fn status(socket: &Path, request: &str, headers: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn before_it_is_initialised_a_plugin_is_healthy_keeps_events_and_answers_503() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("p.sock");
    let (secret, told) = channel();
    let (go, wait) = channel();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let waiting = Waiting { secret, go: Mutex::new(wait), seen: Arc::clone(&seen) };
    let builder = TestPlugin::builder(waiting).dialect(Dialect::One).socket_path(&socket);
    let starting = tokio::spawn(builder.start());
    let secret = tokio::task::spawn_blocking(move || told.recv().unwrap()).await.unwrap();

    assert_eq!(status(&socket, "GET /health", "", "").await, "200");
    assert_eq!(status(&socket, "GET /mine", "", "").await, "503");
    let events = [event("a", serde_json::json!({})), event("b", serde_json::json!({}))];
    for event in &events {
        let body = serde_json::to_string(event).unwrap();
        let proof = format!("x-temps-auth: {secret}\r\n");
        assert_eq!(status(&socket, "POST /_events", &proof, &body).await, "200");
    }
    assert!(seen.lock().unwrap().is_empty());

    go.send(()).unwrap();
    let plugin = starting.await.unwrap().unwrap();
    assert_eq!(plugin.get("/mine").send().await.unwrap().status(), 200);
    plugin.stop().await.unwrap();
    assert_eq!(*seen.lock().unwrap(), events.map(|event| event.id));
}
