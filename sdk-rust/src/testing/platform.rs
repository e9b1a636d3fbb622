//! A platform in memory: what it holds it answers with, and it remembers what it was asked.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use temps_plugin_schema::calls::{Call, CallError, Method};
use temps_plugin_schema::channel::{ErrorBody, ErrorCode, Reply, Request};
use temps_plugin_schema::manifest::HostPermission;
use temps_plugin_schema::platform::{Deployment, Environment, Project};

/// One call the plugin made.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedCall {
    /// The method, as it was written.
    pub method: String,
    /// Its parameters, as they were written; `null` when there were none.
    pub params: Value,
}

type Answer = Box<dyn Fn(&Call) -> Result<Value, ErrorBody> + Send + Sync>;

/// The platform of a plugin under test. Clones share what they hold.
///
/// It answers the seven queries from the projects, environments and deployments it was given,
/// newest (highest id) first; `get_host_capabilities` grants everything, `generate_ai` echoes its
/// prompt and `api_call` answers 200 with `{}`. [`on`](Self::on) replaces any of these.
#[derive(Clone, Default)]
pub struct TestPlatform(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    projects: Vec<Project>,
    environments: Vec<Environment>,
    deployments: Vec<Deployment>,
    answers: HashMap<Method, Arc<Answer>>,
    ignored: HashSet<Method>,
    calls: Vec<RecordedCall>,
}

impl TestPlatform {
    /// An empty platform.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a project.
    #[must_use]
    pub fn with_project(self, project: Project) -> Self {
        self.lock().projects.push(project);
        self
    }

    /// Adds an environment.
    #[must_use]
    pub fn with_environment(self, environment: Environment) -> Self {
        self.lock().environments.push(environment);
        self
    }

    /// Adds a deployment.
    #[must_use]
    pub fn with_deployment(self, deployment: Deployment) -> Self {
        self.lock().deployments.push(deployment);
        self
    }

    /// Answers `method` by `answer` from now on. It runs on a thread where it may block.
    ///
    /// ```
    /// use temps_plugin_sdk::schema::calls::Method;
    /// use temps_plugin_sdk::schema::channel::{ErrorBody, ErrorCode};
    /// use temps_plugin_sdk::testing::TestPlatform;
    ///
    /// let platform = TestPlatform::new();
    /// platform.on(Method::ListProjects, |_| {
    ///     Err(ErrorBody::new(ErrorCode::PermissionDenied, "not for you"))
    /// });
    /// ```
    pub fn on(
        &self,
        method: Method,
        answer: impl Fn(&Call) -> Result<Value, ErrorBody> + Send + Sync + 'static,
    ) {
        let mut held = self.lock();
        held.ignored.remove(&method);
        held.answers.insert(method, Arc::new(Box::new(answer)));
    }

    /// Leaves `method` unanswered from now on, as a host that hangs does.
    pub fn ignore(&self, method: Method) {
        self.lock().ignored.insert(method);
    }

    /// What the plugin has asked so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.lock().calls.clone()
    }

    /// Remembers a request.
    pub(super) fn record(&self, request: &Request) {
        let Request { method, params, .. } = request;
        let recorded = RecordedCall { method: method.clone(), params: params.clone() };
        self.lock().calls.push(recorded);
    }

    /// The answer to a request; `None` when it is to have none.
    pub(super) fn answer(&self, request: Request) -> Option<Reply> {
        let Request { id, method, params } = request;
        let outcome = match Call::from_parts(&method, params) {
            Ok(call) if self.lock().ignored.contains(&call.method()) => return None,
            Ok(call) => self.outcome(&call),
            Err(error) => {
                let code = match &error {
                    CallError::MethodNotFound(_) => ErrorCode::MethodNotFound,
                    CallError::InvalidParams(_) => ErrorCode::InvalidParams,
                };
                Err(ErrorBody::new(code, error.to_string()))
            }
        };
        Some(Reply { id, method: Some(method), outcome })
    }

    fn outcome(&self, call: &Call) -> Result<Value, ErrorBody> {
        let answer = self.lock().answers.get(&call.method()).cloned();
        match answer {
            // Not under the lock: the answer may look at this platform.
            Some(answer) => answer(call),
            None => self.lock().answer(call),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn answer(&self, call: &Call) -> Result<Value, ErrorBody> {
        let value = match call {
            Call::GetProject(params) => {
                found(self.projects.iter().find(|p| p.id == params.project_id))?
            }
            Call::ListProjects(params) => limited(self.projects.iter(), params.limit),
            Call::GetEnvironment(params) => {
                found(self.environments.iter().find(|e| e.id == params.environment_id))?
            }
            Call::ListEnvironments(params) => limited(
                self.environments.iter().filter(|e| e.project_id == params.project_id),
                None,
            ),
            Call::GetDeployment(params) => {
                found(self.deployments.iter().find(|d| d.id == params.deployment_id))?
            }
            Call::GetLastDeployment(params) => {
                let all = self.deployments_of(params.project_id, params.environment_id);
                found(all.first().copied())?
            }
            Call::ListDeployments(params) => {
                let all = self.deployments_of(params.project_id, params.environment_id);
                limited(all.into_iter(), params.limit)
            }
            Call::GetHostCapabilities(_) => capabilities(),
            Call::GenerateAi(params) => json!({ "text": params.prompt, "model": "test" }),
            Call::ApiCall(_) => json!({ "status": 200, "body": "{}" }),
        };
        Ok(value)
    }

    /// Newest first.
    fn deployments_of(&self, project_id: i32, environment_id: Option<i32>) -> Vec<&Deployment> {
        let mut all: Vec<_> = self
            .deployments
            .iter()
            .filter(|d| d.project_id == project_id)
            .filter(|d| environment_id.is_none_or(|id| d.environment_id == id))
            .collect();
        all.sort_by_key(|d| std::cmp::Reverse(d.id));
        all
    }
}

fn found<T: serde::Serialize>(value: Option<&T>) -> Result<Value, ErrorBody> {
    let value = value.ok_or_else(|| ErrorBody::new(ErrorCode::NotFound, "no such record"))?;
    serde_json::to_value(value)
        .map_err(|error| ErrorBody::new(ErrorCode::Internal, error.to_string()))
}

fn limited<'a, T: serde::Serialize + 'a>(
    values: impl Iterator<Item = &'a T>,
    limit: Option<u32>,
) -> Value {
    let limit = limit.map_or(usize::MAX, |limit| limit as usize);
    values.take(limit).map(|value| json!(value)).collect()
}

fn capabilities() -> Value {
    json!({
        "actor": { "id": 1, "name": "test plugin", "active": true },
        "permissions": HostPermission::KNOWN,
        "ai": {
            "configured": true,
            "setup_path": "/settings/ai",
            "daily_call_limit": 100,
            "max_output_tokens": 1024,
            "max_prompt_bytes": 65536,
        },
    })
}
