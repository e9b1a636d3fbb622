//! What the plugin says of itself (EP-01 to EP-08).

use std::path::Path;

use serde_json::{Value, json};

/// The name of the plugin.
pub(crate) const NAME: &str = "everything-defective";

/// The manifest, without the `type` of dialect 1.
pub(crate) fn manifest() -> Value {
    json!({
        "name": NAME,
        "version": env!("CARGO_PKG_VERSION"),
        "display_name": "Everything (defective)",
        "description": "Sound by itself, defective in one way on request",
        "nav": [{
            "label": "Everything", "icon": "boxes", "section": "platform",
            "path": "/everything-defective", "order": 99,
        }],
        "ui": null,
        "requires_db": false,
        "requires_host_data_access": false,
        "health_path": crate::server::HEALTH,
        "hide_header": false,
        "public_paths": ["/public"],
        "capabilities": ["api_read", "api_write"],
        "host_permissions": [
            "ai_generate", "projects_read", "environments_read", "deployments_read", "events_read",
            "api_read", "api_write",
        ],
        "events": ["*"],
    })
}

/// The OpenAPI document of the routes a person may want to try; one that is too long for `ready` when
/// the file `large-openapi` is in the data directory (EP-56).
pub(crate) fn openapi(data_dir: &Path) -> Value {
    let mut document = routes();
    if data_dir.join("large-openapi").exists() {
        document["info"]["description"] = "x".repeat(2 * 1024 * 1024).into();
    }
    document
}

fn routes() -> Value {
    let ok = json!({"responses": {"200": {"description": "Done"}}});
    json!({
        "openapi": "3.1.0",
        "info": {"title": NAME, "version": env!("CARGO_PKG_VERSION")},
        "paths": {
            "/whoami": {"get": ok}, "/public/hello": {"get": ok}, "/context": {"get": ok},
            "/events": {"get": ok}, "/call": {"post": ok}, "/api": {"post": ok},
        },
    })
}
