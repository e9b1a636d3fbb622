//! What people see and change, at `/api/x/slack-notifier/…`.

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;
use temps_plugin_sdk::prelude::axum::extract::State;
use temps_plugin_sdk::prelude::axum::extract::rejection::JsonRejection;
use temps_plugin_sdk::prelude::axum::{Json, Router};
use temps_plugin_sdk::prelude::{Problem, VerifiedCaller, get};
use utoipa::ToSchema;

use crate::deliveries::Delivery;
use crate::file::FileError;
use crate::notifier::Notifier;
use crate::settings::{SettingsChange, SettingsView};

pub(crate) fn router(notifier: Notifier) -> Router {
    Router::new()
        .route("/settings", get(get_settings).patch(change_settings))
        .route("/deliveries", get(list_deliveries))
        .with_state(notifier)
}

/// Shows the settings.
#[utoipa::path(
    get,
    path = "/settings",
    responses(
        (status = 200, body = SettingsView),
        (status = 401, description = "Nobody is signed in", body = Problem),
    ),
)]
pub(crate) async fn get_settings(
    _caller: VerifiedCaller,
    State(notifier): State<Notifier>,
) -> Json<SettingsView> {
    Json(notifier.settings.get().view())
}

/// Changes the settings; for administrators.
#[utoipa::path(
    patch,
    path = "/settings",
    request_body = SettingsChange,
    responses(
        (status = 200, description = "The settings as they are now", body = SettingsView),
        (status = 400, description = "The body is no JSON", body = Problem),
        (status = 401, description = "Nobody is signed in", body = Problem),
        (status = 403, description = "The caller is no administrator", body = Problem),
        (status = 415, description = "The body is not said to be JSON", body = Problem),
        (status = 422, description = "A field is wrong; the detail names it", body = Problem),
    ),
)]
pub(crate) async fn change_settings(
    caller: VerifiedCaller,
    State(notifier): State<Notifier>,
    change: Result<Json<SettingsChange>, JsonRejection>,
) -> Result<Json<SettingsView>, Problem> {
    if !caller.is_admin() {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "only an administrator may change these settings",
        ));
    }
    let Json(change) = change?;
    let store = Arc::clone(&notifier.settings);
    // A task of its own also finishes the change when the caller does not wait for it.
    let changed =
        tokio::task::spawn_blocking(move || store.change(change)).await.map_err(|error| {
            tracing::error!(%error, "a request failed");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the change broke off")
        })??;
    tracing::info!(user = caller.user_id(), "settings changed");
    Ok(Json(changed.view()))
}

/// The last deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Deliveries {
    /// Newest first.
    deliveries: Vec<Delivery>,
}

/// Shows the last deliveries, newest first.
#[utoipa::path(
    get,
    path = "/deliveries",
    responses(
        (status = 200, body = Deliveries),
        (status = 401, description = "Nobody is signed in", body = Problem),
    ),
)]
pub(crate) async fn list_deliveries(
    _caller: VerifiedCaller,
    State(notifier): State<Notifier>,
) -> Json<Deliveries> {
    Json(Deliveries { deliveries: notifier.deliveries.list() })
}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        // Paths of the server are nothing for a browser.
        tracing::error!(%error, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the plugin could not write to its data directory; its log says why",
        )
    }
}
