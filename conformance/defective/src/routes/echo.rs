//! Routes that give a request back (EP-09 to EP-16, EP-23, EP-24).

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::net::unix::OwnedWriteHalf;

use super::BODY;
use crate::http::{Answered, Exchange, Framing, Input, Reply};
use crate::plugin::Plugin;
use crate::websocket::{self, Broken, GOING_AWAY, Incoming, NORMAL, Outgoing, Reader};

pub(super) async fn echo(exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let Some(body) = exchange.body(BODY).await? else {
        return exchange.answer(Reply::text(413, format!("more than {BODY} bytes"))).await;
    };
    let request = &exchange.request;
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value)))
        .collect();
    let seen = json!({
        "method": request.method,
        "path": request.path(),
        "query": request.query(),
        "headers": headers,
        "body_base64": STANDARD.encode(&body),
        "body_length": body.len(),
    });
    exchange.answer(Reply::json(200, &seen)).await
}

pub(super) async fn stream(exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let mut headers = Vec::new();
    let kind = exchange.request.header("content-type").unwrap_or(b"application/octet-stream");
    headers.push(("content-type".to_owned(), kind.to_vec()));
    if let Some(announced) = exchange.request.header("trailer") {
        headers.push(("trailer".to_owned(), announced.to_vec()));
    }
    exchange.begin(200, &headers, Framing::Chunked).await?;
    while let Some(piece) = exchange.chunk().await? {
        exchange.write(&piece).await?;
    }
    let trailers = std::mem::take(&mut exchange.trailers);
    exchange.end(&trailers).await?;
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
            () = plugin.told_to_stop() => {
                return websocket::send(&mut output, &Outgoing::Close(GOING_AWAY)).await;
            }
        };
        let answer = match message {
            Ok(Incoming::Text(text)) => Outgoing::Text(text),
            Ok(Incoming::Binary(bytes)) => Outgoing::Binary(bytes),
            Ok(Incoming::Ping(payload)) => Outgoing::Pong(payload),
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
