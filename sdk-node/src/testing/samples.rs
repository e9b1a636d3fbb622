//! Sample values as JSON text, and the headers of a request as its host would send it.

use napi::bindgen_prelude::Result;
use napi_derive::napi;
use serde::Serialize;
use serde_json::Value;
use temps_plugin_sdk::Role;
use temps_plugin_sdk::schema::http::header;
use temps_plugin_sdk::testing::{self, TestUser};

use crate::invalid;

/// Someone signed in to the platform.
#[napi(object, object_to_js = false)]
pub struct NativeTestUser {
    /// The user's id.
    pub id: String,
    /// The user's mail address.
    pub email: String,
    /// What the user is.
    pub role: String,
    /// The user's permissions.
    pub permissions: Vec<String>,
    /// What lets a plugin call the platform's API as this user.
    pub actor_token: Option<String>,
}

/// The headers of a request that is signed with `secret`, if given, and sent by `user`, if given: names
/// and values in turn.
#[napi]
pub fn test_headers(secret: Option<String>, user: Option<NativeTestUser>) -> Result<Vec<String>> {
    let mut headers = Vec::new();
    if let Some(secret) = secret {
        headers.extend([header::AUTH_SIGNATURE.to_owned(), secret]);
    }
    if let Some(user) = user {
        let role: Role = serde_json::from_value(Value::String(user.role)).map_err(invalid)?;
        let mut signed_in = TestUser::new(user.id, user.email).role(role);
        signed_in.permissions = user.permissions;
        signed_in.actor_token = user.actor_token;
        for (name, value) in signed_in.headers() {
            headers.extend([name.to_owned(), value]);
        }
    }
    Ok(headers)
}

/// A project.
#[napi]
pub fn sample_project(id: i32, name: String) -> Result<String> {
    text(&testing::project(id, &name))
}

/// An environment of a project.
#[napi]
pub fn sample_environment(id: i32, project_id: i32, name: String) -> Result<String> {
    text(&testing::environment(id, project_id, &name))
}

/// A finished deployment.
#[napi]
pub fn sample_deployment(id: i32, project_id: i32, environment_id: i32) -> Result<String> {
    text(&testing::deployment(id, project_id, environment_id))
}

/// An event; `data` is JSON text as well.
#[napi]
pub fn sample_event(event_type: String, data: String) -> Result<String> {
    let data = serde_json::from_str(&data).map_err(invalid)?;
    text(&testing::event(&event_type, data))
}

fn text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(invalid)
}
