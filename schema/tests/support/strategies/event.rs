//! Events, and the data of those that are known.

use proptest::prelude::*;
use serde_json::Value;
use temps_plugin_schema::PluginEvent;
use temps_plugin_schema::event::{
    DeploymentCancelled, DeploymentCreated, DeploymentFailed, DeploymentReady, DeploymentSucceeded,
    DomainChanged, KNOWN_EVENTS, ProjectChanged,
};

use super::json::edge_json;
use super::{maybe, some_text, text, written};

/// Any event: of a known type or not, with data of any kind.
pub(super) fn events() -> impl Strategy<Value = PluginEvent> {
    let known = prop::sample::select(KNOWN_EVENTS);
    let known = known.prop_flat_map(|name| (Just(name.to_owned()), data(name)));
    let types = prop_oneof![known, (some_text(), edge_json())];
    let parts = (some_text(), types, text(), any::<Option<i32>>());
    parts.prop_map(|(id, (event_type, data), timestamp, project_id)| PluginEvent {
        id,
        event_type,
        timestamp,
        project_id,
        data,
    })
}

/// What every deployment event says: deployment, project, environment and its name.
fn places() -> impl Strategy<Value = (i32, i32, i32, String)> {
    (any::<i32>(), any::<i32>(), any::<i32>(), text())
}

/// The data of a known event.
pub(super) fn data(name: &str) -> BoxedStrategy<Value> {
    let two = (places(), maybe(text()), maybe(text()));
    let one = (places(), maybe(text()));
    match name {
        "deployment.created" => written(two.prop_map(|(place, commit_sha, branch)| {
            let (deployment_id, project_id, environment_id, environment_name) = place;
            DeploymentCreated {
                deployment_id,
                project_id,
                environment_id,
                environment_name,
                commit_sha,
                branch,
            }
        })),
        "deployment.succeeded" => written(two.prop_map(|(place, commit_sha, url)| {
            let (deployment_id, project_id, environment_id, environment_name) = place;
            DeploymentSucceeded {
                deployment_id,
                project_id,
                environment_id,
                environment_name,
                commit_sha,
                url,
            }
        })),
        "deployment.ready" => written(one.prop_map(|(place, url)| {
            let (deployment_id, project_id, environment_id, environment_name) = place;
            DeploymentReady { deployment_id, project_id, environment_id, environment_name, url }
        })),
        "deployment.failed" => written(one.prop_map(|(place, error_message)| {
            let (deployment_id, project_id, environment_id, environment_name) = place;
            DeploymentFailed {
                deployment_id,
                project_id,
                environment_id,
                environment_name,
                error_message,
            }
        })),
        "deployment.cancelled" => written(places().prop_map(|place| {
            let (deployment_id, project_id, environment_id, environment_name) = place;
            DeploymentCancelled { deployment_id, project_id, environment_id, environment_name }
        })),
        "project.created" | "project.deleted" => {
            let parts = (any::<i32>(), text());
            written(
                parts.prop_map(|(project_id, project_name)| ProjectChanged {
                    project_id,
                    project_name,
                }),
            )
        }
        "domain.created" | "domain.provisioned" => {
            let parts = (any::<i32>(), any::<Option<i32>>(), text());
            written(parts.prop_map(|(domain_id, project_id, domain_name)| DomainChanged {
                domain_id,
                project_id,
                domain_name,
            }))
        }
        _ => panic!("no strategy for the data of {name}"),
    }
}
