//! A platform whose data lives in memory: for tests, for the conformance runner, for trying a plugin
//! out without a server.
//!
//! It answers as a host should, records every call, and can be told to refuse a method or to keep its
//! calls waiting.

mod answers;
pub mod sample;
mod state;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use temps_plugin_schema::api_call::{ApiMethod, ApiReply};
use temps_plugin_schema::calls::Method;
use temps_plugin_schema::channel::ErrorBody;
use temps_plugin_schema::manifest::HostPermission;
use temps_plugin_schema::platform::{Deployment, Environment, HostCapabilities, Project};
use temps_plugin_schema::{Dialect, Secret};
use tokio::sync::watch;

/// How many calls are remembered; the oldest goes first.
const CALLS_KEPT: usize = 10_000;

/// A platform in memory. Clones share everything.
#[derive(Clone)]
pub struct MemoryPlatform {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Counts calls, and changes with everything that a waiting call may wait for.
    changed: watch::Sender<u64>,
}

struct State {
    projects: BTreeMap<i32, Project>,
    environments: BTreeMap<i32, Environment>,
    deployments: BTreeMap<i32, Deployment>,
    capabilities: HostCapabilities,
    ai: AiAnswer,
    api: Vec<(ApiMethod, String, ApiReply)>,
    actors: HashSet<String>,
    refusals: HashMap<Method, ErrorBody>,
    held: HashMap<Method, usize>,
    calls: VecDeque<RecordedCall>,
}

/// What `generate_ai` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AiAnswer {
    /// The prompt itself.
    Echo,
    /// This text.
    Text(String),
    /// A refusal.
    Refuse(ErrorBody),
}

/// A call that reached the platform.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RecordedCall {
    /// The name in the calling plugin's manifest.
    pub plugin: String,
    /// The dialect it spoke.
    pub dialect: Dialect,
    /// The method called.
    pub method: Method,
    /// Its parameters as they were understood; the actor token of an `api_call` is redacted.
    pub params: Value,
}

/// Keeps the calls of one method waiting until it is dropped.
#[must_use = "dropping it lets the calls go"]
pub struct Hold {
    platform: MemoryPlatform,
    method: Method,
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hold({})", self.method)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.platform.lock();
        if let Some(holds) = state.held.get_mut(&self.method) {
            *holds = holds.saturating_sub(1);
        }
        drop(state);
        self.platform.tell();
    }
}

impl std::fmt::Debug for MemoryPlatform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.lock();
        f.debug_struct("MemoryPlatform")
            .field("projects", &state.projects.len())
            .field("calls", &state.calls.len())
            .finish_non_exhaustive()
    }
}

impl Default for MemoryPlatform {
    fn default() -> Self {
        Self::sample()
    }
}

impl MemoryPlatform {
    /// A platform without projects that grants everything.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    projects: BTreeMap::new(),
                    environments: BTreeMap::new(),
                    deployments: BTreeMap::new(),
                    capabilities: sample::capabilities(),
                    ai: AiAnswer::Echo,
                    api: Vec::new(),
                    actors: HashSet::new(),
                    refusals: HashMap::new(),
                    held: HashMap::new(),
                    calls: VecDeque::new(),
                }),
                changed: watch::Sender::new(0),
            }),
        }
    }

    /// A platform with projects 42 and 43, environments 3, 4 and 5, and deployments 100 to 103.
    #[must_use]
    pub fn sample() -> Self {
        let platform = Self::empty();
        sample::projects().into_iter().for_each(|p| platform.put_project(p));
        sample::environments().into_iter().for_each(|e| platform.put_environment(e));
        sample::deployments().into_iter().for_each(|d| platform.put_deployment(d));
        platform
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.shared.changed.send_modify(|version| *version += 1);
    }

    /// Adds a project, or replaces the one with its id.
    pub fn put_project(&self, project: Project) {
        self.lock().projects.insert(project.id, project);
    }

    /// Adds an environment, or replaces the one with its id.
    pub fn put_environment(&self, environment: Environment) {
        self.lock().environments.insert(environment.id, environment);
    }

    /// Adds a deployment, or replaces the one with its id.
    pub fn put_deployment(&self, deployment: Deployment) {
        self.lock().deployments.insert(deployment.id, deployment);
    }

    /// What `get_host_capabilities` answers; its permissions are those granted.
    pub fn set_capabilities(&self, capabilities: HostCapabilities) {
        self.lock().capabilities = capabilities;
    }

    /// What `get_host_capabilities` answers now.
    #[must_use]
    pub fn capabilities(&self) -> HostCapabilities {
        self.lock().capabilities.clone()
    }

    /// Grants a permission.
    pub fn grant(&self, permission: HostPermission) {
        let granted = &mut self.lock().capabilities.permissions;
        if !granted.contains(&permission) {
            granted.push(permission);
        }
    }

    /// Takes a permission back (MF-32).
    pub fn revoke(&self, permission: &HostPermission) {
        self.lock().capabilities.permissions.retain(|granted| granted != permission);
    }

    /// What `generate_ai` answers.
    pub fn set_ai(&self, answer: AiAnswer) {
        self.lock().ai = answer;
    }

    /// What an `api_call` of this method and path answers. The path may be given with or without its
    /// `/api`; what no answer was set for is answered with status 404.
    pub fn set_api(&self, method: ApiMethod, path: &str, reply: ApiReply) {
        let path = state::below_api(path).to_owned();
        let mut state = self.lock();
        state.api.retain(|(m, p, _)| (*m, p.as_str()) != (method, path.as_str()));
        state.api.push((method, path, reply));
    }

    /// Makes `token` valid as the actor of an `api_call` (CH-60).
    pub fn issue_actor(&self, token: &Secret) {
        self.lock().actors.insert(token.expose().to_owned());
    }

    /// Makes `token` invalid again, as if it had expired.
    pub fn expire_actor(&self, token: &Secret) {
        self.lock().actors.remove(token.expose());
    }

    /// Refuses every call of a method from now on.
    pub fn refuse(&self, method: Method, error: ErrorBody) {
        self.lock().refusals.insert(method, error);
    }

    /// Answers a method again that was refused.
    pub fn accept(&self, method: Method) {
        self.lock().refusals.remove(&method);
    }

    /// Keeps the calls of a method waiting, from now on and until the hold is dropped. They are
    /// recorded when they come.
    pub fn hold(&self, method: Method) -> Hold {
        *self.lock().held.entry(method).or_default() += 1;
        Hold { platform: self.clone(), method }
    }

    /// The calls so far, in the order in which they came; the last 10,000 of them.
    #[must_use]
    pub fn calls(&self) -> Vec<RecordedCall> {
        self.lock().calls.iter().cloned().collect()
    }

    /// The calls of one method so far.
    #[must_use]
    pub fn calls_of(&self, method: Method) -> Vec<RecordedCall> {
        let state = self.lock();
        let calls = state.calls.iter().filter(|call| call.method == method);
        calls.cloned().collect()
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        self.lock().calls.clear();
    }

    /// Waits until a method was called at least so many times. Put a time limit around it.
    pub async fn wait_for_calls(&self, method: Method, count: usize) {
        self.until(|state| {
            let calls = state.calls.iter().filter(|call| call.method == method);
            calls.count() >= count
        })
        .await;
    }

    async fn until(&self, reached: impl Fn(&State) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        while !reached(&self.lock()) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}
