//! What the platform tells a plugin about itself.

use proptest::prelude::*;
use temps_plugin_schema::manifest::HostPermission;
use temps_plugin_schema::platform::{
    Actor, AiStatus, Deployment, Environment, GeneratedText, HostCapabilities, Project,
};

use super::{maybe, some, text};

/// Any project.
pub(super) fn projects() -> impl Strategy<Value = Project> {
    let texts = prop::array::uniform9(text());
    let parts = (any::<i32>(), texts, maybe(text()), any::<bool>());
    parts.prop_map(|(id, texts, last_deployment, enable_preview_environments)| {
        let [
            name,
            slug,
            repo_name,
            repo_owner,
            main_branch,
            preset,
            source_type,
            created_at,
            updated_at,
        ] = texts;
        Project {
            id,
            name,
            slug,
            repo_name,
            repo_owner,
            main_branch,
            preset,
            source_type,
            created_at,
            updated_at,
            last_deployment,
            enable_preview_environments,
        }
    })
}

/// Any environment.
pub(super) fn environments() -> impl Strategy<Value = Environment> {
    let ids = (any::<i32>(), any::<i32>(), any::<Option<i32>>());
    let parts = (ids, prop::array::uniform4(text()), maybe(text()), any::<bool>());
    parts.prop_map(|(ids, texts, branch, is_preview)| {
        let (id, project_id, current_deployment_id) = ids;
        let [name, slug, created_at, updated_at] = texts;
        Environment {
            id,
            project_id,
            name,
            slug,
            branch,
            is_preview,
            current_deployment_id,
            created_at,
            updated_at,
        }
    })
}

/// Any deployment.
pub(super) fn deployments() -> impl Strategy<Value = Deployment> {
    let ids = (any::<i32>(), any::<i32>(), any::<i32>());
    let parts = (ids, text(), text(), prop::array::uniform7(maybe(text())));
    parts.prop_map(|(ids, state, created_at, texts)| {
        let (id, project_id, environment_id) = ids;
        let [branch, tag, commit_sha, commit_message, commit_author, started_at, finished_at] =
            texts;
        Deployment {
            id,
            project_id,
            environment_id,
            state,
            branch,
            tag,
            commit_sha,
            commit_message,
            commit_author,
            created_at,
            started_at,
            finished_at,
        }
    })
}

/// Any answer to `get_host_capabilities`, permissions from a newer host included.
pub(super) fn host_capabilities() -> impl Strategy<Value = HostCapabilities> {
    let newer = text().prop_map(|text| HostPermission::from(text.as_str()));
    let permissions = some(prop_oneof![super::manifest::permissions(), newer]);
    (actors(), permissions, ai_states()).prop_map(|(actor, permissions, ai)| HostCapabilities {
        actor,
        permissions,
        ai,
    })
}

fn actors() -> impl Strategy<Value = Actor> {
    (any::<i32>(), text(), any::<bool>()).prop_map(|(id, name, active)| Actor { id, name, active })
}

fn ai_states() -> impl Strategy<Value = AiStatus> {
    let limits = (any::<u64>(), any::<u32>(), any::<u64>());
    let parts = (any::<bool>(), maybe(text()), text(), limits);
    parts.prop_map(|(configured, reason, setup_path, limits)| {
        let (daily_call_limit, max_output_tokens, max_prompt_bytes) = limits;
        AiStatus {
            configured,
            reason,
            setup_path,
            daily_call_limit,
            max_output_tokens,
            max_prompt_bytes,
        }
    })
}

/// Any generated text.
pub(super) fn generated_texts() -> impl Strategy<Value = GeneratedText> {
    (text(), text()).prop_map(|(text, model)| GeneratedText { text, model })
}
