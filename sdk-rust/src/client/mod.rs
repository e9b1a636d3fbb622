//! What a plugin can ask of the platform: ten calls over the channel.

pub(crate) mod json;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde::de::DeserializeOwned;
use temps_plugin_schema::api_call::{ApiBody, ApiCall, ApiContent, ApiMethod, ApiPart, ApiReply};
use temps_plugin_schema::calls::{
    CallParams, GenerateAi, GetDeployment, GetEnvironment, GetHostCapabilities, GetLastDeployment,
    GetProject, ListDeployments, ListEnvironments, ListProjects, Method,
};
use temps_plugin_schema::channel::Request;
use temps_plugin_schema::platform::{
    Deployment, Environment, GeneratedText, HostCapabilities, Project,
};
use temps_plugin_schema::{Dialect, Secret};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::channel::Link;
use crate::{ErrorKind, PluginSdkError};

/// The platform's data, over the channel.
///
/// Any number of calls may be under way at once; dropping a call's future forgets the call. A call
/// waits at most 10 s for its answer, [`generate_ai`](Self::generate_ai) 65 s, the wait for a
/// channel that is down included; [`with_timeout`](Self::with_timeout) changes that.
///
/// Every call fails with a [`PluginSdkError`] whose [`kind`](PluginSdkError::kind) is
/// [`Remote`](ErrorKind::Remote) (the host refused: [`remote`](PluginSdkError::remote) has its
/// code), [`Timeout`](ErrorKind::Timeout), [`Disconnected`](ErrorKind::Disconnected),
/// [`Protocol`](ErrorKind::Protocol) or [`InvalidRequest`](ErrorKind::InvalidRequest).
///
/// ```no_run
/// # use temps_plugin_sdk::prelude::*;
/// async fn names(ctx: PluginContext) -> Result<String, PluginSdkError> {
///     let projects = ctx.temps().list_projects().await?;
///     Ok(projects.into_iter().map(|project| project.name).collect::<Vec<_>>().join(", "))
/// }
/// ```
#[derive(Clone)]
pub struct TempsClient {
    dialect: Dialect,
    live: watch::Receiver<Option<Link>>,
    timeout: Option<Duration>,
}

impl TempsClient {
    pub(crate) fn new(dialect: Dialect, live: watch::Receiver<Option<Link>>) -> Self {
        Self { dialect, live, timeout: None }
    }

    /// The same client with another limit for each call.
    #[must_use]
    pub fn with_timeout(&self, limit: Duration) -> Self {
        Self { timeout: Some(limit), ..self.clone() }
    }

    /// One project.
    ///
    /// # Errors
    /// As for [every call](Self).
    pub async fn get_project(&self, project_id: i32) -> Result<Project, PluginSdkError> {
        self.call(&GetProject { project_id }).await
    }

    /// All projects; hosts may stop at 100. For a limit of your own, [`call`](Self::call) with
    /// [`ListProjects`].
    ///
    /// # Errors
    /// As for [every call](Self).
    pub async fn list_projects(&self) -> Result<Vec<Project>, PluginSdkError> {
        self.call(&ListProjects::default()).await
    }

    /// One environment.
    ///
    /// # Errors
    /// As for [every call](Self).
    pub async fn get_environment(
        &self,
        environment_id: i32,
    ) -> Result<Environment, PluginSdkError> {
        self.call(&GetEnvironment { environment_id }).await
    }

    /// A project's environments.
    ///
    /// # Errors
    /// As for [every call](Self).
    pub async fn list_environments(
        &self,
        project_id: i32,
    ) -> Result<Vec<Environment>, PluginSdkError> {
        self.call(&ListEnvironments { project_id }).await
    }

    /// One deployment.
    ///
    /// # Errors
    /// As for [every call](Self).
    pub async fn get_deployment(&self, deployment_id: i32) -> Result<Deployment, PluginSdkError> {
        self.call(&GetDeployment { deployment_id }).await
    }

    /// The newest deployment of a project, or of one environment of it.
    ///
    /// # Errors
    /// As for [every call](Self).
    pub async fn get_last_deployment(
        &self,
        project_id: i32,
        environment_id: Option<i32>,
    ) -> Result<Deployment, PluginSdkError> {
        self.call(&GetLastDeployment { project_id, environment_id }).await
    }

    /// The deployments of a project, or of one environment of it, at most `limit`.
    ///
    /// # Errors
    /// As for [every call](Self).
    pub async fn list_deployments(
        &self,
        project_id: i32,
        environment_id: Option<i32>,
        limit: Option<u32>,
    ) -> Result<Vec<Deployment>, PluginSdkError> {
        self.call(&ListDeployments { project_id, environment_id, limit }).await
    }

    /// What this plugin may do on this host at this moment (dialect 2).
    ///
    /// # Errors
    /// As for [every call](Self).
    pub async fn get_host_capabilities(&self) -> Result<HostCapabilities, PluginSdkError> {
        self.call(&GetHostCapabilities {}).await
    }

    /// Text from the platform's model (dialect 2). Asks for `ai_generate`.
    ///
    /// # Errors
    /// As for [every call](Self).
    pub async fn generate_ai(&self, params: GenerateAi) -> Result<GeneratedText, PluginSdkError> {
        self.call(&params).await
    }

    /// Any call, by its parameters.
    ///
    /// # Errors
    /// As for [every call](Self).
    pub async fn call<P: CallParams + Sync>(
        &self,
        params: &P,
    ) -> Result<P::Output, PluginSdkError> {
        let method = P::METHOD;
        self.check(params)?;
        let limit = self.timeout.unwrap_or(method.default_timeout());
        let deadline = Instant::now() + limit;
        let link = self.live_link(method, deadline, limit).await?;
        let Some(call) = link.pending.register(method) else {
            return Err(lost(method));
        };
        let frame = Request::encode(link.dialect, call.id, params)?;
        let answer = async {
            if !link.send(frame).await {
                return Err(lost(method));
            }
            call.answer(method).await
        };
        let result = timeout_at(deadline, answer).await.map_err(|_| {
            PluginSdkError::new(ErrorKind::Timeout, format!("{method}: no answer in {limit:?}"))
        })??;
        serde_json::from_value(result).map_err(|error| {
            let message = format!("{method}: the host's result cannot be read: {error}");
            PluginSdkError::new(ErrorKind::Protocol, message).with_source(error)
        })
    }

    /// What can be known to be wrong before anything is sent.
    fn check<P: CallParams>(&self, params: &P) -> Result<(), PluginSdkError> {
        if P::METHOD.needs_dialect_2() && self.dialect == Dialect::One {
            return Err(PluginSdkError::new(
                ErrorKind::InvalidRequest,
                format!("{} does not exist in dialect 1, which this host speaks", P::METHOD),
            ));
        }
        params
            .check()
            .map_err(|violations| PluginSdkError::invalid_request(P::METHOD.as_str(), violations))
    }

    /// The live channel, or the next one if it comes in time.
    async fn live_link(
        &self,
        method: Method,
        deadline: Instant,
        limit: Duration,
    ) -> Result<Link, PluginSdkError> {
        if let Some(link) = self.live.borrow().clone() {
            return Ok(link);
        }
        let mut live = self.live.clone();
        let link = match timeout_at(deadline, live.wait_for(Option::is_some)).await {
            Ok(Ok(link)) => link.clone(),
            Ok(Err(_)) => None,
            Err(_) => {
                return Err(PluginSdkError::new(
                    ErrorKind::Disconnected,
                    format!(
                        "{method}: no channel to the platform within {limit:?}; the host opens it \
                         after the plugin is ready"
                    ),
                ));
            }
        };
        link.ok_or_else(|| lost(method))
    }
}

fn lost(method: Method) -> PluginSdkError {
    PluginSdkError::new(
        ErrorKind::Disconnected,
        format!("{method}: the channel to the platform is down"),
    )
}

/// The platform's own API in a caller's name. Made by
/// [`PluginContext::api_for`](crate::PluginContext::api_for).
///
/// Paths are absolute and lie below `/api`, such as `/api/projects`. Sizes and paths are checked
/// before anything is sent; a caller whose request had no actor token gets
/// [`ErrorKind::NoActor`].
#[derive(Clone)]
pub struct CallerApi {
    temps: TempsClient,
    actor: Option<Arc<Secret>>,
}

impl CallerApi {
    pub(crate) fn new(temps: TempsClient, actor: Option<Secret>) -> Self {
        Self { temps, actor: actor.map(Arc::new) }
    }

    /// The same with another limit for each request.
    #[must_use]
    pub fn with_timeout(&self, limit: Duration) -> Self {
        Self { temps: self.temps.with_timeout(limit), ..self.clone() }
    }

    /// A `GET` request.
    pub fn get(&self, path: impl Into<String>) -> ApiRequest {
        self.request(ApiMethod::Get, path)
    }

    /// A `POST` request.
    pub fn post(&self, path: impl Into<String>) -> ApiRequest {
        self.request(ApiMethod::Post, path)
    }

    /// A `PUT` request.
    pub fn put(&self, path: impl Into<String>) -> ApiRequest {
        self.request(ApiMethod::Put, path)
    }

    /// A `PATCH` request.
    pub fn patch(&self, path: impl Into<String>) -> ApiRequest {
        self.request(ApiMethod::Patch, path)
    }

    /// A `DELETE` request.
    pub fn delete(&self, path: impl Into<String>) -> ApiRequest {
        self.request(ApiMethod::Delete, path)
    }

    /// A request by method.
    pub fn request(&self, method: ApiMethod, path: impl Into<String>) -> ApiRequest {
        ApiRequest { api: self.clone(), method, path: path.into(), query: None, body: None }
    }
}

/// A request to the platform's API that was not sent yet.
#[must_use = "a request does nothing until `send` is awaited"]
pub struct ApiRequest {
    api: CallerApi,
    method: ApiMethod,
    path: String,
    query: Option<String>,
    body: Option<ApiBody>,
}

impl ApiRequest {
    /// The query, without `?`, as it stands in a URL.
    pub fn query(mut self, query: impl Into<String>) -> Self {
        self.query = Some(query.into());
        self
    }

    /// A body of JSON.
    ///
    /// # Errors
    /// When `value` cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, PluginSdkError> {
        Ok(self.body(ApiBody::Json(serde_json::to_string(value)?)))
    }

    /// A form of several parts; [`part()`] and [`file()`] make them.
    pub fn multipart(self, parts: Vec<ApiPart>) -> Self {
        self.body(ApiBody::Multipart(parts))
    }

    /// A body in its wire form.
    pub fn body(mut self, body: ApiBody) -> Self {
        self.body = Some(body);
        self
    }

    /// Sends the request.
    ///
    /// # Errors
    /// [`ErrorKind::NoActor`] when the caller has no actor token; [`ErrorKind::InvalidRequest`] for
    /// a path outside `/api` or a body over 32 MiB; else as for every [call](TempsClient).
    pub async fn send(self) -> Result<ApiResponse, PluginSdkError> {
        let Some(actor) = &self.api.actor else {
            return Err(PluginSdkError::new(
                ErrorKind::NoActor,
                "api_call was not sent: the request being served carries no x-temps-actor-token; \
                 hosts send one to plugins whose manifest asks for a capability (dialect 2)",
            ));
        };
        let call = ApiCall {
            method: self.method,
            path: self.path,
            query: self.query,
            body: self.body,
            actor: actor.as_ref().clone(),
        };
        self.api.temps.call(&call).await.map(ApiResponse)
    }
}

/// A form field.
#[must_use]
pub fn part(name: impl Into<String>, value: impl Into<String>) -> ApiPart {
    ApiPart {
        name: name.into(),
        filename: None,
        content_type: None,
        content: ApiContent::Text(value.into()),
    }
}

/// A form field that holds a file.
#[must_use]
pub fn file(
    name: impl Into<String>,
    filename: impl Into<String>,
    content_type: impl Into<String>,
    bytes: &[u8],
) -> ApiPart {
    ApiPart {
        name: name.into(),
        filename: Some(filename.into()),
        content_type: Some(content_type.into()),
        content: ApiContent::Binary(BASE64.encode(bytes)),
    }
}

/// What the platform's API answered. A status of 400 or above is an answer like any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiResponse(ApiReply);

impl ApiResponse {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The body, JSON as text; empty when there was none.
    #[must_use]
    pub fn body(&self) -> &str {
        self.0.body.as_deref().unwrap_or_default()
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] when it is no JSON of that shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, PluginSdkError> {
        serde_json::from_str(self.body()).map_err(|error| {
            let message = format!("the body of the platform's answer cannot be read: {error}");
            PluginSdkError::new(ErrorKind::Protocol, message).with_source(error)
        })
    }
}
