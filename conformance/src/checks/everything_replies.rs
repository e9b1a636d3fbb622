//! The everything profile: replies that come twice, to nobody, among noise, or not to their end.

use std::pin::pin;

use super::everything_calls::{call, expect_kind, get_project, ok, post, project};
use super::prelude::*;
use crate::subject::reply;

/// A call that is under way, with its reply not sent yet.
macro_rules! under_way {
    ($response:ident, $channel:ident) => {
        tokio::select! {
            call = $channel.request() => call?,
            early = &mut $response => {
                return Err(Stop::failed("a call on the channel", early?.text()));
            }
        }
    };
}

async fn duplicated(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    for id in [1_u64, 2] {
        let mut response = pin!(plugin.send(post("/call", &get_project(id))));
        let asked = under_way!(response, channel);
        channel.answer(&asked, Ok(project(id))).await?;
        channel.answer(&asked, Ok(project(99))).await?;
        channel.answer(&asked, Err(("internal", "twice"))).await?;
        let seen = response.await?.json(200)?;
        ensure(seen["ok"]["id"] == id, format!("the first reply, project {id}"), || {
            seen.to_string()
        })?;
    }
    let (_, seen) =
        call(&plugin, &mut channel, post("/call", &get_project(3)), ok(cx.dialect(), project(3)))
            .await?;
    ensure(seen["ok"]["id"] == 3, "a call that works afterwards", || seen.to_string())?;
    Ok(Evidence::saw("of three replies to one call the first counted, twice; the next call worked"))
}

async fn among_noise(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let mut response = pin!(plugin.send(post("/call", &get_project(7))));
    let asked = under_way!(response, channel);
    let other = |id: Value| {
        let mut frame = reply(cx.dialect(), 0, "get_project", Ok(project(99)));
        frame["id"] = id;
        frame.to_string()
    };
    let id = asked.id;
    let event = json!({"type": "event", "event": {
        "id": "noise", "event_type": "conformance.noise", "timestamp": "t",
    }});
    let noise = [
        ("a reply to the next id", other(json!(id + 1))),
        // Ids may begin anywhere: this one, or the last there is, belongs to no call either.
        ("a reply to the id before", other(json!(id.wrapping_sub(1)))),
        ("a reply to the largest id", other(json!(u64::MAX))),
        ("a reply whose id is a text", other(json!(id.to_string()))),
        ("a reply whose id is negative", other(json!(-1))),
        ("a reply whose id is a fraction", other(json!(id as f64 + 0.5))),
        ("a reply whose id is null", other(Value::Null)),
        ("a message of an unknown type with this id", json!({"type": "x", "id": id}).to_string()),
        ("what is no JSON", format!("{{\"type\":\"response\",\"id\":{id}")),
        ("an event", event.to_string()),
    ];
    let mut evidence = Evidence::default();
    for (what, text) in noise {
        channel.send_text(&text).await?;
        // A pong comes only after all that was sent before has been read.
        tokio::select! {
            pong = channel.ping() => pong?,
            early = &mut response => {
                return Err(Stop::failed(format!("a call that waits on after {what}"), early?.text()));
            }
        }
        evidence.add(format!("the call waited on after {what}, and a ping was answered"));
    }
    channel.answer(&asked, Ok(project(7))).await?;
    let seen = response.await?.json(200)?;
    ensure(seen["ok"]["id"] == 7, "the reply of the call", || seen.to_string())?;
    Ok(evidence)
}

async fn cut(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let mut evidence = Evidence::default();
    for part in [3_usize, 20] {
        let mut response = pin!(plugin.send(post("/call", &get_project(1))));
        let asked = under_way!(response, channel);
        let text = reply(cx.dialect(), asked.id, "get_project", Ok(project(1))).to_string();
        // The head of a frame with a length of 16 bits and no mask to speak of, and part of its payload.
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes();
        let mut bytes = vec![0x81, 0x80 | 126, length[0], length[1], 0, 0, 0, 0];
        bytes.extend_from_slice(text.as_bytes());
        channel.send_raw_and_drop(&bytes[..part]).await?;
        expect_kind(&response.await?.json(200)?, "disconnected")?;
        evidence.add(format!("a reply cut after {part} of {} bytes: disconnected", bytes.len()));
        channel = plugin.dial_until_accepted().await?;
        let request = post("/call", &get_project(2));
        let (_, seen) = call(&plugin, &mut channel, request, ok(cx.dialect(), project(2))).await?;
        ensure(seen["ok"]["id"] == 2, "a call that works over the next channel", || {
            seen.to_string()
        })?;
    }
    Ok(evidence)
}

macro_rules! reply_check {
    ($id:literal, $title:literal, $rules:expr, $run:ident) => {
        Check::must(concat!("everything/reply-", $id), $title, $rules, |cx| Box::pin($run(cx)))
            .needs(Needs::Everything)
    };
}

/// The table.
pub const CHECKS: &[Check] = &[
    reply_check!("duplicated", "the first reply counts", &["CH-29", "CH-31"], duplicated),
    reply_check!(
        "among-noise",
        "a call under way waits for its own reply, whatever else comes",
        &["CH-29", "CH-30", "CH-31", "CH-32", "CH-36"],
        among_noise
    ),
    reply_check!("cut", "a reply that is cut off is a lost channel", &["CH-06", "CH-08"], cut),
];
