//! Routes that make calls to the platform and show what came back.

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Value, json};
use temps_plugin_sdk::prelude::*;
use temps_plugin_sdk::{api_json, call_json};

use crate::AppState;

pub(crate) fn routes() -> Router<AppState> {
    Router::new().route("/call", post(call)).route("/api", post(api))
}

/// A call that somebody asks for.
#[derive(Deserialize)]
pub(crate) struct CallRequest {
    method: String,
    #[serde(default)]
    params: Value,
    timeout_ms: Option<u64>,
}

impl CallRequest {
    /// Makes the call, and says what came of it as the profile has it.
    pub(crate) async fn make(self, ctx: &PluginContext) -> Value {
        let temps = match self.timeout_ms {
            Some(ms) => &ctx.temps().with_timeout(Duration::from_millis(ms)),
            None => ctx.temps(),
        };
        show(call_json(temps, &self.method, self.params).await)
    }
}

async fn call(State(state): State<AppState>, Json(request): Json<CallRequest>) -> Json<Value> {
    Json(request.make(&state.ctx).await)
}

async fn api(
    State(state): State<AppState>,
    caller: Caller,
    Json(request): Json<Value>,
) -> Json<Value> {
    let outcome = match caller {
        Caller::SignedIn(caller) => api_json(&state.ctx.api_for(&caller), request).await,
        Caller::Anonymous => Err(PluginSdkError::new(ErrorKind::NoActor, "nobody is signed in")),
    };
    Json(show(outcome))
}

/// `{"ok": …}` or `{"err": {"kind", "code", "message"}}`, as the profile has it.
fn show(outcome: Result<Value, PluginSdkError>) -> Value {
    let error = match outcome {
        Ok(result) => return json!({ "ok": result }),
        Err(error) => error,
    };
    // The profile has six kinds; what the SDK could not even send is an invalid request.
    let kind = match error.kind() {
        ErrorKind::Other => ErrorKind::InvalidRequest.as_str(),
        kind => kind.as_str(),
    };
    let message = error.remote().map_or_else(|| error.to_string(), |body| body.message.clone());
    let code = error.remote().map(|body| body.code.to_string());
    json!({ "err": { "kind": kind, "code": code, "message": message } })
}
