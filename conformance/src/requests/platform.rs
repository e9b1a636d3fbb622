//! The platform that `conformance.toml` describes, in memory.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use temps_plugin_host::{AiAnswer, MemoryPlatform, sample};
use temps_plugin_schema::api_call::ApiReply;
use temps_plugin_schema::channel::ErrorBody;
use toml::Spanned;

use super::config::Problems;
use super::file::SamplePlatform;

/// Builds the platform, and says what is wrong with its description.
pub(super) fn build(data: &SamplePlatform, problems: &mut Problems<'_>) -> MemoryPlatform {
    let platform = if data.sample { MemoryPlatform::sample() } else { MemoryPlatform::empty() };
    for entry in &data.project {
        let name = entry.get_ref().get("name").and_then(Value::as_str).unwrap_or_default();
        let model = sample::project(id(entry.get_ref(), "id"), name);
        let required = &["id", "name"];
        if let Some(project) =
            problems.keep(entry, "platform.project", complete(entry.get_ref(), &model, required))
        {
            platform.put_project(project);
        }
    }
    for entry in &data.environment {
        let members = entry.get_ref();
        let name = members.get("name").and_then(Value::as_str).unwrap_or_default();
        let model = sample::environment(id(members, "id"), id(members, "project_id"), name);
        let required = &["id", "project_id", "name"];
        let environment = complete(members, &model, required);
        if let Some(environment) = problems.keep(entry, "platform.environment", environment) {
            platform.put_environment(environment);
        }
    }
    for entry in &data.deployment {
        let members = entry.get_ref();
        let state = members.get("state").and_then(Value::as_str).unwrap_or_default();
        let [id, project, environment] =
            ["id", "project_id", "environment_id"].map(|name| id(members, name));
        let model = sample::deployment(id, project, environment, state);
        let required = &["id", "project_id", "environment_id", "state"];
        let deployment = complete(members, &model, required);
        if let Some(deployment) = problems.keep(entry, "platform.deployment", deployment) {
            platform.put_deployment(deployment);
        }
    }
    if let Some(permissions) = &data.permissions {
        let mut capabilities = platform.capabilities();
        capabilities.permissions =
            permissions.iter().map(|permission| permission.get_ref().clone()).collect();
        platform.set_capabilities(capabilities);
    }
    for error in data.error.iter().map(Spanned::get_ref) {
        platform.refuse(error.method, ErrorBody::new(error.code.clone(), &*error.message));
    }
    for answer in &data.api {
        let api = answer.get_ref();
        let body = api.json.as_ref().map(Value::to_string);
        platform.set_api(api.method.0, &api.path, ApiReply { status: api.status, body });
    }
    if let Some(text) = &data.ai {
        platform.set_ai(AiAnswer::Text(text.clone()));
    }
    platform
}

/// An id as it was written; 0 where [`complete`] will complain.
fn id(members: &Map<String, Value>, name: &str) -> i32 {
    members.get(name).and_then(Value::as_i64).and_then(|id| i32::try_from(id).ok()).unwrap_or(0)
}

/// What was written, over `model` for the rest.
fn complete<T: Serialize + DeserializeOwned>(
    written: &Map<String, Value>,
    model: &T,
    required: &[&str],
) -> Result<T, String> {
    if let Some(missing) = required.iter().find(|name| !written.contains_key(**name)) {
        return Err(format!("`{missing}` is missing; {} are needed", required.join(", ")));
    }
    let mut whole = serde_json::to_value(model).map_err(|error| error.to_string())?;
    for (name, value) in written {
        whole[name] = value.clone();
    }
    let read: T = serde_json::from_value(whole).map_err(|error| error.to_string())?;
    // What the type did not keep is no member of it.
    let kept = serde_json::to_value(&read).map_err(|error| error.to_string())?;
    match written.keys().find(|name| kept.get(name.as_str()).is_none()) {
        Some(unknown) => Err(format!("there is no member `{unknown}`")),
        None => Ok(read),
    }
}
