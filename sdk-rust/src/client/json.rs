//! Calls whose parameters and results are JSON: for bindings to languages whose types are not these.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use temps_plugin_schema::api_call::{ApiBody, ApiMethod};
use temps_plugin_schema::calls::Call;

use super::{CallerApi, TempsClient};
use crate::{ErrorKind, PluginSdkError};

/// Makes the call `method` with `params`, checked like those of the typed client, and gives its
/// result in the form it has on the wire.
///
/// ```no_run
/// # use temps_plugin_sdk::prelude::*;
/// # async fn example(ctx: PluginContext) -> Result<(), PluginSdkError> {
/// let params = serde_json::json!({ "project_id": 7 });
/// let project = temps_plugin_sdk::call_json(ctx.temps(), "get_project", params).await?;
/// assert_eq!(project["id"], 7);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`ErrorKind::InvalidRequest`] for a method that does not exist or parameters of another shape;
/// else as for every call of [`TempsClient`].
pub async fn call_json(
    temps: &TempsClient,
    method: &str,
    params: Value,
) -> Result<Value, PluginSdkError> {
    let call = Call::from_parts(method, params)
        .map_err(|error| PluginSdkError::new(ErrorKind::InvalidRequest, error.to_string()))?;
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

/// Makes a request to the platform's API in a caller's name: `{"method", "path", "query"?, "body"?}`
/// with `body` in its wire form; the answer is `{"status", "body"}`, its body JSON as text.
///
/// # Errors
/// As for [`ApiRequest::send`](super::ApiRequest::send), and [`ErrorKind::InvalidRequest`] for a
/// request of another shape.
pub async fn api_json(api: &CallerApi, request: Value) -> Result<Value, PluginSdkError> {
    #[derive(Deserialize)]
    struct Parts {
        method: Value,
        path: String,
        #[serde(default)]
        query: Option<String>,
        #[serde(default)]
        body: Option<Value>,
    }
    let Parts { method, path, query, body } = parse("the request", request)?;
    let mut request = api.request(parse::<ApiMethod>("method", method)?, path);
    if let Some(query) = query {
        request = request.query(query);
    }
    if let Some(body) = body {
        request = request.body(parse::<ApiBody>("body", body)?);
    }
    let response = request.send().await?;
    Ok(json!({ "status": response.status(), "body": response.body() }))
}

fn value<T: Serialize>(result: T) -> Result<Value, PluginSdkError> {
    Ok(serde_json::to_value(result)?)
}

fn parse<T: serde::de::DeserializeOwned>(what: &str, value: Value) -> Result<T, PluginSdkError> {
    serde_json::from_value(value).map_err(|error| {
        let message = format!("api_call was not sent: {what} was refused: {error}");
        PluginSdkError::new(ErrorKind::InvalidRequest, message)
    })
}
