//! Routes that make responses (EP-17 to EP-22, EP-25 to EP-27, EP-52).

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use super::bad_request;
use crate::http::{Answered, Exchange, Framing, Reply};
use crate::plugin::Plugin;

/// Most bytes `/bytes/{n}` makes: 1 GiB.
const MOST: u64 = 1 << 30;
/// The pattern of `/bytes/{n}` repeats after this many bytes.
const PERIOD: u64 = 251;
/// How many periods are sent at once.
const PIECE: u64 = PERIOD * 256;

pub(super) async fn status(exchange: &mut Exchange<'_>, code: &str) -> io::Result<Answered> {
    let plain = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
    let status = code.parse::<u64>().ok().filter(|code| plain && (200..=599).contains(code));
    let reply = match status {
        Some(status @ (204 | 205 | 304)) => Reply::new(status, ""),
        Some(status) => Reply::json(status, &json!({"status": status})),
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
async fn send_pattern(exchange: &mut Exchange<'_>, count: u64) -> io::Result<()> {
    let piece: Vec<u8> = (0..PIECE).map(|i| u8::try_from(i % PERIOD).unwrap_or_default()).collect();
    let mut left = count;
    while left > 0 {
        let most = usize::try_from(left.min(PIECE)).unwrap_or(piece.len());
        exchange.write(&piece[..most]).await?;
        left -= most as u64;
    }
    Ok(())
}

pub(super) async fn bytes(exchange: &mut Exchange<'_>, n: &str) -> io::Result<Answered> {
    let Some(count) = count_of(n) else {
        return exchange.answer(bad_request("a number of bytes is one from 0 to 1073741824")).await;
    };
    exchange.begin(200, &octets(), Framing::Length(count)).await?;
    if exchange.request.method != "HEAD" {
        send_pattern(exchange, count).await?;
    }
    Ok(Answered::Response)
}

pub(super) async fn broken(exchange: &mut Exchange<'_>, n: &str) -> io::Result<Answered> {
    let Some(count) = count_of(n).filter(|count| *count > 0) else {
        return exchange.answer(bad_request("a number of bytes is one from 1 to 1073741824")).await;
    };
    exchange.begin(200, &octets(), Framing::Chunked).await?;
    send_pattern(exchange, count).await?;
    panic!("the request asked for a response that breaks off")
}

pub(super) async fn server_sent_events(exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let count = exchange.request.number("count").unwrap_or(3);
    let interval = Duration::from_millis(exchange.request.number("interval_ms").unwrap_or(0));
    let headers = [("content-type".to_owned(), b"text/event-stream".to_vec())];
    exchange.begin(200, &headers, Framing::Chunked).await?;
    for i in 0..count {
        if i > 0 && !interval.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = exchange.caller_gone() => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
        }
        exchange.write(format!("id: {i}\ndata: {{\"n\":{i}}}\n\n").as_bytes()).await?;
    }
    exchange.end(&[]).await?;
    Ok(Answered::Response)
}

pub(super) async fn slow(plugin: &Plugin, exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let ms = exchange.request.number("ms").unwrap_or(0);
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(ms)) => {}
        () = exchange.caller_gone() => {
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
