//! Routes that make calls to the platform and show what came back.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use temps_plugin_sdk::prelude::*;
use temps_plugin_sdk::schema::api_call::{ApiBody, ApiMethod};
use temps_plugin_sdk::schema::calls::Call;

use crate::AppState;

pub(crate) fn routes() -> Router<AppState> {
    Router::new().route("/call", post(call)).route("/api", post(api))
}

#[derive(Deserialize)]
struct CallRequest {
    method: String,
    #[serde(default)]
    params: Value,
}

async fn call(State(state): State<AppState>, Json(request): Json<CallRequest>) -> Json<Value> {
    let call = Call::from_parts(&request.method, request.params)
        .map_err(|error| PluginSdkError::new(ErrorKind::InvalidRequest, error.to_string()));
    let outcome = match call {
        Ok(call) => make(state.ctx.temps(), call).await,
        Err(error) => Err(error),
    };
    Json(show(outcome))
}

/// Makes any call through the typed client.
async fn make(temps: &TempsClient, call: Call) -> Result<Value, PluginSdkError> {
    match call {
        Call::GetProject(params) => value(temps.call(&params).await?),
        Call::ListProjects(params) => value(temps.call(&params).await?),
        Call::GetEnvironment(params) => value(temps.call(&params).await?),
        Call::ListEnvironments(params) => value(temps.call(&params).await?),
        Call::GetDeployment(params) => value(temps.call(&params).await?),
        Call::GetLastDeployment(params) => value(temps.call(&params).await?),
        Call::ListDeployments(params) => value(temps.call(&params).await?),
        Call::GetHostCapabilities(params) => value(temps.call(&params).await?),
        Call::GenerateAi(params) => value(temps.call(&params).await?),
        Call::ApiCall(params) => value(temps.call(&params).await?),
    }
}

#[derive(Deserialize)]
struct ApiRequest {
    method: String,
    path: String,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    body: Option<Value>,
}

async fn api(
    State(state): State<AppState>,
    caller: Caller,
    Json(request): Json<ApiRequest>,
) -> Json<Value> {
    Json(show(call_api(&state.ctx, caller, request).await))
}

async fn call_api(
    ctx: &PluginContext,
    caller: Caller,
    request: ApiRequest,
) -> Result<Value, PluginSdkError> {
    let Caller::SignedIn(caller) = caller else {
        return Err(PluginSdkError::new(ErrorKind::NoActor, "nobody is signed in"));
    };
    let method: ApiMethod = parse("method", request.method.into())?;
    let mut call = ctx.api_for(&caller).request(method, request.path);
    if let Some(query) = request.query {
        call = call.query(query);
    }
    if let Some(body) = request.body {
        call = call.body(parse::<ApiBody>("body", body)?);
    }
    let response = call.send().await?;
    Ok(json!({ "status": response.status(), "body": response.body() }))
}

fn parse<T: serde::de::DeserializeOwned>(what: &str, value: Value) -> Result<T, PluginSdkError> {
    serde_json::from_value(value).map_err(|error| {
        PluginSdkError::new(ErrorKind::InvalidRequest, format!("{what} was refused: {error}"))
    })
}

fn value<T: Serialize>(result: T) -> Result<Value, PluginSdkError> {
    Ok(serde_json::to_value(result)?)
}

/// `{"ok": …}` or `{"err": {"kind", "code", "message"}}`, as the profile has it.
fn show(outcome: Result<Value, PluginSdkError>) -> Value {
    let error = match outcome {
        Ok(result) => return json!({ "ok": result }),
        Err(error) => error,
    };
    let kind = match error.kind() {
        ErrorKind::Remote => "remote",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Disconnected => "disconnected",
        ErrorKind::Protocol => "protocol",
        ErrorKind::NoActor => "no_actor",
        _ => "invalid_request",
    };
    let message = error.remote().map_or_else(|| error.to_string(), |body| body.message.clone());
    let code = error.remote().map(|body| body.code.to_string());
    json!({ "err": { "kind": kind, "code": code, "message": message } })
}
