//! What the plugin knows: its caller and its start (EP-28 to EP-31, EP-43).

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::auth::{Caller, caller};
use crate::defects::{everything_http, everything_life, requests};
use crate::http::{Answered, Exchange, Framing, Reply};
use crate::manifest::NAME;
use crate::plugin::Plugin;

fn described(caller: &Caller) -> Value {
    let Caller { user_id, email, role, permissions } = caller;
    json!({
        "signed_in": true, "user_id": user_id, "email": email, "role": role, "permissions": permissions,
    })
}

pub(super) async fn whoami(plugin: &Plugin, exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    if requests::WHOAMI_NEEDS_A_CHANNEL.active() && !*plugin.had_channel.borrow() {
        return Err(io::ErrorKind::NotConnected.into());
    }
    if everything_http::TRAILERS_ARE_HEADERS.active() {
        while exchange.chunk().await?.is_some() {}
        exchange.request.headers.append(&mut exchange.trailers);
    }
    let who = caller(&exchange.request);
    let who = who.map_or_else(|| json!({"signed_in": false}), |caller| described(&caller));
    exchange.answer(Reply::json(200, &who)).await
}

pub(super) async fn private(exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let named =
        exchange.request.proof.signed && exchange.request.header("x-temps-user-id").is_some();
    let reply = match caller(&exchange.request) {
        None if everything_http::PRIVATE_TO_EVERYBODY.active() => {
            Reply::json(200, &json!({"signed_in": false}))
        }
        None if everything_http::PRIVATE_BY_ID_ALONE.active() && named => {
            Reply::json(200, &json!({"signed_in": true}))
        }
        Some(caller) => Reply::json(200, &described(&caller)),
        None => Reply::text(401, "nobody is signed in"),
    };
    exchange.answer(reply).await
}

pub(super) async fn hello(exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    if everything_http::PUBLIC_WANTS_A_CALLER.active() && caller(&exchange.request).is_none() {
        return exchange.answer(Reply::text(401, "nobody is signed in")).await;
    }
    let mut body = json!({"hello": "world"}).to_string();
    let headers = [("content-type".to_owned(), b"application/json".to_vec())];
    exchange.begin(200, &headers, Framing::Length(body.len() as u64)).await?;
    if requests::MORE_THAN_ITS_LENGTH.active() {
        body.push_str("bye\n");
    }
    exchange.write(body.as_bytes()).await?;
    Ok(Answered::Response)
}

pub(super) async fn context(plugin: &Plugin, exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    static BUSY: AtomicBool = AtomicBool::new(false);
    if requests::ONE_CONTEXT_AT_A_TIME.active() {
        if BUSY.swap(true, Ordering::Relaxed) {
            return exchange.answer(Reply::text(503, "busy")).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        BUSY.store(false, Ordering::Relaxed);
    }
    let dialect = match plugin.dialect.number() {
        1 if everything_life::CONTEXT_OF_DIALECT_2.active() => 2,
        number => number,
    };
    let context = json!({
        "plugin_name": NAME, "data_dir": plugin.data_dir.to_string_lossy(), "dialect": dialect,
    });
    exchange.answer(Reply::json(200, &context)).await
}
