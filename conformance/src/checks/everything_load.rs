//! The everything profile: much at once, and large things.

use std::time::Duration;

use bytes::Bytes;
use temps_plugin_host::{HttpError, Signal};

use super::channel_frames::{FIN, TEXT, frame};
use super::everything_calls::{call, get_project, ok, post, project};
use super::everything_events::{event, ids};
use super::faults_connections::come_and_go;
use super::prelude::*;
use super::stop::{DRAINED, orderly, refuses_connections};
use crate::subject::make_room_for_descriptors;

const PARALLEL: usize = 1000;
/// Descriptors for both ends of the parallel requests and what other checks have open meanwhile.
const DESCRIPTORS: u64 = 4096;
const BURST: usize = 10_000;
/// Every so many events the handler fails.
const FAILING: usize = 1000;
const POSTED: usize = 100;
const RECONNECTIONS: usize = 1000;
const ROUNDS: usize = 4;
const HUGE: usize = 64 * 1024 * 1024;
const PIECE: usize = 256 * 1024;

async fn parallel_requests(cx: Cx) -> Verdict {
    make_room_for_descriptors(DESCRIPTORS)?;
    let plugin = cx.fresh().await?;
    let mut peers = Vec::new();
    let head = format!(
        "POST /stream/echo HTTP/1.1\r\nhost: plugin\r\ntransfer-encoding: chunked\r\n\
         x-temps-auth-signature: {}\r\n\r\n",
        plugin.secret()
    );
    for number in 0..PARALLEL {
        let mut raw = plugin.raw().await?;
        raw.write(format!("{head}6\r\nno{number:04}\r\n").as_bytes()).await?;
        peers.push(raw);
    }
    // Each answer has begun before any request has ended: they are all under way at once.
    for (number, raw) in peers.iter_mut().enumerate() {
        let seen = raw.until(format!("no{number:04}").as_bytes()).await?;
        ensure(seen.starts_with(b"HTTP/1.1 200"), "200 to each of 1,000 requests", || {
            String::from_utf8_lossy(&seen).chars().take(100).collect()
        })?;
    }
    let status = plugin.health().await?.status;
    ensure(status == 200, format!("health 200 beside {PARALLEL} requests"), || status.to_string())?;
    for raw in &mut peers {
        raw.write(b"3\r\nend\r\n0\r\n\r\n").await?;
    }
    for raw in &mut peers {
        raw.until(b"end\r\n0\r\n\r\n").await?;
    }
    Ok(Evidence::saw(format!(
        "{PARALLEL} requests under way at once, each with a part of its response back; health 200 \
         beside them; each ended whole"
    )))
}

async fn reconnections(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut evidence = Evidence::default();
    for round in 1..=ROUNDS {
        evidence.add(come_and_go(&cx, &plugin, RECONNECTIONS / ROUNDS).await?);
        let mut channel = plugin.dial_until_accepted().await?;
        channel.send_event(&event(&round.to_string(), json!({}))).await?;
        all_recorded(&cx, &plugin, round).await?;
        let request = post("/call", &get_project(1));
        let (_, seen) = call(&plugin, &mut channel, request, ok(cx.dialect(), project(1))).await?;
        ensure(seen["ok"]["id"] == 1, "a call that works afterwards", || seen.to_string())?;
        evidence.add("the next one carried an event and a call");
    }
    Ok(evidence)
}

/// More than any plugin has to take in one message, in frames that never come to an end.
const ENDLESS: usize = 256;

async fn endless_message(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    channel.ping().await?;
    let before = plugin.resident_kib();
    let payload = vec![b'x'; 1024 * 1024];
    let mut sent = 0;
    let mut first = TEXT & !FIN;
    while sent < ENDLESS && channel.send_raw(&frame(first, &payload)).await.is_ok() {
        first = 0;
        sent += 1;
    }
    let grown = match (before, plugin.resident_kib()) {
        (Some(before), Some(after)) => {
            format!(" and {} KiB more held", after.saturating_sub(before))
        }
        _ => String::new(),
    };
    drop(channel);
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 afterwards", || status.to_string())?;
    plugin.dial_until_accepted().await?.ping().await?;
    Ok(Evidence::saw(format!(
        "{sent} of {ENDLESS} MiB of one message were taken{grown}; health 200, and the next channel opens"
    )))
}

fn broken(error: HttpError) -> Stop {
    Stop::failed("a streamed response", error.to_string())
}

async fn huge_stream(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let (request, mut sender) = plugin.http().post("/stream/echo").streamed();
    let piece: Vec<u8> = (0..PIECE).map(|i| u8::try_from(i % 251).unwrap_or_default()).collect();
    let piece = Bytes::from(piece);
    let feed = async {
        for _ in 0..HUGE / PIECE {
            sender.send(piece.clone()).await;
        }
        drop(sender);
    };
    let read = async {
        let mut response = request.timeout(cx.limit(30)).send().await.map_err(broken)?;
        let mut count = 0;
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            let mut rest = &chunk[..];
            while !rest.is_empty() {
                let expected = &piece[count % PIECE..];
                let length = rest.len().min(expected.len());
                ensure(rest[..length] == expected[..length], "the bytes that were sent", || {
                    format!("others at {count}")
                })?;
                count += length;
                rest = &rest[length..];
            }
        }
        Ok::<_, Stop>(count)
    };
    let both = async { tokio::join!(feed, read).1 };
    let count = tokio::time::timeout(cx.limit(60), both)
        .await
        .map_err(|_| Stop::failed("64 MiB there and back within 60 s", "less"))??;
    ensure(count == HUGE, format!("{HUGE} bytes"), || count.to_string())?;
    Ok(Evidence::saw("64 MiB went in and came out as they were sent"))
}

/// Waits until the plugin has recorded so many events, and returns them.
async fn all_recorded(cx: &Cx, plugin: &Plugin, count: usize) -> Result<Vec<Value>, Stop> {
    let deadline = tokio::time::Instant::now() + cx.limit(30);
    // The list grows large: it is not asked for more often than it takes to make.
    let mut pause = Duration::from_millis(20);
    loop {
        let seen = plugin.get("/events").await?.json(200)?;
        let events = seen["events"].as_array().cloned().unwrap_or_default();
        if events.len() >= count {
            return Ok(events);
        }
        if tokio::time::Instant::now() >= deadline {
            let seen = events.len().to_string();
            return Err(Stop::failed(format!("{count} events recorded"), seen));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

async fn burst(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let sent: Vec<String> = (0..BURST).map(|number| format!("channel-{number}")).collect();
    let posted: Vec<String> = (0..POSTED).map(|number| format!("post-{number}")).collect();
    let over_the_channel = async {
        for (number, id) in sent.iter().enumerate() {
            let data = json!({"fail": number % FAILING == FAILING / 2});
            channel.send_event(&event(id, data)).await?;
        }
        channel.ping().await
    };
    let by_post = async {
        for id in &posted {
            let event = event(id, json!({}));
            let request = Request::post("/_events").with_event_auth(&plugin).json(&event);
            let status = plugin.send(request).await?.status;
            ensure(status == 200, "200 to an event", || status.to_string())?;
        }
        Ok(())
    };
    let (one, other) = tokio::join!(over_the_channel, by_post);
    one?;
    other?;
    let seen = all_recorded(&cx, &plugin, BURST + POSTED).await?;
    let seen = ids(&seen);
    for (way, sent) in [("channel-", &sent), ("post-", &posted)] {
        let seen: Vec<&str> = seen.iter().copied().filter(|id| id.starts_with(way)).collect();
        ensure(seen == *sent, format!("{} events by this way, in order", sent.len()), || {
            let at = seen.iter().zip(sent).position(|(seen, sent)| seen != sent);
            format!("{} events {way}*, the first out of place is number {at:?}", seen.len())
        })?;
    }
    ensure(seen.len() == BURST + POSTED, "no event twice", || seen.len().to_string())?;
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 afterwards", || status.to_string())?;
    Ok(Evidence::saw(format!(
        "{BURST} events over the channel and {POSTED} by POST at once, {} of them to a handler that \
         failed: each was recorded once, in order",
        BURST / FAILING
    )))
}

async fn event_types(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let types = [
        "deployment.created",
        "deployment.succeeded",
        "deployment.ready",
        "deployment.failed",
        "deployment.cancelled",
        "project.created",
        "project.deleted",
        "domain.created",
        "domain.provisioned",
        "deployment",
        "deployments.x",
        "deployment.a.b.c",
        "conformance_with-odd.words_9",
    ];
    let data = json!({
        "deployment_id": 100, "project_id": 7, "environment_id": 3, "environment_name": "production",
        "commit_sha": "a1b2c3d", "branch": "main", "url": "https://shop.example.com",
        "error_message": "no", "project_name": "shop", "domain_id": 5, "domain_name": "example.com",
        "conformance": {"grown": [1, null]},
    });
    let sent: Vec<Value> = types
        .iter()
        .enumerate()
        .map(|(number, kind)| {
            let mut event = event(&number.to_string(), data.clone());
            event["event_type"] = json!(kind);
            event
        })
        .collect();
    for event in &sent {
        channel.send_event(event).await?;
    }
    let seen = all_recorded(&cx, &plugin, sent.len()).await?;
    for (sent, seen) in sent.iter().zip(&seen) {
        ensure(sent == seen, sent.to_string(), || seen.to_string())?;
    }
    Ok(Evidence::saw(format!(
        "{} types of events, known and unknown, reached the handler",
        sent.len()
    )))
}

async fn drains_streams(cx: Cx) -> Verdict {
    const BYTES: usize = 20_000_000;
    let plugin = cx.fresh().await?;
    plugin.dial().await?.ping().await?;
    let mut response =
        plugin.http().get(&format!("/bytes/{BYTES}")).send().await.map_err(broken)?;
    let first = response.chunk().await.map_err(broken)?.unwrap_or_default();
    plugin.signal(Signal::TERM)?;
    refuses_connections(&cx, &plugin).await?;
    let mut count = first.len();
    ensure(count < BYTES, "a response that is under way", || "a whole one".into())?;
    let rest = async {
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            count += chunk.len();
        }
        Ok::<_, Stop>(count)
    };
    let count = tokio::time::timeout(cx.limit(DRAINED), rest)
        .await
        .map_err(|_| Stop::failed("the end of a response under way", "none"))??;
    ensure(count == BYTES, format!("all {BYTES} bytes of a response under way"), || {
        count.to_string()
    })?;
    let ended = plugin.exit(cx.limit(DRAINED)).await?;
    Ok(Evidence::saw(format!(
        "{} bytes were read before SIGTERM, the rest of {BYTES} after it; {}",
        first.len(),
        orderly(plugin.plan(), &ended)?
    )))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "everything/parallel-requests",
        "1,000 requests are under way at once",
        &["HT-01", "HT-05", "HT-32"],
        |cx| Box::pin(parallel_requests(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/reconnections",
        "after 1,000 channels the next one carries events and calls as the first did",
        &["CH-04", "CH-05", "CH-08"],
        |cx| Box::pin(reconnections(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/endless-message",
        "a message without end costs the channel at most",
        &["CH-05", "CH-04"],
        |cx| Box::pin(endless_message(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/huge-stream",
        "64 MiB go in and come out at the same time",
        &["EP-15", "HT-17", "HT-18"],
        |cx| Box::pin(huge_stream(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/event-burst",
        "of 10,000 events by both ways none is lost, doubled or out of order",
        &["EV-22", "EV-23", "EV-35", "EP-37", "EP-40"],
        |cx| Box::pin(burst(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/event-types",
        "events of every type are handed over",
        &["EV-11", "EV-12", "EP-37", "EP-38"],
        |cx| Box::pin(event_types(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/drains-streams",
        "a large response under way is finished",
        &["LC-03", "LC-04"],
        |cx| Box::pin(drains_streams(cx)),
    )
    .needs(Needs::Everything),
];
