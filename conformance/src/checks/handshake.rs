//! The two lines a plugin writes, and when it writes them.

use super::prelude::*;
use temps_plugin_schema::limits::HANDSHAKE_LINE_BYTES;

/// How often a race between `ready` and the socket is given a chance to show.
const RACES: usize = 5;

/// Becoming ready is what every other check builds on; it is reported like one.
async fn completes(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let timing = plugin.timing();
    let limit = cx.limit(30);
    ensure(timing.first_line <= limit && timing.ready <= limit, "each step within 30 s", || {
        format!("first line after {:?}, ready after {:?} more", timing.first_line, timing.ready)
    })?;
    Ok(Evidence::saw(format!(
        "first line after {:?}, ready {:?} later",
        timing.first_line, timing.ready
    )))
}

async fn first_line(cx: Cx) -> Verdict {
    let line = cx.spawn(&cx.plan()?).await?.line().await?;
    let object = json_object("the first line", &line)?;
    ensure(line.len() < HANDSHAKE_LINE_BYTES, "a line of at most 2 MiB", || {
        format!("{} bytes", line.len() + 1)
    })?;
    let kind = &object["type"];
    match cx.dialect() {
        Dialect::One => {
            ensure(kind == "manifest", "`type` is \"manifest\"", || kind.to_string())?;
            ensure(object["name"].is_string(), "the manifest's members beside `type`", || {
                line.clone()
            })?;
        }
        Dialect::Two => {
            ensure(kind == "hello", "`type` is \"hello\"", || kind.to_string())?;
            let version = &object["protocol_version"];
            ensure(version == 2, "`protocol_version` is the number 2", || version.to_string())?;
            ensure(object["manifest"].is_object(), "`manifest` is an object", || line.clone())?;
        }
    }
    Ok(Evidence::saw(format!("a line of {} bytes with type {kind}", line.len() + 1)))
}

async fn ready_line(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let mut process = cx.spawn(&plan).await?;
    process.line().await?;
    if cx.dialect() == Dialect::Two {
        process.write_stdin(format!("{}\n", plan.launch_value()).as_bytes()).await;
        process.close_stdin();
    }
    let line = process.line().await?;
    let object = json_object("the second line", &line)?;
    ensure(line.len() < HANDSHAKE_LINE_BYTES, "a line of at most 2 MiB", || {
        format!("{} bytes", line.len() + 1)
    })?;
    ensure(object["type"] == "ready", "`type` is \"ready\"", || object["type"].to_string())?;
    ensure(object["ready"] == true, "`ready` is true", || object["ready"].to_string())?;
    ensure(object["has_ui"].is_boolean(), "`has_ui` is true or false", || {
        object["has_ui"].to_string()
    })?;
    if cx.dialect() == Dialect::Two {
        let version = &object["protocol_version"];
        ensure(version == 2, "`protocol_version` is the number 2", || version.to_string())?;
    }
    Ok(Evidence::saw(format!("ready with has_ui {}", object["has_ui"])))
}

async fn openapi(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let object = json_object("the second line", plugin.ready_line())?;
    match &object["openapi"] {
        Value::Null => Err(Stop::skip("the plugin sends no `openapi`")),
        Value::Object(document) => {
            let version = document.get("openapi").or_else(|| document.get("swagger"));
            ensure(
                version.is_some_and(Value::is_string),
                "an OpenAPI document, with its version",
                || format!("an object with the members {:?}", document.keys().collect::<Vec<_>>()),
            )?;
            Ok(Evidence::saw(format!("an OpenAPI document with {} members", document.len())))
        }
        other => Err(Stop::failed("`openapi` is an object", other.to_string())),
    }
}

async fn ready_after_health(cx: Cx) -> Verdict {
    let mut evidence = Evidence::default();
    for start in 1..=RACES {
        let plugin = cx.fresh().await?;
        // No retry: whoever reads `ready` may connect in the same instant.
        let health = plugin.health().await?;
        ensure(health.status == 200, "200 from health right after `ready`", || {
            format!("{} at start {start}", health.status)
        })?;
        evidence.add(format!("start {start}: health 200 right after ready"));
        plugin.kill().await;
    }
    Ok(evidence)
}

async fn hello_before_stdin(cx: Cx) -> Verdict {
    let mut process = cx.spawn(&cx.plan()?).await?;
    let line = process.line().await?;
    // Nothing was written to standard input, which is still open.
    Ok(Evidence::saw(format!("{} bytes came while standard input was open and empty", line.len())))
}

async fn needs_a_socket(cx: Cx) -> Verdict {
    // The witness: the same plugin becomes ready where it can listen.
    cx.fresh().await?.kill().await;
    let mut plan = cx.plan()?;
    plan.socket = plan.dir().join("no-such-directory").join("p.sock");
    let mut process = cx.spawn(&plan).await?;
    process.hand_over(&plan).await;
    let refusal = process.refusal(cx.limit(30)).await?;
    Ok(Evidence::saw(refusal))
}

/// Dialect 1 never touches standard input, whatever is there.
async fn stdin_is_meaningless(cx: Cx) -> Verdict {
    // Every other start of this dialect has the null device there, which has ended from the start.
    let mut evidence = Evidence::saw(format!(
        "ready {:?} after the start with none",
        cx.fresh().await?.timing().ready
    ));
    for close in [false, true] {
        let plan = cx.plan()?;
        let mut process = cx.spawn_with_stdin(&plan).await?;
        process.write_stdin(b"no json\n\x00\xff\n").await;
        if close {
            process.close_stdin();
        }
        process.line().await?;
        let ready = process.line().await?;
        let object = json_object("the second line", &ready)?;
        ensure(object["ready"] == true, "`ready` with garbage in standard input", || {
            ready.clone()
        })?;
        let stream = std::os::unix::net::UnixStream::connect(&plan.socket);
        ensure(stream.is_ok(), "a socket that accepts connections", || format!("{stream:?}"))?;
        evidence.add(format!(
            "ready with garbage in standard input, {}",
            if close { "closed" } else { "open" }
        ));
    }
    Ok(evidence)
}

fn json_object(what: &str, line: &str) -> Result<Value, Stop> {
    let expected = || format!("{what} is a JSON object");
    let value: Value = serde_json::from_str(line)
        .map_err(|error| Stop::failed(expected(), format!("{error} in {line:?}")))?;
    ensure(value.is_object(), expected(), || line.to_owned())?;
    Ok(value)
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "handshake/completes",
        "the plugin writes its first line and `ready` within the time for each",
        &["HS-08", "HS-09", "LA-09"],
        |cx| Box::pin(completes(cx)),
    ),
    Check::must(
        "handshake/first-line",
        "the first line is the one of the dialect, and the dialect is that of the arguments",
        &["HS-01", "HS-03", "HS-04", "HS-12", "HS-16", "LA-08"],
        |cx| Box::pin(first_line(cx)),
    )
    .needs(Needs::Process),
    Check::must(
        "handshake/ready-line",
        "the second line is `ready` with all its members",
        &["HS-01", "HS-04", "HS-13", "HS-18"],
        |cx| Box::pin(ready_line(cx)),
    )
    .needs(Needs::Process),
    Check::must(
        "handshake/openapi",
        "`openapi` in `ready` is an OpenAPI document",
        &["HS-40"],
        |cx| Box::pin(openapi(cx)),
    )
    .may(),
    Check::must(
        "handshake/ready-after-health",
        "health answers at the instant `ready` is read",
        &["HS-38", "HT-03"],
        |cx| Box::pin(ready_after_health(cx)),
    ),
    Check::must(
        "handshake/hello-before-stdin",
        "`hello` does not wait for the launch line",
        &["HS-17"],
        |cx| Box::pin(hello_before_stdin(cx)),
    )
    .needs(Needs::Process)
    .only(Dialect::Two),
    Check::must(
        "handshake/needs-a-socket",
        "a plugin that can't listen says so and exits, without `ready`",
        &["HS-39"],
        |cx| Box::pin(needs_a_socket(cx)),
    ),
    Check::must(
        "handshake/stdin-is-meaningless",
        "neither the end of standard input nor what it holds matters",
        &["HS-14"],
        |cx| Box::pin(stdin_is_meaningless(cx)),
    )
    .only(Dialect::One),
];
