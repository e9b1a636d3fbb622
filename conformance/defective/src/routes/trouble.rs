//! Author code that misbehaves (EP-41, EP-42, EP-50, EP-51).

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{BODY, bad_request, json_body};
use crate::defects::{author, everything_life, requests};
use crate::http::{Answered, Exchange, Reply};

/// How much of a body a defect reads that nobody asked for.
const AHEAD: usize = 64 * 1024 * 1024;
/// Headers that say how a response is framed, which is not for author code to say.
const FRAMING: [&str; 3] = ["content-length", "transfer-encoding", "connection"];

/// Whether author code has printed anything.
pub(crate) static HAS_PRINTED: AtomicBool = AtomicBool::new(false);

pub(super) async fn print(exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let Some(body) = exchange.body(BODY).await? else {
        return exchange.answer(Reply::text(413, format!("more than {BODY} bytes"))).await;
    };
    // A host that has closed standard error as well loses the text, and nothing else happens.
    let mut out = io::stdout();
    let printed =
        out.write_all(&body).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    HAS_PRINTED.store(true, Ordering::Relaxed);
    if requests::PRINTS_AND_FAILS.active() {
        printed?;
    }
    let length = match everything_life::PRINT_TRIMMED.active() {
        true => body.trim_ascii().len(),
        false => body.len(),
    };
    exchange.answer(Reply::json(200, &json!({"printed": length}))).await
}

pub(super) fn fail() -> io::Result<Answered> {
    panic!("the request asked for a handler that fails")
}

pub(super) async fn answer(exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let asked = match json_body(exchange).await? {
        Ok(asked) => asked,
        Err(reply) => return exchange.answer(reply).await,
    };
    let reply = reply_of(&asked).unwrap_or_else(bad_request);
    exchange.answer(reply).await
}

fn reply_of(asked: &Value) -> Result<Reply, &'static str> {
    let status = match asked.get("status") {
        None => 200,
        // A number that is no status at all is handed on as one that nobody takes.
        Some(Value::Number(status)) => status.as_u64().unwrap_or(0),
        Some(_) => return Err("`status` is no number"),
    };
    let body = match asked.get("body") {
        None | Some(Value::Null) => "",
        Some(body) => body.as_str().ok_or("`body` is no text")?,
    };
    let mut reply = Reply::new(status, body.to_owned());
    for pair in asked.get("headers").and_then(Value::as_array).into_iter().flatten() {
        let (Some(name), Some(value)) = (pair[0].as_str(), pair[1].as_str()) else {
            return Err("`headers` is no list of pairs of texts");
        };
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let named = !name.is_empty() && name.chars().all(token);
        if !named || value.contains(['\r', '\n', '\0']) {
            return Err("`headers` has what is no header");
        }
        if author::HEADERS_ARE_A_MAP.active() {
            reply.headers.retain(|(known, _)| known != name);
        }
        if !FRAMING.contains(&name.to_ascii_lowercase().as_str()) {
            reply = reply.header(name, value);
        }
    }
    Ok(reply)
}

pub(super) async fn unread(exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let ms = exchange.request.number("ms").unwrap_or(0);
    let mut ahead = Vec::new();
    let sleep = tokio::time::sleep(Duration::from_millis(ms));
    tokio::pin!(sleep);
    loop {
        tokio::select! {
            () = &mut sleep => break,
            piece = exchange.chunk(), if author::BODIES_READ_AHEAD.active() && ahead.len() < AHEAD => {
                ahead.extend_from_slice(&piece?.unwrap_or_default());
            }
        }
    }
    exchange.answer(Reply::json(200, &json!({"read": 0}))).await
}
