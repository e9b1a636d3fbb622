//! The channel: opening, losing, and all the frames a host would never send.

use super::prelude::*;
use temps_plugin_schema::limits::CHANNEL_MESSAGE_FLOOR_BYTES;

/// How often the channel is lost and dialled again.
const ROUNDS: usize = 5;

async fn opens(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    channel.ping().await?;
    Ok(Evidence::saw("dialled right after ready: 101, and a ping was answered"))
}

async fn one_at_a_time(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut first = plugin.dial().await?;
    let secret = plugin.secret().to_owned();
    let status = plugin.dial_refused(Some(&secret)).await?;
    ensure(status == 409, "409 to a second upgrade", || status.to_string())?;
    first.ping().await?;
    Ok(Evidence::saw("a second upgrade: 409, and the first channel still answers a ping"))
}

async fn reconnects(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut evidence = Evidence::default();
    for round in 1..=ROUNDS {
        let mut channel = plugin.dial_until_accepted().await?;
        channel.ping().await?;
        if round % 2 == 0 {
            channel.close().await?;
        } else {
            drop(channel);
        }
        let how = if round % 2 == 0 { "with a close frame" } else { "without a word" };
        evidence.add(format!("channel {round} opened, answered a ping and went {how}"));
    }
    plugin.dial_until_accepted().await?.ping().await?;
    Ok(evidence)
}

async fn answers_close(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    channel.ping().await?;
    channel.close().await?;
    Ok(Evidence::saw("a close frame was answered with a close frame"))
}

/// Sends frames that a plugin must skip, and sees the channel and the plugin live.
async fn skips(cx: &Cx, frames: Vec<(&str, Frame)>) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    channel.ping().await?;
    let mut evidence = Evidence::saw("a ping was answered before");
    for (what, frame) in frames {
        match frame {
            Frame::Text(text) => channel.send_text(&text).await?,
            Frame::Binary(bytes) => channel.send_binary(bytes).await?,
        }
        channel.ping().await.map_err(|stop| after(what, stop))?;
        evidence.add(format!("a ping was answered after {what}"));
    }
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 afterwards", || status.to_string())?;
    Ok(evidence)
}

enum Frame {
    Text(String),
    Binary(Vec<u8>),
}

fn after(what: &str, stop: Stop) -> Stop {
    match stop {
        Stop::Failed(failure) => {
            Stop::failed(format!("{} after {what}", failure.expected), failure.seen)
        }
        other => other,
    }
}

fn text(value: &Value) -> Frame {
    Frame::Text(value.to_string())
}

async fn skips_unknown_types(cx: Cx) -> Verdict {
    let frames = vec![
        ("a message of an unknown type", text(&json!({"type": "conformance", "x": 1}))),
        ("a `request` from the host", text(&json!({"type": "request", "id": 1, "method": "x"}))),
        ("a type that is a number", text(&json!({"type": 7}))),
    ];
    skips(&cx, frames).await
}

async fn skips_unknown_ids(cx: Cx) -> Verdict {
    let response = |id: Value| match cx.dialect() {
        Dialect::One => json!({"type": "response", "id": id, "result": []}),
        Dialect::Two => {
            let ok = json!({"method": "list_projects", "result": []});
            json!({"type": "response", "id": id, "outcome": {"ok": ok}})
        }
    };
    let frames = vec![
        ("a response to nothing", text(&response(json!(424_242)))),
        ("a response to the largest id", text(&response(json!(u64::MAX)))),
        ("a response with a text as id", text(&response(json!("1")))),
        ("a response without outcome", text(&json!({"type": "response", "id": 424_242}))),
    ];
    skips(&cx, frames).await
}

async fn skips_malformed(cx: Cx) -> Verdict {
    let plain = |text: &str| Frame::Text(text.to_owned());
    let frames = vec![
        ("no JSON", plain("conformance")),
        ("an empty message", plain("")),
        ("a list", plain("[]")),
        ("a number", plain("7")),
        ("null", plain("null")),
        ("an object without type", plain("{}")),
        ("half an object", plain("{\"type\":\"event\"")),
        ("deep nesting", plain(&"[".repeat(10_000))),
        ("a binary message", Frame::Binary(b"{\"type\":\"event\"}".to_vec())),
        ("a binary message that is no text", Frame::Binary(vec![0xff, 0, 0xfe])),
    ];
    skips(&cx, frames).await
}

async fn skips_bad_events(cx: Cx) -> Verdict {
    let event = |event: Value| text(&json!({"type": "event", "event": event}));
    let frames = vec![
        ("an event without envelope", text(&json!({"type": "event"}))),
        ("an event that is null", event(Value::Null)),
        ("an event without id", event(json!({"event_type": "a.b", "timestamp": "x", "data": {}}))),
        (
            "an event with an empty id",
            event(json!({"id": "", "event_type": "a.b", "timestamp": "x"})),
        ),
        ("an event without type", event(json!({"id": "1", "timestamp": "x"}))),
        ("an event without timestamp", event(json!({"id": "1", "event_type": "a.b"}))),
    ];
    skips(&cx, frames).await
}

async fn takes_odd_events(cx: Cx) -> Verdict {
    let event = |event: Value| text(&json!({"type": "event", "event": event, "conformance": 1}));
    let frames = vec![
        (
            "an event of an unknown type with unknown members",
            event(json!({
                "id": "no uuid", "event_type": "conformance.unknown", "timestamp": "some day",
                "project_id": null, "data": {"nested": {"a": [1]}}, "conformance": true,
            })),
        ),
        (
            "an event without project_id and data",
            event(json!({"id": "x", "event_type": "conformance.bare", "timestamp": ""})),
        ),
        (
            "a known event without the members of its data",
            event(
                json!({"id": "x", "event_type": "deployment.succeeded", "timestamp": "t", "data": []}),
            ),
        ),
    ];
    skips(&cx, frames).await
}

async fn skips_are_logged(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    channel.ping().await?;
    let before = plugin.stderr_lines();
    channel.send_text("conformance: this is no JSON").await?;
    channel.ping().await?;
    let logged = plugin.stderr_grows(before, cx.limit(3)).await;
    ensure(logged, "a line on stderr about a skipped message", || "none".into())?;
    Ok(Evidence::saw("a malformed message, and then a line on stderr"))
}

async fn takes_large_messages(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    channel.ping().await?;
    let head = r#"{"type":"conformance","padding":""#;
    let padding = "x".repeat(CHANNEL_MESSAGE_FLOOR_BYTES - head.len() - 2);
    let message = format!("{head}{padding}\"}}");
    channel.send_text(&message).await?;
    channel.ping().await.map_err(|stop| after("a message of 16 MiB in one frame", stop))?;
    channel.send_fragments(message.as_bytes(), 1024 * 1024).await?;
    channel.ping().await.map_err(|stop| after("a message of 16 MiB in 16 fragments", stop))?;
    Ok(Evidence::saw(
        "a ping was answered after 16 MiB in one frame, and after 16 MiB in fragments",
    ))
}

async fn survives_loss(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut evidence = Evidence::default();
    for (what, bytes) in [
        ("in the middle of a frame", &[0x81_u8, 0xfe, 0x10][..]),
        ("with a frame of a reserved opcode", &[0x83, 0x80, 0, 0, 0, 0][..]),
        ("with an unmasked frame", &[0x81, 0x02, b'{', b'}'][..]),
    ] {
        let mut channel = plugin.dial_until_accepted().await?;
        channel.ping().await?;
        channel.send_raw_and_drop(bytes).await?;
        let status = plugin.health().await?.status;
        ensure(status == 200, format!("health 200 after the channel broke {what}"), || {
            status.to_string()
        })?;
        evidence.add(format!("health 200 after the channel broke {what}"));
    }
    plugin.dial_until_accepted().await?.ping().await?;
    evidence.add("a new channel opens afterwards");
    Ok(evidence)
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "channel/opens",
        "the channel opens right after `ready`",
        &["CH-02", "CH-36"],
        |cx| Box::pin(opens(cx)),
    ),
    Check::must(
        "channel/one-at-a-time",
        "a second channel is 409 while one is live",
        &["CH-03"],
        |cx| Box::pin(one_at_a_time(cx)),
    ),
    Check::must(
        "channel/reconnects",
        "a new channel opens after each loss",
        &["CH-04", "CH-05"],
        |cx| Box::pin(reconnects(cx)),
    ),
    Check::must("channel/answers-close", "a close frame is answered", &["CH-04"], |cx| {
        Box::pin(answers_close(cx))
    }),
    Check::must(
        "channel/survives-loss",
        "a channel that breaks is only a lost one",
        &["CH-04", "CH-05"],
        |cx| Box::pin(survives_loss(cx)),
    ),
    Check::must(
        "channel/unknown-types",
        "messages of unknown types are skipped",
        &["CH-30"],
        |cx| Box::pin(skips_unknown_types(cx)),
    ),
    Check::must("channel/unknown-ids", "responses to nothing are skipped", &["CH-31"], |cx| {
        Box::pin(skips_unknown_ids(cx))
    }),
    Check::must(
        "channel/malformed",
        "malformed and binary messages are skipped",
        &["CH-32"],
        |cx| Box::pin(skips_malformed(cx)),
    ),
    Check::must("channel/bad-events", "what is no event is skipped", &["CH-32", "EV-08"], |cx| {
        Box::pin(skips_bad_events(cx))
    }),
    Check::must(
        "channel/odd-events",
        "events that are only odd do no harm",
        &["EV-06", "EV-07", "EV-12", "EV-13"],
        |cx| Box::pin(takes_odd_events(cx)),
    ),
    Check::must("channel/skips-are-logged", "what is skipped is logged", &["CH-33"], |cx| {
        Box::pin(skips_are_logged(cx))
    })
    .should(),
    Check::must("channel/large-messages", "messages of 16 MiB are taken", &["CH-37"], |cx| {
        Box::pin(takes_large_messages(cx))
    }),
];
