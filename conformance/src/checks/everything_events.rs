//! The everything profile: what becomes of events.

use std::time::Duration;

use super::prelude::*;

const BURST: usize = 1000;
const POLL: Duration = Duration::from_millis(5);

pub(super) fn event(id: &str, data: Value) -> Value {
    json!({
        "id": id, "event_type": "conformance.happened", "timestamp": "2026-06-06T12:00:00Z",
        "project_id": 7, "data": data,
    })
}

/// Waits until the plugin has recorded so many events, and returns them.
pub(super) async fn recorded(cx: &Cx, plugin: &Plugin, count: usize) -> Result<Vec<Value>, Stop> {
    let deadline = tokio::time::Instant::now() + cx.limit(15);
    loop {
        let seen = plugin.get("/events").await?.json(200)?;
        let events = seen["events"].as_array().cloned();
        let events = events.ok_or_else(|| Stop::failed("{\"events\":[…]}", seen.to_string()))?;
        if events.len() >= count {
            return Ok(events);
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(Stop::failed(
                format!("{count} events recorded"),
                format!("{}", events.len()),
            ));
        }
        tokio::time::sleep(POLL).await;
    }
}

pub(super) fn ids(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["id"].as_str()).collect()
}

async fn as_received(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let whole = event("1", json!({"deployment_id": 100, "unknown": {"deep": [1, null, "ä"]}}));
    let mut odd = event("no uuid", json!([1]));
    odd["timestamp"] = json!("some day");
    odd["project_id"] = Value::Null;
    let mut extra = event("3", json!("text"));
    extra["conformance"] = json!(true);
    let bare = json!({"id": "4", "event_type": "conformance.bare", "timestamp": "t"});
    for sent in [&whole, &odd, &extra, &bare] {
        channel.send_event(sent).await?;
    }
    let seen = recorded(&cx, &plugin, 4).await?;
    let mut plain = extra.clone();
    if let Some(object) = plain.as_object_mut() {
        object.remove("conformance");
    }
    let mut filled = bare.clone();
    filled["project_id"] = Value::Null;
    filled["data"] = json!({});
    let expected = [whole, odd, plain, filled];
    for (expected, seen) in expected.iter().zip(&seen) {
        ensure(expected == seen, expected.to_string(), || seen.to_string())?;
    }
    ensure(seen.len() == 4, "four events", || seen.len().to_string())?;
    Ok(Evidence(seen.iter().map(Value::to_string).collect()))
}

async fn in_order(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let sent: Vec<String> = (0..BURST).map(|i| format!("event-{i}")).collect();
    for id in &sent {
        channel.send_event(&event(id, json!({}))).await?;
    }
    let seen = recorded(&cx, &plugin, BURST).await?;
    let same = ids(&seen) == sent;
    ensure(same, format!("{BURST} events in the order in which they were sent"), || {
        let at = ids(&seen).iter().zip(&sent).position(|(seen, sent)| seen != sent);
        format!("{} events, the first out of place is number {at:?}", seen.len())
    })?;
    channel.ping().await?;
    Ok(Evidence::saw(format!("a burst of {BURST} events was recorded in order")))
}

async fn failures_stop_nothing(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let before = plugin.stderr_lines();
    for (id, data) in [
        ("1", json!({})),
        ("2", json!({"fail": true})),
        ("3", json!({"fail": true})),
        ("4", json!({})),
    ] {
        channel.send_event(&event(id, data)).await?;
    }
    let seen = recorded(&cx, &plugin, 4).await?;
    ensure(ids(&seen) == ["1", "2", "3", "4"], "the events 1, 2, 3, 4", || {
        format!("{:?}", ids(&seen))
    })?;
    channel.ping().await?;
    let logged = plugin.stderr_grows(before, cx.limit(3)).await;
    ensure(logged, "a line on stderr about the failed handler", || "none".into())?;
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 afterwards", || status.to_string())?;
    Ok(Evidence::saw("two handlers failed, the next event was handed over, and stderr tells"))
}

async fn by_post(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let post = |event: &Value| Request::post("/_events").with_event_auth(&plugin).json(event);
    let first = event("by-post", json!({"a": 1}));
    for event in [&first, &event("fails", json!({"fail": true})), &event("last", json!({}))] {
        let status = plugin.send(post(event)).await?.status;
        ensure(status == 200, "200 to an event, also when its handler fails", || {
            status.to_string()
        })?;
    }
    let seen = recorded(&cx, &plugin, 3).await?;
    ensure(seen[0] == first, first.to_string(), || seen[0].to_string())?;
    let all = ids(&seen);
    ensure(all.contains(&"fails") && all.contains(&"last"), "all three events", || {
        format!("{all:?}")
    })?;
    Ok(Evidence::saw("three events came by POST, one of them to a handler that failed"))
}

async fn forgotten(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    channel.send_event(&event("1", json!({}))).await?;
    recorded(&cx, &plugin, 1).await?;
    let status = plugin.send(Request::new("DELETE", "/events")).await?.status;
    ensure(status == 204, "204 to DELETE /events", || status.to_string())?;
    let seen = plugin.get("/events").await?.json(200)?;
    ensure(seen == json!({"events": []}), "no event", || seen.to_string())?;
    Ok(Evidence::saw("an event was recorded and forgotten"))
}

async fn after_reconnection(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut first = plugin.dial().await?;
    first.send_event(&event("1", json!({}))).await?;
    recorded(&cx, &plugin, 1).await?;
    drop(first);
    let mut second = plugin.dial_until_accepted().await?;
    second.send_event(&event("2", json!({}))).await?;
    let seen = recorded(&cx, &plugin, 2).await?;
    ensure(ids(&seen) == ["1", "2"], "the events 1, 2", || format!("{:?}", ids(&seen)))?;
    Ok(Evidence::saw("an event came over each of two channels"))
}

async fn malformed_between(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    channel.send_event(&event("1", json!({}))).await?;
    channel.send_event(&json!({"id": "", "event_type": "a.b", "timestamp": "t"})).await?;
    channel.send_event(&json!({"id": "x", "timestamp": "t"})).await?;
    channel.send_text("conformance").await?;
    // Sound but for the kind of its frame.
    let binary = json!({"type": "event", "event": event("binary", json!({}))});
    channel.send_binary(binary.to_string().into_bytes()).await?;
    channel.send_event(&event("2", json!({}))).await?;
    let seen = recorded(&cx, &plugin, 2).await?;
    ensure(ids(&seen) == ["1", "2"], "the events 1, 2 and nothing else", || {
        format!("{:?}", ids(&seen))
    })?;
    Ok(Evidence::saw("what is no event was skipped, what came after it was not"))
}

macro_rules! event_check {
    ($id:literal, $title:literal, $rules:expr, $run:ident) => {
        Check::must(concat!("everything/event-", $id), $title, $rules, |cx| Box::pin($run(cx)))
            .needs(Needs::Everything)
    };
}

/// The table.
pub const CHECKS: &[Check] = &[
    event_check!(
        "as-received",
        "author code gets the envelope as it was sent",
        &["EP-37", "EP-38", "EV-06", "EV-07", "EV-09", "EV-10", "EV-11", "EV-12", "EV-13", "EV-21"],
        as_received
    ),
    event_check!("order", "a burst is handed over in order", &["EV-22", "EP-37"], in_order),
    event_check!(
        "failures",
        "a handler that fails stops nothing",
        &["EV-23", "EV-24", "EV-25", "EP-40"],
        failures_stop_nothing
    ),
    event_check!(
        "by-post",
        "events come by POST as well",
        &["EV-35", "EV-36", "HT-14", "EP-37"],
        by_post
    ),
    event_check!("forgotten", "events can be forgotten", &["EP-39"], forgotten),
    event_check!(
        "after-reconnection",
        "events come over the next channel",
        &["CH-08"],
        after_reconnection
    ),
    event_check!(
        "malformed-between",
        "what is no event is skipped",
        &["EV-08", "CH-32"],
        malformed_between
    ),
];
