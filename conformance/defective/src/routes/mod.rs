//! The routes of the everything profile (PROTOCOL.md, appendix A): author code.

mod echo;
mod known;
mod platform;
mod produce;
mod trouble;

pub(crate) use trouble::HAS_PRINTED;

use std::io;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::defects::{everything_events, everything_http, requests};
use crate::http::{Answered, Exchange, Reply};
use crate::plugin::Plugin;

/// Largest body that a route keeps as a whole: an `api_call` of 32 MiB and more, escaped.
const BODY: usize = 128 * 1024 * 1024;

/// Who answers `GET` when there are too few to do so.
static WORKERS: Semaphore = Semaphore::const_new(8);

/// Answers a request, if there is a route for it.
pub(crate) async fn answer(
    plugin: &Arc<Plugin>,
    exchange: &mut Exchange<'_>,
    method: &str,
    path: &str,
) -> io::Result<Option<Answered>> {
    if path == "/echo" || path.starts_with("/echo/") {
        if everything_http::ODD_METHODS_REFUSED.active() && !METHODS.contains(&method) {
            return exchange.answer(Reply::text(405, "another method")).await.map(Some);
        }
        return echo::echo(exchange).await.map(Some);
    }
    // `HEAD` is `GET` whose body is not sent.
    let method = if method == "HEAD" { "GET" } else { method };
    let _worker = match method {
        "GET" if everything_http::EIGHT_WORKERS.active() => WORKERS.acquire().await.ok(),
        _ => None,
    };
    let answered = match (method, path) {
        ("POST", "/stream/echo") => echo::stream(exchange).await,
        ("GET", "/ws") => echo::web_socket(plugin, exchange).await,
        ("GET", "/whoami") => known::whoami(plugin, exchange).await,
        ("GET", "/private") => known::private(exchange).await,
        ("GET", "/public/hello") => known::hello(exchange).await,
        ("GET", "/context") => known::context(plugin, exchange).await,
        ("GET", "/events") => exchange.answer(Reply::json(200, &plugin.events.recorded())).await,
        ("DELETE", "/events") => {
            if !everything_events::DELETE_KEEPS.active() {
                plugin.events.forget();
            }
            exchange.answer(Reply::new(204, "")).await
        }
        ("GET", "/event-calls") => exchange.answer(Reply::json(200, &plugin.events.calls())).await,
        ("POST", "/call") => platform::call(plugin, exchange).await,
        ("POST", "/api") => platform::api(plugin, exchange).await,
        ("GET", "/sse") => produce::server_sent_events(exchange).await,
        ("GET", "/slow") => produce::slow(plugin, exchange).await,
        ("GET", "/cancelled") => produce::cancelled(plugin, exchange).await,
        ("POST", "/print") => trouble::print(exchange).await,
        ("GET", "/panic") => trouble::fail(),
        ("POST", "/answer") => trouble::answer(exchange).await,
        ("POST", "/unread") => trouble::unread(exchange).await,
        (_, crate::server::HEALTH) => exchange.answer(Reply::text(418, "never asked")).await,
        ("GET", _) => return below(plugin, exchange, path).await,
        _ if KNOWN.contains(&path) => exchange.answer(Reply::text(405, "another method")).await,
        _ => return Ok(None),
    };
    answered.map(Some)
}

/// The methods that everybody knows.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Paths that answer to other methods.
const KNOWN: [&str; 16] = [
    "/stream/echo",
    "/ws",
    "/whoami",
    "/private",
    "/public/hello",
    "/context",
    "/events",
    "/event-calls",
    "/call",
    "/api",
    "/sse",
    "/slow",
    "/cancelled",
    "/print",
    "/panic",
    "/answer",
];

/// Whether there is a route at this path, for one method or another.
pub(crate) fn has(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    KNOWN.contains(&path) || ["echo", "status", "bytes", "broken"].contains(&first)
}

/// Routes with something in their last segment.
async fn below(
    plugin: &Plugin,
    exchange: &mut Exchange<'_>,
    path: &str,
) -> io::Result<Option<Answered>> {
    let Some((route, rest)) = path.get(1..).and_then(|path| path.split_once('/')) else {
        return Ok(None);
    };
    let answered = match route {
        "status" => produce::status(exchange, rest).await,
        "bytes" => produce::bytes(plugin, exchange, rest).await,
        "broken" => produce::broken(plugin, exchange, rest).await,
        _ => return Ok(None),
    };
    answered.map(Some)
}

fn bad_request(why: &str) -> Reply {
    if requests::JSON_WITH_A_COMMA.active() {
        let body = format!("{{\"error\":{why:?},}}");
        return Reply::new(400, body).header("content-type", "application/json");
    }
    Reply::json(400, &json!({"error": why}))
}

/// The body as JSON; the answer owed when it is none.
async fn json_body(exchange: &mut Exchange<'_>) -> io::Result<Result<Value, Reply>> {
    let Some(body) = exchange.body(BODY).await? else {
        return Ok(Err(Reply::json(413, &json!({"error": format!("more than {BODY} bytes")}))));
    };
    Ok(serde_json::from_slice(&body).map_err(|e| bad_request(&format!("no JSON: {e}"))))
}
