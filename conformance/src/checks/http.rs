//! Every request gets an answer, whatever it looks like.

use super::auth::{event, signed_is_let_in};
use super::prelude::*;
use temps_plugin_schema::limits::BODY_FLOOR_BYTES;

/// A route that no author is likely to have.
pub(super) const NOWHERE: &str = "/conformance-no-such-route";

async fn keeps_connections(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut raw = plugin.raw().await?;
    let request = format!("GET {} HTTP/1.1\r\nhost: plugin\r\n\r\n", cx.health_path());
    for number in 1..=3 {
        raw.write(request.as_bytes()).await?;
        let head = raw.response().await?;
        ensure(head.status == 200, format!("200 to request {number} of one connection"), || {
            head.status.to_string()
        })?;
    }
    Ok(Evidence::saw("three requests over one connection, each answered with 200"))
}

async fn unknown_route(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let status = plugin.get(NOWHERE).await?.status;
    match status {
        404 => Ok(Evidence::saw(format!("GET {NOWHERE}: 404"))),
        // A router with a catch-all route has every route.
        200..=399 => Err(Stop::skip("the plugin seems to answer every path (a catch-all route)")),
        other => Err(Stop::failed(format!("404 to GET {NOWHERE}"), other.to_string())),
    }
}

async fn odd_methods(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence = Evidence::default();
    for method in ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "CONFORMANCE-ODD"] {
        let status = plugin.send(Request::new(method, NOWHERE)).await?.status;
        ensure((200..600).contains(&status), format!("a response to {method}"), || {
            status.to_string()
        })?;
        evidence.add(format!("{method}: {status}"));
    }
    Ok(evidence)
}

async fn odd_paths(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let long = format!("/{}", "x".repeat(4096));
    let paths = [
        "//",
        "/%00",
        "/%ff%fe",
        "/%",
        "/..",
        "/../../etc/passwd",
        "/a//b/",
        "/?",
        "/?a?b=c&&=",
        "/%2e%2e/",
        "/ä",
        "/_temps",
        "/_temps/",
        "/_eventsy",
        &long,
    ];
    let mut evidence = Evidence::default();
    for path in paths {
        let mut raw = plugin.raw().await?;
        let secret = plugin.secret();
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: plugin\r\nx-temps-auth-signature: {secret}\r\nconnection: close\r\n\r\n"
        );
        raw.write(head.as_bytes()).await?;
        let response = raw.response().await?;
        let shown: String = path.chars().take(20).collect();
        ensure(
            (200..600).contains(&response.status),
            format!("a response to GET {shown}"),
            || response.status.to_string(),
        )?;
        evidence.add(format!("GET {shown}: {}", response.status));
    }
    Ok(evidence)
}

async fn split_requests(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let head = format!(
        "POST {NOWHERE} HTTP/1.1\r\nhost: plugin\r\nx-temps-auth-signature: {}\r\n\
         transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        plugin.secret()
    );
    let whole = plugin.raw().await?.request(&head).await?.status;
    // A connection of its own: the answer to a body that nobody has read may end the first.
    let mut raw = plugin.raw().await?;
    for byte in head.as_bytes() {
        raw.write(&[*byte]).await?;
        tokio::task::yield_now().await;
    }
    let split = raw.response().await?.status;
    ensure(split == whole, format!("{whole}, as when it came in one piece"), || split.to_string())?;
    Ok(Evidence::saw(format!("a request of {} bytes, one by one: {split}", head.len())))
}

async fn pipelined_requests(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let secret = plugin.secret();
    let health = format!("GET {} HTTP/1.1\r\nhost: plugin\r\n\r\n", cx.health_path());
    let refused = format!(
        "GET {NOWHERE} HTTP/1.1\r\nhost: plugin\r\nx-temps-auth-signature: x{secret}\r\n\r\n"
    );
    let mut raw = plugin.raw().await?;
    raw.write([health.as_str(), &refused, &health, &refused, &health].concat().as_bytes()).await?;
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(raw.response().await?.status);
    }
    ensure(seen == [200, 401, 200, 401, 200], "200, 401, 200, 401, 200", || format!("{seen:?}"))?;
    Ok(Evidence::saw(format!("five requests in one write: {seen:?}, in their order")))
}

async fn odd_headers(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let many: String = (0..90).map(|number| format!("x-conf-{number}: {number}\r\n")).collect();
    let cases = [
        ("90 headers", many),
        ("a header of 16 KiB", format!("x-conf-long: {}\r\n", "x".repeat(16 * 1024))),
        ("a header of 1 MiB", format!("x-conf-long: {}\r\n", "x".repeat(1024 * 1024))),
        ("an empty header", "x-conf-empty:\r\n".to_owned()),
        ("a header that is no ASCII", "x-conf-text: \u{e4}\u{20ac}\r\n".to_owned()),
        ("an expectation nobody knows", "expect: conformance\r\n".to_owned()),
        ("an upgrade nobody knows", "connection: upgrade\r\nupgrade: conformance\r\n".to_owned()),
        ("a name with a blank", "x conf: 1\r\n".to_owned()),
        ("a line that is no header", "conformance\r\n".to_owned()),
    ];
    let mut evidence = Evidence::default();
    for (what, lines) in cases {
        let secret = plugin.secret();
        let text = format!(
            "GET {NOWHERE} HTTP/1.1\r\nhost: plugin\r\nx-temps-auth-signature: {secret}\r\n{lines}\r\n"
        );
        let status = plugin.raw().await?.request(&text).await?.status;
        ensure((200..600).contains(&status), format!("a response to {what}"), || {
            status.to_string()
        })?;
        evidence.add(format!("{what}: {status}"));
    }
    Ok(evidence)
}

async fn large_body(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence = Evidence::default();
    for framing in ["content-length", "chunks"] {
        let mut raw = plugin.raw().await?;
        let secret = plugin.secret();
        let (header, mut body) = match framing {
            "chunks" => ("transfer-encoding: chunked".to_owned(), b"1000000\r\n".to_vec()),
            _ => (format!("content-length: {BODY_FLOOR_BYTES}"), Vec::new()),
        };
        body.resize(body.len() + BODY_FLOOR_BYTES, b'x');
        if framing == "chunks" {
            body.extend_from_slice(b"\r\n0\r\n\r\n");
        }
        let head = format!(
            "POST {NOWHERE} HTTP/1.1\r\nhost: plugin\r\nx-temps-auth-signature: {secret}\r\n{header}\r\n\r\n"
        );
        raw.write(head.as_bytes()).await?;
        // The plugin may answer, and close, before it has read all of it.
        raw.write(&body).await?;
        let status = raw.response().await?.status;
        ensure((200..600).contains(&status), format!("a response to 16 MiB in {framing}"), || {
            status.to_string()
        })?;
        let health = plugin.health().await?.status;
        ensure(health == 200, "health 200 afterwards", || health.to_string())?;
        evidence.add(format!("POST of 16 MiB in {framing} to {NOWHERE}: {status}"));
    }
    Ok(evidence)
}

async fn no_http(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let secret = plugin.secret().to_owned();
    let signed =
        format!("POST {NOWHERE} HTTP/1.1\r\nhost: plugin\r\nx-temps-auth-signature: {secret}\r\n");
    let pieces = [
        ("bytes that are no HTTP", "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\r\n\r\n".to_owned()),
        ("a line that is none of HTTP's", "HELO plugin\r\n\r\n".to_owned()),
        ("half a head", signed.clone()),
        ("half a body", format!("{signed}content-length: 1000\r\n\r\nhalf")),
        ("a chunk with a bad size", format!("{signed}transfer-encoding: chunked\r\n\r\nzz\r\n")),
        ("two lengths", format!("{signed}content-length: 1\r\ncontent-length: 2\r\n\r\nx")),
    ];
    let mut evidence = Evidence::default();
    for (what, bytes) in pieces {
        let mut raw = plugin.raw().await?;
        raw.write(bytes.as_bytes()).await?;
        drop(raw);
        let status = plugin.health().await?.status;
        ensure(status == 200, format!("health 200 after {what}"), || status.to_string())?;
        evidence.add(format!("health 200 after {what} and the connection's end"));
    }
    Ok(evidence)
}

async fn peer_goes_away(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    // Many requests at once: the plugin is still at the first ones when its peer has left.
    let requests = format!(
        "GET {NOWHERE} HTTP/1.1\r\nhost: plugin\r\nx-temps-auth-signature: {}\r\n\r\n",
        plugin.secret()
    )
    .repeat(20);
    for _ in 0..20 {
        plugin.raw().await?.write(requests.as_bytes()).await?;
    }
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 after 20 peers left without reading", || status.to_string())?;
    Ok(Evidence::saw(
        "20 peers asked 20 times each and left before they had read a response; health 200",
    ))
}

async fn events_is_reserved(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let request = Request::post("/_events").with_event_auth(&plugin).json(&event());
    let status = plugin.send(request).await?.status;
    ensure(status == 200, "200 to POST of an event at /_events", || status.to_string())?;
    let mut evidence = Evidence::saw("POST /_events: 200");
    for method in ["GET", "PUT", "DELETE"] {
        let status =
            plugin.send(Request::new(method, "/_events").with_event_auth(&plugin)).await?.status;
        ensure(status >= 400, format!("400 or above to {method} /_events"), || status.to_string())?;
        evidence.add(format!("{method} /_events: {status}"));
    }
    Ok(evidence)
}

async fn channel_is_reserved(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence = Evidence::saw(signed_is_let_in(&plugin).await?);
    for (method, path) in
        [("GET", "/_temps/channel"), ("POST", "/_temps/channel"), ("GET", "/_temps/else")]
    {
        let status = plugin.send(Request::new(method, path)).await?.status;
        ensure(
            status >= 400,
            format!("400 or above to {method} {path} without an upgrade"),
            || status.to_string(),
        )?;
        evidence.add(format!("{method} {path}: {status}"));
    }
    Ok(evidence)
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "http/keeps-connections",
        "a connection serves several requests",
        &["HT-01", "HT-02"],
        |cx| Box::pin(keeps_connections(cx)),
    )
    .needs(Needs::Running),
    Check::must("http/unknown-route", "an unknown route is 404", &["HT-08"], |cx| {
        Box::pin(unknown_route(cx))
    })
    .needs(Needs::Running),
    Check::must("http/odd-methods", "every method gets a response", &["HT-07"], |cx| {
        Box::pin(odd_methods(cx))
    })
    .needs(Needs::Running),
    Check::must("http/odd-paths", "every path gets a response", &["HT-07"], |cx| {
        Box::pin(odd_paths(cx))
    })
    .needs(Needs::Running),
    Check::must(
        "http/split-requests",
        "a request that comes byte by byte is a request",
        &["HT-01", "HT-07"],
        |cx| Box::pin(split_requests(cx)),
    )
    .needs(Needs::Running),
    Check::must(
        "http/pipelined-requests",
        "requests that come in one piece are answered in order",
        &["HT-01", "HT-02", "HT-07"],
        |cx| Box::pin(pipelined_requests(cx)),
    )
    .needs(Needs::Running),
    Check::must("http/odd-headers", "whatever the headers, a response", &["HT-07"], |cx| {
        Box::pin(odd_headers(cx))
    })
    .needs(Needs::Running),
    Check::must("http/large-body", "a body of 16 MiB gets a response", &["HT-07"], |cx| {
        Box::pin(large_body(cx))
    })
    .needs(Needs::Running),
    Check::must("http/no-http", "bytes that are no HTTP do no harm", &["HT-33"], |cx| {
        Box::pin(no_http(cx))
    }),
    Check::must("http/peer-goes-away", "peers that leave early do no harm", &["HT-33"], |cx| {
        Box::pin(peer_goes_away(cx))
    }),
    Check::must(
        "http/events-reserved",
        "other methods than POST are refused at /_events",
        &["HT-15"],
        |cx| Box::pin(events_is_reserved(cx)),
    )
    .needs(Needs::Running),
    Check::must(
        "http/channel-reserved",
        "what is no upgrade is refused below /_temps",
        &["HT-16"],
        |cx| Box::pin(channel_is_reserved(cx)),
    )
    .needs(Needs::Running),
];
