//! Stopping: at any time, without losing anything, leaving nothing behind.

use std::time::Duration;

use temps_plugin_host::{Ended, Signal};

use super::auth::event;
use super::prelude::*;
use crate::subject::Raw;

const POLL: Duration = Duration::from_millis(5);
/// How long a plugin may take to show that it has read a request.
pub(super) const READ: Duration = Duration::from_millis(500);
/// Far below the drain limit, far above what a plugin takes that does not drain.
const WHILE: Duration = Duration::from_millis(700);
/// "At once" of LC-06, in seconds: far below the drain limit of 10, far above what stopping takes.
pub(super) const AT_ONCE: u64 = 4;
/// The drain limit and what a shutdown hook may take on top of it.
pub(super) const DRAINED: u64 = 13;

/// What every orderly stop must show.
pub(super) fn orderly(plan: &Plan, ended: &Ended) -> Result<String, Stop> {
    ensure(ended.exit.success(), "exit status 0", || format!("it {}", ended.exit))?;
    let left = plan.socket.exists();
    ensure(!left, "no socket file after the exit", || plan.socket.display().to_string())?;
    Ok("status 0 and no socket file".into())
}

/// Waits for the end of the plugin with a channel that is read, as a host reads it: whoever closes a
/// WebSocket may wait for the other side's close frame.
async fn exit_with(cx: &Cx, plugin: &Plugin, channel: &mut Channel) -> Result<Ended, Stop> {
    let (ended, _) = tokio::join!(plugin.exit(cx.limit(AT_ONCE)), channel.closed());
    ended
}

async fn stops_on(cx: Cx, signal: Signal) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    channel.ping().await?;
    ensure(plugin.plan().socket.exists(), "a socket file while the plugin runs", || "none".into())?;
    plugin.signal(signal)?;
    let ended = exit_with(&cx, &plugin, &mut channel).await?;
    Ok(Evidence::saw(orderly(plugin.plan(), &ended)?))
}

async fn sigterm(cx: Cx) -> Verdict {
    stops_on(cx, Signal::TERM).await
}

async fn sigint(cx: Cx) -> Verdict {
    stops_on(cx, Signal::INT).await
}

async fn close_frame(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    channel.ping().await?;
    plugin.signal(Signal::TERM)?;
    let (ended, code) = tokio::join!(plugin.exit(cx.limit(AT_ONCE)), channel.closed());
    let code = code?;
    ended?;
    Ok(Evidence::saw(format!(
        "a close frame with code {code} came over the channel before the exit"
    )))
}

async fn during_the_handshake(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let mut process = cx.spawn(&plan).await?;
    let line = process.line().await?;
    process.signal(Signal::TERM)?;
    let ended = process.exit(cx.limit(AT_ONCE)).await?;
    let orderly = orderly(&plan, &ended)?;
    Ok(Evidence::saw(format!("signalled after its first line of {} bytes: {orderly}", line.len())))
}

async fn without_a_channel(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let ended = plugin.stop(cx.limit(AT_ONCE)).await?;
    Ok(Evidence::saw(format!("no channel was ever dialled: {}", orderly(plugin.plan(), &ended)?)))
}

async fn after_a_lost_channel(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    plugin.dial().await?.ping().await?;
    // Both the channel that is gone and the dial that was refused must be forgotten.
    let mut second = plugin.dial_until_accepted().await?;
    second.ping().await?;
    plugin.dial_refused(Some(plugin.secret())).await?;
    plugin.signal(Signal::TERM)?;
    let ended = exit_with(&cx, &plugin, &mut second).await?;
    Ok(Evidence::saw(format!(
        "one channel lost, one open, one refused: {}",
        orderly(plugin.plan(), &ended)?
    )))
}

async fn beside_idle_connections(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let request = format!("GET {} HTTP/1.1\r\nhost: plugin\r\n\r\n", cx.health_path());
    let mut idle = Vec::new();
    for used in [true, false, true, false] {
        let mut raw = plugin.raw().await?;
        if used {
            raw.write(request.as_bytes()).await?;
            let status = raw.response().await?.status;
            ensure(status == 200, "health 200 on each connection", || status.to_string())?;
        }
        idle.push(raw);
    }
    let ended = plugin.stop(cx.limit(AT_ONCE)).await?;
    let orderly = orderly(plugin.plan(), &ended)?;
    Ok(Evidence::saw(format!("{} idle connections open: {orderly}", idle.len())))
}

/// Waits until the plugin refuses connections: the sign that it has begun to stop.
pub(super) async fn refuses_connections(cx: &Cx, plugin: &Plugin) -> Result<(), Stop> {
    let deadline = tokio::time::Instant::now() + cx.limit(AT_ONCE);
    while let Ok(stream) = plugin.http().connect_raw().await {
        drop(stream);
        if tokio::time::Instant::now() >= deadline {
            return Err(Stop::failed(
                "no new connections once the plugin has begun to stop",
                "they are accepted",
            ));
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Sees a plugin that drains live on for a while, as it must while something is under way.
pub(super) async fn goes_on(plugin: &Plugin) -> Result<(), Stop> {
    let ended = plugin.running()?.wait_exit(WHILE).await;
    ensure(ended.is_none(), "a plugin that finishes what is under way", || {
        ended.map(|ended| format!("it {}", ended.exit)).unwrap_or_default()
    })
}

/// A request under way in every plugin: an event that is only half sent. With it comes its other half.
async fn half_an_event(plugin: &Plugin) -> Result<(Raw, String), Stop> {
    let event = event().to_string();
    let (half, rest) = event.split_at(event.len() / 2);
    let secret = plugin.secret();
    let head = format!(
        "POST /_events HTTP/1.1\r\nhost: plugin\r\nx-temps-auth-signature: {secret}\r\n\
         expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        event.len()
    );
    // The witness: the same request is answered with 200 while the plugin does not stop.
    let status = plugin.raw().await?.request(&format!("{head}{event}")).await?.status;
    ensure(status == 200, "200 to an event", || status.to_string())?;
    let mut raw = plugin.raw().await?;
    raw.write(format!("{head}{half}").as_bytes()).await?;
    raw.continued(READ).await;
    Ok((raw, rest.to_owned()))
}

async fn drains(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let (mut raw, rest) = half_an_event(&plugin).await?;
    plugin.signal(Signal::TERM)?;
    refuses_connections(&cx, &plugin).await?;
    goes_on(&plugin).await?;
    raw.write(rest.as_bytes()).await?;
    let status = raw.response().await?.status;
    let ended = plugin.exit(cx.limit(AT_ONCE)).await?;
    Ok(Evidence::saw(format!(
        "half an event was there before the signal, its other half came after it: no new connections \
         meanwhile, a response with {status}, {}",
        orderly(plugin.plan(), &ended)?
    )))
}

async fn nothing_left(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    plugin.dial().await?.ping().await?;
    let ended = plugin.stop(cx.limit(AT_ONCE)).await?;
    ensure(ended.left_behind.is_empty(), "no process left of the plugin's group", || {
        format!("processes {:?}", ended.left_behind)
    })?;
    Ok(Evidence::saw("the process group is empty after the exit"))
}

async fn signal_after_signal(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    plugin.dial().await?.ping().await?;
    // What it has to finish keeps it alive until the second signal.
    let (_raw, _rest) = half_an_event(&plugin).await?;
    plugin.signal(Signal::TERM)?;
    refuses_connections(&cx, &plugin).await?;
    if plugin.running()?.signal(Signal::TERM).is_err() {
        return Err(Stop::skip("it ended before a second signal could be sent"));
    }
    let ended = plugin.exit(cx.limit(AT_ONCE)).await?;
    Ok(Evidence::saw(format!(
        "half an event was under way: it {} at once on the second signal",
        ended.exit
    )))
}

async fn starts_again(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let mut evidence = Evidence::default();
    for round in 1..=3 {
        let plugin = cx.start(&plan).await?;
        let status = plugin.health().await?.status;
        ensure(status == 200, format!("health 200 in round {round}"), || status.to_string())?;
        let ended = plugin.stop(cx.limit(AT_ONCE)).await?;
        evidence.add(format!("round {round}: started, {}", orderly(&plan, &ended)?));
    }
    Ok(evidence)
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "stop/sigterm",
        "SIGTERM: status 0, at once, no socket file",
        &["LC-01", "LC-06", "LC-09", "LC-11", "SO-06"],
        |cx| Box::pin(sigterm(cx)),
    ),
    Check::must("stop/sigint", "SIGINT does what SIGTERM does", &["LC-02", "LC-11"], |cx| {
        Box::pin(sigint(cx))
    }),
    Check::must("stop/close-frame", "the channel is closed with a close frame", &["LC-10"], |cx| {
        Box::pin(close_frame(cx))
    }),
    Check::must(
        "stop/during-handshake",
        "the signal is obeyed during the handshake",
        &["LC-14"],
        |cx| Box::pin(during_the_handshake(cx)),
    ),
    Check::must(
        "stop/without-channel",
        "the signal is obeyed without a channel",
        &["LC-14"],
        |cx| Box::pin(without_a_channel(cx)),
    ),
    Check::must(
        "stop/after-lost-channel",
        "channels of the past do not hold up the exit",
        &["LC-06", "CH-04"],
        |cx| Box::pin(after_a_lost_channel(cx)),
    ),
    Check::must(
        "stop/idle-connections",
        "idle connections do not hold up the exit",
        &["LC-06"],
        |cx| Box::pin(beside_idle_connections(cx)),
    ),
    Check::must(
        "stop/drains",
        "what is under way is finished, what is new is refused",
        &["LC-03", "LC-04"],
        |cx| Box::pin(drains(cx)),
    ),
    Check::must("stop/nothing-left", "no process is left behind", &["LC-12"], |cx| {
        Box::pin(nothing_left(cx))
    }),
    Check::must(
        "stop/signal-after-signal",
        "a second signal ends the draining",
        &["LC-13"],
        |cx| Box::pin(signal_after_signal(cx)),
    ),
    Check::must(
        "stop/starts-again",
        "it starts and stops again and again in the same place",
        &["LA-21", "LC-11"],
        |cx| Box::pin(starts_again(cx)),
    ),
];
