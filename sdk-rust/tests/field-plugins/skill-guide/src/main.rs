//! The plugin that the author's skill guide walks through, as it stands there: manifest, a router
//! that opens a store with `block_in_place`, hand-written UI handlers over `include_dir`, events.
//! Plugins in the field are copies of it, so it must go on compiling and running. Only the bodies
//! that the guide leaves to the author (store, settings, what an event does) are ours.

mod db;
mod types;

use axum::body::Body;
use axum::extract::{Json, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use include_dir::{Dir, include_dir};
use std::sync::Arc;
use temps_plugin_sdk::prelude::*;

use crate::db::YourStore;
use crate::types::*;

static UI_DIST: Dir = include_dir!("$CARGO_MANIFEST_DIR/web/dist");

pub fn ui_dist() -> &'static Dir<'static> {
    &UI_DIST
}

struct AppState {
    store: YourStore,
}

struct YourPlugin;

impl Default for YourPlugin {
    fn default() -> Self {
        Self
    }
}

impl ExternalPlugin for YourPlugin {
    fn manifest(&self) -> PluginManifest {
        PluginManifest::builder("your-plugin", "0.1.0")
            .display_name("Your Plugin")
            .description("What it does")
            .requires_db(false)
            .nav(NavEntry {
                label: "Your Plugin".into(),
                icon: "puzzle".into(),
                section: NavSection::Platform,
                path: "/your-plugin".into(),
                order: 50,
            })
            .event("deployment.succeeded")
            .build()
    }

    fn router(&self, ctx: PluginContext) -> axum::Router {
        let store = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(YourStore::open(ctx.data_dir()))
        })
        .expect("Failed to open store");

        let state = Arc::new(AppState { store });

        axum::Router::new()
            .route("/settings", get(get_settings).patch(update_settings))
            .route("/ui", get(redirect_to_ui))
            .route("/ui/", get(serve_ui_index))
            .route("/ui/{*path}", get(serve_ui_asset))
            .with_state(state)
    }

    fn on_event(&self, ctx: &PluginContext, event: temps_core::external_plugin::PluginEvent) {
        if event.event_type != "deployment.succeeded" {
            return;
        }
        let noted = ctx.data_dir().join("deployed");
        tokio::spawn(async move {
            if let Err(error) = tokio::fs::write(noted, event.id).await {
                tracing::error!(%error, "cannot note the deployment");
            }
        });
    }
}

async fn get_settings(State(state): State<Arc<AppState>>) -> Json<PluginSettings> {
    Json(state.store.get_settings().await)
}

async fn update_settings(
    State(state): State<Arc<AppState>>,
    Json(update): Json<UpdateSettings>,
) -> Result<Json<PluginSettings>, AppError> {
    Ok(Json(state.store.update_settings(update).await?))
}

enum AppError {
    Store(db::StoreError),
}

impl From<db::StoreError> for AppError {
    fn from(e: db::StoreError) -> Self {
        AppError::Store(e)
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> axum::response::Response {
        let (status, message) = match self {
            AppError::Store(e) => (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()),
        };
        (status, Json(serde_json::json!({ "error": message }))).into_response()
    }
}

async fn redirect_to_ui() -> Response {
    Response::builder()
        .status(StatusCode::MOVED_PERMANENTLY)
        .header(header::LOCATION, "ui/")
        .body(Body::empty())
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

async fn serve_ui_index() -> Response {
    serve_embedded_file(ui_dist(), "index.html")
}

async fn serve_ui_asset(Path(path): Path<String>) -> Response {
    let dist = ui_dist();
    if dist.get_file(&path).is_some() {
        return serve_embedded_file(dist, &path);
    }
    serve_embedded_file(dist, "index.html")
}

fn serve_embedded_file(dist: &Dir<'static>, path: &str) -> Response {
    match dist.get_file(path) {
        Some(file) => {
            let mime = mime_guess::from_path(path).first_or_octet_stream().to_string();
            let cache = if path == "index.html" {
                "no-cache"
            } else {
                "public, max-age=31536000, immutable"
            };
            Response::builder()
                .status(StatusCode::OK)
                .header(header::CONTENT_TYPE, mime)
                .header(header::CACHE_CONTROL, cache)
                .body(Body::from(file.contents()))
                .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }
        None => Response::builder()
            .status(StatusCode::NOT_FOUND)
            .body(Body::from("404 Not Found"))
            .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    }
}

temps_plugin_sdk::main!(YourPlugin);

#[cfg(test)]
mod tests {
    use super::*;
    use temps_plugin_sdk::testing::{TestPlugin, event};

    #[tokio::test]
    async fn its_routes_answer_and_its_settings_are_kept() {
        let dir = tempfile::tempdir().expect("create temp dir");
        let plugin = TestPlugin::builder(YourPlugin).data_dir(dir.path()).start().await.unwrap();
        let changed = serde_json::json!({ "someSetting": "mine" });
        let answer = plugin.patch("/settings").json(&changed).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        plugin.stop().await.unwrap();

        let plugin = TestPlugin::builder(YourPlugin).data_dir(dir.path()).start().await.unwrap();
        let kept: PluginSettings = plugin.get("/settings").send().await.unwrap().json().unwrap();
        assert_eq!(kept.some_setting, "mine");
    }

    #[tokio::test]
    async fn its_own_ui_handlers_serve_the_bundle() {
        let plugin = TestPlugin::start(YourPlugin).await.unwrap();
        let redirect = plugin.get("/ui").send().await.unwrap();
        assert_eq!(redirect.headers()["location"], "ui/");
        for path in ["/ui/", "/ui/some/route"] {
            let page = plugin.get(path).send().await.unwrap();
            assert!(page.text().contains("Your Plugin"), "{path}");
        }
        let asset = plugin.get("/ui/assets/index-Bk3xQ9ta.js").send().await.unwrap();
        assert!(asset.headers()["cache-control"].to_str().unwrap().contains("immutable"));
        // The routes are the author's own: the SDK promises nothing of them.
        assert!(!plugin.ready().has_ui);
    }

    #[tokio::test]
    async fn its_event_hook_can_spawn() {
        let plugin = TestPlugin::start(YourPlugin).await.unwrap();
        let noted = plugin.data_dir().join("deployed");
        let deployed = event("deployment.succeeded", serde_json::json!({ "project_id": 7 }));
        let id = deployed.id.clone();
        plugin.emit(deployed).await.unwrap();
        let noted = tokio::time::timeout(std::time::Duration::from_secs(10), async {
            loop {
                match tokio::fs::read_to_string(&noted).await {
                    Ok(text) if !text.is_empty() => return text,
                    _ => tokio::task::yield_now().await,
                }
            }
        });
        assert_eq!(noted.await.unwrap(), id);
    }
}
