//! What a plugin does when a limit of the protocol is over. Each of these checks has to wait for it.

use std::time::Duration;

use super::prelude::*;
use temps_plugin_host::Exit;
use temps_plugin_schema::limits::{CHANNEL_DEADLINE, HANDSHAKE_STEP};

/// How long before the end of a limit the plugin must still be as it was.
const EARLY: Duration = Duration::from_secs(8);
/// How long after it, in seconds, the consequence must have shown.
const LATE: u64 = 10;

/// Starts a plugin, writes `bytes` of its launch line and expects it to give up at the limit.
async fn given_up(cx: &Cx, what: &str, bytes: impl Fn(&Plan) -> Vec<u8>) -> Result<String, Stop> {
    let plan = cx.plan()?;
    let mut process = cx.spawn(&plan).await?;
    process.line().await?;
    process.write_stdin(&bytes(&plan)).await;
    let early = process.exit(HANDSHAKE_STEP - EARLY).await;
    if let Ok(ended) = early {
        let expected = format!("a plugin that waits 30 s for its launch line, {what}");
        return Err(Stop::failed(expected, format!("it {} before that", ended.exit)));
    }
    let refusal = process.refusal(EARLY + cx.limit(LATE)).await?;
    Ok(format!("{what}: waited, then {refusal}"))
}

/// The witness: a launch line that comes late, yet in time.
async fn taken_late(cx: &Cx) -> Result<String, Stop> {
    let plan = cx.plan()?;
    let mut process = cx.spawn(&plan).await?;
    process.announce().await?;
    tokio::time::sleep(HANDSHAKE_STEP - EARLY).await;
    process.write_stdin(format!("{}\n", plan.launch_value()).as_bytes()).await;
    process.close_stdin();
    let plugin = cx.ready(process, &plan).await?;
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 after a late launch line", || status.to_string())?;
    let after = (HANDSHAKE_STEP - EARLY).as_secs();
    Ok(format!("a launch line after {after} s: ready and healthy"))
}

async fn launch_line(cx: Cx) -> Verdict {
    if cx.limit(30) < HANDSHAKE_STEP {
        return Err(Stop::skip("it takes steps of full length (--timeout-scale 1 or more)"));
    }
    let (late, nothing, half) = tokio::join!(
        taken_late(&cx),
        given_up(&cx, "nothing came", |_| Vec::new()),
        given_up(&cx, "half a line came", |plan| {
            plan.launch_value().to_string().into_bytes()[..20].to_vec()
        })
    );
    Ok(Evidence(vec![late?, nothing?, half?]))
}

async fn no_channel(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    if let Some(ended) = plugin.running()?.wait_exit(CHANNEL_DEADLINE - EARLY).await {
        let expected = "a plugin that waits 30 s for its first channel";
        return Err(Stop::failed(expected, format!("it {} before that", ended.exit)));
    }
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 while it waits for a channel", || status.to_string())?;
    let before = plugin.stderr_lines();
    let Some(ended) = plugin.running()?.wait_exit(EARLY + cx.limit(LATE)).await else {
        if cx.claims_everything() {
            let expected = "an exit with a status other than 0 when no channel came within 30 s";
            return Err(Stop::failed(expected, "it still runs"));
        }
        return Err(Stop::skip(
            "it lives on without a channel; its author may have changed the limit (CH-10)",
        ));
    };
    let failed = matches!(ended.exit, Exit::Code(code) if code != 0);
    ensure(failed, "a status other than 0 when no channel came within 30 s", || {
        format!("it {}", ended.exit)
    })?;
    ensure(plugin.stderr_lines() > before, "a message on stderr", || "none".into())?;
    let last = plugin.stderr().pop().unwrap_or_default();
    Ok(Evidence::saw(format!("healthy while it waited, then it {} and said {last}", ended.exit)))
}

async fn lost_channel(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    plugin.dial().await?.ping().await?;
    let limit = CHANNEL_DEADLINE + EARLY;
    if let Some(ended) = plugin.running()?.wait_exit(limit).await {
        let expected = "a plugin that lives on when it has lost its channel";
        return Err(Stop::failed(expected, format!("it {} within 38 s", ended.exit)));
    }
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 long after the channel was lost", || status.to_string())?;
    plugin.dial().await?.ping().await?;
    Ok(Evidence::saw(format!(
        "{} s without the channel it had: health 200, and the next channel opens",
        limit.as_secs()
    )))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "limits/launch-line",
        "a launch line is waited for for 30 s and no longer",
        &["HS-36"],
        |cx| Box::pin(launch_line(cx)),
    )
    .only(Dialect::Two)
    .slow(),
    Check::must(
        "limits/no-channel",
        "a first channel is waited for for 30 s and no longer",
        &["CH-09"],
        |cx| Box::pin(no_channel(cx)),
    )
    .slow(),
    Check::must(
        "limits/lost-channel",
        "a channel that was lost may take its time to come back",
        &["CH-11"],
        |cx| Box::pin(lost_channel(cx)),
    )
    .slow(),
];
