//! The everything profile: author code that leaves bodies alone, breaks off, and answers what is no
//! answer.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use temps_plugin_host::HttpError;

use super::everything_http::GROWTH_KIB;
use super::prelude::*;

/// Most bytes that a plugin may take of a body that nobody reads: what sockets and parsers hold, many
/// times over.
const TAKEN_BYTES: usize = 16 * 1024 * 1024;
/// How much is there to be taken.
const OFFERED_BYTES: usize = 512 * 1024 * 1024;
const PIECE_BYTES: usize = 64 * 1024;
/// How long the handler leaves a body alone, in milliseconds: time enough to collect far more than
/// `TAKEN_BYTES`.
const UNREAD_MS: u64 = 1500;

fn broken_exchange(error: &HttpError) -> Stop {
    Stop::failed("a response", error.to_string())
}

/// Offers a body for as long as there is no answer. The bytes that were taken, and the answer.
async fn offer(cx: &Cx, plugin: &Plugin, target: &str) -> Result<(usize, u16, Bytes), Stop> {
    let (request, mut sender) = plugin.http().post(target).streamed();
    let piece = Bytes::from(vec![0; PIECE_BYTES]);
    let taken = AtomicUsize::new(0);
    let feed = async {
        while taken.load(Ordering::Relaxed) < OFFERED_BYTES && sender.send(piece.clone()).await {
            taken.fetch_add(PIECE_BYTES, Ordering::Relaxed);
        }
        // The body stays open: its end would be an answer to the question.
        std::future::pending::<()>().await;
    };
    let answer = async {
        let mut response = request.send().await?;
        let taken = taken.load(Ordering::Relaxed);
        Ok((taken, response.status().as_u16(), response.collect(1024).await?))
    };
    let exchange = async {
        tokio::select! {
            answered = answer => answered.map_err(|error| broken_exchange(&error)),
            () = feed => Err(Stop::fault("offering a body", "it came to an end")),
        }
    };
    let late = |_| {
        let taken = taken.load(Ordering::Relaxed);
        let seen = format!("none, while {taken} bytes of its body were taken");
        Err(Stop::failed(format!("an answer of POST {target}"), seen))
    };
    tokio::time::timeout(cx.limit(15), exchange).await.unwrap_or_else(late)
}

async fn unread_body(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    plugin.dial().await?.ping().await?;
    let before = plugin.resident_kib();
    let (taken, status, body) = offer(&cx, &plugin, &format!("/unread?ms={UNREAD_MS}")).await?;
    let after = plugin.resident_kib();
    ensure(status == 200 && &body[..] == br#"{"read":0}"#, "200 and {\"read\":0}", || {
        format!("{status} {}", String::from_utf8_lossy(&body))
    })?;
    ensure(taken <= TAKEN_BYTES, format!("at most {TAKEN_BYTES} bytes taken unread"), || {
        format!("{taken} bytes were taken while the handler read none")
    })?;
    let mut evidence =
        Evidence::saw(format!("{taken} bytes were taken until the answer came, then no more"));
    if let (Some(before), Some(after)) = (before, after) {
        let growth = after.saturating_sub(before);
        ensure(growth < GROWTH_KIB, format!("less than {GROWTH_KIB} KiB more memory"), || {
            format!("{growth} KiB more")
        })?;
        evidence.add(format!("the process grew by {growth} KiB"));
    }
    Ok(evidence)
}

/// Asks for a response that breaks off after `n` bytes; what came of it, and how it ended.
async fn until_it_breaks(plugin: &Plugin, n: usize) -> Result<(Vec<u8>, String), Stop> {
    let target = format!("/broken/{n}");
    let sent = plugin.http().get(&target).send().await;
    let mut response = sent.map_err(|error| {
        Stop::failed(format!("a response to GET {target} that begins"), error.to_string())
    })?;
    let status = response.status().as_u16();
    ensure(status == 200, format!("200 to GET {target}"), || status.to_string())?;
    let kind = response.header("content-type").unwrap_or_default().to_owned();
    ensure(kind == "application/octet-stream", "application/octet-stream", || kind.clone())?;
    let length = response.header("content-length").map(str::to_owned);
    ensure(length.is_none(), "no Content-Length", || format!("{length:?}"))?;
    let mut seen = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => seen.extend_from_slice(&piece),
            Ok(None) => {
                let bytes = seen.len();
                return Err(Stop::failed(
                    "a connection that ends without the end of the body",
                    format!("a complete body of {bytes} bytes"),
                ));
            }
            Err(error) => return Ok((seen, error.to_string())),
        }
    }
}

async fn broken_body(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut evidence = Evidence::default();
    for n in [1, 1000, 1_000_000] {
        let broken = tokio::time::timeout(cx.limit(15), until_it_breaks(&plugin, n)).await;
        let late = || Stop::failed("the end of the connection", "it stays open");
        let (seen, end) = broken.map_err(|_| late())??;
        let right = seen.len() == n
            && seen.iter().enumerate().all(|(i, byte)| usize::from(*byte) == i % 251);
        ensure(right, format!("the {n} bytes that were given before the failure"), || {
            format!("{} bytes", seen.len())
        })?;
        evidence.add(format!("/broken/{n}: {n} bytes, then {end}"));
    }
    let status = plugin.get("/context").await?.status;
    ensure(status == 200, "200 from other handlers afterwards", || status.to_string())?;
    Ok(evidence)
}

fn answer(status: i64, headers: &Value, body: &str) -> Request {
    Request::post("/answer").json(&json!({"status": status, "headers": headers, "body": body}))
}

async fn repeated_headers(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let headers = json!([
        ["set-cookie", "b=2"],
        ["x-conformance", "last"],
        ["set-cookie", "a=1; Path=/"],
        ["x-conformance", "first"],
        ["set-cookie", "b=3"],
    ]);
    let response = plugin.send(answer(202, &headers, "conformance")).await?;
    let seen = (response.status, response.text());
    ensure(seen == (202, "conformance".into()), "202 and the body asked for", || {
        format!("{seen:?}")
    })?;
    let mut evidence = Evidence::default();
    for (name, expected) in
        [("set-cookie", &["b=2", "a=1; Path=/", "b=3"][..]), ("x-conformance", &["last", "first"])]
    {
        let values = response.headers.get_all(name).iter();
        let values: Vec<_> =
            values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        ensure(values == expected, format!("{name} as {expected:?}"), || format!("{values:?}"))?;
        evidence.add(format!("{name}: {values:?}"));
    }
    Ok(evidence)
}

async fn invalid_status(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut evidence = Evidence::default();
    let none = json!([]);
    for code in [200, 299, 418, 599] {
        let status = plugin.send(answer(code, &none, "")).await?.status;
        ensure(i64::from(status) == code, format!("status {code}"), || status.to_string())?;
    }
    evidence.add("200, 299, 418, 599: as author code gave them");
    for code in [-1, 0, 99, 100, 101, 103, 199, 600, 999, 1000, 65736] {
        let status = plugin.send(answer(code, &none, "")).await?.status;
        ensure(status == 500, format!("500 to a handler that answers with {code}"), || {
            status.to_string()
        })?;
        evidence.add(format!("{code}: 500"));
    }
    let status = plugin.get("/context").await?.status;
    ensure(status == 200, "200 from other handlers afterwards", || status.to_string())?;
    Ok(evidence)
}

async fn hidden_health(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let status = plugin.get("/status/418").await?.status;
    ensure(status == 418, "418 from author code that is asked for it", || status.to_string())?;
    let mut evidence = Evidence::saw("418 came from /status/418");
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONFORMANCE"] {
        for target in ["/health", "/health?conformance=1"] {
            let read = matches!(method, "GET" | "HEAD");
            // Health goes unsigned by itself; a signature must not open the author's route either.
            let signed = Request::new(method, target).signature(plugin.secret());
            for request in [Request::new(method, target).unsigned(), signed] {
                let what = format!("{method} {target}");
                let status = plugin.send(request).await?.status;
                ensure(status != 418, format!("an answer of the SDK's own to {what}"), || {
                    "418, which is the author's".into()
                })?;
                ensure(!read || status == 200, format!("200 to {what}"), || status.to_string())?;
            }
        }
        evidence.add(format!("{method} /health: not from author code"));
    }
    Ok(evidence)
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "everything/unread-body",
        "a body that nobody reads stops its sender",
        &["EP-51", "HT-20"],
        |cx| Box::pin(unread_body(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/broken-body",
        "a response that fails half way is seen to break off",
        &["EP-52", "HT-24"],
        |cx| Box::pin(broken_body(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/repeated-headers",
        "repeated response headers are all sent, in order",
        &["EP-50", "HT-26"],
        |cx| Box::pin(repeated_headers(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/invalid-status",
        "a status that is none is a 500",
        &["EP-50", "HT-31"],
        |cx| Box::pin(invalid_status(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/hidden-health",
        "an author's route at the health path is never asked",
        &["EP-55", "HT-11", "AU-09"],
        |cx| Box::pin(hidden_health(cx)),
    )
    .needs(Needs::Everything),
];
