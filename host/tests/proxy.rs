//! Requests of callers that reach plugins, and those that do not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::PATIENCE;
use common::front::{Answer, Front, by_name};
use common::hosting::{Hosting, is, settled};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, Method};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use temps_plugin_host::{MemoryPlatform, PluginHost, ProxyPolicy, State};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

const PUBLIC: &str = r#"{"public_paths":["/seen"],"capabilities":["api_read"]}"#;

/// The fixture as `one`, behind a port.
async fn one(arguments: &[&str]) -> (Hosting, PluginHost, Front) {
    let policy = ProxyPolicy { most_in_flight: 2, ..ProxyPolicy::default() };
    with_policy(arguments, policy).await
}

async fn with_policy(arguments: &[&str], policy: ProxyPolicy) -> (Hosting, PluginHost, Front) {
    let hosting = Hosting::new();
    hosting.install("one", &[&["--name", "one"], arguments].concat());
    let builder = hosting.builder().authenticator(by_name()).proxy(policy);
    let host = builder.platform(Arc::new(MemoryPlatform::sample())).build().await.unwrap();
    settled(&host).await;
    is(&host.plugin("one").unwrap(), State::Running).await;
    let front = Front::of(&host).await;
    (hosting, host, front)
}

/// What of the headers the host has set.
fn temps(seen: &Value) -> Vec<&str> {
    let all = seen.as_object().unwrap().keys().map(String::as_str);
    all.filter(|name| name.starts_with("x-temps") || name.starts_with("x_temps")).collect()
}

#[tokio::test]
async fn a_caller_is_who_the_host_says_and_nobody_else() {
    let (_hosting, host, front) = one(&["--manifest", PUBLIC]).await;
    let spoofed = |user: &str| {
        front
            .request(Method::GET, user, "/api/x/one/seen?x=1")
            .header("X-Temps-User-Id", "1")
            .header("x-temps-user-email", "root@example.com")
            .header("x-temps-user-role", "admin")
            .header("x_temps_user_role", "admin")
            .header("x-temps-auth-signature", "guessed")
            .header("x-temps-actor-token", "stolen")
            .header("x-temps-plugin", "other")
            .header("x-temps-new", "1")
            .header("cookie", "session=1")
            .header("proxy-authorization", "Basic 1")
            .header("connection", "x-mine")
            .header("x-mine", "1")
            .header("accept", "application/json")
            .body(Full::<Bytes>::default())
            .unwrap()
    };
    let bob = Answer::of(front.send(spoofed("bob")).await).await.json();
    let secret = host.plugin("one").unwrap().running().unwrap().secret().expose().to_owned();
    assert_eq!(bob["x-temps-user-id"], "8");
    assert_eq!(bob["x-temps-user-email"], "bob@example.com");
    assert_eq!(bob["x-temps-user-role"], "reader");
    assert_eq!(bob["x-temps-user-permissions"], "");
    assert_eq!(bob["x-temps-plugin"], "one");
    assert_eq!(bob["x-temps-auth-signature"], secret);
    assert_ne!(bob["x-temps-actor-token"], "stolen");
    let set = [
        "x-temps-actor-token",
        "x-temps-auth-signature",
        "x-temps-plugin",
        "x-temps-request-id",
        "x-temps-user-email",
        "x-temps-user-id",
        "x-temps-user-permissions",
        "x-temps-user-role",
    ];
    assert_eq!(temps(&bob), set);
    for gone in ["cookie", "authorization", "proxy-authorization", "x-mine"] {
        assert_eq!(bob[gone], Value::Null, "{gone} was passed on");
    }
    assert_eq!((&bob["accept"], &bob["host"]), (&json!("application/json"), &json!("temps.test")));
    assert_eq!(bob["x-fixture-target"], "/seen?x=1");

    let ada = front.get("ada", "/api/x/one/seen").await.json();
    assert_eq!(ada["x-temps-user-permissions"], "projects:read,projects:write");
    let ids = [&bob, &ada].map(|seen| seen["x-temps-request-id"].as_str().unwrap().to_owned());
    assert!(ids.iter().all(|id| uuid::Uuid::parse_str(id).is_ok()) && ids[0] != ids[1], "{ids:?}");

    let nobody = Answer::of(front.send(spoofed("")).await).await.json();
    let set = ["x-temps-auth-signature", "x-temps-plugin", "x-temps-request-id"];
    assert_eq!(temps(&nobody), set);
}

#[tokio::test]
async fn who_is_not_signed_in_reaches_public_paths_only() {
    let (_hosting, host, front) = one(&["--manifest", PUBLIC]).await;
    assert_eq!(front.get("", "/api/x/one/seen/below").await.status, 200);
    let opened = host.plugin("one").unwrap().running().unwrap().http().connections_opened();
    for path in ["/version", "/", "", "/seen/../version", "/seen%2f..%2fversion", "/seenx"] {
        let answer = front.get("", &format!("/api/x/one{path}")).await;
        answer.is_problem(401, "signed-in");
    }
    let now = host.plugin("one").unwrap().running().unwrap().http().connections_opened();
    assert_eq!(now, opened, "the plugin was bothered");
    let broken = front.get("broken", "/api/x/one/seen").await;
    broken.is_problem(503, "who is asking");
    assert!(!broken.json().to_string().contains("/var/secret"));
}

#[tokio::test]
async fn the_protocols_own_paths_are_not_there_for_callers() {
    let (_hosting, _host, front) = one(&[]).await;
    let written = [
        "/_events",
        "/%5fevents",
        "//_events",
        "/a/../_events/",
        "/_temps/channel",
        "/_temps",
        "/_TEMPS/x",
        "/%255ftemps/channel",
    ];
    for path in written {
        let target = format!("/api/x/one{path}");
        front.ask(Method::POST, "ada", &target).await.is_problem(404, "keep this path");
    }
    front.get("ada", "/api/x/two/seen").await.is_problem(404, "no plugin");
    front.get("ada", "/api/x/on%65/seen").await.is_problem(404, "no plugin");
}

#[tokio::test]
async fn a_path_reaches_the_plugin_as_it_is_written() {
    let (_hosting, _host, front) = one(&[]).await;
    for target in ["/seen/a%2Fb/../c//d;e?x=%20&y", "/seen/%C3%A4%zz", "/seen/?", "/seen?a?b"] {
        let seen = front.get("ada", &format!("/api/x/one{target}")).await.json();
        assert_eq!(seen["x-fixture-target"], target);
    }
}

#[tokio::test]
async fn bodies_and_trailers_pass_both_ways() {
    let (_hosting, _host, front) = one(&[]).await;
    let sent = Bytes::from(vec![b'x'; 3 * 1024 * 1024]);
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "42".parse().unwrap());
    trailers.insert("x-temps-user-id", "1".parse().unwrap());
    let body = Full::new(sent.clone()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let request = front
        .request(Method::POST, "ada", "/api/x/one/echo")
        .header("trailer", "x-sum, x-temps-user-id")
        .header("transfer-encoding", "chunked")
        .header("te", "trailers")
        .header("expect", "100-continue")
        .body(body)
        .unwrap();
    let answer = Answer::of(front.send(request).await).await;
    assert_eq!((answer.status, answer.body == sent), (200, true));
    assert_eq!(answer.headers["trailer"], "x-sum");
    let trailers = answer.trailers.unwrap();
    assert_eq!((&trailers["x-sum"], trailers.len()), (&"42".parse().unwrap(), 1));
}

#[tokio::test]
async fn a_websocket_passes_until_one_side_ends() {
    let (_hosting, host, front) = one(&[]).await;
    let request = front
        .request(Method::GET, "ada", "/api/x/one/ws")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = front.send(request).await;
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let io = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Client, None).await;
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));
    assert_eq!(host.plugin("one").unwrap().requests_in_flight(), 1);
    // The plugin ends; the caller sees it.
    host.shutdown("the test is over").await;
    let rest = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
    assert!(rest.is_none_or(|message| message.is_err()));
}

#[tokio::test]
async fn a_caller_who_goes_away_ends_the_plugins_request() {
    let (_hosting, host, front) = one(&[]).await;
    let one = host.plugin("one").unwrap();
    let mut caller = tokio::net::TcpStream::connect(front.address).await.unwrap();
    let head = b"GET /api/x/one/hang HTTP/1.1\r\nhost: temps.test\r\nauthorization: ada\r\n\r\n";
    caller.write_all(head).await.unwrap();
    assert_eq!(front.get("ada", "/api/x/one/hanging").await.status, 200);
    assert_eq!(one.requests_in_flight(), 1);
    drop(caller);
    let gone = tokio::time::timeout(PATIENCE, front.get("ada", "/api/x/one/abandoned")).await;
    assert_eq!(gone.unwrap().status, 200);
}

#[tokio::test]
async fn a_plugin_that_is_down_is_a_problem_that_names_no_path() {
    let (hosting, host, front) = one(&[]).await;
    // Its next start fails, and the one after.
    hosting.install("one", &["--fault", "exit-early"]);
    host.plugin("one").unwrap().running().unwrap().kill();
    is(&host.plugin("one").unwrap(), State::Failed).await;
    front.get("ada", "/api/x/one/seen").await.is_problem(502, "is down");
}

#[tokio::test]
async fn a_response_that_breaks_off_reaches_the_caller_incomplete() {
    let (_hosting, host, front) = one(&[]).await;
    let body = Full::<Bytes>::default();
    let request = front.request(Method::GET, "ada", "/api/x/one/half").body(body).unwrap();
    let mut body = front.send(request).await.into_body();
    let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(piece, "half of it");
    let (rest, ()) = tokio::join!(body.collect(), host.shutdown("the test goes on"));
    assert!(rest.is_err(), "half a body was passed off as whole");
}

#[tokio::test]
async fn a_plugin_that_does_not_answer_is_given_up_and_the_others_serve_on() {
    let short = Duration::from_millis(50);
    let policy = ProxyPolicy { head_timeout: short, ..ProxyPolicy::default() };
    let (_hosting, _host, front) = with_policy(&[], policy).await;
    front.get("ada", "/api/x/one/hang").await.is_problem(504, "within 0.05 s");
    assert_eq!(front.get("ada", "/api/x/one/version").await.status, 200);
}

#[tokio::test]
async fn a_body_that_stops_in_the_middle_is_broken_off() {
    let short = Duration::from_millis(50);
    let policy = ProxyPolicy { idle_timeout: short, ..ProxyPolicy::default() };
    let (_hosting, host, front) = with_policy(&[], policy).await;
    let (mut sender, body) = http_body_util::channel::Channel::<Bytes>::new(2);
    sender.send_data(Bytes::from_static(b"the beginning")).await.unwrap();
    let request = front.request(Method::POST, "ada", "/api/x/one/echo").body(body).unwrap();
    let response = front.send(request).await;
    assert!(response.into_body().collect().await.is_err());
    drop(sender);
    let one = host.plugin("one").unwrap();
    while one.requests_in_flight() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_request_too_many_is_told_to_come_back() {
    let (_hosting, host, front) = one(&[]).await;
    let hang = || {
        let body = Full::<Bytes>::default();
        front.send(front.request(Method::GET, "ada", "/api/x/one/hang").body(body).unwrap())
    };
    let plugin = host.plugin("one").unwrap();
    let busy = async {
        while plugin.requests_in_flight() < 2 {
            tokio::task::yield_now().await;
        }
        let answer = front.get("ada", "/api/x/one/version").await;
        answer.is_problem(503, "2 requests under way");
        assert_eq!(answer.headers["retry-after"], "1");
    };
    tokio::select! {
        () = busy => {}
        response = async { tokio::join!(hang(), hang()) } => panic!("{response:?}"),
    }
}

#[tokio::test]
async fn a_name_of_the_hosts_own_api_is_refused() {
    let hosting = Hosting::new();
    hosting.install("one", &["--name", "plugins"]);
    let host = hosting.host().await;
    let status = is(&host.plugins()[0], State::Failed).await;
    assert!(status.reason.contains("/x/plugins"), "{}", status.reason);
}

/// Sends `api_call` with this token over the plugin's channel and returns the host's reply.
async fn api_call(host: &PluginHost, plugin: &str, path: &str, actor: &str) -> Value {
    let running = host.plugin(plugin).unwrap().running().unwrap();
    let call = json!({"type": "request", "id": 1, "call": {
        "method": "api_call", "params": {"method": "GET", "path": path, "actor": actor},
    }});
    let frame = running.http().post("/frame").body(call.to_string());
    assert_eq!(frame.send().await.unwrap().status(), 202);
    running.http().get("/frame").send().await.unwrap().json::<Value>().await.unwrap()
}

#[tokio::test]
async fn an_actor_token_lets_its_own_plugin_act_and_no_other() {
    let hosting = Hosting::new();
    let capable = r#"{"capabilities":["api_read"]}"#;
    hosting.install("one", &["--name", "one", "--manifest", capable]);
    hosting.install("two", &["--name", "two", "--manifest", capable]);
    hosting.install("plain", &["--name", "plain"]);
    let builder = hosting.builder().authenticator(by_name());
    let host = builder.platform(Arc::new(MemoryPlatform::sample())).build().await.unwrap();
    settled(&host).await;
    let front = Front::of(&host).await;
    let token = |seen: Value| seen["x-temps-actor-token"].as_str().map(str::to_owned);
    assert_eq!(token(front.get("ada", "/api/x/plain/seen").await.json()), None);
    let token = token(front.get("ada", "/api/x/one/seen").await.json()).unwrap();

    let reply = api_call(&host, "one", "/api/anything", &token).await;
    assert_eq!(reply["outcome"]["ok"]["result"]["status"], 404, "{reply}");
    let reply = api_call(&host, "two", "/api/anything", &token).await;
    assert_eq!(reply["outcome"]["err"]["code"], "unauthenticated", "{reply}");
    for path in ["/api/%2e%2e/secret", "/api/a%2f..%2f..%2fsecret", "/api/..;/secret"] {
        let reply = api_call(&host, "one", path, &token).await;
        assert_eq!(reply["outcome"]["err"]["code"], "invalid_params", "{path}: {reply}");
    }
    let reply = api_call(&host, "one", "/api/anything", "made-up").await;
    assert_eq!(reply["outcome"]["err"]["code"], "unauthenticated", "{reply}");
}

#[tokio::test]
async fn no_request_is_lost_while_a_plugin_is_replaced() {
    let (hosting, host, front) = with_policy(&[], ProxyPolicy::default()).await;
    let replaced = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let asking = (0..4).map(|_| async {
        let mut versions = Vec::new();
        let mut after = 0;
        while after < 5 {
            let done = replaced.load(std::sync::atomic::Ordering::SeqCst);
            let answer = front.get("ada", "/api/x/one/version").await;
            assert_eq!(answer.status, 200, "{answer:?}");
            versions.push(answer.body);
            after += usize::from(done);
        }
        versions
    });
    let replacing = async {
        hosting.install("one", &["--name", "one", "--version", "2.0.0"]);
        host.reload().await.unwrap();
        replaced.store(true, std::sync::atomic::Ordering::SeqCst);
    };
    let (versions, ()) = tokio::join!(futures_util::future::join_all(asking), replacing);
    for of_one in versions {
        assert_eq!(
            (of_one.first().unwrap(), of_one.last().unwrap()),
            (&"1.0.0".into(), &"2.0.0".into())
        );
    }
}
