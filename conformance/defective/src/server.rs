//! The HTTP server: accepting, and which part of the plugin answers what.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::net::UnixListener;

use crate::auth::{self, Refused};
use crate::defects::{handshake, stdio};
use crate::http::{Answered, Connection, Exchange, Next, Reply};
use crate::plugin::Plugin;
use crate::{channel, events, log, routes, ui};

/// The health path.
pub(crate) const HEALTH: &str = "/health";
/// The pause after a refusal to accept, which is one of descriptors most of the time.
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(50);

/// Accepts until it is aborted.
pub(crate) async fn serve(listener: UnixListener, plugin: Arc<Plugin>) {
    let mut complained = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(Connection::new(stream), Arc::clone(&plugin)));
            }
            Err(error) => {
                if !complained {
                    log::warn(&format!("cannot accept a connection: {error}"));
                }
                complained = true;
                tokio::time::sleep(AFTER_ACCEPT_ERROR).await;
            }
        }
    }
}

/// One connection, request by request.
async fn connection(mut connection: Connection, plugin: Arc<Plugin>) {
    loop {
        let next = tokio::select! {
            next = connection.next() => next,
            () = plugin.told_to_stop() => return,
        };
        let request = match next {
            Next::Request(request) => request,
            Next::Bad(status, why) => {
                // Whoever has sent it may be gone.
                let _ = connection.refuse(status, why).await;
                return;
            }
            Next::Ended => return,
        };
        let _under_way = UnderWay::new(&plugin);
        let mut exchange = connection.exchange(*request);
        let answered = AssertUnwindSafe(answer(&plugin, &mut exchange)).catch_unwind().await;
        let outcome = match answered {
            Ok(Ok(Answered::Response)) => exchange.finish().await,
            Ok(Ok(Answered::Upgraded(upgrade))) => {
                drop(_under_way);
                let (input, output) = connection.into_parts();
                upgrade(input, output).await;
                return;
            }
            Ok(Err(error)) => Err(error),
            Err(_) if exchange.has_begun() => return,
            Err(_) => match exchange.reply(Reply::text(500, "the handler failed")).await {
                Ok(()) => exchange.finish().await,
                Err(error) => Err(error),
            },
        };
        let goes_on = match outcome {
            Ok(goes_on) => goes_on,
            // The peer went away in the middle.
            Err(_) => return,
        };
        if !goes_on {
            drop(_under_way);
            connection.linger().await;
            return;
        }
        if plugin.is_stopping() {
            return;
        }
    }
}

/// Counts a request for as long as it is under way.
struct UnderWay(Arc<Plugin>);

impl UnderWay {
    fn new(plugin: &Arc<Plugin>) -> Self {
        plugin.in_flight.send_modify(|count| *count += 1);
        Self(Arc::clone(plugin))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.in_flight.send_modify(|count| *count -= 1);
    }
}

async fn answer(plugin: &Arc<Plugin>, exchange: &mut Exchange<'_>) -> std::io::Result<Answered> {
    let method = exchange.request.method.clone();
    let path = exchange.request.path().to_owned();
    let method = method.as_str();
    let reads = matches!(method, "GET" | "HEAD");
    let first = !plugin.was_asked.swap(true, Ordering::Relaxed);
    if path == HEALTH && reads {
        let warming_up = first && handshake::FIRST_HEALTH_503.active();
        let reply = if warming_up { Reply::text(503, "not yet") } else { Reply::text(200, "ok") };
        return exchange.answer(reply).await;
    }
    if let Err(Refused) = auth::admit(plugin, &mut exchange.request) {
        return exchange.answer(Reply::text(401, "the signature is missing or wrong")).await;
    }
    match path.as_str() {
        HEALTH => exchange.answer(Reply::text(405, "GET and HEAD only")).await,
        "/_events" => events::take(plugin, exchange).await,
        "/_temps/channel" => channel::upgrade(plugin, exchange).await,
        "/_temps" => exchange.answer(Reply::text(404, "no such route")).await,
        _ if path.starts_with("/_temps/") => {
            exchange.answer(Reply::text(404, "no such route")).await
        }
        "/ui" => ui::answer(exchange, "").await,
        _ if path.starts_with("/ui/") => ui::answer(exchange, &path).await,
        _ if !plugin.initialised.load(Ordering::Acquire) => {
            exchange.answer(Reply::text(503, "not initialised yet")).await
        }
        _ => match routes::answer(plugin, exchange, method, &path).await? {
            Some(answered) => Ok(answered),
            None => exchange.answer(not_found(plugin)).await,
        },
    }
}

fn not_found(plugin: &Plugin) -> Reply {
    if stdio::SECRET_IN_404.active() {
        return Reply::text(404, format!("no such route; {:?}", plugin.secret));
    }
    if stdio::SECRET_IN_HEADER.active() {
        return Reply::text(404, "no such route").header("x-debug", &plugin.secret);
    }
    Reply::text(404, "no such route")
}
