//! What the plugin knows: its caller and its start (EP-28 to EP-31, EP-43).

use std::io;

use serde_json::{Value, json};

use crate::auth::{Caller, caller};
use crate::http::{Answered, Exchange, Reply};
use crate::manifest::NAME;
use crate::plugin::Plugin;

fn described(caller: &Caller) -> Value {
    let Caller { user_id, email, role, permissions } = caller;
    json!({
        "signed_in": true, "user_id": user_id, "email": email, "role": role, "permissions": permissions,
    })
}

pub(super) async fn whoami(exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let who = caller(&exchange.request);
    let who = who.map_or_else(|| json!({"signed_in": false}), |caller| described(&caller));
    exchange.answer(Reply::json(200, &who)).await
}

pub(super) async fn private(exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let reply = match caller(&exchange.request) {
        Some(caller) => Reply::json(200, &described(&caller)),
        None => Reply::text(401, "nobody is signed in"),
    };
    exchange.answer(reply).await
}

pub(super) async fn hello(exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    exchange.answer(Reply::json(200, &json!({"hello": "world"}))).await
}

pub(super) async fn context(plugin: &Plugin, exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let context = json!({
        "plugin_name": NAME, "data_dir": plugin.data_dir.to_string_lossy(), "dialect": plugin.dialect.number(),
    });
    exchange.answer(Reply::json(200, &context)).await
}
