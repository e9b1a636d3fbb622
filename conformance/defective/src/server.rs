//! The HTTP server: accepting, and which part of the plugin answers what.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::net::UnixListener;

use crate::auth::{self, Refused};
use crate::defects::{
    auth as unproven, author, everything_life, faults, handshake, health as ill, http as rude,
    stdio, stop,
};
use crate::http::{Answered, Connection, Exchange, Next, Reply, Request};
use crate::plugin::{Dialect, Plugin};
use crate::{channel, events, log, routes, ui, workers};

/// The health path.
pub(crate) const HEALTH: &str = "/health";
/// The pause after a refusal to accept, which is one of descriptors most of the time.
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(50);
/// What a TLS connection begins with.
const TLS_HANDSHAKE: u8 = 0x16;
/// What is a large body to a plugin that has a defect with those.
const LARGE: usize = 1024 * 1024;

/// Accepts until it is aborted.
pub(crate) async fn serve(listener: UnixListener, plugin: Arc<Plugin>) {
    let mut complained = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(Connection::new(stream), Arc::clone(&plugin)));
            }
            Err(_) if faults::DIES_WITHOUT_DESCRIPTORS.active() => std::process::exit(1),
            Err(_) if faults::DEAF_WITHOUT_DESCRIPTORS.active() => return,
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
    let _worker = workers::one().await;
    let mut unused = stop::UNUSED_CONNECTIONS_DRAINED.active().then(|| UnderWay::new(&plugin));
    loop {
        let next = tokio::select! {
            next = connection.next() => next,
            () = plugin.told_to_stop(), if unused.is_none() => return,
        };
        unused = None;
        let request = match next {
            Next::Request(request) => request,
            Next::Bad(status, why) => {
                if rude::EXITS_ON_TLS.active() && connection.unread().starts_with(&[TLS_HANDSHAKE])
                {
                    std::process::exit(1);
                }
                // Whoever has sent it may be gone.
                let _ = connection.refuse(status, why).await;
                return;
            }
            Next::Ended => {
                if rude::EXITS_ON_HALF_A_HEAD.active() && !connection.unread().is_empty() {
                    std::process::exit(1);
                }
                return;
            }
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
            Err(_) if exchange.has_begun() => {
                if author::BROKEN_BODY_ENDS.active() {
                    // The peer may be gone.
                    let _ = exchange.end(&[]).await;
                }
                return;
            }
            Err(_) if everything_life::PANIC_HANGS_UP.active() => return,
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
    if is_left_unanswered(&exchange.request) {
        return Err(std::io::ErrorKind::ConnectionAborted.into());
    }
    if path == HEALTH && reads {
        let reply = health(plugin, &exchange.request, first);
        return exchange.answer(reply).await;
    }
    if let Err(Refused) = auth::admit(plugin, &mut exchange.request) {
        if unproven::BODY_FIRST.active() {
            exchange.body(usize::MAX).await?;
        }
        return exchange.answer(Reply::text(401, "the signature is missing or wrong")).await;
    }
    if unproven::UNSIGNED_FORBIDDEN.active()
        && plugin.dialect == Dialect::One
        && !exchange.request.proof.signed
        && path != "/_events"
    {
        return exchange.answer(Reply::text(403, "the signature is missing")).await;
    }
    match path.as_str() {
        HEALTH if author::HEALTH_OF_OTHER_METHODS.active() => {
            exchange.answer(Reply::text(418, "never asked")).await
        }
        HEALTH => exchange.answer(Reply::text(405, "GET and HEAD only")).await,
        "/_events" => events::take(plugin, exchange).await,
        "/_temps/channel" => channel::upgrade(plugin, exchange).await,
        _ if path.starts_with("/_temps/") && rude::BELOW_TEMPS_IS_200.active() => {
            exchange.answer(Reply::text(200, "ok")).await
        }
        "/_temps" => exchange.answer(Reply::text(404, "no such route")).await,
        _ if path.starts_with("/_temps/") => {
            exchange.answer(Reply::text(404, "no such route")).await
        }
        "/ui" => ui::answer(exchange, "").await,
        _ if path.starts_with("/ui/") => ui::answer(exchange, &path).await,
        _ if !plugin.initialised.load(Ordering::Acquire)
            && !everything_life::ROUTES_BEFORE_START.active() =>
        {
            exchange.answer(Reply::text(503, "not initialised yet")).await
        }
        _ => match routes::answer(plugin, exchange, method, &path).await? {
            Some(answered) => Ok(answered),
            None => unknown_route(plugin, exchange).await,
        },
    }
}

/// What health says: ok, unless a defect has it otherwise.
fn health(plugin: &Plugin, request: &Request, first: bool) -> Reply {
    let had_channel = *plugin.had_channel.borrow();
    let ailing = (first && handshake::FIRST_HEALTH_503.active())
        || (!had_channel && ill::WAITS_FOR_CHANNEL.active())
        || (plugin.channel.was_closed() && ill::ILL_AFTER_CLOSE.active())
        || (workers::all_busy() && ill::ILL_WHEN_BUSY.active());
    let wrongly_signed = request
        .header(auth::SIGNATURE)
        .is_some_and(|signature| signature != plugin.secret.as_bytes());
    if ailing {
        Reply::text(503, "not now")
    } else if wrongly_signed && ill::LOOKS_AT_SIGNATURE.active() {
        Reply::text(401, "the signature is wrong")
    } else if request.method == "HEAD" && ill::HEAD_IS_405.active() {
        Reply::text(405, "GET only")
    } else {
        Reply::text(200, "ok")
    }
}

/// Whether a defect has the connection closed where an answer is owed (HT-07).
fn is_left_unanswered(request: &Request) -> bool {
    const METHODS: [&str; 9] =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
    let method = request.method.as_str();
    let mut escapes = request.path().as_bytes().split(|byte| *byte == b'%').skip(1);
    let is_escape =
        |text: &[u8]| text.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    (method == "TRACE" && rude::TRACE_UNANSWERED.active())
        || (!METHODS.contains(&method) && rude::UNKNOWN_METHODS_UNANSWERED.active())
        || (request.path().len() > 2048 && rude::LONG_PATH_UNANSWERED.active())
        || (!escapes.all(is_escape) && rude::BAD_PERCENT_UNANSWERED.active())
}

async fn unknown_route(plugin: &Plugin, exchange: &mut Exchange<'_>) -> std::io::Result<Answered> {
    if rude::LARGE_BODY_UNANSWERED.active() && exchange.body(LARGE).await?.is_none() {
        return Err(std::io::ErrorKind::ConnectionAborted.into());
    }
    let answered = exchange.answer(not_found(plugin)).await;
    let is_get = exchange.request.method == "GET";
    if is_get && answered.is_err() && rude::EXITS_WHEN_UNREAD.active() {
        std::process::exit(1);
    }
    answered
}

fn not_found(plugin: &Plugin) -> Reply {
    if rude::UNKNOWN_ROUTE_IS_500.active() {
        return Reply::text(500, "there is no handler");
    }
    if stdio::SECRET_IN_404.active() {
        return Reply::text(404, format!("no such route; {:?}", plugin.secret));
    }
    if stdio::SECRET_IN_HEADER.active() {
        return Reply::text(404, "no such route").header("x-debug", &plugin.secret);
    }
    Reply::text(404, "no such route")
}
