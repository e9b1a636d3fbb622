//! Routes that make calls (EP-32 to EP-36, EP-48).

use std::io;

use super::json_body;
use crate::http::{Answered, Exchange, Reply};
use crate::platform_api::{self, shown};
use crate::plugin::Plugin;

pub(super) async fn call(plugin: &Plugin, exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let request = match json_body(exchange).await? {
        Ok(request) => request,
        Err(reply) => return exchange.answer(reply).await,
    };
    let outcome = tokio::select! {
        outcome = platform_api::ask(plugin, &request) => shown(outcome),
        // Nobody is left who wants to know.
        () = exchange.caller_gone() => return Err(io::ErrorKind::ConnectionAborted.into()),
    };
    exchange.answer(Reply::json(200, &outcome)).await
}

pub(super) async fn api(plugin: &Plugin, exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let request = match json_body(exchange).await? {
        Ok(request) => request,
        Err(reply) => return exchange.answer(reply).await,
    };
    let actor = exchange.request.proof.actor_token.take();
    let outcome = shown(platform_api::api(plugin, &request, actor.as_deref()).await);
    exchange.answer(Reply::json(200, &outcome)).await
}
