//! The plugins: which there are, how each one is, and starting them again.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use temps_plugin_schema::PluginManifest;
use utoipa::ToSchema;

use super::access::{Administrator, SignedIn};
use crate::plugin_host::{HostedPlugin, LogLine, Passed, PluginHost, Reload, Usage};
use crate::proxy::Problem;
use crate::supervise;

/// How many of its last lines a plugin's detail has.
const LINES: usize = 50;

/// How a plugin is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PluginDetail {
    /// Its name. Missing until it has said so for the first time.
    name: Option<String>,
    /// Its file in the plugins directory.
    #[schema(value_type = String)]
    file: PathBuf,
    /// Where that leads, if it is a link.
    #[schema(value_type = Option<String>)]
    target: Option<PathBuf>,
    /// Where it is.
    #[schema(value_type = String, example = "running")]
    state: supervise::State,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// What took it there.
    reason: String,
    /// How often it was started after it was lost.
    restarts: u64,
    /// How many channels it has had.
    channels: u64,
    /// What it says of itself, once it has.
    #[schema(value_type = Option<Object>)]
    manifest: Option<Arc<PluginManifest>>,
    /// The dialect it speaks, while it serves.
    dialect: Option<u32>,
    /// Its process, while it serves.
    pid: Option<u32>,
    /// What its processes take, while it serves.
    usage: Option<Usage>,
    /// How many requests are under way.
    requests_in_flight: usize,
    /// Its last lines on standard error.
    stderr: Vec<LogLine>,
}

impl PluginDetail {
    fn of(plugin: &HostedPlugin) -> Self {
        let status = plugin.status();
        let mut stderr = plugin.log();
        stderr.drain(..stderr.len().saturating_sub(LINES));
        Self {
            name: plugin.name(),
            file: plugin.path().to_owned(),
            target: plugin.file().target().map(ToOwned::to_owned),
            state: status.state,
            // A clock that is off by millennia is none.
            since: Timestamp::try_from(status.since).unwrap_or_default(),
            reason: status.reason.to_string(),
            restarts: status.restarts,
            channels: status.channels,
            manifest: plugin.manifest(),
            dialect: plugin.running().map(|running| running.dialect().number()),
            pid: status.pid,
            usage: plugin.usage(),
            requests_in_flight: plugin.requests_in_flight(),
            stderr,
        }
    }
}

/// Everything a host knows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HostStatus {
    /// The plugins directory.
    #[schema(value_type = String)]
    directory: PathBuf,
    /// All plugins, in the order of their files.
    plugins: Vec<PluginDetail>,
    /// Files that look as if they were meant to be plugins, and are not.
    passed_over: Vec<Passed>,
}

/// The manifests of the plugins that serve.
#[utoipa::path(
    get,
    path = "/x/plugins",
    tag = "plugins",
    responses(
        (status = 200, description = "One manifest for each plugin that serves", body = [Object]),
        (status = 401, description = "Nobody is signed in"),
    )
)]
pub(super) async fn list(
    State(host): State<PluginHost>,
    _: SignedIn,
) -> Json<Vec<Arc<PluginManifest>>> {
    let serving = host.plugins().into_iter().filter(|plugin| plugin.status().state.serves());
    Json(serving.filter_map(|plugin| plugin.manifest()).collect())
}

/// Everything about every plugin, those that do not start included.
#[utoipa::path(
    get,
    path = "/x/_status",
    tag = "plugins",
    responses(
        (status = 200, body = HostStatus),
        (status = 403, description = "The caller is no administrator"),
    )
)]
pub(super) async fn status(State(host): State<PluginHost>, _: Administrator) -> Json<HostStatus> {
    Json(HostStatus {
        directory: host.directory().path().to_owned(),
        plugins: host.plugins().iter().map(|plugin| PluginDetail::of(plugin)).collect(),
        passed_over: host.passed_over().to_vec(),
    })
}

/// Everything about one plugin. One that has no name yet goes by that of its file.
#[utoipa::path(
    get,
    path = "/x/plugins/{name}",
    tag = "plugins",
    params(("name" = String, Path, description = "The plugin's name, or its file's")),
    responses(
        (status = 200, body = PluginDetail),
        (status = 403, description = "The caller is no administrator"),
        (status = 404, description = "There is no such plugin"),
    )
)]
pub(super) async fn detail(
    State(host): State<PluginHost>,
    _: Administrator,
    Path(name): Path<String>,
) -> Result<Json<PluginDetail>, Problem> {
    Ok(Json(PluginDetail::of(&*find(&host, &name)?)))
}

/// Stops a plugin, if it runs, and starts it again. One that has failed is given all its tries again.
#[utoipa::path(
    post,
    path = "/x/plugins/{name}/restart",
    tag = "plugins",
    params(("name" = String, Path, description = "The plugin's name, or its file's")),
    responses(
        (status = 202, description = "It is being started again"),
        (status = 403, description = "The caller is no administrator"),
        (status = 404, description = "There is no such plugin"),
    )
)]
pub(super) async fn restart(
    State(host): State<PluginHost>,
    Administrator(who): Administrator,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    find(&host, &name)?.supervisor().restart(&format!("{} asked for it", who.email));
    Ok(StatusCode::ACCEPTED)
}

/// Looks at the plugins directory again: starts what is new, stops what is gone, replaces what has
/// changed. Answers once each of them runs, or does not.
#[utoipa::path(
    post,
    path = "/x/plugins/reload",
    tag = "plugins",
    responses(
        (status = 200, body = Reload),
        (status = 403, description = "The caller is no administrator"),
        (status = 503, description = "The directory cannot be read"),
    )
)]
pub(super) async fn reload(
    State(host): State<PluginHost>,
    _: Administrator,
) -> Result<Json<Reload>, Problem> {
    // In a task of its own: a caller who does not wait leaves no plugin half replaced.
    let reloading = tokio::spawn(async move { host.reload().await });
    let failed = |detail| Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
    let reload = reloading.await.map_err(|_| failed("the host failed".to_owned()))?;
    Ok(Json(reload.map_err(|error| failed(error.to_string()))?))
}

pub(super) fn find(host: &PluginHost, name: &str) -> Result<Arc<HostedPlugin>, Problem> {
    let of_file = || {
        let mut all = host.plugins().into_iter();
        all.find(|plugin| plugin.path().file_name().is_some_and(|file| file == name))
    };
    let missing = || Problem::new(StatusCode::NOT_FOUND, format!("there is no plugin {name:?}"));
    host.plugin(name).or_else(of_file).ok_or_else(missing)
}
