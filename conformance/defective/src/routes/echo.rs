//! Routes that give a request back (EP-09 to EP-16, EP-23, EP-24).

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::Semaphore;

use super::BODY;
use crate::defects::{everything_http, everything_life};
use crate::http::{Answered, Exchange, Framing, Input, Reply};
use crate::plugin::Plugin;
use crate::websocket::{self, Broken, GOING_AWAY, Incoming, NORMAL, Outgoing, Reader};

pub(super) async fn echo(exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let limit = if everything_http::BODY_OF_512_KIB.active() { 512 * 1024 } else { BODY };
    let limit = match exchange.request.method.as_str() {
        "GET" if everything_http::GET_WITHOUT_BODY.active() => None,
        _ => Some(limit),
    };
    let Some(body) = whole(exchange, limit).await? else {
        return exchange.answer(Reply::text(413, "the body is too large")).await;
    };
    let request = &exchange.request;
    let mut headers: Vec<(&str, String)> = Vec::new();
    let dropped = everything_http::EMPTY_HEADERS_DROPPED.active();
    for (name, value) in request.headers.iter().filter(|(_, value)| !dropped || !value.is_empty()) {
        let value = String::from_utf8_lossy(value);
        let joins = everything_http::REPEATED_HEADERS_JOINED.active();
        match headers.iter_mut().find(|(known, _)| joins && known == name) {
            Some((_, values)) => *values = format!("{values}, {value}"),
            None => headers.push((name, value.into_owned())),
        }
    }
    let path = match request.path() {
        path if everything_http::PATH_DECODED.active() => path.replace("%20", " "),
        path if everything_http::SLASHES_MERGED.active() => path.replace("//", "/"),
        path => path.to_owned(),
    };
    let none_if_empty = everything_http::EMPTY_QUERY_IS_NONE.active();
    let query = request.query().filter(|query| !none_if_empty || !query.is_empty());
    let seen = json!({
        "method": request.method,
        "path": path,
        "query": query,
        "headers": headers,
        "body_base64": STANDARD.encode(&body),
        "body_length": body.len(),
    });
    exchange.answer(Reply::json(200, &seen)).await
}

/// The body, none of it without a limit; nothing when it is longer than that.
async fn whole(exchange: &mut Exchange<'_>, limit: Option<usize>) -> io::Result<Option<Vec<u8>>> {
    match limit {
        Some(limit) => exchange.body(limit).await,
        None => Ok(Some(Vec::new())),
    }
}

pub(super) async fn stream(exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let mut headers = Vec::new();
    let kind = exchange.request.header("content-type").unwrap_or(b"application/octet-stream");
    headers.push(("content-type".to_owned(), kind.to_vec()));
    if let Some(announced) = exchange.request.header("trailer") {
        headers.push(("trailer".to_owned(), announced.to_vec()));
    }
    static STREAMS: Semaphore = Semaphore::const_new(500);
    let _turn = match everything_http::FIVE_HUNDRED_STREAMS.active() {
        true => STREAMS.acquire().await.ok(),
        false => None,
    };
    let mut sent = 0;
    if everything_http::STREAM_BUFFERED.active() {
        let body = exchange.body(BODY).await?.unwrap_or_default();
        exchange.begin(200, &headers, Framing::Chunked).await?;
        exchange.write(&body).await?;
    } else {
        exchange.begin(200, &headers, Framing::Chunked).await?;
    }
    while let Some(piece) = exchange.chunk().await? {
        sent += piece.len();
        if sent > 32 * 1024 * 1024 && everything_http::STREAMS_END_AT_32_MIB.active() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        exchange.write(&piece).await?;
    }
    let trailers = std::mem::take(&mut exchange.trailers);
    let kept = if everything_http::TRAILERS_DROPPED.active() { &[][..] } else { &trailers[..] };
    exchange.end(kept).await?;
    Ok(Answered::Response)
}

pub(super) async fn web_socket(
    plugin: &Arc<Plugin>,
    exchange: &mut Exchange<'_>,
) -> io::Result<Answered> {
    let Some(key) = websocket::key(&exchange.request) else {
        return exchange.answer(Reply::text(426, "this is no WebSocket upgrade")).await;
    };
    websocket::accept(exchange, &key).await?;
    let plugin = Arc::clone(plugin);
    Ok(Answered::Upgraded(Box::new(move |input, output| {
        Box::pin(async move {
            if everything_life::WAITS_FOR_WEBSOCKETS.active() {
                plugin.in_flight.send_modify(|count| *count += 1);
            }
            // The peer may go away at any time, and then there is nobody to tell.
            let _ = give_back(&plugin, input, output).await;
        })
    })))
}

async fn give_back(plugin: &Plugin, input: Input, mut output: OwnedWriteHalf) -> io::Result<()> {
    let mut reader = Reader::new(input);
    loop {
        let message = tokio::select! {
            message = reader.next() => message,
            () = plugin.told_to_stop(), if !everything_life::WAITS_FOR_WEBSOCKETS.active() => {
                if everything_life::WEBSOCKETS_CUT.active() {
                    return Ok(());
                }
                return websocket::send(&mut output, &Outgoing::Close(GOING_AWAY)).await;
            }
        };
        let answer = match message {
            Ok(Incoming::Text(text))
                if text.is_empty() && everything_http::EMPTY_MESSAGES_SKIPPED.active() =>
            {
                continue;
            }
            Ok(Incoming::Text(text)) => Outgoing::Text(text),
            Ok(Incoming::Binary(bytes)) if everything_http::BINARY_AS_TEXT.active() => {
                Outgoing::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            Ok(Incoming::Binary(bytes)) => Outgoing::Binary(bytes),
            Ok(Incoming::Ping(payload)) => Outgoing::Pong(payload),
            Ok(Incoming::Close(_)) if everything_http::CLOSE_UNANSWERED.active() => return Ok(()),
            Ok(Incoming::Close(code)) => {
                let code = code.unwrap_or(NORMAL);
                return websocket::send(&mut output, &Outgoing::Close(code)).await;
            }
            Err(Broken::Protocol(code)) => {
                return websocket::send(&mut output, &Outgoing::Close(code)).await;
            }
            Err(Broken::Lost) => return Ok(()),
        };
        websocket::send(&mut output, &answer).await?;
    }
}
