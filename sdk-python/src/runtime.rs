//! What `plugin.run()` drives: the SDK on threads of its own, and the author's code on the event
//! loop's.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use temps_plugin_sdk::binding::{BoundCore, Ended, Outbox, beside};
use temps_plugin_sdk::schema::Wire;
use temps_plugin_sdk::{PluginManifest, PluginOptions, UiAssets};
use tokio::runtime::Handle;

use crate::announced::Announced;
use crate::bridge::{Bridge, Command, Incoming};
use crate::core::Loop;
use crate::errors::{unraisable, value_error};
use crate::exchange::Request;
use crate::scope::Common;
use crate::websocket::WebSocket;

/// The author's side of a running plugin. Used on the event loop's thread only.
pub(crate) struct Handlers {
    /// The object whose methods take requests and hooks.
    pub(crate) author: Py<PyAny>,
    pub(crate) event_loop: Py<PyAny>,
    pub(crate) bridge: Arc<Bridge>,
    started: OnceLock<(Handle, Mutex<Common>)>,
    pub(crate) outbox: Arc<Outbox>,
    requests: Mutex<HashMap<u64, Py<Request>>>,
    web_sockets: Mutex<HashMap<u64, Py<WebSocket>>>,
}

impl Handlers {
    /// The SDK's runtime is there, and so is the socket.
    pub(crate) fn started(&self, tokio: Handle, common: Common) {
        drop(self.started.set((tokio, Mutex::new(common))));
    }

    /// The SDK's runtime.
    pub(crate) fn tokio(&self) -> PyResult<&Handle> {
        self.started.get().map(|(tokio, _)| tokio).ok_or_else(not_started)
    }

    /// What all scopes have in common.
    pub(crate) fn common(&self) -> PyResult<MutexGuard<'_, Common>> {
        let (_, common) = self.started.get().ok_or_else(not_started)?;
        Ok(common.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn requests(&self) -> MutexGuard<'_, HashMap<u64, Py<Request>>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn web_sockets(&self) -> MutexGuard<'_, HashMap<u64, Py<WebSocket>>> {
        self.web_sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a request to the author's application.
    fn request(self: &Arc<Self>, py: Python<'_>, incoming: Incoming) -> PyResult<()> {
        let scope = self.common()?.http(py, &incoming.parts, incoming.caller.clone())?;
        let id = incoming.id;
        let request = Py::new(py, Request::new(incoming, Arc::clone(self)))?;
        self.requests().insert(id, request.clone_ref(py));
        self.author.call_method1(py, intern!(py, "request"), (scope, request))?;
        Ok(())
    }

    /// A request is over.
    pub(crate) fn forget(&self, id: u64) {
        let request = self.requests().remove(&id);
        drop(request);
    }

    /// A WebSocket is over.
    pub(crate) fn forget_web_socket(&self, id: u64) {
        let web_socket = self.web_sockets().remove(&id);
        drop(web_socket);
    }

    /// Does something to a request that is still under way.
    pub(crate) fn with_request(
        &self,
        py: Python<'_>,
        id: u64,
        act: impl FnOnce(&mut Request, Python<'_>) -> PyResult<()>,
    ) -> PyResult<()> {
        let request = self.requests().get(&id).map(|request| request.clone_ref(py));
        let Some(request) = request else { return Ok(()) };
        act(&mut request.bind(py).borrow_mut(), py)
    }
}

/// The plugin as the SDK drives it.
pub(crate) type PyCore = BoundCore<Loop>;

/// What a plugin begins with: a host's arguments, or a handshake by hand.
#[derive(FromPyObject)]
enum Beginning<'py> {
    Announced(Bound<'py, Announced>),
    Arguments(Vec<OsString>),
}

/// A plugin that runs, or is about to.
#[pyclass(frozen, module = "temps_plugin._core")]
pub(crate) struct Runtime {
    bridge: Arc<Bridge>,
    core: Mutex<Option<PyCore>>,
    handlers: OnceLock<Arc<Handlers>>,
    ended: Mutex<Option<Ended>>,
}

#[pymethods]
impl Runtime {
    /// Checks what the author says of the plugin; `ValueError` names every bad field.
    #[new]
    #[pyo3(signature = (manifest, *, ui, channel_deadline, require_signature, drain))]
    fn new(
        manifest: &str,
        ui: Option<PathBuf>,
        channel_deadline: Option<f64>,
        require_signature: bool,
        drain: f64,
    ) -> PyResult<Self> {
        let manifest = PluginManifest::from_json(manifest.as_bytes()).map_err(value_error)?;
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).map_err(value_error);
        let options = PluginOptions::default()
            .channel_deadline(channel_deadline.map(seconds).transpose()?)
            .require_signature(require_signature)
            .drain(seconds(drain)?);
        let bridge = Arc::new(Bridge::new()?);
        let ui = ui.map(UiAssets::folder);
        let core = BoundCore::new(Loop(Arc::clone(&bridge)), manifest, options, ui);
        Ok(Self {
            bridge,
            core: Mutex::new(Some(core)),
            handlers: OnceLock::new(),
            ended: Mutex::new(None),
        })
    }

    /// Author and event loop know this object too: told so, the collector finds the circle.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Some(handlers) = self.handlers.get() {
            visit.call(&handlers.author)?;
            visit.call(&handlers.event_loop)?;
        }
        Ok(())
    }

    /// The descriptor to watch: call `woken` whenever it is readable.
    fn fileno(&self) -> RawFd {
        self.bridge.fileno()
    }

    /// Says who is told of everything, and on the thread of which event loop.
    fn attach(&self, author: Py<PyAny>, event_loop: Py<PyAny>) {
        let handlers = Handlers {
            author,
            event_loop,
            bridge: self.bridge(),
            started: OnceLock::new(),
            outbox: Arc::default(),
            requests: Mutex::default(),
            web_sockets: Mutex::default(),
        };
        drop(self.handlers.set(Arc::new(handlers)));
    }

    /// Starts the plugin. `author` is told of everything on the thread of `event_loop`, its end by
    /// `author.ended(exit_code)`.
    fn launch(
        &self,
        beginning: Beginning<'_>,
        author: Py<PyAny>,
        event_loop: Py<PyAny>,
    ) -> PyResult<()> {
        temps_plugin_sdk::claim_stdout()?;
        self.attach(author, event_loop);
        let core = Arc::new(self.take_core()?);
        let run: Box<dyn FnOnce() -> u8 + Send> = match beginning {
            Beginning::Announced(announced) => {
                let announced = announced.get().take()?;
                Box::new(move || temps_plugin_sdk::run_announced(core, announced))
            }
            Beginning::Arguments(arguments) => {
                Box::new(move || temps_plugin_sdk::run_core(core, arguments))
            }
        };
        let bridge = Arc::clone(&self.bridge);
        let ended = beside(run, move |code| {
            bridge.run(move |py, handlers| {
                handlers.author.call_method1(py, "ended", (code,))?;
                Ok(())
            });
        })?;
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        Ok(())
    }

    /// Does what the SDK has queued. Called on the event loop's thread when the descriptor is readable.
    fn woken(this: &Bound<'_, Self>) -> PyResult<()> {
        this.get().bridge.woken();
        Self::turn(this)
    }

    /// The same without being woken: called in every turn of the event loop for as long as there is much
    /// to do.
    fn turn(this: &Bound<'_, Self>) -> PyResult<()> {
        let py = this.py();
        let Some(handlers) = this.get().handlers.get() else { return Ok(()) };
        let (commands, again) = handlers.bridge.take();
        // Before the start there are no answers.
        if let Ok(tokio) = handlers.tokio() {
            handlers.outbox.flush(again, tokio);
        }
        for command in commands {
            let outcome = match command {
                Command::Request(incoming) => handlers.request(py, *incoming),
                Command::Run(run) => run(py, handlers),
            };
            if let Err(error) = outcome {
                unraisable(py, error, "temps_plugin: a message from the platform");
            }
        }
        if again {
            let turn = this.getattr(intern!(py, "turn"))?;
            handlers.event_loop.call_method1(py, intern!(py, "call_soon"), (turn,))?;
        }
        Ok(())
    }

    /// What `lifespan.startup` left in its state: each request gets a copy.
    fn set_state(&self, state: Py<PyDict>) -> PyResult<()> {
        self.handlers.get().ok_or_else(not_started)?.common()?.state = Some(state);
        Ok(())
    }

    /// The event loop has ended: the process is about to.
    fn loop_ended(&self) {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ended) = ended {
            ended.tell();
        }
    }
}

impl Runtime {
    /// The plugin as the SDK sees it, to be run once.
    pub(crate) fn take_core(&self) -> PyResult<PyCore> {
        let core = self.core.lock().unwrap_or_else(PoisonError::into_inner).take();
        core.ok_or_else(|| PyRuntimeError::new_err("the plugin was run before"))
    }

    pub(crate) fn bridge(&self) -> Arc<Bridge> {
        Arc::clone(&self.bridge)
    }
}

fn not_started() -> PyErr {
    PyRuntimeError::new_err("the plugin has not started")
}
