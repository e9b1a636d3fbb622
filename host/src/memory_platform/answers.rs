//! The answers themselves.

use temps_plugin_schema::api_call::{ApiCall, ApiReply};
use temps_plugin_schema::calls::{
    GenerateAi, GetDeployment, GetEnvironment, GetHostCapabilities, GetLastDeployment, GetProject,
    ListDeployments, ListEnvironments, ListProjects,
};
use temps_plugin_schema::channel::{ErrorBody, ErrorCode};
use temps_plugin_schema::manifest::HostPermission;
use temps_plugin_schema::platform::{
    Deployment, Environment, GeneratedText, HostCapabilities, Project,
};

use super::state::{api_permission, below_api};
use super::{AiAnswer, MemoryPlatform, State};
use crate::platform::{CallFuture, CallOrigin, Platform};

/// Most projects that are listed at once (CH-44).
const LIST_LIMIT: usize = 100;

fn missing(what: &str, id: i32) -> ErrorBody {
    ErrorBody::new(ErrorCode::NotFound, format!("no {what} {id}"))
}

fn limit(asked: Option<u32>) -> usize {
    asked
        .and_then(|limit| usize::try_from(limit).ok())
        .map_or(LIST_LIMIT, |limit| limit.min(LIST_LIMIT))
}

/// The deployments of a project, or of one environment of it, newest first.
fn deployments(state: &State, project: i32, environment: Option<i32>) -> Vec<Deployment> {
    let wanted = |d: &&Deployment| {
        d.project_id == project && environment.is_none_or(|id| d.environment_id == id)
    };
    state.deployments.values().rev().filter(wanted).cloned().collect()
}

impl Platform for MemoryPlatform {
    fn get_project(&self, origin: CallOrigin, params: GetProject) -> CallFuture<'_, Project> {
        Box::pin(async move {
            self.admit(&origin, &params, Some(HostPermission::ProjectsRead)).await?;
            let found = self.lock().projects.get(&params.project_id).cloned();
            found.ok_or_else(|| missing("project", params.project_id))
        })
    }

    fn list_projects(
        &self,
        origin: CallOrigin,
        params: ListProjects,
    ) -> CallFuture<'_, Vec<Project>> {
        Box::pin(async move {
            self.admit(&origin, &params, Some(HostPermission::ProjectsRead)).await?;
            let state = self.lock();
            Ok(state.projects.values().take(limit(params.limit)).cloned().collect())
        })
    }

    fn get_environment(
        &self,
        origin: CallOrigin,
        params: GetEnvironment,
    ) -> CallFuture<'_, Environment> {
        Box::pin(async move {
            self.admit(&origin, &params, Some(HostPermission::EnvironmentsRead)).await?;
            let found = self.lock().environments.get(&params.environment_id).cloned();
            found.ok_or_else(|| missing("environment", params.environment_id))
        })
    }

    fn list_environments(
        &self,
        origin: CallOrigin,
        params: ListEnvironments,
    ) -> CallFuture<'_, Vec<Environment>> {
        Box::pin(async move {
            self.admit(&origin, &params, Some(HostPermission::EnvironmentsRead)).await?;
            let state = self.lock();
            if !state.projects.contains_key(&params.project_id) {
                return Err(missing("project", params.project_id));
            }
            let environments = state.environments.values();
            Ok(environments.filter(|e| e.project_id == params.project_id).cloned().collect())
        })
    }

    fn get_deployment(
        &self,
        origin: CallOrigin,
        params: GetDeployment,
    ) -> CallFuture<'_, Deployment> {
        Box::pin(async move {
            self.admit(&origin, &params, Some(HostPermission::DeploymentsRead)).await?;
            let found = self.lock().deployments.get(&params.deployment_id).cloned();
            found.ok_or_else(|| missing("deployment", params.deployment_id))
        })
    }

    fn get_last_deployment(
        &self,
        origin: CallOrigin,
        params: GetLastDeployment,
    ) -> CallFuture<'_, Deployment> {
        Box::pin(async move {
            self.admit(&origin, &params, Some(HostPermission::DeploymentsRead)).await?;
            let state = self.lock();
            let newest = deployments(&state, params.project_id, params.environment_id);
            newest.into_iter().next().ok_or_else(|| {
                let message = format!("project {} has no deployment there", params.project_id);
                ErrorBody::new(ErrorCode::NotFound, message)
            })
        })
    }

    fn list_deployments(
        &self,
        origin: CallOrigin,
        params: ListDeployments,
    ) -> CallFuture<'_, Vec<Deployment>> {
        Box::pin(async move {
            self.admit(&origin, &params, Some(HostPermission::DeploymentsRead)).await?;
            let state = self.lock();
            if !state.projects.contains_key(&params.project_id) {
                return Err(missing("project", params.project_id));
            }
            let mut found = deployments(&state, params.project_id, params.environment_id);
            found.truncate(limit(params.limit));
            Ok(found)
        })
    }

    fn get_host_capabilities(
        &self,
        origin: CallOrigin,
        params: GetHostCapabilities,
    ) -> CallFuture<'_, HostCapabilities> {
        Box::pin(async move {
            self.admit(&origin, &params, None).await?;
            Ok(self.capabilities())
        })
    }

    fn generate_ai(&self, origin: CallOrigin, params: GenerateAi) -> CallFuture<'_, GeneratedText> {
        Box::pin(async move {
            self.admit(&origin, &params, Some(HostPermission::AiGenerate)).await?;
            let text = match self.lock().ai.clone() {
                AiAnswer::Echo => params.prompt,
                AiAnswer::Text(text) => text,
                AiAnswer::Refuse(error) => return Err(error),
            };
            let model = "memory".to_owned();
            Ok(GeneratedText { text, model })
        })
    }

    fn api_call(&self, origin: CallOrigin, params: ApiCall) -> CallFuture<'_, ApiReply> {
        Box::pin(async move {
            self.admit(&origin, &params, Some(api_permission(&params))).await?;
            let state = self.lock();
            let vouched_for = origin.caller.is_some();
            if !vouched_for && !state.actors.contains(params.actor.expose()) {
                let message = "the actor token is not one that was issued";
                return Err(ErrorBody::new(ErrorCode::Unauthenticated, message));
            }
            let path = below_api(&params.path);
            let wanted = |(method, set): (_, &str)| method == params.method && set == path;
            let set = state.api.iter().find(|(m, p, _)| wanted((*m, p)));
            Ok(set.map_or_else(
                || ApiReply {
                    status: 404,
                    body: Some(r#"{"title":"Not Found","status":404}"#.to_owned()),
                },
                |(_, _, reply)| reply.clone(),
            ))
        })
    }
}
