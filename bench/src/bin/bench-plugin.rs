//! The plugin under measure: the JSON route, a route that times calls, and an event handler that
//! answers on a socket of its own when `--bench-socket=<path>` names one. `--bench-plain` has the
//! plain event hook do it.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};
use temps_plugin_bench::app;
use temps_plugin_bench::channel::PING;
use temps_plugin_bench::rounds::Series;
use temps_plugin_sdk::prelude::*;

/// Where the event handlers answer.
#[derive(Default)]
struct Answers(Mutex<Option<UnixStream>>);

impl Answers {
    fn connect() -> Result<Self, PluginSdkError> {
        let flag = "--bench-socket=";
        let path =
            std::env::args().find_map(|argument| Some(argument.strip_prefix(flag)?.to_owned()));
        let stream = path.map(UnixStream::connect).transpose()?;
        Ok(Self(Mutex::new(stream)))
    }

    fn answer(&self) {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = stream.as_mut()
            && let Err(error) = stream.write_all(&[7; PING])
        {
            tracing::warn!(%error, "cannot answer an event");
        }
    }
}

fn manifest() -> PluginManifest {
    PluginManifest::builder("bench-plugin", "1.0.0").event("*").build()
}

fn router(ctx: PluginContext) -> axum::Router {
    axum::Router::new()
        .route("/calls/{warm_up}/{count}", get(calls))
        .merge(app::routes())
        .with_state(ctx)
}

/// Times `count` calls, one after the other, after `warm_up` that do not count.
async fn calls(
    State(ctx): State<PluginContext>,
    Path((warm_up, count)): Path<(u64, u64)>,
) -> Result<Json<Value>, (StatusCode, String)> {
    let failed = |error: PluginSdkError| (StatusCode::BAD_GATEWAY, error.to_string());
    for _ in 0..warm_up {
        ctx.temps().get_project(42).await.map_err(failed)?;
    }
    let mut times = Series::default();
    for _ in 0..count {
        let start = Instant::now();
        ctx.temps().get_project(42).await.map_err(failed)?;
        times.push(start.elapsed().as_secs_f64());
    }
    Ok(Json(json!({ "p50_seconds": times.median() })))
}

/// Answers events in the asynchronous hook.
struct ByAsync(Answers);

impl ExternalPlugin for ByAsync {
    fn manifest(&self) -> PluginManifest {
        manifest()
    }

    fn router(&self, ctx: PluginContext) -> axum::Router {
        router(ctx)
    }

    async fn on_event_async(&self, _ctx: &PluginContext, _event: PluginEvent) {
        self.0.answer();
    }
}

/// Answers events in the plain hook.
struct ByPlain(Answers);

impl ExternalPlugin for ByPlain {
    fn manifest(&self) -> PluginManifest {
        manifest()
    }

    fn router(&self, ctx: PluginContext) -> axum::Router {
        router(ctx)
    }

    fn on_event(&self, _ctx: &PluginContext, _event: PluginEvent) {
        self.0.answer();
    }
}

fn main() -> std::process::ExitCode {
    let answers = match Answers::connect() {
        Ok(answers) => answers,
        Err(error) => {
            eprintln!("cannot connect to --bench-socket: {error}");
            return std::process::ExitCode::FAILURE;
        }
    };
    if std::env::args().any(|argument| argument == "--bench-plain") {
        temps_plugin_sdk::run_plugin(ByPlain(answers))
    } else {
        temps_plugin_sdk::run_plugin(ByAsync(answers))
    }
}
