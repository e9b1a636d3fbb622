//! The everything profile: work that is longer than a limit of the protocol. Each of these checks has
//! to wait for it.

use std::time::Duration;

use temps_plugin_host::Signal;
use temps_plugin_schema::limits::DRAIN;

use super::everything_calls::call;
use super::everything_http::open_websocket;
use super::everything_life::{endless_events, slow_request};
use super::prelude::*;
use super::stop::{orderly, refuses_connections};
use crate::subject::reply;

/// How long after the drain limit, in seconds, the plugin must have ended.
const LATE: u64 = 5;
/// Work that is done within the drain limit.
const DONE_IN_TIME_MS: u32 = 7000;
/// How long `generate_ai` may take a host.
const GENERATE_AI: Duration = Duration::from_secs(61);

async fn drain_limit(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    plugin.dial().await?.ping().await?;
    let mut short = slow_request(&plugin, DONE_IN_TIME_MS).await?;
    let mut long = slow_request(&plugin, 60_000).await?;
    plugin.signal(Signal::TERM)?;
    let (ended, response) = tokio::join!(plugin.exit(DRAIN + cx.limit(LATE)), short.response());
    let response = response?;
    ensure(
        response.status == 200,
        format!("the response of a request that takes {DONE_IN_TIME_MS} ms of the 10 s"),
        || response.status.to_string(),
    )?;
    let ended = orderly(plugin.plan(), &ended?)?;
    let rest = long.end().await?;
    ensure(!rest.starts_with(b"HTTP/1.1 2"), "no response to work that was broken off", || {
        String::from_utf8_lossy(&rest).into_owned()
    })?;
    Ok(Evidence::saw(format!(
        "work of {DONE_IN_TIME_MS} ms was finished, work of 60 s was broken off, {ended}"
    )))
}

async fn endless_response(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    plugin.dial().await?.ping().await?;
    let _events = endless_events(&plugin).await?;
    let mut socket = open_websocket(&plugin).await?;
    socket.send_text("hello").await?;
    socket.text().await?;
    plugin.signal(Signal::TERM)?;
    refuses_connections(&cx, &plugin).await?;
    let ended = plugin.exit(DRAIN + cx.limit(LATE)).await?;
    Ok(Evidence::saw(format!(
        "server-sent events without end and a WebSocket were open: {}",
        orderly(plugin.plan(), &ended)?
    )))
}

async fn generate_ai(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let ask =
        json!({"method": "generate_ai", "params": {"purpose": "conformance", "prompt": "hello"}});
    let request = Request::post("/call").json(&ask);
    let result = json!({"text": "hi", "model": "m-1"});
    let dialect = cx.dialect();
    let mut response = std::pin::pin!(plugin.send_within(request, GENERATE_AI + cx.limit(20)));
    let asked = tokio::select! {
        asked = channel.request() => asked?,
        early = &mut response => return Err(Stop::failed("a call on the channel", early?.text())),
    };
    tokio::select! {
        early = &mut response => {
            let seen = early?.text();
            return Err(Stop::failed("a call that waits 60 s for its reply", seen));
        }
        () = tokio::time::sleep(GENERATE_AI) => {}
    }
    channel.answer(&asked, Ok(result.clone())).await?;
    let seen = response.await?.json(200)?;
    ensure(seen == json!({"ok": result}), "the reply that took 61 s", || seen.to_string())?;
    // The channel is as good as before.
    let again = Request::post("/call").json(&ask);
    let answer = |call: &temps_plugin_schema::channel::Request| {
        reply(dialect, call.id, &call.method, Ok(result.clone()))
    };
    call(&plugin, &mut channel, again, answer).await?;
    Ok(Evidence::saw("a reply after 61 s reached its caller"))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "everything/limit-drain",
        "work that outlasts the drain limit is broken off, other work is not",
        &["LC-04", "LC-05", "LC-11"],
        |cx| Box::pin(drain_limit(cx)),
    )
    .needs(Needs::Everything)
    .slow(),
    Check::must(
        "everything/limit-endless-response",
        "a response without end does not outlast the drain limit",
        &["LC-16", "LC-11"],
        |cx| Box::pin(endless_response(cx)),
    )
    .needs(Needs::Everything)
    .slow(),
    Check::must(
        "everything/limit-generate-ai",
        "a reply to generate_ai may take a minute",
        &["CH-51"],
        |cx| Box::pin(generate_ai(cx)),
    )
    .only(Dialect::Two)
    .needs(Needs::Everything)
    .slow(),
];
