//! Parameters and results of the ten calls.

use proptest::prelude::*;
use serde_json::Value;
use temps_plugin_schema::Secret;
use temps_plugin_schema::api_call::{ApiBody, ApiCall, ApiContent, ApiMethod, ApiPart, ApiReply};
use temps_plugin_schema::calls::{
    GenerateAi, GetDeployment, GetEnvironment, GetHostCapabilities, GetLastDeployment, GetProject,
    ListDeployments, ListEnvironments, ListProjects,
};

use super::json::edge_json;
use super::platform::{deployments, environments, generated_texts, host_capabilities, projects};
use super::{maybe, some, some_text, text, written};

/// Parameters or results, by the name of their document, such as `get_project.params`.
pub(super) fn parts(name: &str) -> BoxedStrategy<Value> {
    let id = any::<i32>;
    let limit = any::<Option<u32>>;
    match name {
        "get_project.params" => written(id().prop_map(|project_id| GetProject { project_id })),
        "list_projects.params" => written(limit().prop_map(|limit| ListProjects { limit })),
        "get_environment.params" => {
            written(id().prop_map(|environment_id| GetEnvironment { environment_id }))
        }
        "list_environments.params" => {
            written(id().prop_map(|project_id| ListEnvironments { project_id }))
        }
        "get_deployment.params" => {
            written(id().prop_map(|deployment_id| GetDeployment { deployment_id }))
        }
        "get_last_deployment.params" => {
            written((id(), any::<Option<i32>>()).prop_map(|(project_id, environment_id)| {
                GetLastDeployment { project_id, environment_id }
            }))
        }
        "list_deployments.params" => written((id(), any::<Option<i32>>(), limit()).prop_map(
            |(project_id, environment_id, limit)| ListDeployments {
                project_id,
                environment_id,
                limit,
            },
        )),
        "get_host_capabilities.params" => written(Just(GetHostCapabilities {})),
        "generate_ai.params" => written(prompts()),
        "api_call.params" => written(api_calls()),
        "get_project.result" => written(projects()),
        "list_projects.result" => written(some(projects())),
        "get_environment.result" => written(environments()),
        "list_environments.result" => written(some(environments())),
        "get_deployment.result" | "get_last_deployment.result" => written(deployments()),
        "list_deployments.result" => written(some(deployments())),
        "get_host_capabilities.result" => written(host_capabilities()),
        "generate_ai.result" => written(generated_texts()),
        "api_call.result" => written(api_replies()),
        _ => panic!("no strategy for {name}"),
    }
}

fn prompts() -> impl Strategy<Value = GenerateAi> {
    // Hundredths, because serde_json reads longer fractions with an error in the last place.
    let temperature = maybe((0..=200_u8).prop_map(|hundredths| f64::from(hundredths) / 100.0));
    let parts = (text(), text(), maybe(text()), any::<Option<u32>>(), temperature);
    parts.prop_map(|(purpose, prompt, system, max_tokens, temperature)| GenerateAi {
        purpose,
        prompt,
        system,
        max_tokens,
        temperature,
    })
}

fn api_calls() -> impl Strategy<Value = ApiCall> {
    let methods = prop::sample::select(vec![
        ApiMethod::Get,
        ApiMethod::Post,
        ApiMethod::Put,
        ApiMethod::Patch,
        ApiMethod::Delete,
    ]);
    let paths = "/api(/[a-zA-Z0-9%!$&'()*+,;=:@~_-][a-z0-9.]{0,6}){1,4}";
    let parts = (methods, paths, maybe(text()), maybe(api_bodies()), some_text());
    parts.prop_map(|(method, path, query, body, actor)| ApiCall {
        method,
        path,
        query,
        body,
        actor: Secret::new(actor),
    })
}

fn api_bodies() -> impl Strategy<Value = ApiBody> {
    prop_oneof![
        edge_json().prop_map(|json| ApiBody::Json(json.to_string())),
        some(api_parts()).prop_map(ApiBody::Multipart),
    ]
}

fn api_parts() -> impl Strategy<Value = ApiPart> {
    let base64 = "([A-Za-z0-9+/]{4}){0,3}([A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?";
    let contents =
        prop_oneof![text().prop_map(ApiContent::Text), base64.prop_map(ApiContent::Binary),];
    let parts = (some_text(), maybe(text()), maybe(text()), contents);
    parts.prop_map(|(name, filename, content_type, content)| ApiPart {
        name,
        filename,
        content_type,
        content,
    })
}

fn api_replies() -> impl Strategy<Value = ApiReply> {
    let body = maybe(edge_json().prop_map(|json| json.to_string()));
    (100..=599_u16, body).prop_map(|(status, body)| ApiReply { status, body })
}
