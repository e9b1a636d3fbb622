//! A small platform to test against: two projects, three environments, four deployments.

use temps_plugin_schema::manifest::HostPermission;
use temps_plugin_schema::platform::{
    Actor, AiStatus, Deployment, Environment, HostCapabilities, Project,
};

const MADE: &str = "2026-06-01T09:00:00Z";
const CHANGED: &str = "2026-06-06T12:00:00Z";

/// A project called `name`, with every required field filled.
#[must_use]
pub fn project(id: i32, name: &str) -> Project {
    Project {
        id,
        name: name.to_owned(),
        slug: name.to_lowercase().replace(' ', "-"),
        repo_name: name.to_lowercase().replace(' ', "-"),
        repo_owner: "acme".to_owned(),
        main_branch: "main".to_owned(),
        preset: "nextjs".to_owned(),
        source_type: "git".to_owned(),
        created_at: MADE.to_owned(),
        updated_at: CHANGED.to_owned(),
        last_deployment: None,
        enable_preview_environments: false,
    }
}

/// An environment of a project.
#[must_use]
pub fn environment(id: i32, project_id: i32, name: &str) -> Environment {
    Environment {
        id,
        project_id,
        name: name.to_owned(),
        slug: name.to_lowercase().replace(' ', "-"),
        branch: Some("main".to_owned()),
        is_preview: false,
        current_deployment_id: None,
        created_at: MADE.to_owned(),
        updated_at: CHANGED.to_owned(),
    }
}

/// A deployment of an environment.
#[must_use]
pub fn deployment(id: i32, project_id: i32, environment_id: i32, state: &str) -> Deployment {
    Deployment {
        id,
        project_id,
        environment_id,
        state: state.to_owned(),
        branch: Some("main".to_owned()),
        tag: None,
        commit_sha: Some(format!("{id:07x}")),
        commit_message: None,
        commit_author: None,
        created_at: MADE.to_owned(),
        started_at: None,
        finished_at: None,
    }
}

/// Project 42 (`Shop`) with a production and a preview environment, project 43 (`Blog`) with one
/// environment.
pub(crate) fn projects() -> Vec<Project> {
    let mut shop = project(42, "Shop");
    shop.last_deployment = Some(CHANGED.to_owned());
    shop.enable_preview_environments = true;
    vec![shop, project(43, "Blog")]
}

pub(crate) fn environments() -> Vec<Environment> {
    let mut production = environment(3, 42, "Production");
    production.current_deployment_id = Some(101);
    let mut preview = environment(4, 42, "Preview login");
    preview.branch = Some("login".to_owned());
    preview.is_preview = true;
    vec![production, preview, environment(5, 43, "Production")]
}

pub(crate) fn deployments() -> Vec<Deployment> {
    let mut whole = deployment(101, 42, 3, "completed");
    whole.tag = Some("v1.2.0".to_owned());
    whole.commit_message = Some("Sell more".to_owned());
    whole.commit_author = Some("Ada".to_owned());
    whole.started_at = Some(MADE.to_owned());
    whole.finished_at = Some(CHANGED.to_owned());
    vec![
        deployment(100, 42, 3, "failed"),
        whole,
        deployment(102, 42, 4, "running"),
        deployment(103, 43, 5, "completed"),
    ]
}

/// An active account with every permission, and a model that is set up.
pub(crate) fn capabilities() -> HostCapabilities {
    HostCapabilities {
        actor: Actor { id: 900, name: "plugin-account".to_owned(), active: true },
        permissions: HostPermission::KNOWN.iter().map(|name| HostPermission::from(*name)).collect(),
        ai: AiStatus {
            configured: true,
            reason: None,
            setup_path: "/settings/ai".to_owned(),
            daily_call_limit: 1000,
            max_output_tokens: 4096,
            max_prompt_bytes: 65_536,
        },
    }
}
