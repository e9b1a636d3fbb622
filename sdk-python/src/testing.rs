//! `temps_plugin.testing`: the SDK's own test harness, for a plugin whose author writes Python.
//!
//! Values cross as JSON text, so that the types of the wire are known to the schema alone.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method as HttpMethod;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::Value;
use temps_plugin_sdk::schema::Wire;
use temps_plugin_sdk::schema::channel::{ErrorBody, ErrorCode};
use temps_plugin_sdk::schema::platform::{Deployment, Environment, Project};
use temps_plugin_sdk::testing::{self, TestPlugin, TestUser};
use temps_plugin_sdk::{Dialect, ErrorKind, PluginEvent, PluginSdkError, Role};
use tokio::sync::{RwLock, watch};

use crate::bridge::Bridge;
use crate::errors::{exception, unraisable, value_error};
use crate::runtime::Runtime;

/// How often a test that waits looks whether somebody has pressed Ctrl-C.
const SIGNALS: Duration = Duration::from_millis(100);

type Held = (Vec<Project>, Vec<Environment>, Vec<Deployment>);
type User = (String, String, String, Vec<String>, Option<String>);
type Headers<'py> = Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>;

/// A platform in memory.
#[pyclass(frozen, module = "temps_plugin._core")]
pub(crate) struct TestPlatform(testing::TestPlatform);

#[pymethods]
impl TestPlatform {
    /// A platform that holds these: a JSON array of projects, environments and deployments.
    #[new]
    fn new(held: &str) -> PyResult<Self> {
        let (projects, environments, deployments): Held =
            serde_json::from_str(held).map_err(value_error)?;
        let mut platform = testing::TestPlatform::new();
        for project in projects {
            platform = platform.with_project(project);
        }
        for environment in environments {
            platform = platform.with_environment(environment);
        }
        for deployment in deployments {
            platform = platform.with_deployment(deployment);
        }
        Ok(Self(platform))
    }

    /// Answers `method` by `answer(params)` from now on; both sides of it are JSON text, the answer
    /// as `{"Ok": result}` or `{"Err": {"code", "message"}}`.
    fn on(&self, method: &str, answer: Py<PyAny>) -> PyResult<()> {
        self.0.on(method.parse().map_err(value_error)?, move |call| {
            let params = call.params().map_err(|error| internal(&error))?;
            let answered: PyResult<String> = Python::attach(|py| {
                let answered = answer.call1(py, (params.to_string(),))?;
                answered.extract(py)
            });
            let text = answered.map_err(|error| {
                let told = internal(&error);
                Python::attach(|py| unraisable(py, error, "an answer of the test platform"));
                told
            })?;
            serde_json::from_str(&text).unwrap_or_else(|error| Err(internal(&error)))
        });
        Ok(())
    }

    /// Leaves `method` unanswered from now on.
    fn ignore(&self, method: &str) -> PyResult<()> {
        self.0.ignore(method.parse().map_err(value_error)?);
        Ok(())
    }

    /// What the plugin has asked so far: methods, and parameters as JSON text.
    fn calls(&self) -> Vec<(String, String)> {
        let calls = self.0.calls().into_iter();
        calls.map(|call| (call.method, call.params.to_string())).collect()
    }
}

fn internal(error: &dyn std::fmt::Display) -> ErrorBody {
    ErrorBody::new(ErrorCode::Internal, error.to_string())
}

/// How a plugin under test is started.
#[derive(FromPyObject)]
struct Start {
    #[pyo3(item)]
    dialect: u32,
    #[pyo3(item)]
    data_dir: Option<PathBuf>,
    #[pyo3(item)]
    socket_path: Option<PathBuf>,
    #[pyo3(item)]
    database_url: Option<String>,
    #[pyo3(item)]
    arguments: Vec<String>,
    #[pyo3(item)]
    channel: bool,
}

/// What a request has besides its method and its path.
#[derive(FromPyObject)]
struct Sending {
    #[pyo3(item)]
    headers: Vec<(String, String)>,
    #[pyo3(item)]
    body: Vec<u8>,
    #[pyo3(item)]
    user: Option<User>,
    #[pyo3(item)]
    signed: bool,
}

/// A plugin that runs inside a test. Every method blocks the thread it is called on, which is not
/// that of the plugin's event loop.
#[pyclass(frozen, module = "temps_plugin._core")]
pub(crate) struct TestRun {
    bridge: Arc<Bridge>,
    /// Carries the host's side.
    tokio: Mutex<Option<tokio::runtime::Runtime>>,
    handle: tokio::runtime::Handle,
    plugin: RwLock<Option<TestPlugin>>,
    /// A delivery that still waits gives up, so that the plugin can be told to stop.
    stopping: watch::Sender<bool>,
    #[pyo3(get)]
    socket_path: PathBuf,
    #[pyo3(get)]
    data_dir: PathBuf,
    /// What the plugin announced, as JSON text.
    #[pyo3(get)]
    manifest: String,
    /// What it said when it was ready, as JSON text.
    #[pyo3(get)]
    ready: String,
}

#[pymethods]
impl TestRun {
    /// Starts a plugin whose author is attached already.
    #[new]
    fn new(
        py: Python<'_>,
        runtime: &Runtime,
        platform: &TestPlatform,
        start: Start,
    ) -> PyResult<Self> {
        let (core, bridge) = (runtime.take_core()?, runtime.bridge());
        let dialect = match start.dialect {
            1 => Dialect::One,
            2 => Dialect::Two,
            other => {
                return Err(PyValueError::new_err(format!("dialect is {other}; allowed: 1, 2")));
            }
        };
        let mut builder =
            TestPlugin::core(Arc::new(core)).dialect(dialect).platform(platform.0.clone());
        if let Some(path) = start.data_dir {
            builder = builder.data_dir(path);
        }
        if let Some(path) = start.socket_path {
            builder = builder.socket_path(path);
        }
        if let Some(url) = start.database_url {
            builder = builder.database_url(url);
        }
        for argument in start.arguments {
            builder = builder.argument(argument);
        }
        if !start.channel {
            builder = builder.without_channel();
        }
        let mut tokio = tokio::runtime::Builder::new_multi_thread();
        let tokio = tokio.worker_threads(1).thread_name("test-platform").enable_all().build()?;
        let handle = tokio.handle().clone();
        let plugin = block(py, &handle, builder.start())?;
        let text = |value: serde_json::Result<String>| value.map_err(value_error);
        Ok(Self {
            bridge,
            tokio: Mutex::new(Some(tokio)),
            handle,
            socket_path: plugin.socket_path().to_owned(),
            data_dir: plugin.data_dir().to_owned(),
            manifest: text(serde_json::to_string(plugin.manifest()))?,
            ready: text(serde_json::to_string(plugin.ready()))?,
            plugin: RwLock::new(Some(plugin)),
            stopping: watch::Sender::new(false),
        })
    }

    /// Sends a request and reads the whole response: status, headers, body.
    fn request<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        path: &str,
        sending: Sending,
    ) -> PyResult<(u16, Headers<'py>, Bound<'py, PyBytes>)> {
        let method = HttpMethod::from_bytes(method.as_bytes()).map_err(value_error)?;
        let response = block(py, &self.handle, async {
            let mut request = match &*self.plugin.read().await {
                Some(plugin) => plugin.request(method, path),
                None => return Err(stopped()),
            };
            if let Some(user) = sending.user {
                request = request.signed_in(&signed_in(user)?);
            }
            if !sending.signed {
                request = request.unsigned();
            }
            for (name, value) in sending.headers {
                request = request.header(name, value);
            }
            request.body(sending.body).send().await
        })?;
        let headers = response.headers().iter().map(|(name, value)| {
            (PyBytes::new(py, name.as_str().as_bytes()), PyBytes::new(py, value.as_bytes()))
        });
        let body = PyBytes::new(py, response.bytes());
        Ok((response.status().as_u16(), headers.collect(), body))
    }

    /// Delivers an event, given as JSON text, and waits until the handlers are through with it.
    fn deliver(&self, py: Python<'_>, event: &str) -> PyResult<()> {
        let event = PluginEvent::from_json(event.as_bytes()).map_err(value_error)?;
        let mut stopping = self.stopping.subscribe();
        block(py, &self.handle, async {
            let plugin = self.plugin.read().await;
            let plugin = plugin.as_ref().ok_or_else(stopped)?;
            tokio::select! {
                delivered = plugin.emit(event) => delivered,
                _ = stopping.wait_for(|stopping| *stopping) => Err(PluginSdkError::new(
                    ErrorKind::Disconnected,
                    "the plugin was stopped before its handlers were through with the event",
                )),
            }
        })
    }

    /// Cuts the channel.
    fn drop_channel(&self, py: Python<'_>) -> PyResult<()> {
        block(py, &self.handle, async {
            let mut plugin = self.plugin.write().await;
            plugin.as_mut().ok_or_else(stopped)?.drop_channel().await;
            Ok(())
        })
    }

    /// Opens the channel again.
    fn open_channel(&self, py: Python<'_>) -> PyResult<()> {
        block(py, &self.handle, async {
            let mut plugin = self.plugin.write().await;
            plugin.as_mut().ok_or_else(stopped)?.open_channel().await
        })
    }

    /// Asks the plugin to stop, and waits until it has. Its event loop goes on.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        self.stopping.send_replace(true);
        block(py, &self.handle, async {
            match self.plugin.write().await.take() {
                Some(plugin) => plugin.stop().await,
                None => Ok(()),
            }
        })
    }
}

impl Drop for TestRun {
    /// A plugin that nobody has stopped takes its event loop along.
    fn drop(&mut self) {
        self.bridge.run(|py, handlers| {
            handlers.author.call_method1(py, "ended", (0,))?;
            Ok(())
        });
        let tokio = self.tokio.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(tokio) = tokio {
            tokio.shutdown_background();
        }
    }
}

/// Waits for something of the host's side, in a way that Ctrl-C can end.
fn block<T: Send>(
    py: Python<'_>,
    tokio: &tokio::runtime::Handle,
    work: impl Future<Output = Result<T, PluginSdkError>> + Send,
) -> PyResult<T> {
    let mut work = pin!(work);
    loop {
        let outcome =
            py.detach(|| tokio.block_on(async { tokio::time::timeout(SIGNALS, &mut work).await }));
        match outcome {
            Ok(outcome) => return outcome.map_err(|error| exception(py, &error)),
            Err(_not_yet) => py.check_signals()?,
        }
    }
}

fn signed_in(user: User) -> Result<TestUser, PluginSdkError> {
    let (id, email, role, permissions, actor_token) = user;
    let role: Role = serde_json::from_value(Value::String(role))?;
    let mut user = TestUser::new(id, email).role(role);
    user.permissions = permissions;
    user.actor_token = actor_token;
    Ok(user)
}

fn stopped() -> PluginSdkError {
    PluginSdkError::new(ErrorKind::Disconnected, "the plugin was stopped")
}

/// Samples, as JSON text.
#[pyfunction]
pub(crate) fn sample_project(id: i32, name: &str) -> PyResult<String> {
    serde_json::to_string(&testing::project(id, name)).map_err(value_error)
}

#[pyfunction]
pub(crate) fn sample_environment(id: i32, project_id: i32, name: &str) -> PyResult<String> {
    serde_json::to_string(&testing::environment(id, project_id, name)).map_err(value_error)
}

#[pyfunction]
pub(crate) fn sample_deployment(id: i32, project_id: i32, environment_id: i32) -> PyResult<String> {
    let deployment = testing::deployment(id, project_id, environment_id);
    serde_json::to_string(&deployment).map_err(value_error)
}

/// `data` is JSON text as well.
#[pyfunction]
pub(crate) fn sample_event(event_type: &str, data: &str) -> PyResult<String> {
    let data = serde_json::from_str(data).map_err(value_error)?;
    serde_json::to_string(&testing::event(event_type, data)).map_err(value_error)
}
