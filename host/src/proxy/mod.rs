//! Requests of callers, passed on to plugins: `/x/{name}/rest` reaches the plugin as `/rest`
//! (PROTOCOL.md, section "PX: proxying").

mod body;
mod headers;
mod path;
mod problem;

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse as _;
use http::header::{EXPECT, HOST};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use temps_plugin_schema::http::header;
use temps_plugin_schema::{Dialect, PluginManifest};
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;
use uuid::Uuid;

use self::body::{Pace, Passing};
pub(crate) use self::path::plain;
pub(crate) use self::problem::Problem;
use crate::http::{HttpError, Identity};
use crate::plugin::RunningPlugin;
use crate::plugin_host::PluginHost;

/// Where plugins begin.
pub(crate) const PREFIX: &str = "/x/";

/// What a request that is passed on may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyPolicy {
    /// How long a plugin may take to begin its response, counted from when the request was last
    /// getting on. Then the caller is answered with 504.
    pub head_timeout: Duration,
    /// How long a body may stop in the middle, in either direction. Then it is broken off.
    pub idle_timeout: Duration,
    /// How many requests may be under way to one plugin, upgraded connections included. One more is
    /// answered with 503.
    pub most_in_flight: usize,
    /// How many connections to one plugin are kept for the next requests while nothing is under way on
    /// them. Each is closed after a minute without any.
    pub kept_connections: usize,
}

impl Default for ProxyPolicy {
    /// A minute to begin, ten minutes between two pieces of a body, 1,024 requests at a time, and every
    /// connection kept.
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(600),
            most_in_flight: 1024,
            kept_connections: usize::MAX,
        }
    }
}

/// Passes a request on and answers it, whatever comes.
pub(crate) async fn pass_on(
    State(host): State<PluginHost>,
    request: Request<Body>,
) -> Response<Body> {
    let id = Uuid::new_v4().to_string();
    let (began, method) = (Instant::now(), request.method().clone());
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("request", request_id = id, %method, path);
    let mut plugin = None;
    let answered = try_to(&host, request, &id, &mut plugin).instrument(span.clone()).await;
    let response = answered.unwrap_or_else(|problem| problem.of_request(&id).into_response());
    let (status, after) = (response.status().as_u16(), began.elapsed());
    span.in_scope(|| tracing::debug!(plugin, status, ?after, "answered"));
    // Names that no plugin has are not counted: callers could make up any number of them.
    if let Some(plugin) = plugin {
        host.metrics().answered(&plugin, status, after);
    }
    response
}

async fn try_to(
    host: &PluginHost,
    mut request: Request<Body>,
    id: &str,
    found: &mut Option<String>,
) -> Result<Response<Body>, Problem> {
    let (name, target) = split(request.uri())?;
    let not_found = || Problem::new(StatusCode::NOT_FOUND, format!("there is no plugin {name:?}"));
    let plugin = host.plugin(&name).ok_or_else(not_found)?;
    let manifest = plugin.manifest().ok_or_else(not_found)?;
    *found = Some(name.clone());
    if path::is_reserved(target.path()) {
        return Err(Problem::new(StatusCode::NOT_FOUND, "plugins keep this path to themselves"));
    }
    let upgrading = hyper::upgrade::on(&mut request);
    let (mut parts, body) = request.into_parts();
    let caller = host.caller(&parts).await?;
    if caller.is_none() && !path::is_public(target.path(), &manifest.public_paths) {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "this takes a signed-in caller"));
    }
    let place = plugin.place().map_err(|most| {
        let detail = format!("the plugin {name:?} has {most} requests under way already");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    })?;
    // Counted before it is looked for: who replaces the plugin waits for those who have found it.
    let entering = plugin.in_flight().enter();
    let down = || Problem::new(StatusCode::BAD_GATEWAY, format!("the plugin {name:?} is down"));
    let running = plugin.running().ok_or_else(down)?;
    let upgrade = address(&mut parts, target, id, &manifest)?;
    identify(host, &mut parts, caller, &manifest, &running)?;

    let policy = host.proxy_policy();
    let pace = Pace::new();
    let body = Passing::request(body, policy.idle_timeout, pace.clone()).boxed_unsync();
    let sent = running.http().forward(Request::from_parts(parts, body));
    let response = tokio::select! {
        response = sent => response.map_err(|error| failed(&name, id, &error))?,
        () = pace.stopped_for(policy.head_timeout) => {
            let seconds = policy.head_timeout.as_secs_f64();
            let detail = format!("the plugin {name:?} has not answered within {seconds} s");
            return Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, detail));
        }
    };
    drop(entering);
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return match upgrade {
            Some(_) => Ok(join(response, upgrading, place)),
            None => Err(broken(&name)),
        };
    }
    let (mut head, body) = response.into_parts();
    headers::remove_connections(&mut head.headers);
    let body = Passing::response(body, policy.idle_timeout, place);
    Ok(Response::from_parts(head, Body::new(body)))
}

/// The plugin's name in a path, and what the plugin gets to see of it: as it stands, not decoded and
/// encoded anew (PX-01).
fn split(uri: &http::Uri) -> Result<(String, PathAndQuery), Problem> {
    let below = uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let (name, path) = below.split_at(below.find('/').unwrap_or(below.len()));
    let path = if path.is_empty() { "/" } else { path };
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}").parse(),
        None => path.parse(),
    };
    let bad = |_| Problem::new(StatusCode::BAD_REQUEST, "the path is not one of HTTP");
    Ok((name.to_owned(), target.map_err(bad)?))
}

/// Makes the head of a caller's request that of the plugin's, without the caller. What it is to be
/// upgraded to is returned.
fn address(
    parts: &mut Parts,
    target: PathAndQuery,
    id: &str,
    manifest: &PluginManifest,
) -> Result<Option<http::HeaderValue>, Problem> {
    let authority = parts.uri.authority().map(|authority| authority.as_str().to_owned());
    parts.uri = crate::http::uri_of(target).map_err(|_| unwritable())?;
    parts.version = Version::HTTP_11;
    let all = &mut parts.headers;
    headers::remove_the_hosts(all);
    let upgrade = headers::remove_connections(all);
    // The server that has read this request answers it when the body is asked for.
    all.remove(EXPECT);
    if let (false, Some(authority)) = (all.contains_key(HOST), authority) {
        headers::set(all, "host", &authority).map_err(|_| unwritable())?;
    }
    if let Some(to) = &upgrade {
        headers::set_upgrade(all, to.clone());
    }
    headers::set(all, header::PLUGIN, &manifest.name).map_err(|_| unwritable())?;
    headers::set(all, header::REQUEST_ID, id).map_err(|_| unwritable())?;
    Ok(upgrade)
}

/// Says who asks, and that the host says so (PX-16, PX-17).
fn identify(
    host: &PluginHost,
    parts: &mut Parts,
    caller: Option<Identity>,
    manifest: &PluginManifest,
    running: &RunningPlugin,
) -> Result<(), Problem> {
    let mut all = Vec::new();
    if let Some(mut caller) = caller {
        // It would be read as two.
        if let Some(permission) = caller.permissions.iter().find(|name| name.contains(',')) {
            tracing::error!(permission, "a permission with a comma in it cannot be passed on");
            return Err(unwritable());
        }
        let acts = running.dialect() == Dialect::Two && !manifest.capabilities.is_empty();
        caller.actor_token = acts.then(|| host.actor_token(&manifest.name, &caller));
        if let Some(token) = &caller.actor_token {
            running.redact(token);
        }
        all = caller.headers();
    }
    all.push((header::AUTH_SIGNATURE, running.secret().expose().to_owned()));
    for (name, value) in all {
        headers::set(&mut parts.headers, name, &value).map_err(|_| unwritable())?;
    }
    Ok(())
}

fn unwritable() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request cannot be passed on")
}

fn broken(name: &str) -> Problem {
    let detail = format!("the plugin {name:?} did not answer properly");
    Problem::new(StatusCode::BAD_GATEWAY, detail)
}

/// What a caller is told when a plugin has not answered. The error itself may name paths, so it is for
/// the log only (PX-26).
fn failed(name: &str, id: &str, error: &HttpError) -> Problem {
    tracing::warn!(request_id = id, plugin = name, %error, "a plugin did not answer");
    match error {
        HttpError::Connect(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            let detail = format!("the plugin {name:?} takes no more connections for now");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
        HttpError::Connect(_) => {
            Problem::new(StatusCode::BAD_GATEWAY, format!("the plugin {name:?} is down"))
        }
        _ => broken(name),
    }
}

/// Passes a 101 on, and then bytes both ways until one side ends (PX-05).
fn join(
    response: Response<crate::http::Body>,
    caller: hyper::upgrade::OnUpgrade,
    place: OwnedSemaphorePermit,
) -> Response<Body> {
    let (head, _) = response.into_parts();
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answer.headers_mut() = head.headers.clone();
    let to = headers::remove_connections(answer.headers_mut());
    if let Some(to) = to {
        headers::set_upgrade(answer.headers_mut(), to);
    }
    let plugin = hyper::upgrade::on(Response::from_parts(head, ()));
    tokio::spawn(async move {
        if let (Ok(caller), Ok(plugin)) = tokio::join!(caller, plugin) {
            let (mut caller, mut plugin) = (TokioIo::new(caller), TokioIo::new(plugin));
            // However it ends, both connections are closed with it.
            let _ = tokio::io::copy_bidirectional(&mut caller, &mut plugin).await;
        }
        drop(place);
    });
    answer
}
