//! The platform's side of the calls a plugin makes: a trait for whoever has the data, and the path
//! from a request on the channel to one of its methods.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use crate::http::Identity;
use futures_util::FutureExt;
use serde::Serialize;
use serde_json::Value;
use temps_plugin_schema::api_call::{ApiCall, ApiReply};
use temps_plugin_schema::calls::{
    Call, CallError, GenerateAi, GetDeployment, GetEnvironment, GetHostCapabilities,
    GetLastDeployment, GetProject, ListDeployments, ListEnvironments, ListProjects, Method,
};
use temps_plugin_schema::channel::{ErrorBody, ErrorCode, Request};
use temps_plugin_schema::platform::{
    Deployment, Environment, GeneratedText, HostCapabilities, Project,
};
use temps_plugin_schema::{Dialect, PluginManifest};

/// What a call of a [`Platform`] returns. Write `Box::pin(async move { … })`.
pub type CallFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, ErrorBody>> + Send + 'a>>;

/// Who makes a call, and in which dialect.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CallOrigin {
    /// The calling plugin's manifest.
    pub manifest: Arc<PluginManifest>,
    /// The dialect it speaks.
    pub dialect: Dialect,
    /// For whom it makes an `api_call`: the caller for whom the host had issued the call's actor token
    /// to this plugin. Set by [`PluginHost`](crate::PluginHost), which lets no other through (CH-59).
    pub caller: Option<Arc<Identity>>,
}

impl CallOrigin {
    /// A call of the plugin with this manifest.
    #[must_use]
    pub fn new(manifest: Arc<PluginManifest>, dialect: Dialect) -> Self {
        Self { manifest, dialect, caller: None }
    }
}

/// Answers the calls of plugins (PROTOCOL.md, CH-40 and CH-41). Parameters have been read and checked
/// when a method is reached.
///
/// Calls of one plugin come concurrently (CH-49), and a future that is dropped belongs to a channel
/// that is gone. A method that panics is answered with `internal`.
///
/// The three methods of dialect 2 answer with `method_not_found` unless they are written; in dialect 1
/// they are never reached.
pub trait Platform: Send + Sync + 'static {
    /// One project.
    fn get_project(&self, origin: CallOrigin, params: GetProject) -> CallFuture<'_, Project>;

    /// All projects, at most 100 (CH-44).
    fn list_projects(
        &self,
        origin: CallOrigin,
        params: ListProjects,
    ) -> CallFuture<'_, Vec<Project>>;

    /// One environment.
    fn get_environment(
        &self,
        origin: CallOrigin,
        params: GetEnvironment,
    ) -> CallFuture<'_, Environment>;

    /// A project's environments.
    fn list_environments(
        &self,
        origin: CallOrigin,
        params: ListEnvironments,
    ) -> CallFuture<'_, Vec<Environment>>;

    /// One deployment.
    fn get_deployment(
        &self,
        origin: CallOrigin,
        params: GetDeployment,
    ) -> CallFuture<'_, Deployment>;

    /// A project's newest deployment.
    fn get_last_deployment(
        &self,
        origin: CallOrigin,
        params: GetLastDeployment,
    ) -> CallFuture<'_, Deployment>;

    /// A project's deployments, newest first.
    fn list_deployments(
        &self,
        origin: CallOrigin,
        params: ListDeployments,
    ) -> CallFuture<'_, Vec<Deployment>>;

    /// What the plugin may do now (dialect 2).
    fn get_host_capabilities(
        &self,
        origin: CallOrigin,
        params: GetHostCapabilities,
    ) -> CallFuture<'_, HostCapabilities> {
        let _ = (origin, params);
        unknown(Method::GetHostCapabilities)
    }

    /// Text from the platform's model (dialect 2). May take 60 s.
    fn generate_ai(&self, origin: CallOrigin, params: GenerateAi) -> CallFuture<'_, GeneratedText> {
        let _ = (origin, params);
        unknown(Method::GenerateAi)
    }

    /// A request to the platform's API in a caller's name (dialect 2, CH-59 to CH-61).
    fn api_call(&self, origin: CallOrigin, params: ApiCall) -> CallFuture<'_, ApiReply> {
        let _ = (origin, params);
        unknown(Method::ApiCall)
    }
}

fn unknown<T: Send + 'static>(method: Method) -> CallFuture<'static, T> {
    Box::pin(std::future::ready(Err(no_method(method.as_str()))))
}

fn no_method(method: &str) -> ErrorBody {
    let message = format!("this host has no method {method:?}");
    ErrorBody::new(ErrorCode::MethodNotFound, message)
}

/// Answers one request: unknown methods with `method_not_found` (CH-42), bad parameters with
/// `invalid_params` (CH-43), a panic with `internal`, everything else as the platform does.
pub(crate) async fn answer(
    platform: &dyn Platform,
    origin: CallOrigin,
    request: Request,
) -> Result<Value, ErrorBody> {
    let known = Method::ALL.iter().find(|method| method.as_str() == request.method);
    if known.is_some_and(|method| method.needs_dialect_2()) && origin.dialect == Dialect::One {
        return Err(no_method(&request.method));
    }
    let call = Call::from_parts(&request.method, request.params).map_err(|error| match error {
        CallError::MethodNotFound(method) => no_method(&method),
        CallError::InvalidParams(reason) => ErrorBody::new(ErrorCode::InvalidParams, reason),
    })?;
    let answered = AssertUnwindSafe(async { dispatch(platform, origin, call).await });
    answered.catch_unwind().await.unwrap_or_else(|_| {
        let message = "the host failed while it answered this call";
        Err(ErrorBody::new(ErrorCode::Internal, message))
    })
}

async fn dispatch(
    platform: &dyn Platform,
    origin: CallOrigin,
    call: Call,
) -> Result<Value, ErrorBody> {
    match call {
        Call::GetProject(params) => value(platform.get_project(origin, params)).await,
        Call::ListProjects(params) => value(platform.list_projects(origin, params)).await,
        Call::GetEnvironment(params) => value(platform.get_environment(origin, params)).await,
        Call::ListEnvironments(params) => value(platform.list_environments(origin, params)).await,
        Call::GetDeployment(params) => value(platform.get_deployment(origin, params)).await,
        Call::GetLastDeployment(params) => {
            value(platform.get_last_deployment(origin, params)).await
        }
        Call::ListDeployments(params) => value(platform.list_deployments(origin, params)).await,
        Call::GetHostCapabilities(params) => {
            value(platform.get_host_capabilities(origin, params)).await
        }
        Call::GenerateAi(params) => value(platform.generate_ai(origin, params)).await,
        Call::ApiCall(params) => value(platform.api_call(origin, params)).await,
    }
}

async fn value<T: Serialize>(answer: CallFuture<'_, T>) -> Result<Value, ErrorBody> {
    serde_json::to_value(answer.await?)
        .map_err(|error| ErrorBody::new(ErrorCode::Internal, error.to_string()))
}
