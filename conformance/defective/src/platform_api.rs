//! What author code asks the platform: the methods of the dialect, and its API in a caller's name.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::calls::{CallError, call};
use crate::defects::{everything_calls as defects, requests};
use crate::json::is_i32;
use crate::log;
use crate::plugin::{Dialect, Plugin};

/// CH-57: largest body of an `api_call` in bytes.
const API_BODY: usize = 32 * 1024 * 1024;
const API_METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Method, required ids, and whether it is one of dialect 2 only.
const METHODS: [(&str, &[&str], bool); 9] = [
    ("get_project", &["project_id"], false),
    ("list_projects", &[], false),
    ("get_environment", &["environment_id"], false),
    ("list_environments", &["project_id"], false),
    ("get_deployment", &["deployment_id"], false),
    ("get_last_deployment", &["project_id"], false),
    ("list_deployments", &["project_id"], false),
    ("get_host_capabilities", &[], true),
    ("generate_ai", &[], true),
];

fn refused(why: impl Into<String>) -> CallError {
    CallError::new("invalid_request", why)
}

/// The call that `{"method", "params", "timeout_ms"}` asks for (EP-32, EP-48).
pub(crate) async fn ask(plugin: &Plugin, request: &Value) -> Result<Value, CallError> {
    let method = request.get("method").and_then(Value::as_str);
    let method = method.ok_or_else(|| refused("there is no text `method`"))?;
    if method == "api_call" {
        return Err(refused("an api_call is made in the name of a caller, by POST /api"));
    }
    let params = match request.get("params") {
        None | Some(Value::Null) => json!({}),
        Some(Value::Object(params)) => {
            let mut params = params.clone();
            if defects::OPTIONAL_PARAMS_DROPPED.active() {
                params.remove("limit");
            }
            params.into()
        }
        Some(_) => return Err(refused("`params` is no object")),
    };
    let known = METHODS.iter().find(|(name, ..)| *name == method);
    let (_, ids, newer) = known.ok_or_else(|| refused(format!("no method {method:?}")))?;
    if *newer && plugin.dialect == Dialect::One {
        return Err(refused(format!("{method} is not in dialect 1")));
    }
    if let Some(id) = ids.iter().find(|id| !params.get(**id).is_some_and(is_i32)) {
        return Err(refused(format!("{method} needs the integer {id}")));
    }
    if defects::LISTS_NEED_A_LIMIT.active()
        && method == "list_projects"
        && params.get("limit").is_none()
    {
        return Err(refused("list_projects needs a limit"));
    }
    let limit = request.get("timeout_ms").and_then(Value::as_u64).map(Duration::from_millis);
    call(plugin, method, params, limit).await
}

/// An `api_call` in the name of the caller who has this token (EP-34 to EP-36).
pub(crate) async fn api(
    plugin: &Plugin,
    request: &Value,
    actor: Option<&str>,
) -> Result<Value, CallError> {
    let actor = actor.or(defects::ACTOR_OF_ITS_OWN.active().then_some("everything-defective"));
    let actor = actor.ok_or_else(|| CallError::new("no_actor", "the caller has no token"))?;
    if plugin.dialect == Dialect::One {
        return Err(refused("api_call is not in dialect 1"));
    }
    let text = |member: &str| request.get(member).and_then(Value::as_str);
    let method = text("method").map(|method| match defects::API_METHODS_IN_ANY_CASE.active() {
        true => method.to_ascii_uppercase(),
        false => method.to_owned(),
    });
    let method = method.filter(|method| API_METHODS.contains(&method.as_str()));
    let method =
        method.ok_or_else(|| refused(format!("`method` is none of {}", API_METHODS.join(", "))))?;
    let path = text("path").filter(|path| path.starts_with("/api/"));
    let path = path.ok_or_else(|| refused("`path` does not lie below /api"))?;
    let mut params = json!({"method": method, "path": path, "actor": actor});
    match request.get("query") {
        None | Some(Value::Null) => {}
        Some(Value::String(_)) if requests::API_QUERY_LEFT_OUT.active() => {}
        Some(Value::String(query)) if defects::API_QUERY_IN_PATH.active() => {
            params["path"] = format!("{path}?{query}").into();
        }
        Some(query @ Value::String(_)) => params["query"] = query.clone(),
        Some(_) => return Err(refused("`query` is no text")),
    }
    match request.get("body") {
        None | Some(Value::Null) => {}
        Some(body) => {
            let size = body_size(body).map_err(refused)?;
            if size > API_BODY {
                return Err(refused(format!("a body of {size} bytes; allowed are {API_BODY}")));
            }
            params["body"] = body.clone();
        }
    }
    if defects::LOGS_THE_ACTOR_TOKEN.active() {
        log::info(&format!("api_call {method} {path} as {actor}"));
    }
    match call(plugin, "api_call", params, None).await {
        Err(CallError { code: Some(code), .. }) if defects::API_ERRORS_ARE_STATUSES.active() => {
            Ok(json!({"status": 500, "body": code}))
        }
        outcome => outcome,
    }
}

/// How much of the limit a body takes (CH-55 to CH-57).
fn body_size(body: &Value) -> Result<usize, &'static str> {
    const SHAPE: &str = "`body` is neither of kind json nor of kind multipart";
    match (body.get("kind").and_then(Value::as_str), body.get("body")) {
        (Some("json"), Some(Value::String(text))) => Ok(text.len()),
        (Some("multipart"), Some(Value::Array(parts))) => {
            let mut sizes = parts.iter().map(|part| part_size(part).ok_or(SHAPE));
            if defects::API_PARTS_ONE_BY_ONE.active() {
                return sizes.try_fold(0, |largest, size| Ok(largest.max(size?)));
            }
            sizes.sum()
        }
        _ => Err(SHAPE),
    }
}

fn part_size(part: &Value) -> Option<usize> {
    part.get("name")?.as_str()?;
    let content = part.get("content")?;
    let value = content.get("value")?.as_str()?;
    match content.get("kind")?.as_str()? {
        "text" => Some(value.len()),
        "binary" => STANDARD.decode(value).is_ok().then_some(value.len()),
        _ => None,
    }
}

/// An outcome as the profile shows it.
pub(crate) fn shown(outcome: Result<Value, CallError>) -> Value {
    match outcome {
        Ok(result) => json!({"ok": result}),
        Err(CallError { kind, code, message }) => {
            json!({"err": {"kind": kind, "code": code, "message": message}})
        }
    }
}
