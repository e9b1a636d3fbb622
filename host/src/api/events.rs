//! Events, fired by hand.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use temps_plugin_schema::PluginEvent;
use temps_plugin_schema::validate::Wire as _;
use utoipa::ToSchema;
use uuid::Uuid;

use super::access::Administrator;
use crate::plugin_host::{Emitted, PluginHost};
use crate::proxy::Problem;
use crate::supervise::Delivery;

/// An event to fire.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEvent {
    /// Its type.
    #[schema(example = "deployment.succeeded")]
    event_type: String,
    /// The project it is about.
    #[serde(default)]
    project_id: Option<i32>,
    /// What it says, by its type.
    #[serde(default)]
    #[schema(value_type = Object)]
    data: Map<String, Value>,
    /// Its id; a fresh UUID unless it is given.
    #[serde(default)]
    id: Option<String>,
    /// When it happened; now unless it is given.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    timestamp: Option<Timestamp>,
}

/// An event that was fired.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Fired {
    /// Its id.
    id: String,
    /// How it went with each plugin that has a name.
    deliveries: Vec<FiredAt>,
}

/// How an event went with one plugin.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FiredAt {
    /// The plugin's name.
    plugin: String,
    /// `channel`, `post`, `not-wanted` or `failed`.
    result: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<Emitted> for FiredAt {
    fn from(emitted: Emitted) -> Self {
        let (result, error) = match emitted.result {
            Ok(Delivery::Channel) => ("channel", None),
            Ok(Delivery::Post) => ("post", None),
            Ok(Delivery::NotWanted) => ("not-wanted", None),
            Err(error) => ("failed", Some(error.to_string())),
        };
        Self { plugin: emitted.plugin, result, error }
    }
}

/// Hands an event to every plugin that wants it, and tells how that went.
#[utoipa::path(
    post,
    path = "/x/events",
    tag = "events",
    request_body = NewEvent,
    responses(
        (status = 200, body = Fired),
        (status = 400, description = "The body is no event"),
        (status = 403, description = "The caller is no administrator"),
    )
)]
pub(super) async fn fire(
    State(host): State<PluginHost>,
    _: Administrator,
    body: Bytes,
) -> Result<Json<Fired>, Problem> {
    let bad = |error: serde_json::Error| Problem::new(StatusCode::BAD_REQUEST, error.to_string());
    let new: NewEvent = serde_json::from_slice(&body).map_err(bad)?;
    let event: PluginEvent = serde_json::from_value(json!({
        "id": new.id.unwrap_or_else(|| Uuid::new_v4().to_string()),
        "event_type": new.event_type,
        "timestamp": new.timestamp.unwrap_or_else(Timestamp::now),
        "project_id": new.project_id,
        "data": new.data,
    }))
    .map_err(bad)?;
    let bad = |reason: String| Problem::new(StatusCode::BAD_REQUEST, reason);
    event.validate().map_err(|violations| bad(violations.to_string()))?;
    // Plugins take what they know at its word.
    event.payload().map_err(|error| bad(format!("data of {}: {error}", event.event_type)))?;
    let emitted = host.emit(&event).await;
    Ok(Json(Fired { id: event.id, deliveries: emitted.into_iter().map(FiredAt::from).collect() }))
}
