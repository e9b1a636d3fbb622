//! What the plugin says of itself (EP-01 to EP-08).

use std::path::Path;

use serde_json::{Value, json};

use crate::defects::{manifest as wrong, requests};

/// The name of the plugin.
pub(crate) const NAME: &str = "everything-defective";

/// The manifest, without the `type` of dialect 1.
pub(crate) fn manifest() -> Value {
    let mut manifest = json!({
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
    });
    misstate(&mut manifest);
    manifest
}

/// Writes the field wrong that the active defect is about.
fn misstate(manifest: &mut Value) {
    let fields = [
        (wrong::NAME_WITH_CAPITALS, "/name", json!("Everything-Defective")),
        (wrong::NAME_WITH_EMPTY_WORD, "/name", json!("everything--defective")),
        (wrong::NAME_TOO_LONG, "/name", json!(format!("everything-{}", "x".repeat(54)))),
        (wrong::VERSION_OF_TWO_NUMBERS, "/version", json!("1.0")),
        (wrong::VERSION_WITH_V, "/version", json!("v1.0.0")),
        (wrong::REQUIRES_DB_AS_TEXT, "/requires_db", json!("false")),
        (wrong::DISPLAY_NAME_AS_OBJECT, "/display_name", json!({"en": "Everything"})),
        (wrong::DESCRIPTION_AS_LIST, "/description", json!(["Everything", "and more"])),
        (wrong::NAV_EMPTY_LABEL, "/nav/0/label", json!("")),
        (wrong::NAV_EMPTY_ICON, "/nav/0/icon", json!("")),
        (wrong::NAV_UNKNOWN_SECTION, "/nav/0/section", json!("sidebar")),
        (wrong::NAV_PATH_TO_HOST, "/nav/0/path", json!("//example.org/everything")),
        (wrong::NAV_NEGATIVE_ORDER, "/nav/0/order", json!(-1)),
        (wrong::UI_WITHOUT_SCRIPT, "/ui", json!({"css": ["style.css"]})),
        (wrong::UI_CSS_AS_TEXT, "/ui", json!({"entry_js": "app.js", "css": "style.css"})),
        (
            wrong::UI_ROUTE_WITHOUT_TITLE,
            "/ui",
            json!({"entry_js": "app.js", "routes": [{"path": "/everything"}]}),
        ),
        (wrong::HOST_DATA_AS_TEXT, "/requires_host_data_access", json!("no")),
        (wrong::HIDE_HEADER_AS_NUMBER, "/hide_header", json!(0)),
        (wrong::HEALTH_PATH_RELATIVE, "/health_path", json!("health")),
        (wrong::HEALTH_PATH_RESERVED, "/health_path", json!("/_temps/health")),
        (wrong::HEALTH_PATH_WITH_QUERY, "/health_path", json!("/health?short=1")),
        (wrong::PUBLIC_PATH_RELATIVE, "/public_paths/0", json!("public")),
        (wrong::PUBLIC_PATH_UP, "/public_paths/0", json!("/public/../private")),
        (wrong::PUBLIC_PATH_RESERVED, "/public_paths/0", json!("/_events")),
        (wrong::UNKNOWN_CAPABILITY, "/capabilities/0", json!("api_admin")),
        (wrong::UNKNOWN_PERMISSION, "/host_permissions/0", json!("projects_write")),
        (wrong::EVENT_CUT_IN_WORD, "/events/0", json!("depl*")),
        (wrong::EVENT_EMPTY_WORD, "/events/0", json!("deployment..succeeded")),
        (requests::EVENTS_OF_DEPLOYMENTS, "/events", json!(["deployment.*"])),
        (requests::NO_PUBLIC_PATHS, "/public_paths", json!([])),
        (wrong::EVENTS_AS_TEXT, "/events", json!("*")),
    ];
    for (defect, field, value) in fields {
        if defect.active()
            && let Some(field) = manifest.pointer_mut(field)
        {
            *field = value;
        }
    }
    let left_out = [
        (wrong::REQUIRES_DB_LEFT_OUT, "", "requires_db"),
        (wrong::NAV_WITHOUT_ORDER, "/nav/0", "order"),
    ];
    for (defect, object, field) in left_out {
        if defect.active()
            && let Some(Value::Object(object)) = manifest.pointer_mut(object)
        {
            object.remove(field);
        }
    }
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
    let kind = if requests::DOCUMENTS_ANOTHER_SCHEMA.active() { "integer" } else { "string" };
    let schema =
        json!({"type": "object", "required": ["hello"], "properties": {"hello": {"type": kind}}});
    let mut hello = ok.clone();
    hello["responses"]["200"]["content"] = json!({"application/json": {"schema": schema}});
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {"title": NAME, "version": env!("CARGO_PKG_VERSION")},
        "paths": {
            "/whoami": {"get": ok}, "/public/hello": {"get": hello}, "/context": {"get": ok},
            "/events": {"get": ok}, "/call": {"post": ok}, "/api": {"post": ok},
        },
    });
    if requests::DOCUMENTS_NO_ROUTE.active() {
        document["paths"]["/projects"] = json!({"get": ok});
    }
    if requests::DOCUMENTS_ANOTHER_STATUS.active() {
        document["paths"]["/context"]["get"] =
            json!({"responses": {"204": {"description": "Done"}}});
    }
    document
}
