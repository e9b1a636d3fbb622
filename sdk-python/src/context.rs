//! What a plugin knows of its start, and its calls to the platform.

use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use serde_json::Value;
use temps_plugin_sdk::{
    CallerApi, ErrorKind, PluginContext, PluginSdkError, TempsClient, api_json, call_json,
};
use tokio::runtime::Handle;

use crate::awaitable::Waiting;
use crate::bridge::Bridge;
use crate::caller::Caller;
use crate::errors::{exception, value_error};

/// A running plugin's line to the platform.
#[pyclass(frozen, module = "temps_plugin._core")]
pub(crate) struct Context {
    ctx: PluginContext,
    tokio: Handle,
    event_loop: Py<PyAny>,
    bridge: Arc<Bridge>,
    loop_thread: std::thread::ThreadId,
}

impl Context {
    /// Made on the event loop's thread.
    pub(crate) fn new(
        ctx: PluginContext,
        tokio: Handle,
        event_loop: Py<PyAny>,
        bridge: Arc<Bridge>,
    ) -> Self {
        Self { ctx, tokio, event_loop, bridge, loop_thread: std::thread::current().id() }
    }

    fn temps(&self, timeout: Option<f64>) -> PyResult<TempsClient> {
        match timeout {
            None => Ok(self.ctx.temps().clone()),
            Some(seconds) => {
                let limit = Duration::try_from_secs_f64(seconds).map_err(value_error)?;
                Ok(self.ctx.temps().with_timeout(limit))
            }
        }
    }

    /// A future of the event loop for something awaited on tokio.
    fn future<'py>(
        &self,
        py: Python<'py>,
        work: impl Future<Output = Result<String, PluginSdkError>> + Send + 'static,
    ) -> PyResult<Bound<'py, PyAny>> {
        if !self.on_loop_thread() {
            return Err(PyRuntimeError::new_err(
                "await this on the event loop; on other threads use the `.sync` twin",
            ));
        }
        let (future, waiting) = Waiting::new(self.event_loop.bind(py))?;
        let bridge = Arc::clone(&self.bridge);
        let task = self.tokio.spawn(async move {
            let outcome = work.await;
            bridge.run(move |py, _| {
                let outcome = outcome.map_err(|error| exception(py, &error));
                let outcome = outcome.and_then(|text| Ok(text.into_pyobject(py)?.into_any()));
                waiting.resolve(py, outcome).map(|_| ())
            });
        });
        // Cancelling the future forgets the call.
        future.call_method1("add_done_callback", (Bound::new(py, Abort(task.abort_handle()))?,))?;
        Ok(future)
    }

    fn block<T: Send>(
        &self,
        py: Python<'_>,
        work: impl Future<Output = Result<T, PluginSdkError>> + Send,
    ) -> PyResult<T> {
        if self.on_loop_thread() {
            return Err(PyRuntimeError::new_err(
                "a blocking call would stop the event loop it runs on; await the asynchronous twin",
            ));
        }
        py.detach(|| self.tokio.block_on(work)).map_err(|error| exception(py, &error))
    }

    fn caller_api(&self, caller: &Caller, timeout: Option<f64>) -> PyResult<CallerApi> {
        let api = self.ctx.api_for(&caller.0);
        match timeout {
            None => Ok(api),
            Some(seconds) => {
                let limit = Duration::try_from_secs_f64(seconds).map_err(value_error)?;
                Ok(api.with_timeout(limit))
            }
        }
    }
}

#[pymethods]
impl Context {
    #[getter]
    fn plugin_name(&self) -> &str {
        self.ctx.plugin_name()
    }

    #[getter]
    fn data_dir(&self) -> &std::ffi::OsStr {
        self.ctx.data_dir().as_os_str()
    }

    #[getter]
    fn dialect(&self) -> u32 {
        self.ctx.dialect().number()
    }

    #[getter]
    fn auth_secret(&self) -> &str {
        self.ctx.auth_secret()
    }

    #[getter]
    fn database_url(&self) -> Option<&str> {
        self.ctx.database_url()
    }

    #[getter]
    fn host_api_url(&self) -> Option<&str> {
        self.ctx.host_api_url()
    }

    #[getter]
    fn host_data_dir(&self) -> Option<&std::ffi::OsStr> {
        self.ctx.host_data_dir().map(std::path::Path::as_os_str)
    }

    /// Whether this is the event loop's own thread.
    fn on_loop_thread(&self) -> bool {
        std::thread::current().id() == self.loop_thread
    }

    /// Makes a call; a future of its result, both as JSON text.
    fn call<'py>(
        &self,
        py: Python<'py>,
        method: String,
        params: &str,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (temps, params) = (self.temps(timeout)?, json(params)?);
        self.future(py, async move { text(call_json(&temps, &method, params).await) })
    }

    /// `call` that blocks a thread other than the event loop's.
    fn call_blocking(
        &self,
        py: Python<'_>,
        method: &str,
        params: &str,
        timeout: Option<f64>,
    ) -> PyResult<String> {
        let (temps, params) = (self.temps(timeout)?, json(params)?);
        self.block(py, async { text(call_json(&temps, method, params).await) })
    }

    /// Makes a request to the platform's API in a caller's name; a future of `{"status", "body"}`.
    fn api_call<'py>(
        &self,
        py: Python<'py>,
        caller: &Caller,
        request: &str,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (api, request) = (self.caller_api(caller, timeout)?, json(request)?);
        self.future(py, async move { text(api_json(&api, request).await) })
    }

    /// `api_call` that blocks a thread other than the event loop's.
    fn api_call_blocking(
        &self,
        py: Python<'_>,
        caller: &Caller,
        request: &str,
        timeout: Option<f64>,
    ) -> PyResult<String> {
        let (api, request) = (self.caller_api(caller, timeout)?, json(request)?);
        self.block(py, async { text(api_json(&api, request).await) })
    }

    /// A future that is done once the plugin is told to stop.
    fn stopping<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let ctx = self.ctx.clone();
        self.future(py, async move {
            ctx.stopping().await;
            Ok(String::new())
        })
    }
}

/// Called when a future is done, whichever way.
#[pyclass(frozen)]
struct Abort(tokio::task::AbortHandle);

#[pymethods]
impl Abort {
    fn __call__(&self, _future: &Bound<'_, PyAny>) {
        self.0.abort();
    }
}

fn json(text: &str) -> PyResult<Value> {
    serde_json::from_str(text).map_err(value_error)
}

fn text(result: Result<Value, PluginSdkError>) -> Result<String, PluginSdkError> {
    result.and_then(|value| {
        serde_json::to_string(&value)
            .map_err(|error| PluginSdkError::new(ErrorKind::Protocol, error.to_string()))
    })
}
