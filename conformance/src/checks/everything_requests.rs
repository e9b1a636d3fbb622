//! The everything profile: what author code sees of requests that are odd and yet right.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::prelude::*;

/// Sends a request with this request line and these lines of a head, then `body`, and returns what
/// `/echo` saw.
async fn echoed(plugin: &Plugin, line: &str, head: &str, body: &[&[u8]]) -> Result<Value, Stop> {
    let mut raw = plugin.raw().await?;
    let secret = plugin.secret();
    let text = format!(
        "{line} HTTP/1.1\r\nhost: plugin\r\nx-temps-auth-signature: {secret}\r\n{head}\r\n"
    );
    raw.write(text.as_bytes()).await?;
    for piece in body {
        raw.write(piece).await?;
        tokio::task::yield_now().await;
    }
    let response = raw.response().await?;
    ensure(response.status == 200, format!("200 to {line}"), || response.status.to_string())?;
    serde_json::from_slice(&response.body)
        .map_err(|e| Stop::failed(format!("a JSON object in answer to {line}"), e.to_string()))
}

async fn odd_paths(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let long = format!("/echo/{}", "x".repeat(4000));
    let targets = [
        ("/echo/%2F%2f", None),
        ("/echo/a%2e%2e%2fb", None),
        ("/echo/a//b/", None),
        ("/echo/..", None),
        ("/echo/./a/../b", None),
        ("/echo/%00%0a%7f", None),
        ("/echo/%c3%a4", None),
        ("/echo/%ff%fe", None),
        ("/echo/a+b;c=d,e:f@g!$&'()*", None),
        ("/echo/_temps/channel", None),
        ("/echo/a", Some("?")),
        ("/echo/a", Some("x=%26&y=+&z=%2B")),
        ("/echo/a", Some("a=1&a=2&&=&b")),
        ("/echo/a", Some("/path/in/query?x")),
        (long.as_str(), Some("q")),
    ];
    let mut evidence = Evidence::default();
    for (path, query) in targets {
        let target = query.map_or(path.to_owned(), |query| format!("{path}?{query}"));
        let seen = echoed(&plugin, &format!("GET {target}"), "", &[]).await?;
        let right = seen["path"] == path && seen["query"] == json!(query);
        let shown: String = target.chars().take(60).collect();
        ensure(right, format!("the path and the query of {shown} as they came"), || {
            format!("path {}, query {}", seen["path"], seen["query"])
        })?;
        evidence.add(format!("{shown}: as it came"));
    }
    Ok(evidence)
}

async fn odd_headers(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut lines = Vec::new();
    for number in 0..20 {
        lines.push(("x-conf-many".to_owned(), format!("value {number}")));
        lines.push((format!("x-conf-{number}"), "1".to_owned()));
    }
    lines.push(("x-conf-empty".to_owned(), String::new()));
    lines.push(("x-conf-quoted".to_owned(), "\"a, b\"; c=\\d".to_owned()));
    lines.push(("x-conf-blanks".to_owned(), "a  b\tc".to_owned()));
    lines.push(("X-CONF-Case".to_owned(), "Case".to_owned()));
    lines.push(("x-conf-many".to_owned(), "the last".to_owned()));
    lines.push(("x-conf-long".to_owned(), "x".repeat(8000)));
    let head: String = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let seen = echoed(&plugin, "GET /echo", &head, &[]).await?;
    let pairs: Vec<(String, String)> = serde_json::from_value(seen["headers"].clone())
        .map_err(|e| Stop::failed("a list of pairs of texts as `headers`", e.to_string()))?;
    let values = |wanted: &str| -> Vec<&str> {
        pairs.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.as_str()).collect()
    };
    let mut names: Vec<String> = lines.iter().map(|(name, _)| name.to_lowercase()).collect();
    names.sort();
    names.dedup();
    for name in &names {
        let sent: Vec<&str> = lines
            .iter()
            .filter(|(sent, _)| sent.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        let got = values(name);
        ensure(got == sent, format!("the values of {name} in their order"), || format!("{got:?}"))?;
    }
    Ok(Evidence::saw(format!(
        "{} headers of {} names, one of them 21 times, one of 8000 bytes: all as they came",
        lines.len(),
        names.len()
    )))
}

async fn chunked(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let whole = b"chunk by chunk, a body is a body";
    let cases: [(&str, Vec<Vec<u8>>); 4] = [
        ("one chunk a byte", {
            let mut pieces: Vec<Vec<u8>> =
                whole.iter().map(|byte| [b"1\r\n", &[*byte][..], b"\r\n"].concat()).collect();
            pieces.push(b"0\r\n\r\n".to_vec());
            pieces
        }),
        ("sizes with zeros in front and in upper case", {
            let (first, rest) = whole.split_at(10);
            vec![[b"00A\r\n", first, b"\r\n", b"16\r\n", rest, b"\r\n0\r\n\r\n"].concat()]
        }),
        ("chunks with extensions, and a trailer", {
            let tail = &b"\r\n0;last\r\nx-conf-trailer: 1\r\n\r\n"[..];
            vec![[b"20;a=1;b=\"x\"\r\n", &whole[..], tail].concat()]
        }),
        ("every byte of the framing in a write of its own", {
            let text = [b"20\r\n", &whole[..], b"\r\n0\r\n\r\n"].concat();
            text.chunks(1).map(<[u8]>::to_vec).collect()
        }),
    ];
    let mut evidence = Evidence::default();
    for (what, pieces) in cases {
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let head = "transfer-encoding: chunked\r\n";
        let seen = echoed(&plugin, "POST /echo", head, &pieces).await?;
        let body = seen["body_base64"].as_str().and_then(|text| STANDARD.decode(text).ok());
        ensure(body.as_deref() == Some(whole), format!("the body, sent as {what}"), || {
            seen.to_string()
        })?;
        evidence.add(format!("{what}: {} bytes as they were sent", whole.len()));
    }
    Ok(evidence)
}

async fn methods_with_bodies(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence = Evidence::default();
    for method in [
        "GET",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
        "TRACE",
        "PROPFIND",
        "REPORT",
        "QUERY",
        "M-SEARCH",
        "lower",
        "A!#$%&'*+-.^_`|~9",
    ] {
        let seen = echoed(&plugin, &format!("{method} /echo/m"), "content-length: 2\r\n", &[b"hi"])
            .await?;
        let right = seen["method"] == method && seen["body_base64"] == "aGk=";
        ensure(right, format!("the method {method} and its body"), || seen.to_string())?;
        evidence.add(format!("{method} with a body of two bytes: as it was sent"));
    }
    Ok(evidence)
}

macro_rules! request_check {
    ($id:literal, $title:literal, $rules:expr, $run:ident) => {
        Check::must(concat!("everything/echo-", $id), $title, $rules, |cx| Box::pin($run(cx)))
            .needs(Needs::Everything)
    };
}

/// The table.
pub const CHECKS: &[Check] = &[
    request_check!(
        "odd-paths",
        "paths and queries reach author code as they came",
        &["EP-10", "EP-11", "HT-27"],
        odd_paths
    ),
    request_check!(
        "odd-headers",
        "headers reach author code all, in order",
        &["EP-12", "HT-25"],
        odd_headers
    ),
    request_check!(
        "chunked",
        "a body in chunks of any kind is the same body",
        &["EP-14", "HT-07"],
        chunked
    ),
    request_check!(
        "methods-with-bodies",
        "every method reaches author code, with its body",
        &["EP-09", "HT-07"],
        methods_with_bodies
    ),
];
