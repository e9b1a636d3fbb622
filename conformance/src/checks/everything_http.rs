//! The everything profile: plain HTTP, streams, upgrades.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use temps_plugin_host::{Dial, Incoming};
use temps_plugin_schema::limits::BODY_FLOOR_BYTES;

use super::prelude::*;

async fn echo(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut raw = plugin.raw().await?;
    let secret = plugin.secret();
    let head = format!(
        "POST /echo/a%20b?x=1&x=2 HTTP/1.1\r\nHost: plugin\r\nX-Conf-B: 2\r\nx-conf-b: 1\r\n\
         x-temps-auth-signature: {secret}\r\nx-conf-a: 3\r\ncontent-length: 2\r\nx-conf-z: 4\r\n\r\nhi"
    );
    raw.write(head.as_bytes()).await?;
    let response = raw.response().await?;
    let seen: Value = serde_json::from_slice(&response.body)
        .map_err(|e| Stop::failed("a JSON object", format!("{e}, status {}", response.status)))?;
    let mut plain = seen.clone();
    let headers = plain["headers"].take();
    plain["headers"] = json!([]);
    let expected = json!({
        "method": "POST", "path": "/echo/a%20b", "query": "x=1&x=2", "headers": [],
        "body_base64": "aGk=", "body_length": 2,
    });
    ensure(plain == expected, expected.to_string(), || seen.to_string())?;
    // Names may come in any order; the values of one name may not.
    let mut sorted: Vec<(String, String)> = serde_json::from_value(headers).map_err(|e| {
        Stop::failed("a list of pairs of texts as `headers`", format!("{e} in {seen}"))
    })?;
    sorted.sort_by(|one, two| one.0.cmp(&two.0));
    let expected = [
        ("content-length", "2"),
        ("host", "plugin"),
        ("x-conf-a", "3"),
        ("x-conf-b", "2"),
        ("x-conf-b", "1"),
        ("x-conf-z", "4"),
    ];
    let same = sorted.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected);
    ensure(same, format!("{expected:?}, in any order of the names"), || format!("{sorted:?}"))?;
    Ok(Evidence::saw(seen.to_string()))
}

async fn echo_methods(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence = Evidence::default();
    for (method, path) in
        [("GET", "/echo"), ("PUT", "/echo/"), ("PATCH", "/echo/a/b"), ("CONFORMANCE", "/echo")]
    {
        let seen = plugin.send(Request::new(method, path)).await?.json(200)?;
        let right = seen["method"] == method && seen["path"] == path && seen["query"].is_null();
        ensure(right, format!("method {method}, path {path} and a null query"), || {
            seen.to_string()
        })?;
        ensure(seen["body_length"] == 0 && seen["body_base64"] == "", "an empty body", || {
            seen.to_string()
        })?;
        evidence.add(format!("{method} {path} was seen as such"));
    }
    let empty = plugin.get("/echo?").await?.json(200)?;
    ensure(empty["query"] == "", "an empty query after a bare `?`", || empty["query"].to_string())?;
    let head = plugin.send(Request::new("HEAD", "/echo")).await?;
    ensure(head.status == 200 && head.body.is_empty(), "200 to HEAD without a body", || {
        head.status.to_string()
    })?;
    Ok(evidence)
}

async fn credentials_hidden(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let request = Request::get("/echo")
        .header("x-temps-auth", plugin.secret())
        .header("x-temps-actor-token", "conformance-actor-token")
        .header("x-temps-request-id", "conformance-request");
    let seen = plugin.send(request).await?.json(200)?;
    let headers = seen["headers"].to_string();
    ensure(headers.contains("conformance-request"), "the other headers of the host", || {
        headers.clone()
    })?;
    for hidden in ["x-temps-auth-signature", "x-temps-auth", "x-temps-actor-token"] {
        ensure(!headers.contains(&format!("\"{hidden}\"")), format!("no {hidden}"), || {
            headers.clone()
        })?;
    }
    let leaked = headers.contains(plugin.secret()) || headers.contains("conformance-actor-token");
    ensure(!leaked, "no credential", || "one is in the headers".into())?;
    Ok(Evidence::saw("three credentials were sent, none is among the headers that author code saw"))
}

async fn large_body(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let body: Vec<u8> =
        (0..BODY_FLOOR_BYTES).map(|i| u8::try_from(i % 251).unwrap_or_default()).collect();
    let response = plugin.send(Request::post("/stream/echo").body(body.clone())).await?;
    ensure(response.status == 200, "200 to a body of 16 MiB", || response.status.to_string())?;
    ensure(response.body == body, "16 MiB, byte for byte", || {
        format!("{} bytes, or other ones", response.body.len())
    })?;
    // The route that keeps the body whole, with less of it: base64 of 16 MiB is work of another kind.
    let part = &body[..BODY_FLOOR_BYTES / 16];
    let seen = plugin.send(Request::post("/echo").body(part.to_vec())).await?.json(200)?;
    ensure(seen["body_length"] == part.len(), "a body_length of 1 MiB", || {
        seen["body_length"].to_string()
    })?;
    let same = seen["body_base64"].as_str().and_then(|text| STANDARD.decode(text).ok()).as_deref()
        == Some(part);
    ensure(same, "the body byte for byte", || "another body".into())?;
    Ok(Evidence::saw("16 MiB reached author code byte for byte, and 1 MiB as a whole"))
}

async fn stream_echo(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let (request, mut sender) =
        plugin.http().post("/stream/echo").header("content-type", "x/conformance").streamed();
    let exchange = async {
        let broken =
            |e: temps_plugin_host::HttpError| Stop::failed("a streamed response", e.to_string());
        // The response may begin before or after the first piece.
        let (response, _) =
            tokio::join!(request.timeout(cx.limit(15)).send(), sender.send("first"));
        let mut response = response.map_err(broken)?;
        let status = response.status().as_u16();
        ensure(status == 200, "200", || status.to_string())?;
        let kind = response.header("content-type").unwrap_or_default().to_owned();
        ensure(kind == "x/conformance", "the content type of the request", || kind.clone())?;
        let mut seen = vec![text_of(response.chunk().await.map_err(broken)?)];
        // The second piece is sent only once the first is back: nothing waits for the end.
        for piece in ["second", "third"] {
            sender.send(piece).await;
            seen.push(text_of(response.chunk().await.map_err(broken)?));
        }
        drop(sender);
        let rest = response.chunk().await.map_err(broken)?;
        ensure(rest.is_none(), "the end of the body", || format!("{rest:?}"))?;
        ensure(seen == ["first", "second", "third"], "each piece as it was sent", || {
            format!("{seen:?}")
        })
    };
    tokio::time::timeout(cx.limit(15), exchange).await.unwrap_or_else(|_| {
        Err(Stop::failed("each piece back before the next is sent", "nothing came back"))
    })?;
    Ok(Evidence::saw("three pieces, each back before the next was sent"))
}

fn text_of(chunk: Option<bytes::Bytes>) -> String {
    chunk.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

async fn trailers(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let (request, mut sender) = plugin
        .http()
        .post("/stream/echo")
        .header("te", "trailers")
        .header("trailer", "x-conformance-sum")
        .streamed();
    let mut sums = HeaderMap::new();
    sums.insert("x-conformance-sum", HeaderValue::from_static("42"));
    let broken =
        |e: temps_plugin_host::HttpError| Stop::failed("a streamed response", e.to_string());
    let feed = async {
        sender.send("body").await;
        sender.finish_with(sums).await
    };
    let (response, _) = tokio::join!(request.timeout(cx.limit(15)).send(), feed);
    let mut response = response.map_err(broken)?;
    let body = tokio::time::timeout(cx.limit(15), response.collect(1024)).await;
    let body = body.map_err(|_| Stop::failed("the end of the body", "none"))?.map_err(broken)?;
    ensure(&body[..] == b"body", "the body", || format!("{body:?}"))?;
    let sum = response.trailers().and_then(|trailers| trailers.get("x-conformance-sum"));
    ensure(sum.is_some_and(|sum| sum == "42"), "the trailer x-conformance-sum: 42", || {
        format!("{sum:?}")
    })?;
    Ok(Evidence::saw("a trailer came back as it was sent"))
}

async fn status(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence = Evidence::default();
    for code in [200, 201, 204, 302, 304, 400, 404, 418, 500, 503, 599] {
        let response = plugin.get(&format!("/status/{code}")).await?;
        ensure(response.status == code, format!("status {code}"), || response.status.to_string())?;
        if matches!(code, 204 | 304) {
            ensure(response.body.is_empty(), format!("no body with {code}"), || response.text())?;
        } else {
            let seen = response.json(code)?;
            ensure(seen == json!({"status": code}), format!("{{\"status\":{code}}}"), || {
                seen.to_string()
            })?;
        }
        evidence.add(format!("/status/{code}: {code}"));
    }
    for odd in ["99", "199", "600", "0", "-1", "abc", "99999999999"] {
        let seen = plugin.get(&format!("/status/{odd}")).await?.json(400)?;
        ensure(seen["error"].is_string(), "{\"error\":…}", || seen.to_string())?;
        evidence.add(format!("/status/{odd}: 400"));
    }
    Ok(evidence)
}

async fn bytes(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence = Evidence::default();
    for n in [0_usize, 1, 251, 1000, 3_000_000] {
        let response = plugin.get(&format!("/bytes/{n}")).await?;
        let (kind, length) = (response.header("content-type"), response.header("content-length"));
        ensure(response.status == 200, format!("200 to /bytes/{n}"), || {
            response.status.to_string()
        })?;
        ensure(kind == "application/octet-stream", "application/octet-stream", || kind.clone())?;
        ensure(length == n.to_string(), format!("a Content-Length of {n}"), || length.clone())?;
        let right = response.body.len() == n
            && response.body.iter().enumerate().all(|(i, b)| usize::from(*b) == i % 251);
        ensure(right, format!("{n} bytes, number i being i mod 251"), || {
            format!("{} bytes", response.body.len())
        })?;
        evidence.add(format!("/bytes/{n}: as expected"));
    }
    for odd in ["1073741825", "-1", "x", "1.5"] {
        let seen = plugin.get(&format!("/bytes/{odd}")).await?.json(400)?;
        ensure(seen["error"].is_string(), "{\"error\":…}", || seen.to_string())?;
    }
    Ok(evidence)
}

/// How much a plugin may grow while its peer does not read, in KiB.
pub(super) const GROWTH_KIB: u64 = 96 * 1024;

async fn slow_reader(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    plugin.dial().await?.ping().await?;
    let Some(before) = plugin.resident_kib() else {
        return Err(Stop::skip("there is no /proc to read the plugin's memory from"));
    };
    let broken =
        |e: temps_plugin_host::HttpError| Stop::failed("a streamed response", e.to_string());
    let mut response = plugin.http().get("/bytes/1073741824").send().await.map_err(broken)?;
    let first = response.chunk().await.map_err(broken)?.unwrap_or_default();
    ensure(!first.is_empty(), "the first bytes of 1 GiB", || "none".into())?;
    // What is held back here shows only over some time: the rule is about a peer that does not read.
    let mut most = before;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(25)).await;
        plugin.health().await?;
        most = most.max(plugin.resident_kib().unwrap_or(most));
    }
    let growth = most.saturating_sub(before);
    ensure(
        growth < GROWTH_KIB,
        format!("less than {GROWTH_KIB} KiB more while nobody reads"),
        || format!("{growth} KiB more"),
    )?;
    Ok(Evidence::saw(format!(
        "{} bytes of 1 GiB read, then nothing: {growth} KiB more",
        first.len()
    )))
}

async fn sse(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let response = plugin.get("/sse").await?;
    let kind = response.header("content-type");
    ensure(kind.starts_with("text/event-stream"), "text/event-stream", || kind.clone())?;
    let expected: String = (0..3).map(|i| format!("id: {i}\ndata: {{\"n\":{i}}}\n\n")).collect();
    let seen = response.text().replace("\r\n", "\n");
    ensure(seen == expected, format!("{expected:?}"), || format!("{seen:?}"))?;
    // So far apart that the first can only have been sent at once.
    let broken =
        |e: temps_plugin_host::HttpError| Stop::failed("a streamed response", e.to_string());
    let mut slow =
        plugin.http().get("/sse?count=2&interval_ms=600000").send().await.map_err(broken)?;
    let first = async {
        let mut first = String::new();
        while !first.contains("\n\n") {
            match slow.chunk().await.map_err(broken)? {
                Some(bytes) => first.push_str(&String::from_utf8_lossy(&bytes)),
                None => break,
            }
        }
        Ok::<_, Stop>(first)
    };
    let first = tokio::time::timeout(cx.limit(15), first).await.map_err(|_| {
        Stop::failed("the first event while the second is ten minutes away", "nothing")
    })??;
    ensure(first.starts_with("id: 0"), "the first event", || format!("{first:?}"))?;
    Ok(Evidence::saw("three events by default, and each is sent at once"))
}

/// The WebSocket that sends back what it gets (EP-23).
pub(super) async fn open_websocket(plugin: &Plugin) -> Result<Channel, Stop> {
    plugin
        .dial_with(Dial::to("/ws"))
        .await
        .map_err(|e| Stop::failed("an upgrade of /ws", e.to_string()))
}

async fn websocket(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut socket = open_websocket(&plugin).await?;
    for text in ["hello", "", "ä€😀"] {
        socket.send_text(text).await?;
        let back = socket.text().await?;
        ensure(back == text, format!("{text:?}"), || format!("{back:?}"))?;
    }
    let binary = vec![0, 255, 1, 254];
    socket.send_binary(binary.clone()).await?;
    let back = socket.message().await?;
    ensure(back == Incoming::Binary(binary.into()), "the binary message", || format!("{back:?}"))?;
    socket.close().await?;
    Ok(Evidence::saw("texts, an empty text and bytes came back; a close frame was answered"))
}

async fn slow(cx: Cx) -> Verdict {
    // Long enough that a busy machine does not make up for a handler that does not wait.
    const WAIT: Duration = Duration::from_millis(900);
    let plugin = cx.running().await?;
    let began = std::time::Instant::now();
    let seen = plugin.get("/slow?ms=900").await?.json(200)?;
    ensure(seen == json!({"slept_ms": 900}), "{\"slept_ms\":900}", || seen.to_string())?;
    let took = began.elapsed();
    ensure(took >= WAIT, format!("an answer after {WAIT:?}"), || format!("after {took:?}"))?;
    Ok(Evidence::saw(format!("/slow?ms=900 after {took:?}")))
}

async fn cancelled(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let count =
        || async { Ok::<_, Stop>(plugin.get("/cancelled").await?.json(200)?["cancelled"].clone()) };
    let before = count().await?;
    ensure(before == 0, "no cancelled request at first", || before.to_string())?;
    let request = format!(
        "GET /slow?ms=60000 HTTP/1.1\r\nhost: plugin\r\nx-temps-auth-signature: {}\r\n\r\n",
        plugin.secret()
    );
    // A caller that leaves before its request was read is none; hence more than one try.
    for _ in 0..10 {
        let mut raw = plugin.raw().await?;
        raw.write(request.as_bytes()).await?;
        for _ in 0..5 {
            plugin.health().await?;
        }
        drop(raw);
        let deadline = tokio::time::Instant::now() + cx.limit(1);
        while tokio::time::Instant::now() < deadline {
            if count().await?.as_u64().is_some_and(|n| n > 0) {
                return Ok(Evidence::saw("a caller left, and the handler was told"));
            }
        }
    }
    Err(Stop::failed("a count of at least 1 after callers have left", "0"))
}

async fn others_are_served(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let request = |ms: u32| {
        format!(
            "GET /slow?ms={ms} HTTP/1.1\r\nhost: plugin\r\nx-temps-auth-signature: {}\r\n\r\n",
            plugin.secret()
        )
    };
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut raw = plugin.raw().await?;
        raw.write(request(600_000).as_bytes()).await?;
        slow.push(raw);
    }
    for path in ["/health", "/context", "/health"] {
        let status = plugin.get(path).await?.status;
        ensure(status == 200, format!("200 to {path} beside 50 slow handlers"), || {
            status.to_string()
        })?;
    }
    // One more handler of the same kind is done long before them.
    let quick = plugin.raw().await?.request(&request(20)).await?.status;
    ensure(quick == 200, "200 from a quicker handler", || quick.to_string())?;
    Ok(Evidence::saw(format!("four answers beside {} handlers of ten minutes", slow.len())))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "everything/echo",
        "author code sees the request as it was sent",
        &["EP-09", "EP-10", "EP-11", "EP-12", "EP-13", "EP-14", "HT-25", "HT-27"],
        |cx| Box::pin(echo(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/echo-methods",
        "any method and any path below /echo",
        &["EP-09", "EP-11"],
        |cx| Box::pin(echo_methods(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/credentials-hidden",
        "author code sees no credential among the headers",
        &["EP-13", "AU-33"],
        |cx| Box::pin(credentials_hidden(cx)),
    )
    .needs(Needs::Everything),
    Check::must("everything/large-body", "16 MiB reach author code", &["HT-09", "EP-14"], |cx| {
        Box::pin(large_body(cx))
    })
    .needs(Needs::Everything),
    Check::must(
        "everything/stream-echo",
        "bodies are streamed both ways at once",
        &["EP-15", "HT-17", "HT-18"],
        |cx| Box::pin(stream_echo(cx)),
    )
    .needs(Needs::Everything),
    Check::must("everything/trailers", "trailers go both ways", &["EP-16", "HT-28"], |cx| {
        Box::pin(trailers(cx))
    })
    .needs(Needs::Everything),
    Check::must(
        "everything/status",
        "any status, and none that is no status",
        &["EP-17", "EP-18"],
        |cx| Box::pin(status(cx)),
    )
    .needs(Needs::Everything),
    Check::must("everything/bytes", "known bytes", &["EP-19", "EP-21"], |cx| Box::pin(bytes(cx)))
        .needs(Needs::Everything),
    Check::must(
        "everything/slow-reader",
        "a peer that does not read costs no memory",
        &["EP-20", "HT-19"],
        |cx| Box::pin(slow_reader(cx)),
    )
    .needs(Needs::Everything),
    Check::must("everything/sse", "server-sent events, each at once", &["EP-22", "HT-18"], |cx| {
        Box::pin(sse(cx))
    })
    .needs(Needs::Everything),
    Check::must(
        "everything/websocket",
        "a WebSocket of the author's own",
        &["EP-23", "EP-24", "HT-29"],
        |cx| Box::pin(websocket(cx)),
    )
    .needs(Needs::Everything),
    Check::must("everything/slow", "a slow handler", &["EP-25"], |cx| Box::pin(slow(cx)))
        .needs(Needs::Everything),
    Check::must(
        "everything/cancelled",
        "a handler is told that its caller has gone",
        &["EP-26", "EP-27", "HT-30"],
        |cx| Box::pin(cancelled(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/others-are-served",
        "slow handlers delay nobody else",
        &["HT-05", "HT-32"],
        |cx| Box::pin(others_are_served(cx)),
    )
    .needs(Needs::Everything),
];
