//! The everything profile: calls with a limit, calls that are given up, and calls of event handlers.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use temps_plugin_schema::channel::Request as Call;

use super::everything_calls::{call, get_project, ok, post, project};
use super::everything_events::{event, ids, recorded};
use super::prelude::*;
use crate::subject::reply;

const POLL: Duration = Duration::from_millis(5);
/// The limit of calls that are not answered in time, in milliseconds.
const SHORT_MS: u64 = 400;
/// How long such a call may take, in seconds: less than the default limit of any SDK.
const IN_TIME: u64 = 5;

fn limited(id: u64, timeout_ms: u64) -> Value {
    let mut asked = get_project(id);
    asked["timeout_ms"] = json!(timeout_ms);
    asked
}

fn is_timeout(seen: &Value) -> Result<(), Stop> {
    let error = &seen["err"];
    let right = error["kind"] == "timeout" && error["code"].is_null();
    ensure(right, "an error of kind timeout without a code", || seen.to_string())
}

/// Sends a request that makes a call and leaves the call unanswered until the plugin has given it up.
async fn given_up(plugin: &Plugin, channel: &mut Channel, asked: &Value) -> Result<Call, Stop> {
    let mut response = pin!(plugin.send(post("/call", asked)));
    let call = tokio::select! {
        call = channel.request() => call?,
        early = &mut response => return Err(Stop::failed("a call on the channel", early?.text())),
    };
    is_timeout(&response.await?.json(200)?)?;
    Ok(call)
}

async fn call_timeout(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let in_time = post("/call", &limited(1, 60_000));
    let (_, seen) = call(&plugin, &mut channel, in_time, ok(cx.dialect(), project(1))).await?;
    ensure(seen["ok"]["id"] == 1, "a call that is answered in time", || seen.to_string())?;

    let began = Instant::now();
    let late = given_up(&plugin, &mut channel, &limited(2, SHORT_MS)).await?;
    let took = began.elapsed();
    let in_time = Duration::from_millis(SHORT_MS)..cx.limit(IN_TIME);
    ensure(in_time.contains(&took), format!("an error after {SHORT_MS} ms"), || {
        format!("one after {took:?}")
    })?;
    // The reply comes after all; the call that is under way by then must not take it for its own.
    let mut response = pin!(plugin.send(post("/call", &get_project(3))));
    let next = tokio::select! {
        next = channel.request() => next?,
        early = &mut response => return Err(Stop::failed("a call on the channel", early?.text())),
    };
    channel.answer(&late, Ok(project(2))).await?;
    channel.ping().await?;
    channel.answer(&next, Ok(project(3))).await?;
    let seen = response.await?.json(200)?;
    ensure(seen["ok"]["id"] == 3, "the reply to the call that waits", || seen.to_string())?;
    Ok(Evidence(vec![
        format!("a call with a limit of {SHORT_MS} ms failed after {took:?}: timeout"),
        "its late reply was skipped, and the next call got its own".into(),
    ]))
}

/// How many calls are given up, at a time and in all.
const AT_ONCE: u64 = 16;
const ROUNDS: u64 = 4;
/// What their late replies bring, in bytes each, and how much a plugin may grow by them, in KiB: half of
/// what they bring together.
const LATE_BYTES: usize = 512 * 1024;
const KEPT_KIB: u64 = AT_ONCE * ROUNDS * 256;

/// A project with so much more in it.
fn large_project(id: u64) -> Value {
    let mut project = project(id);
    project["conformance"] = json!("x".repeat(LATE_BYTES));
    project
}

async fn calls_given_up(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    // The witness, and what taking large replies costs once.
    for id in 1..=AT_ONCE {
        let answer = ok(cx.dialect(), large_project(id));
        let (_, seen) =
            call(&plugin, &mut channel, post("/call", &get_project(id)), answer).await?;
        ensure(seen["ok"]["id"] == id, "a large reply that is taken", || "another".into())?;
    }
    let Some(before) = plugin.resident_kib() else {
        return Err(Stop::skip("there is no /proc to read the plugin's memory from"));
    };
    let mut late_replies = 0;
    for _ in 0..ROUNDS {
        let posts = (1..=AT_ONCE).map(|id| plugin.send(post("/call", &limited(id, SHORT_MS))));
        for answer in join_all(posts).await {
            is_timeout(&answer?.json(200)?)?;
        }
        // A pong comes after every call that was sent before it.
        channel.ping().await?;
        ensure(channel.has_text(), "the calls that were given up, on the channel", || {
            "none".into()
        })?;
        while channel.has_text() {
            let call = channel.request().await?;
            let late = reply(cx.dialect(), call.id, &call.method, Ok(large_project(late_replies)));
            channel.send_text(&late.to_string()).await?;
            late_replies += 1;
        }
        channel.ping().await?;
    }
    let growth = plugin.resident_kib().unwrap_or(before).saturating_sub(before);
    ensure(growth < KEPT_KIB, format!("less than {KEPT_KIB} KiB more"), || {
        format!("{growth} KiB more after {late_replies} late replies of 512 KiB")
    })?;
    let last = post("/call", &get_project(1));
    let (_, seen) = call(&plugin, &mut channel, last, ok(cx.dialect(), project(1))).await?;
    ensure(seen["ok"]["id"] == 1, "a call that works afterwards", || seen.to_string())?;
    Ok(Evidence::saw(format!(
        "{late_replies} calls were given up and 512 KiB came late for each: {growth} KiB more"
    )))
}

/// Waits until so many calls of event handlers have ended, and returns what came of them.
async fn outcomes(cx: &Cx, plugin: &Plugin, count: usize) -> Result<Vec<Value>, Stop> {
    let deadline = tokio::time::Instant::now() + cx.limit(15);
    loop {
        let seen = plugin.get("/event-calls").await?.json(200)?;
        let calls = seen["calls"].as_array().cloned();
        let calls = calls.ok_or_else(|| Stop::failed("{\"calls\":[…]}", seen.to_string()))?;
        if calls.len() >= count {
            return Ok(calls);
        }
        if tokio::time::Instant::now() >= deadline {
            let seen = calls.len().to_string();
            return Err(Stop::failed(format!("what came of {count} calls"), seen));
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn event_calls(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let asks = |id: &str, call: Value| event(id, json!({ "call": call }));
    channel.send_event(&asks("1", get_project(1))).await?;
    let first = channel.request().await?;
    // The handler waits for its reply; everything else goes on.
    let seen = recorded(&cx, &plugin, 1).await?;
    ensure(ids(&seen) == ["1"], "the event, while its handler waits", || format!("{seen:?}"))?;
    channel.ping().await?;
    let none = plugin.get("/event-calls").await?.json(200)?;
    ensure(none == json!({"calls": []}), "no outcome before the reply", || none.to_string())?;
    channel.answer(&first, Ok(project(1))).await?;
    outcomes(&cx, &plugin, 1).await?;

    channel.send_event(&asks("2", get_project(2))).await?;
    let second = channel.request().await?;
    channel.answer(&second, Err(("not_found", "conformance says no"))).await?;
    channel.send_event(&asks("3", limited(3, SHORT_MS))).await?;
    channel.request().await?;
    outcomes(&cx, &plugin, 3).await?;
    for id in 4..=6 {
        channel.send_event(&asks(&id.to_string(), get_project(id))).await?;
    }
    for _ in 4..=6 {
        let call = channel.request().await?;
        let id = call.params["project_id"].as_u64().unwrap_or_default();
        channel.answer(&call, Ok(project(id))).await?;
    }
    let seen = outcomes(&cx, &plugin, 6).await?;
    for (id, outcome) in (1..).zip(&seen) {
        match id {
            2 => {
                let error = &outcome["err"];
                let right = error["kind"] == "remote" && error["code"] == "not_found";
                ensure(right, "kind remote and code not_found", || outcome.to_string())?;
            }
            3 => is_timeout(outcome)?,
            id => {
                let expected = json!({"ok": project(id)});
                ensure(*outcome == expected, expected.to_string(), || outcome.to_string())?;
            }
        }
    }
    ensure(seen.len() == 6, "six outcomes", || seen.len().to_string())?;
    Ok(Evidence::saw(
        "six event handlers made a call each: four were answered, one refused, one timed out",
    ))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "everything/call-timeout",
        "a call has a limit, after which its reply is skipped",
        &["EP-48", "CH-50"],
        |cx| Box::pin(call_timeout(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/call-given-up",
        "nothing is kept for calls that were given up",
        &["CH-52", "CH-31"],
        |cx| Box::pin(calls_given_up(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/event-calls",
        "event handlers can make calls",
        &["EP-49", "EV-26", "CH-53"],
        |cx| Box::pin(event_calls(cx)),
    )
    .needs(Needs::Everything),
];
