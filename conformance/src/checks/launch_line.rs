//! The launch line of dialect 2: taken in every legal form, refused in every other.

use super::prelude::*;
use temps_plugin_schema::limits::LAUNCH_LINE_BYTES;

/// The pause between two pieces of one launch line.
const BETWEEN_PIECES: std::time::Duration = std::time::Duration::from_millis(30);

/// Hands `bytes` to a plugin that waits for its launch line, and expects it to be refused.
async fn refused(
    cx: &Cx,
    plan: &Plan,
    what: &str,
    bytes: &[u8],
    close: bool,
) -> Result<String, Stop> {
    let mut process = cx.spawn(plan).await?;
    process.line().await?;
    // A plugin may refuse before it has read everything; what it did not read is then lost.
    process.write_stdin(bytes).await;
    if close {
        process.close_stdin();
    }
    let refusal = process.refusal(cx.limit(15)).await.map_err(|stop| match stop {
        Stop::Failed(mut failure) => {
            failure.expected = format!("{} for {what}", failure.expected);
            Stop::Failed(failure)
        }
        other => other,
    })?;
    ensure(
        process.leaks() == 0,
        format!("no secret and no database URL in what it says about {what}"),
        || format!("{} lines with one of them", process.leaks()),
    )?;
    Ok(format!("{what}: {refusal}"))
}

/// A valid launch line with `change` made to it.
fn line_with(plan: &Plan, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = plan.launch_value();
    change(&mut value);
    format!("{value}\n").into_bytes()
}

async fn all_refused(cx: &Cx, plan: &Plan, cases: Vec<(&str, Vec<u8>)>) -> Verdict {
    accepted(cx, plan).await?;
    let mut evidence = Evidence::saw("a valid launch line is taken");
    for (what, bytes) in cases {
        evidence.add(refused(cx, plan, what, &bytes, true).await?);
    }
    Ok(evidence)
}

/// The witness of all refusals: the same plugin takes a valid line.
async fn accepted(cx: &Cx, plan: &Plan) -> Result<(), Stop> {
    let plugin = cx.start(plan).await?;
    plugin.discard().await;
    Ok(())
}

async fn refuses_what_is_no_object(cx: Cx) -> Verdict {
    let texts = [
        ("an empty line", "\n"),
        ("no JSON", "hello\n"),
        ("a list", "[2]\n"),
        ("a text", "\"x\"\n"),
    ];
    let plan = cx.plan()?;
    all_refused(&cx, &plan, texts.map(|(what, text)| (what, text.as_bytes().to_vec())).to_vec())
        .await
}

async fn refuses_other_versions(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let with = |version: Value| line_with(&plan, |line| line["protocol_version"] = version);
    let cases = vec![
        ("version 1", with(json!(1))),
        ("version 3", with(json!(3))),
        ("version \"2\", a text", with(json!("2"))),
        ("no version", line_with(&plan, |line| remove(line, "protocol_version"))),
    ];
    all_refused(&cx, &plan, cases).await
}

async fn refuses_bad_secret_lengths(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let with = |secret: Value| line_with(&plan, |line| line["auth_secret"] = secret);
    let cases = vec![
        ("a secret of 31 characters", with(json!("a".repeat(31)))),
        ("a secret of 257 characters", with(json!("a".repeat(257)))),
        ("an empty secret", with(json!(""))),
        ("a secret that is a number", with(json!(12_345_678))),
        ("a secret that is null", with(Value::Null)),
        ("no secret", line_with(&plan, |line| remove(line, "auth_secret"))),
    ];
    all_refused(&cx, &plan, cases).await
}

async fn refuses_bad_secret_characters(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let with = |c: &str| {
        line_with(&plan, |line| line["auth_secret"] = json!(format!("{}{c}", "a".repeat(39))))
    };
    let cases = vec![
        ("a secret with a blank", with(" ")),
        ("a secret with `.`", with(".")),
        ("a secret with `ä`", with("ä")),
        ("a secret with a line end", with("\n")),
    ];
    all_refused(&cx, &plan, cases).await
}

async fn takes_secrets_of_32_and_256(cx: Cx) -> Verdict {
    let mut evidence = Evidence::default();
    for length in [32, 256] {
        let mut plan = cx.plan()?;
        let letters = "aZ09_-".chars().cycle().take(length).collect::<String>();
        plan.set_secret(&letters);
        let plugin = cx.start(&plan).await?;
        let status = plugin.get("/conformance-no-such-route").await?.status;
        ensure(status != 401, format!("a secret of {length} characters works"), || {
            status.to_string()
        })?;
        evidence.add(format!("a secret of {length} characters is taken, and signs a request"));
        plugin.discard().await;
    }
    Ok(evidence)
}

async fn refuses_a_wrong_database(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    if plan.launch_value()["database_url"].is_null() {
        let url = json!("postgres://conformance@127.0.0.1:9/conformance");
        let line = line_with(&plan, |line| line["database_url"] = url);
        return all_refused(&cx, &plan, vec![("a `database_url` that nobody asked for", line)])
            .await;
    }
    let null = line_with(&plan, |line| line["database_url"] = Value::Null);
    let absent = line_with(&plan, |line| remove(line, "database_url"));
    all_refused(&cx, &plan, vec![("a null `database_url`", null), ("no `database_url`", absent)])
        .await
}

async fn refuses_a_wrong_host_data_dir(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    if plan.launch_value()["host_data_dir"].is_null() {
        let line = line_with(&plan, |line| line["host_data_dir"] = json!("/tmp"));
        return all_refused(&cx, &plan, vec![("a `host_data_dir` that nobody asked for", line)])
            .await;
    }
    let null = line_with(&plan, |line| line["host_data_dir"] = Value::Null);
    all_refused(&cx, &plan, vec![("a null `host_data_dir`", null)]).await
}

async fn refuses_an_early_end(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let mut half = line_with(&plan, |_| {});
    half.truncate(half.len() / 2);
    all_refused(&cx, &plan, vec![("nothing but the end", Vec::new()), ("half a line", half)]).await
}

async fn refuses_an_overlong_line(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    accepted(&cx, &plan).await?;
    let line = line_with(&plan, |line| line["padding"] = json!("x".repeat(LAUNCH_LINE_BYTES)));
    let ended = refused(&cx, &plan, "a line of more than 64 KiB", &line, true).await?;
    // The line never ends and stdin stays open: only counting can refuse it.
    let endless = vec![b' '; LAUNCH_LINE_BYTES * 4];
    let endless = refused(&cx, &plan, "256 KiB without a line end", &endless, false).await?;
    Ok(Evidence(vec![ended, endless]))
}

/// Starts a plugin whose launch line is written by `write`, and sees it healthy.
async fn launched(
    cx: &Cx,
    plan: &Plan,
    what: &str,
    parts: &[&[u8]],
    close: bool,
) -> Result<String, Stop> {
    let mut process = cx.spawn(plan).await?;
    process.announce().await?;
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            // Time for the plugin to read what is there, so that it sees the pieces as such.
            tokio::time::sleep(BETWEEN_PIECES).await;
        }
        process.write_stdin(part).await;
    }
    if close {
        process.close_stdin();
    }
    let plugin = cx.ready(process, plan).await?;
    let status = plugin.health().await?.status;
    ensure(status == 200, format!("health 200 after {what}"), || status.to_string())?;
    plugin.discard().await;
    Ok(format!("ready and healthy after {what}"))
}

async fn taken_in_pieces(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let line = line_with(&plan, |_| {});
    let pieces: Vec<&[u8]> = line.chunks(line.len() / 3).collect();
    Ok(Evidence::saw(launched(&cx, &plan, "a launch line in pieces", &pieces, true).await?))
}

/// Every read of the plugin gets one byte, and later one more.
async fn taken_byte_by_byte(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let line = line_with(&plan, |_| {});
    let mut process = cx.spawn(&plan).await?;
    process.announce().await?;
    let (slowly, rest) = line.split_at(8);
    for byte in slowly {
        process.write_stdin(&[*byte]).await;
        process.stdin_read().await?;
    }
    for byte in rest {
        process.write_stdin(&[*byte]).await;
    }
    process.close_stdin();
    let plugin = cx.ready(process, &plan).await?;
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 after a launch line byte by byte", || status.to_string())?;
    Ok(Evidence::saw(format!(
        "{} bytes one by one, each of the first {} read before the next was written: ready and healthy",
        line.len(),
        slowly.len()
    )))
}

/// Line and end are there before the plugin looks, as one piece.
async fn already_there(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let mut process = cx.spawn(&plan).await?;
    process.write_stdin(&line_with(&plan, |_| {})).await;
    process.close_stdin();
    process.announce().await?;
    let plugin = cx.ready(process, &plan).await?;
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 after an early launch line", || status.to_string())?;
    Ok(Evidence::saw(
        "the line and the end of standard input came before `hello`: ready and healthy",
    ))
}

async fn carriage_return(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let mut line = line_with(&plan, |_| {});
    line.pop();
    line.extend_from_slice(b"\r\n");
    Ok(Evidence::saw(
        launched(&cx, &plan, "a launch line that ends in \\r\\n", &[&line], true).await?,
    ))
}

async fn end_means_nothing(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let line = line_with(&plan, |_| {});
    let mut evidence = Evidence::default();
    for (what, close) in [("a launch line and the end", true), ("a launch line and no end", false)]
    {
        evidence.add(launched(&cx, &plan, what, &[&line], close).await?);
    }
    Ok(evidence)
}

async fn unknown_members(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let line = line_with(&plan, |line| {
        line["conformance_unknown"] = json!({"a": [1, null]});
    });
    Ok(Evidence::saw(
        launched(&cx, &plan, "a launch line with a member nobody knows", &[&line], true).await?,
    ))
}

fn remove(value: &mut Value, key: &str) {
    if let Some(object) = value.as_object_mut() {
        object.remove(key);
    }
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "launch-line/in-pieces",
        "a launch line that arrives in pieces is one line",
        &["HS-18"],
        |cx| Box::pin(taken_in_pieces(cx)),
    )
    .only(Dialect::Two),
    Check::must(
        "launch-line/byte-by-byte",
        "a launch line may come byte by byte",
        &["HS-18"],
        |cx| Box::pin(taken_byte_by_byte(cx)),
    )
    .only(Dialect::Two),
    Check::must(
        "launch-line/already-there",
        "a launch line and the end of standard input may come at once",
        &["HS-25"],
        |cx| Box::pin(already_there(cx)),
    )
    .only(Dialect::Two),
    Check::must("launch-line/carriage-return", "a line may end in \\r\\n", &["HS-02"], |cx| {
        Box::pin(carriage_return(cx))
    })
    .only(Dialect::Two),
    Check::must(
        "launch-line/end-means-nothing",
        "the end of standard input after the line neither hurts nor is waited for",
        &["HS-25"],
        |cx| Box::pin(end_means_nothing(cx)),
    )
    .only(Dialect::Two),
    Check::must("launch-line/unknown-members", "unknown members are ignored", &["HS-37"], |cx| {
        Box::pin(unknown_members(cx))
    })
    .only(Dialect::Two)
    .should(),
    Check::must(
        "launch-line/secret-bounds",
        "secrets of 32 and of 256 characters are taken",
        &["HS-28", "HS-29"],
        |cx| Box::pin(takes_secrets_of_32_and_256(cx)),
    )
    .only(Dialect::Two),
    Check::must(
        "launch-line/refuses-no-object",
        "what is no JSON object is refused",
        &["HS-26", "IO-09"],
        |cx| Box::pin(refuses_what_is_no_object(cx)),
    )
    .only(Dialect::Two),
    Check::must(
        "launch-line/refuses-version",
        "another protocol version is refused",
        &["HS-27", "IO-09"],
        |cx| Box::pin(refuses_other_versions(cx)),
    )
    .only(Dialect::Two),
    Check::must(
        "launch-line/refuses-secret-length",
        "a secret that is missing, too short or too long is refused",
        &["HS-28", "IO-09"],
        |cx| Box::pin(refuses_bad_secret_lengths(cx)),
    )
    .only(Dialect::Two),
    Check::must(
        "launch-line/refuses-secret-characters",
        "a secret with other characters is refused",
        &["HS-29", "IO-09"],
        |cx| Box::pin(refuses_bad_secret_characters(cx)),
    )
    .only(Dialect::Two),
    Check::must(
        "launch-line/refuses-database-url",
        "a database URL is refused when nobody asked, and missed when somebody did",
        &["HS-30", "HS-31"],
        |cx| Box::pin(refuses_a_wrong_database(cx)),
    )
    .only(Dialect::Two),
    Check::must(
        "launch-line/refuses-host-data-dir",
        "a host data directory is refused when nobody asked, and missed when somebody did",
        &["HS-32", "HS-33"],
        |cx| Box::pin(refuses_a_wrong_host_data_dir(cx)),
    )
    .only(Dialect::Two),
    Check::must(
        "launch-line/refuses-early-end",
        "standard input that ends before the line does is refused",
        &["HS-34"],
        |cx| Box::pin(refuses_an_early_end(cx)),
    )
    .only(Dialect::Two),
    Check::must(
        "launch-line/refuses-overlong",
        "a line over 64 KiB is refused, also before it ends",
        &["HS-35"],
        |cx| Box::pin(refuses_an_overlong_line(cx)),
    )
    .only(Dialect::Two),
];
