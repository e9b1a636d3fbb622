//! The everything profile: before the start hook has returned, and after the shutdown hook has failed.

use std::pin::pin;
use std::time::Duration;

use temps_plugin_host::Signal;

use super::everything_events::{event, ids, recorded};
use super::prelude::*;
use super::stop::{DRAINED, orderly};
use crate::subject::Process;

const POLL: Duration = Duration::from_millis(5);

/// A start whose data directory has the file `name`, which the profile gives a meaning.
fn plan_with(cx: &Cx, name: &str) -> Result<Plan, Stop> {
    let plan = cx.plan()?;
    let made = std::fs::create_dir(&plan.data_dir)
        .and_then(|()| std::fs::write(plan.data_dir.join(name), ""));
    made.map_err(|error| Stop::fault("the data directory", error))?;
    Ok(plan)
}

fn lifecycle(plan: &Plan) -> String {
    std::fs::read_to_string(plan.data_dir.join("lifecycle.log")).unwrap_or_default()
}

/// Waits until the start hook has written its line.
async fn hook_runs(cx: &Cx, plan: &Plan) -> Result<(), Stop> {
    let deadline = tokio::time::Instant::now() + cx.limit(15);
    while lifecycle(plan) != "start\n" {
        if tokio::time::Instant::now() >= deadline {
            let log = lifecycle(plan);
            return Err(Stop::failed("`start` in lifecycle.log", format!("{log:?}")));
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

/// Starts a process whose start hook holds, and hands it what its handshake asks for.
async fn start_holding(cx: &Cx, plan: &Plan) -> Result<Process, Stop> {
    let mut process = cx.spawn(plan).await?;
    process.announce().await?;
    if cx.dialect() == Dialect::Two {
        process.write_stdin(format!("{}\n", plan.launch_value()).as_bytes()).await;
        process.close_stdin();
    }
    Ok(process)
}

/// A request of the host's to a process that is not ready yet.
async fn early(
    cx: &Cx,
    plan: &Plan,
    request: &str,
    headers: &str,
    body: &str,
) -> Result<u16, Stop> {
    let mut raw = cx.raw(plan).await?;
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nhost: plugin\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    raw.write(text.as_bytes()).await?;
    Ok(raw.response().await?.status)
}

/// What was seen while the start hook held, and the ids of the events that the plugin has taken over.
async fn while_it_holds(cx: &Cx, plan: &Plan) -> Result<(Evidence, Vec<String>), Stop> {
    hook_runs(cx, plan).await?;
    let health = early(cx, plan, "GET /health", "", "").await?;
    ensure(health == 200, "health 200 while the start hook runs", || health.to_string())?;
    let mut evidence = Evidence::saw("the start hook holds; health: 200");
    let signed = format!("x-temps-auth-signature: {}\r\n", plan.secret());
    for request in ["GET /context", "POST /echo", "GET /public/hello"] {
        let status = early(cx, plan, request, &signed, "").await?;
        ensure(
            status == 503,
            format!("503 to {request} before the start hook has returned"),
            || status.to_string(),
        )?;
        evidence.add(format!("{request}: 503"));
    }
    if cx.dialect() == Dialect::Two {
        let status = early(cx, plan, "GET /context", "", "").await?;
        ensure(status == 401, "401 to an unsigned request, initialised or not", || {
            status.to_string()
        })?;
        evidence.add("GET /context unsigned: 401");
    }
    let mut taken = Vec::new();
    for id in ["early-1", "early-2", "early-3"] {
        let body = event(id, json!({})).to_string();
        let status = early(cx, plan, "POST /_events", &signed, &body).await?;
        ensure(matches!(status, 200 | 503), "200 or 503 to an event that comes early", || {
            status.to_string()
        })?;
        if status == 200 {
            taken.push(id.to_owned());
        }
        evidence.add(format!("POST /_events {id}: {status}"));
    }
    Ok((evidence, taken))
}

/// Waits until the author's routes answer.
async fn initialised(cx: &Cx, plugin: &Plugin) -> Result<(), Stop> {
    let deadline = tokio::time::Instant::now() + cx.limit(15);
    loop {
        match plugin.get("/context").await?.status {
            200 => return Ok(()),
            503 if tokio::time::Instant::now() < deadline => tokio::time::sleep(POLL).await,
            other => {
                return Err(Stop::failed(
                    "200 to /context once the hook returns",
                    other.to_string(),
                ));
            }
        }
    }
}

async fn before_start(cx: Cx) -> Verdict {
    let plan = plan_with(&cx, "hold-start")?;
    let process = start_holding(&cx, &plan).await?;
    let mut ready = pin!(cx.ready(process, &plan));
    let mut held = pin!(while_it_holds(&cx, &plan));
    // `ready` may come before the hook has returned, or after: both are conformant.
    let (plugin, (mut evidence, mut taken)) = tokio::select! {
        held = &mut held => (None, held?),
        plugin = &mut ready => (Some(plugin?), held.await?),
    };
    let (plugin, mut channel) = match plugin {
        Some(plugin) => {
            let mut channel = plugin.dial().await?;
            channel.send_event(&event("channel-1", json!({}))).await?;
            channel.ping().await?;
            taken.push("channel-1".into());
            evidence.add("the channel was open while the hook held, and took an event");
            release(&plan)?;
            (plugin, channel)
        }
        None => {
            release(&plan)?;
            let plugin = ready.await?;
            let channel = plugin.dial().await?;
            (plugin, channel)
        }
    };
    initialised(&cx, &plugin).await?;
    channel.send_event(&event("later", json!({}))).await?;
    taken.push("later".into());
    let seen = recorded(&cx, &plugin, taken.len()).await?;
    ensure(ids(&seen) == taken, format!("the events {taken:?}"), || format!("{:?}", ids(&seen)))?;
    evidence.add(format!("handed over once the hook had returned: {taken:?}"));
    Ok(evidence)
}

/// Lets the start hook return.
fn release(plan: &Plan) -> Result<(), Stop> {
    std::fs::remove_file(plan.data_dir.join("hold-start"))
        .map_err(|error| Stop::fault("the file hold-start", error))
}

async fn stop_before_start(cx: Cx) -> Verdict {
    let plan = plan_with(&cx, "hold-start")?;
    let process = start_holding(&cx, &plan).await?;
    hook_runs(&cx, &plan).await?;
    process.signal(Signal::TERM)?;
    let ended = process.exit(cx.limit(DRAINED)).await?;
    let orderly = orderly(&plan, &ended)?;
    let log = lifecycle(&plan);
    ensure(log == "start\n", "no shutdown hook of what was never initialised", || {
        format!("{log:?}")
    })?;
    Ok(Evidence::saw(format!("signalled while the start hook held: {orderly}")))
}

async fn failing_shutdown(cx: Cx) -> Verdict {
    let plan = plan_with(&cx, "fail-stop")?;
    let plugin = cx.start(&plan).await?;
    let mut channel = plugin.dial().await?;
    channel.ping().await?;
    hook_runs(&cx, &plan).await?;
    initialised(&cx, &plugin).await?;
    plugin.signal(Signal::TERM)?;
    let (ended, code) = tokio::join!(plugin.exit(cx.limit(DRAINED)), channel.closed());
    let orderly = orderly(&plan, &ended?)?;
    let log = lifecycle(&plan);
    // The line that only a hook writes that is about to fail.
    ensure(log == "start\nstop\nfail\n", "a shutdown hook that ran until it failed", || {
        format!("{log:?}")
    })?;
    Ok(Evidence::saw(format!(
        "the shutdown hook failed; a close frame with code {} came, {orderly}",
        code?
    )))
}

async fn large_openapi(cx: Cx) -> Verdict {
    let small = cx.fresh().await?;
    ensure(openapi(&small).is_object(), "an object `openapi` in an ordinary `ready`", || {
        small.ready_line().to_owned()
    })?;
    // The suite's host reads no line of more than 2 MiB: one that is longer fails the start.
    let large = cx.start(&plan_with(&cx, "large-openapi")?).await?;
    ensure(openapi(&large).is_null(), "no `openapi` that `ready` is too short for", || {
        format!("a line of {} bytes with one", large.ready_line().len() + 1)
    })?;
    let status = large.get("/context").await?.status;
    ensure(status == 200, "a plugin that works without it", || status.to_string())?;
    Ok(Evidence::saw(format!(
        "`ready` is {} bytes with the ordinary document and {} without the large one",
        small.ready_line().len() + 1,
        large.ready_line().len() + 1
    )))
}

fn openapi(plugin: &Plugin) -> Value {
    let mut ready: Value = serde_json::from_str(plugin.ready_line()).unwrap_or_default();
    ready["openapi"].take()
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "everything/before-start",
        "before the start hook has returned, health answers, routes wait, events are kept or refused",
        &["EP-53", "HT-13", "HT-14", "EV-27", "AU-07"],
        |cx| Box::pin(before_start(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/stop-before-start",
        "the signal is obeyed while the start hook runs",
        &["EP-53", "LC-07", "LC-14"],
        |cx| Box::pin(stop_before_start(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/failing-shutdown",
        "a shutdown hook that fails does not stop the stop",
        &["EP-54", "LC-08"],
        |cx| Box::pin(failing_shutdown(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/large-openapi",
        "an OpenAPI document that does not fit the line is left out",
        &["EP-56", "HS-41"],
        |cx| Box::pin(large_openapi(cx)),
    )
    .needs(Needs::Everything),
];
