//! Sample values, complete and valid, to be changed where a test cares.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use temps_plugin_schema::PluginEvent;
use temps_plugin_schema::platform::{Deployment, Environment, Project};

const TIME: &str = "2026-06-06T12:00:00Z";

/// A project.
#[must_use]
pub fn project(id: i32, name: &str) -> Project {
    Project {
        id,
        name: name.to_owned(),
        slug: name.to_owned(),
        repo_name: name.to_owned(),
        repo_owner: "acme".to_owned(),
        main_branch: "main".to_owned(),
        preset: "nextjs".to_owned(),
        source_type: "git".to_owned(),
        created_at: TIME.to_owned(),
        updated_at: TIME.to_owned(),
        last_deployment: None,
        enable_preview_environments: true,
    }
}

/// An environment of a project.
#[must_use]
pub fn environment(id: i32, project_id: i32, name: &str) -> Environment {
    Environment {
        id,
        project_id,
        name: name.to_owned(),
        slug: name.to_owned(),
        branch: Some("main".to_owned()),
        is_preview: false,
        current_deployment_id: None,
        created_at: TIME.to_owned(),
        updated_at: TIME.to_owned(),
    }
}

/// A finished deployment.
#[must_use]
pub fn deployment(id: i32, project_id: i32, environment_id: i32) -> Deployment {
    Deployment {
        id,
        project_id,
        environment_id,
        state: "completed".to_owned(),
        branch: Some("main".to_owned()),
        tag: None,
        commit_sha: Some("a1b2c3d".to_owned()),
        commit_message: None,
        commit_author: None,
        created_at: TIME.to_owned(),
        started_at: Some(TIME.to_owned()),
        finished_at: Some(TIME.to_owned()),
    }
}

/// An event with an id of its own; its project is `data.project_id`, if there is one.
#[must_use]
pub fn event(event_type: &str, data: Value) -> PluginEvent {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let id = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    PluginEvent {
        id: format!("00000000-0000-4000-8000-{id:012x}"),
        event_type: event_type.to_owned(),
        timestamp: TIME.to_owned(),
        project_id: data
            .get("project_id")
            .and_then(Value::as_i64)
            .and_then(|id| i32::try_from(id).ok()),
        data,
    }
}
