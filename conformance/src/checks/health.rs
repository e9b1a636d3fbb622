//! Health: always, for everybody, whatever else is going on.

use futures_util::future::join_all;

use super::prelude::*;
use crate::subject::Raw;

const PARALLEL: usize = 64;

async fn answers_get(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let path = cx.health_path();
    let mut evidence = Evidence::default();
    let asked = [
        ("without a signature", Request::get(path).unsigned()),
        ("with the right signature", Request::get(path).signature(plugin.secret())),
        ("with a wrong signature", Request::get(path).signature("conformance-wrong-signature")),
    ];
    for (how, request) in asked {
        let status = plugin.send(request).await?.status;
        ensure(status == 200, format!("200 to GET {path} {how}"), || status.to_string())?;
        evidence.add(format!("GET {path} {how}: 200"));
    }
    Ok(evidence)
}

async fn answers_head(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let path = cx.health_path();
    let response = plugin.head(path, None).await?;
    ensure(response.status == 200, format!("200 to HEAD {path}"), || response.status.to_string())?;
    ensure(response.body.is_empty(), "no body", || format!("{} bytes", response.body.len()))?;
    Ok(Evidence::saw(format!("HEAD {path}: 200 without a body")))
}

async fn before_the_channel(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 although no channel was ever dialled", || {
        status.to_string()
    })?;
    Ok(Evidence::saw("health 200 with no channel dialled"))
}

async fn after_the_channel_is_lost(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut evidence = Evidence::default();
    for (how, politely) in [("with a close frame", true), ("without a word", false)] {
        let channel = plugin.dial_until_accepted().await?;
        if politely {
            channel.close().await?;
        } else {
            drop(channel);
        }
        let status = plugin.health().await?.status;
        ensure(status == 200, format!("health 200 after the channel went {how}"), || {
            status.to_string()
        })?;
        evidence.add(format!("health 200 after the channel went {how}"));
    }
    Ok(evidence)
}

async fn in_parallel(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let request = format!("GET {} HTTP/1.1\r\nhost: plugin\r\n\r\n", cx.health_path());
    let (beginning, end) = request.split_at(request.len() / 2);
    let mut open = Vec::new();
    for _ in 0..PARALLEL {
        let mut raw = plugin.raw().await?;
        raw.write(beginning.as_bytes()).await?;
        open.push(raw);
    }
    // Not one can be answered before all have begun, and the last comes first.
    for raw in open.iter_mut().rev() {
        raw.write(end.as_bytes()).await?;
    }
    for answer in join_all(open.iter_mut().map(Raw::response)).await {
        let status = answer?.status;
        ensure(status == 200, format!("200 to each of {PARALLEL} parallel requests"), || {
            status.to_string()
        })?;
    }
    Ok(Evidence::saw(format!("{PARALLEL} connections at once, each with health 200")))
}

async fn beside_idle_connections(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut idle = Vec::new();
    for i in 0..PARALLEL {
        let mut raw = plugin.raw().await?;
        if i % 2 == 0 {
            // Half a request: the plugin must wait for the rest without keeping others waiting.
            raw.write(b"POST /conformance HTTP/1.1\r\nhost: pl").await?;
        }
        idle.push(raw);
    }
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 beside idle and half-sent requests", || status.to_string())?;
    Ok(Evidence::saw(format!("health 200 beside {} idle connections", idle.len())))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "health/get",
        "GET of the health path is 200, signed or not",
        &["HT-03", "AU-08"],
        |cx| Box::pin(answers_get(cx)),
    )
    .needs(Needs::Running),
    Check::must(
        "health/head",
        "HEAD of the health path is 200 without a body",
        &["HT-34", "AU-08"],
        |cx| Box::pin(answers_head(cx)),
    )
    .needs(Needs::Running),
    Check::must(
        "health/before-channel",
        "health answers before there is a channel",
        &["HT-04"],
        |cx| Box::pin(before_the_channel(cx)),
    ),
    Check::must(
        "health/after-channel-lost",
        "health answers after the channel is lost",
        &["HT-04", "CH-05"],
        |cx| Box::pin(after_the_channel_is_lost(cx)),
    ),
    Check::must(
        "health/parallel",
        "health answers on many connections at once",
        &["HT-01", "HT-05"],
        |cx| Box::pin(in_parallel(cx)),
    ),
    Check::must(
        "health/beside-idle-connections",
        "idle and half-sent requests keep nobody waiting",
        &["HT-01"],
        |cx| Box::pin(beside_idle_connections(cx)),
    ),
];
