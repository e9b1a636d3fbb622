//! Connections that break: peers that are slow, half gone, or gone, a thousand times over.

use std::time::Duration;

use super::http::NOWHERE;
use super::prelude::*;

const POLL: Duration = Duration::from_millis(5);
const PEERS: usize = 128;
const RECONNECTIONS: usize = 200;
/// Descriptors that a plugin may hold more afterwards, for reasons of its own.
const SLACK: usize = 8;

async fn half_closed(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let secret = plugin.secret().to_owned();
    let health = cx.health_path();
    let signed = format!("host: plugin\r\nx-temps-auth-signature: {secret}\r\n");
    let whole = format!("GET {health} HTTP/1.1\r\nhost: plugin\r\nconnection: close\r\n\r\n");
    let broken = [
        String::new(),
        "GET ".to_owned(),
        format!("GET {NOWHERE} HTTP/1.1\r\n{signed}"),
        format!("POST {NOWHERE} HTTP/1.1\r\n{signed}content-length: 100\r\n\r\nhalf"),
        format!("POST {NOWHERE} HTTP/1.1\r\n{signed}transfer-encoding: chunked\r\n\r\n5\r\nhal"),
    ];
    let mut open = Vec::new();
    let mut answered = 0;
    for round in 0..4 {
        for bytes in &broken {
            let mut raw = plugin.raw().await?;
            raw.write(bytes.as_bytes()).await?;
            raw.half_close().await;
            open.push(raw);
        }
        let mut raw = plugin.raw().await?;
        raw.write(whole.as_bytes()).await?;
        raw.half_close().await;
        answered += usize::from(raw.end().await?.starts_with(b"HTTP/1.1 200"));
        let status = plugin.health().await?.status;
        ensure(status == 200, format!("health 200 in round {round}"), || status.to_string())?;
    }
    Ok(Evidence::saw(format!(
        "{} peers stopped sending in the middle of a request and kept listening: health 200; of 4 that \
         had sent a whole one, {answered} were answered",
        open.len()
    )))
}

async fn slow_senders(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let head = format!("GET {} HTTP/1.1\r\nhost: plugin\r\naccept: */*\r\n\r\n", cx.health_path());
    let mut peers = Vec::new();
    for _ in 0..PEERS {
        peers.push(plugin.raw().await?);
    }
    let pieces: Vec<&[u8]> = head.as_bytes().chunks(head.len().div_ceil(6)).collect();
    for piece in &pieces {
        for raw in &mut peers {
            raw.write(piece).await?;
        }
        let status = plugin.health().await?.status;
        ensure(status == 200, format!("health 200 beside {PEERS} slow requests"), || {
            status.to_string()
        })?;
    }
    for raw in &mut peers {
        let status = raw.response().await?.status;
        ensure(status == 200, "200 to each slow request once it is whole", || status.to_string())?;
    }
    Ok(Evidence::saw(format!(
        "{PEERS} requests in {} pieces each: others were served in between, and all were answered",
        pieces.len()
    )))
}

/// Opens and cuts so many channels and sees nothing left of them.
pub(super) async fn come_and_go(cx: &Cx, plugin: &Plugin, times: usize) -> Result<String, Stop> {
    plugin.dial_until_accepted().await?.ping().await?;
    let held = || plugin.descriptors().map(|held| held.len());
    let before = held();
    for number in 0..times {
        let mut channel = plugin.dial_until_accepted().await?;
        if number % 50 == 0 {
            channel.ping().await?;
        }
    }
    plugin.dial_until_accepted().await?.ping().await?;
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 afterwards", || status.to_string())?;
    let Some(before) = before else { return Ok(format!("{times} channels came and went")) };
    let deadline = tokio::time::Instant::now() + cx.limit(3);
    let mut after = held().unwrap_or_default();
    while after > before + SLACK && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(POLL).await;
        after = held().unwrap_or_default();
    }
    ensure(
        after <= before + SLACK,
        format!("about {before} descriptors after {times} channels, as before"),
        || format!("{after} descriptors"),
    )?;
    Ok(format!("{times} channels came and went; {before} descriptors before, {after} after"))
}

async fn reconnections(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    Ok(Evidence::saw(come_and_go(&cx, &plugin, RECONNECTIONS).await?))
}

async fn interrupted_upgrades(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let head = format!(
        "GET /_temps/channel HTTP/1.1\r\nhost: plugin\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         x-temps-auth-signature: {}\r\n\r\n",
        plugin.secret()
    );
    for _ in 0..20 {
        // The peer is gone before it could read the answer.
        plugin.raw().await?.write(head.as_bytes()).await?;
    }
    plugin.dial_until_accepted().await?.ping().await?;
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 afterwards", || status.to_string())?;
    Ok(Evidence::saw("20 dials were given up before the answer was read; the next channel opened"))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "faults/half-closed",
        "peers that stop sending in the middle of a request do no harm",
        &["HT-33"],
        |cx| Box::pin(half_closed(cx)),
    ),
    Check::must(
        "faults/slow-senders",
        "slow peers delay nobody, and are answered",
        &["HT-01", "HT-33"],
        |cx| Box::pin(slow_senders(cx)),
    ),
    Check::must(
        "faults/reconnections",
        "200 channels come and go and nothing is left of them",
        &["CH-04", "CH-05"],
        |cx| Box::pin(reconnections(cx)),
    ),
    Check::must(
        "faults/interrupted-upgrades",
        "dials that are given up half-way block no later one",
        &["CH-04"],
        |cx| Box::pin(interrupted_upgrades(cx)),
    ),
];
