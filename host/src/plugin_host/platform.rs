//! The platform as the plugins of a host see it: calls in a caller's name are let through only with a
//! token that this host has issued.

use std::sync::Arc;

use temps_plugin_schema::api_call::{ApiCall, ApiReply};
use temps_plugin_schema::calls::{
    GenerateAi, GetDeployment, GetEnvironment, GetHostCapabilities, GetLastDeployment, GetProject,
    ListDeployments, ListEnvironments, ListProjects,
};
use temps_plugin_schema::channel::{ErrorBody, ErrorCode};
use temps_plugin_schema::http::path::is_under;
use temps_plugin_schema::platform::{
    Deployment, Environment, GeneratedText, HostCapabilities, Project,
};

use super::actor_tokens::ActorTokens;
use crate::platform::{CallFuture, CallOrigin, Platform};
use crate::proxy::plain;

/// Passes every call on, those in a caller's name with the caller.
pub(super) struct Checked {
    pub(super) platform: Arc<dyn Platform>,
    pub(super) tokens: Arc<ActorTokens>,
}

macro_rules! passed_on {
    ($($method:ident($params:ty) -> $result:ty;)+) => {
        $(fn $method(&self, origin: CallOrigin, params: $params) -> CallFuture<'_, $result> {
            self.platform.$method(origin, params)
        })+
    };
}

impl Platform for Checked {
    passed_on! {
        get_project(GetProject) -> Project;
        list_projects(ListProjects) -> Vec<Project>;
        get_environment(GetEnvironment) -> Environment;
        list_environments(ListEnvironments) -> Vec<Environment>;
        get_deployment(GetDeployment) -> Deployment;
        get_last_deployment(GetLastDeployment) -> Deployment;
        list_deployments(ListDeployments) -> Vec<Deployment>;
        get_host_capabilities(GetHostCapabilities) -> HostCapabilities;
        generate_ai(GenerateAi) -> GeneratedText;
    }

    fn api_call(&self, mut origin: CallOrigin, params: ApiCall) -> CallFuture<'_, ApiReply> {
        let refused = |code, message: &str| -> CallFuture<'_, ApiReply> {
            Box::pin(std::future::ready(Err(ErrorBody::new(code, message))))
        };
        match self.tokens.check(&params.actor, &origin.manifest.name) {
            Ok(caller) => origin.caller = Some(Arc::new(caller)),
            Err(reason) => return refused(ErrorCode::Unauthenticated, reason),
        }
        // As it stands it lies below `/api`; so must what a server may make of it (CH-61).
        if !plain(&params.path).is_some_and(|path| is_under(&path, "/api")) {
            return refused(ErrorCode::InvalidParams, "`path` leaves `/api`, once it is decoded");
        }
        self.platform.api_call(origin, params)
    }
}
