//! A plugin's standard error, line by line as it comes.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::{Stream, StreamExt as _, stream};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;

use super::access::Administrator;
use super::plugins::find;
use crate::plugin_host::{LogLevel, LogLine, PluginHost};
use crate::proxy::Problem;

/// How often a quiet stream shows that it is still there: well within what proxies put up with.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// Which lines are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Only lines of this level, or of one that is graver.
    #[serde(default = "all")]
    #[param(inline, default = "trace")]
    level: LogLevel,
    /// Whether to wait for more once the lines that are there were sent.
    #[serde(default = "yes")]
    #[param(default = true)]
    follow: bool,
}

fn all() -> LogLevel {
    LogLevel::Trace
}

fn yes() -> bool {
    true
}

/// The last lines of a plugin's standard error, and those to come: one event a line, with its number as
/// id, so that a client that connects again misses none that is still kept.
#[utoipa::path(
    get,
    path = "/x/plugins/{name}/logs",
    tag = "plugins",
    params(("name" = String, Path, description = "The plugin's name, or its file's"), Wanted),
    responses(
        (status = 200, description = "Server-sent events", content_type = "text/event-stream", body = LogLine),
        (status = 403, description = "The caller is no administrator"),
        (status = 404, description = "There is no such plugin"),
    )
)]
pub(super) async fn logs(
    State(host): State<PluginHost>,
    _: Administrator,
    Path(name): Path<String>,
    wanted: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let bad = |error: QueryRejection| Problem::new(StatusCode::BAD_REQUEST, error.body_text());
    let Query(wanted) = wanted.map_err(bad)?;
    let plugin = find(&host, &name)?;
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let log = plugin.shared_log();
    let from = seen.unwrap_or_default();
    let batches = stream::unfold((log, from, true), move |(log, seen, first)| async move {
        let goes_on = first || (wanted.follow && log.beyond(seen).await);
        if !goes_on {
            return None;
        }
        let lines = log.after(seen);
        let seen = lines.last().map_or(seen, |line| line.number);
        Some((stream::iter(lines), (log, seen, false)))
    });
    let events = batches.flatten().filter_map(move |line| async move {
        (line.level >= wanted.level).then(|| Ok(event(&line)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(SIGN_OF_LIFE)))
}

fn event(line: &LogLine) -> Event {
    // Text, a number and a time are always JSON.
    let data = serde_json::to_string(line).unwrap_or_default();
    Event::default().id(line.number.to_string()).data(data)
}
