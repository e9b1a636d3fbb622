//! The plugin's routes as an `OpenAPI` document.

use utoipa::OpenApi;

use crate::routes;

#[derive(OpenApi)]
#[openapi(
    info(title = "Slack Notifier", description = "Tells a Slack channel about deployments"),
    paths(routes::get_settings, routes::change_settings, routes::list_deliveries,)
)]
struct Document;

/// The document; paths are the plugin's own, below `/api/x/slack-notifier`.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
