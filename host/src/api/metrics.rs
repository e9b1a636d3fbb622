//! What the host counts, for Prometheus.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::access::Administrator;
use crate::metrics;
use crate::plugin_host::PluginHost;
use crate::proxy::Problem;

/// Requests, events, states and what the plugins take, in Prometheus' text form.
#[utoipa::path(
    get,
    path = "/x/_metrics",
    tag = "metrics",
    responses(
        (status = 200, description = "OpenMetrics text", content_type = "application/openmetrics-text", body = String),
        (status = 403, description = "The caller is no administrator"),
    )
)]
pub(super) async fn metrics(
    State(host): State<PluginHost>,
    _: Administrator,
) -> Result<Response, Problem> {
    let failed =
        || Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written");
    // Looks through /proc, which may take a moment with many processes.
    let looking = tokio::task::spawn_blocking(move || host.metrics_text());
    let text = looking.await.map_err(|_| failed())?.map_err(|_| failed())?;
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}
