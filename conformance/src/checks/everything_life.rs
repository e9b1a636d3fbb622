//! The everything profile: author code that misbehaves, hooks, and stopping in the middle of work.

use std::time::Duration;

use temps_plugin_host::Signal;

use super::everything_http::open_websocket;
use super::prelude::*;
use super::stop::{AT_ONCE, DRAINED, READ, goes_on, orderly, refuses_connections};
use crate::subject::Raw;

const POLL: Duration = Duration::from_millis(5);

async fn prints(cx: &Cx, close_stdout: bool) -> Result<Plugin, Stop> {
    let mut plan = cx.plan()?;
    plan.close_stdout = close_stdout;
    let plugin = cx.start(&plan).await?;
    for text in ["conformance printed this\n", "{\"type\":\"ready\"}", ""] {
        let seen = plugin.send(Request::post("/print").body(text)).await?.json(200)?;
        ensure(
            seen == json!({"printed": text.len()}),
            format!("{{\"printed\":{}}}", text.len()),
            || seen.to_string(),
        )?;
    }
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 afterwards", || status.to_string())?;
    Ok(plugin)
}

async fn print_is_harmless(cx: Cx) -> Verdict {
    let plugin = prints(&cx, false).await?;
    plugin.stop(cx.limit(DRAINED)).await?;
    let stray = plugin.stray_stdout().await;
    ensure(stray.is_empty(), "nothing on standard output", || format!("{stray:?}"))?;
    prints(&cx, true).await?;
    Ok(Evidence::saw(
        "author code printed, with standard output open and closed, and nothing came of it",
    ))
}

async fn print_goes_to_stderr(cx: Cx) -> Verdict {
    let plugin = prints(&cx, false).await?;
    let line =
        plugin.stderr_line(cx.limit(3), |line| line.contains("conformance printed this")).await;
    let line = line
        .ok_or_else(|| Stop::failed("what was printed, on stderr", plugin.stderr().join("\n")))?;
    Ok(Evidence::saw(line))
}

async fn panics(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    // What it has said by the first answer is about something else.
    plugin.get("/context").await?;
    let before = plugin.stderr();
    for _ in 0..3 {
        let status = plugin.get("/panic").await?.status;
        ensure(status == 500, "500 from a handler that panics", || status.to_string())?;
    }
    let status = plugin.get("/context").await?.status;
    ensure(status == 200, "200 from other handlers afterwards", || status.to_string())?;
    let name = cx.manifest()["name"].as_str().unwrap_or_default().to_owned();
    let told = |line: &str| line.contains(&name) && !before.iter().any(|early| early == line);
    let line = plugin.stderr_line(cx.limit(3), told).await;
    let line = line.ok_or_else(|| {
        Stop::failed(format!("a new line on stderr with {name}"), plugin.stderr().join("\n"))
    })?;
    Ok(Evidence(vec!["500 three times, and 200 from another route afterwards".into(), line]))
}

async fn lifecycle(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let path = plugin.plan().data_dir.join("lifecycle.log");
    let read = || std::fs::read_to_string(&path).unwrap_or_default();
    let deadline = tokio::time::Instant::now() + cx.limit(10);
    // The start hook may run on after `ready`.
    while read() != "start\n" && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(POLL).await;
    }
    let log = read();
    ensure(log == "start\n", "`start` in lifecycle.log", || format!("{log:?}"))?;
    plugin.stop(cx.limit(DRAINED)).await?;
    let log = read();
    ensure(log == "start\nstop\n", "`start` and `stop` in lifecycle.log", || format!("{log:?}"))?;
    Ok(Evidence::saw("both hooks ran, once each"))
}

/// Sends a request to a slow handler and makes sure that it has been read.
pub(super) async fn slow_request(plugin: &Plugin, ms: u32) -> Result<Raw, Stop> {
    let mut raw = plugin.raw().await?;
    let secret = plugin.secret();
    // In one piece with a request that is answered: whoever has read that one has read both.
    let heads = format!(
        "GET /health HTTP/1.1\r\nhost: plugin\r\n\r\n\
         GET /slow?ms={ms} HTTP/1.1\r\nhost: plugin\r\nx-temps-auth-signature: {secret}\r\n\r\n"
    );
    raw.request(&heads).await?;
    // Whoever has answered three requests that came later has most likely begun with it.
    for _ in 0..3 {
        plugin.health().await?;
    }
    Ok(raw)
}

/// A response that has begun and goes on for ever.
pub(super) async fn endless_events(plugin: &Plugin) -> Result<Raw, Stop> {
    let mut events = plugin.raw().await?;
    let head = format!(
        "GET /sse?count=1000000&interval_ms=100 HTTP/1.1\r\nhost: plugin\r\n\
         x-temps-auth-signature: {}\r\n\r\n",
        plugin.secret()
    );
    events.write(head.as_bytes()).await?;
    events.until(b"data: {\"n\":1}").await?;
    Ok(events)
}

/// A request under way whose end is in our hands: its body is not complete.
async fn open_request(plugin: &Plugin, path: &str) -> Result<Raw, Stop> {
    let mut raw = plugin.raw().await?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: plugin\r\nx-temps-auth-signature: {}\r\n\
         expect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegin\r\n",
        plugin.secret()
    );
    raw.write(head.as_bytes()).await?;
    Ok(raw)
}

async fn drains(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    plugin.dial().await?.ping().await?;
    // One whose response has begun, and one whose handler waits for more.
    let mut streaming = open_request(&plugin, "/stream/echo").await?;
    let begun = streaming.until(b"begin").await?;
    let mut waiting = open_request(&plugin, "/echo").await?;
    waiting.continued(READ).await;
    plugin.signal(Signal::TERM)?;
    refuses_connections(&cx, &plugin).await?;
    goes_on(&plugin).await?;
    waiting.write(b"3\r\nend\r\n0\r\n\r\n").await?;
    let response = waiting.response().await?;
    let seen: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    ensure(
        response.status == 200 && seen["body_length"] == 8,
        "the whole response of a request whose handler waited",
        || format!("{} {seen}", response.status),
    )?;
    goes_on(&plugin).await?;
    streaming.write(b"3\r\nend\r\n0\r\n\r\n").await?;
    streaming.until(b"end\r\n0\r\n\r\n").await?;
    let ended = plugin.exit(cx.limit(DRAINED)).await?;
    Ok(Evidence::saw(format!(
        "no new connections; a response that had begun ({} bytes) and one that had not were both \
         finished; {}",
        begun.len(),
        orderly(plugin.plan(), &ended)?
    )))
}

async fn second_signal(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    plugin.dial().await?.ping().await?;
    let _events = endless_events(&plugin).await?;
    plugin.signal(Signal::TERM)?;
    refuses_connections(&cx, &plugin).await?;
    goes_on(&plugin).await?;
    plugin.signal(Signal::TERM)?;
    let ended = plugin.exit(cx.limit(AT_ONCE)).await?;
    Ok(Evidence::saw(format!("it {} at once on the second signal", ended.exit)))
}

async fn endless_work(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    plugin.dial().await?.ping().await?;
    let mut socket = open_websocket(&plugin).await?;
    socket.send_text("hello").await?;
    socket.text().await?;
    plugin.signal(Signal::TERM)?;
    let ended = plugin.exit(cx.limit(DRAINED)).await?;
    Ok(Evidence::saw(format!("a WebSocket was open: {}", orderly(plugin.plan(), &ended)?)))
}

async fn websockets_are_closed(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut socket = open_websocket(&plugin).await?;
    socket.send_text("hello").await?;
    socket.text().await?;
    plugin.signal(Signal::TERM)?;
    let code = socket.closed().await?;
    Ok(Evidence::saw(format!("a close frame with code {code} came over /ws")))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "everything/print",
        "printing does no harm",
        &["EP-41", "IO-03", "IO-04", "IO-01"],
        |cx| Box::pin(print_is_harmless(cx)),
    )
    .needs(Needs::Everything),
    Check::must("everything/print-to-stderr", "what is printed goes to stderr", &["IO-05"], |cx| {
        Box::pin(print_goes_to_stderr(cx))
    })
    .needs(Needs::Everything)
    .should(),
    Check::must(
        "everything/panic",
        "a handler that panics is a 500 and a line on stderr",
        &["EP-42", "HT-21", "HT-22", "HT-23"],
        |cx| Box::pin(panics(cx)),
    )
    .needs(Needs::Everything),
    Check::must("everything/lifecycle", "both hooks run", &["EP-44", "EP-45", "LC-07"], |cx| {
        Box::pin(lifecycle(cx))
    })
    .needs(Needs::Everything),
    Check::must("everything/drains", "what is under way is finished", &["LC-03", "LC-04"], |cx| {
        Box::pin(drains(cx))
    })
    .needs(Needs::Everything),
    Check::must(
        "everything/second-signal",
        "a second signal ends the draining",
        &["LC-13"],
        |cx| Box::pin(second_signal(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/open-websocket",
        "an open WebSocket does not hold up the exit",
        &["LC-16"],
        |cx| Box::pin(endless_work(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/websocket-closed",
        "open WebSockets get a close frame",
        &["LC-15"],
        |cx| Box::pin(websockets_are_closed(cx)),
    )
    .needs(Needs::Everything)
    .should(),
];
