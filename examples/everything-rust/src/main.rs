//! The everything profile (PROTOCOL.md, appendix A) over the Rust SDK: each feature of the SDK,
//! within reach of a test harness.
//!
//! [`echo`] gives requests back, [`produce`] makes responses of every kind, [`platform`] makes calls,
//! [`recorded`] keeps what arrived, [`faults`] goes wrong.

mod echo;
mod faults;
mod openapi;
mod platform;
mod produce;
mod recorded;

use std::fs::OpenOptions;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use include_dir::{Dir, include_dir};
use temps_plugin_sdk::prelude::*;

use crate::platform::CallRequest;
use crate::recorded::Recorded;

static UI: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/ui");

/// The plugin, with what it has seen so far.
#[derive(Default)]
struct Everything {
    recorded: Recorded,
    large_openapi: AtomicBool,
}

/// What every handler can reach.
#[derive(Clone)]
struct AppState {
    ctx: PluginContext,
    recorded: Recorded,
}

impl ExternalPlugin for Everything {
    fn manifest(&self) -> PluginManifest {
        PluginManifest::builder("everything-rust", env!("CARGO_PKG_VERSION"))
            .display_name("Everything (Rust)")
            .description("Exercises every feature of the SDK")
            .nav(NavEntry {
                label: "Everything".into(),
                icon: "boxes".into(),
                section: NavSection::Platform,
                path: "/everything-rust".into(),
                order: 90,
            })
            .event("*")
            .capability(Capability::ApiRead)
            .capability(Capability::ApiWrite)
            .request_permissions(HostPermission::KNOWN.iter().map(|name| (*name).into()))
            .public_path("/public")
            .build()
    }

    fn router(&self, ctx: PluginContext) -> axum::Router {
        let state = AppState { ctx, recorded: self.recorded.clone() };
        axum::Router::new()
            .merge(echo::routes())
            .merge(produce::routes())
            .merge(platform::routes())
            .merge(recorded::routes())
            .merge(faults::routes())
            .with_state(state)
            // The profile takes bodies of any size; the handlers that keep them say how much.
            .layer(axum::extract::DefaultBodyLimit::disable())
    }

    fn ui_assets(&self) -> Option<UiAssets> {
        Some((&UI).into())
    }

    fn openapi_schema(&self) -> Option<utoipa::openapi::OpenApi> {
        Some(openapi::document(self.large_openapi.load(Ordering::Relaxed)))
    }

    async fn on_start_async(&self, ctx: &PluginContext) -> Result<(), PluginSdkError> {
        note(ctx, "start")?;
        self.large_openapi.store(ctx.data_dir().join("large-openapi").exists(), Ordering::Relaxed);
        faults::hold_start(ctx).await;
        Ok(())
    }

    async fn on_event_async(&self, ctx: &PluginContext, event: PluginEvent) {
        let fails = event.data.get("fail").is_some_and(|fail| fail == true);
        let call = event.data.get("call").filter(|call| call.is_object()).cloned();
        self.recorded.add(event);
        assert!(!fails, "the event asked for a failing handler");
        match call.map(serde_json::from_value::<CallRequest>) {
            Some(Ok(call)) => self.recorded.add_call(call.make(ctx).await),
            Some(Err(error)) => tracing::warn!(%error, "the event asked for what is no call"),
            None => {}
        }
    }

    fn on_shutdown(&self, ctx: &PluginContext) {
        let fails = faults::stop_is_to_fail(ctx);
        let lines: &[&str] = if fails { &["stop", "fail"] } else { &["stop"] };
        for line in lines {
            if let Err(error) = note(ctx, line) {
                tracing::error!(%error, "cannot note {line}");
            }
        }
        assert!(!fails, "the data directory asked for a failing shutdown hook");
    }
}

/// Appends a line to `lifecycle.log`.
fn note(ctx: &PluginContext, what: &str) -> Result<(), PluginSdkError> {
    let path = ctx.data_dir().join("lifecycle.log");
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    writeln!(file, "{what}")?;
    Ok(())
}

temps_plugin_sdk::main!(Everything::default());
