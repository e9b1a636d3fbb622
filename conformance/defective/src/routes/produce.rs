//! Routes that make responses (EP-17 to EP-22, EP-25 to EP-27, EP-52).

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use super::bad_request;
use crate::defects::{everything_http, everything_life};
use crate::http::{Answered, Exchange, Framing, Reply};
use crate::plugin::Plugin;

/// Most bytes `/bytes/{n}` makes: 1 GiB.
const MOST: u64 = 1 << 30;
/// The pattern of `/bytes/{n}` repeats after this many bytes.
const PERIOD: u64 = 251;
/// How much is made ahead by a defect.
const AHEAD: u64 = 192 * 1024 * 1024;
/// How many periods are sent at once.
const PIECE: u64 = PERIOD * 256;

pub(super) async fn status(exchange: &mut Exchange<'_>, code: &str) -> io::Result<Answered> {
    let plain = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
    let status = code.parse::<u64>().ok().filter(|code| plain && (200..=599).contains(code));
    let reply = match status {
        Some(status @ (204 | 205 | 304)) => Reply::new(status, ""),
        Some(status) => Reply::json(status, &json!({"status": status})),
        None if everything_http::STATUSES_UNCHECKED.active() => {
            Reply::new(code.parse().unwrap_or(0), "")
        }
        None => bad_request("a status is a number from 200 to 599"),
    };
    exchange.answer(reply).await
}

fn octets() -> Vec<(String, Vec<u8>)> {
    vec![("content-type".to_owned(), b"application/octet-stream".to_vec())]
}

fn count_of(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|count| plain && *count <= MOST)
}

/// Sends the first `count` bytes of the pattern, as fast as they are taken.
async fn send_pattern(plugin: &Plugin, exchange: &mut Exchange<'_>, count: u64) -> io::Result<()> {
    let period = if everything_http::PATTERN_OF_256.active() { 256 } else { PERIOD };
    let piece: Vec<u8> = (0..PIECE).map(|i| u8::try_from(i % period).unwrap_or_default()).collect();
    let ahead = if everything_http::MUCH_AHEAD.active() { count.min(AHEAD) } else { PIECE };
    let piece = piece.repeat(usize::try_from(ahead.div_ceil(PIECE)).unwrap_or(1));
    let mut left = count;
    while left > 0 {
        if plugin.is_stopping() && everything_life::BREAKS_OFF_STREAMS.active() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let most = usize::try_from(left.min(piece.len() as u64)).unwrap_or(piece.len());
        exchange.write(&piece[..most]).await?;
        left -= most as u64;
    }
    Ok(())
}

pub(super) async fn bytes(
    plugin: &Plugin,
    exchange: &mut Exchange<'_>,
    n: &str,
) -> io::Result<Answered> {
    let Some(count) = count_of(n) else {
        return exchange.answer(bad_request("a number of bytes is one from 0 to 1073741824")).await;
    };
    let framing = match everything_http::BYTES_WITHOUT_LENGTH.active() {
        true => Framing::Chunked,
        false => Framing::Length(count),
    };
    exchange.begin(200, &octets(), framing).await?;
    if exchange.request.method != "HEAD" {
        send_pattern(plugin, exchange, count).await?;
    }
    exchange.end(&[]).await?;
    Ok(Answered::Response)
}

pub(super) async fn broken(
    plugin: &Plugin,
    exchange: &mut Exchange<'_>,
    n: &str,
) -> io::Result<Answered> {
    let Some(count) = count_of(n).filter(|count| *count > 0) else {
        return exchange.answer(bad_request("a number of bytes is one from 1 to 1073741824")).await;
    };
    exchange.begin(200, &octets(), Framing::Chunked).await?;
    send_pattern(plugin, exchange, count).await?;
    panic!("the request asked for a response that breaks off")
}

pub(super) async fn server_sent_events(exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let count = exchange.request.number("count").unwrap_or(3);
    let interval = Duration::from_millis(exchange.request.number("interval_ms").unwrap_or(0));
    let headers = [("content-type".to_owned(), b"text/event-stream".to_vec())];
    exchange.begin(200, &headers, Framing::Chunked).await?;
    let mut kept = String::new();
    for i in 0..count {
        if i > 0 && !interval.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = exchange.caller_gone() => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
        }
        kept.push_str(&format!("id: {i}\ndata: {{\"n\":{i}}}\n\n"));
        if !everything_http::EVENTS_HELD_BACK.active() {
            exchange.write(std::mem::take(&mut kept).as_bytes()).await?;
        }
    }
    exchange.write(kept.as_bytes()).await?;
    exchange.end(&[]).await?;
    Ok(Answered::Response)
}

pub(super) async fn slow(plugin: &Plugin, exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let ms = exchange.request.number("ms").unwrap_or(0);
    let slept = if everything_http::SLEEPS_WHOLE_SECONDS.active() { ms / 1000 * 1000 } else { ms };
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(slept)) => {}
        () = exchange.caller_gone(), if !everything_http::CALLERS_NEVER_MISSED.active() => {
            plugin.cancelled.fetch_add(1, Ordering::Relaxed);
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
    exchange.answer(Reply::json(200, &json!({"slept_ms": ms}))).await
}

pub(super) async fn cancelled(
    plugin: &Plugin,
    exchange: &mut Exchange<'_>,
) -> io::Result<Answered> {
    let count = plugin.cancelled.load(Ordering::Relaxed);
    exchange.answer(Reply::json(200, &json!({"cancelled": count}))).await
}
