//! The plugin as the SDK drives it: every hook becomes a command for the event loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use axum::body::Body;
use axum::response::IntoResponse;
use http::{Request, Response, StatusCode};
use pyo3::prelude::*;
use serde_json::Value;
use temps_plugin_sdk::{
    App, BoxFuture, Caller, ErrorKind, PluginContext, PluginCore, PluginEvent, PluginManifest,
    PluginOptions, PluginSdkError, Problem, ReplyTo, UiAssets,
};
use tokio::sync::oneshot;

use crate::bridge::{Bridge, Command, Incoming};
use crate::context::Context;
use crate::conversation;
use crate::exchange;
use crate::runtime::Handlers;
use crate::scope::Common;

/// What a plugin is, besides its handlers.
pub(crate) struct PyCore {
    pub(crate) manifest: PluginManifest,
    pub(crate) options: PluginOptions,
    pub(crate) ui: Option<UiAssets>,
    pub(crate) bridge: Arc<Bridge>,
    /// The `OpenAPI` document, once the plugin has started.
    pub(crate) openapi: Mutex<Option<Value>>,
}

impl PyCore {
    /// Has the event loop run a hook, and waits for it.
    async fn hook(
        &self,
        run: impl FnOnce(Python<'_>, &Handlers, Completion) -> PyResult<()> + Send + 'static,
    ) -> Result<Option<String>, PluginSdkError> {
        let (done, outcome) = oneshot::channel();
        self.bridge.run(move |py, handlers| run(py, handlers, Completion(Some(done))));
        let failed = |message: String| PluginSdkError::new(ErrorKind::Start, message);
        match outcome.await {
            Ok(outcome) => outcome.map_err(failed),
            Err(_) => Err(failed("the event loop has ended".to_owned())),
        }
    }
}

impl PluginCore for PyCore {
    fn manifest(&self) -> PluginManifest {
        self.manifest.clone()
    }

    fn options(&self) -> PluginOptions {
        self.options.clone()
    }

    /// One keeps up with any event loop, and no author code runs there. A second one would take the
    /// processor from the interpreter.
    fn workers(&self) -> usize {
        1
    }

    fn answers_elsewhere(&self) -> bool {
        true
    }

    fn ui_assets(&self) -> Option<UiAssets> {
        self.ui.clone()
    }

    fn openapi(&self) -> Result<Option<Value>, PluginSdkError> {
        Ok(self.openapi.lock().unwrap_or_else(PoisonError::into_inner).take())
    }

    fn start(&self, ctx: PluginContext) -> BoxFuture<'_, Result<Arc<dyn App>, PluginSdkError>> {
        Box::pin(async move {
            let tokio = tokio::runtime::Handle::current();
            let app = PyApp {
                bridge: Arc::clone(&self.bridge),
                ctx: ctx.clone(),
                next_id: AtomicU64::new(1),
            };
            let openapi = self
                .hook(move |py, handlers, done| {
                    handlers.started(tokio.clone(), Common::new(py, ctx.socket_path())?);
                    let event_loop = handlers.event_loop.clone_ref(py);
                    let context =
                        Context::new(ctx, tokio, event_loop, Arc::clone(&handlers.bridge));
                    handlers.author.call_method1(py, "start", (context, done))?;
                    Ok(())
                })
                .await?;
            let openapi = openapi.map(|text| serde_json::from_str(&text)).transpose()?;
            *self.openapi.lock().unwrap_or_else(PoisonError::into_inner) = openapi;
            Ok(Arc::new(app) as Arc<dyn App>)
        })
    }

    fn on_event<'a>(
        &'a self,
        _ctx: &'a PluginContext,
        event: PluginEvent,
    ) -> BoxFuture<'a, Result<(), PluginSdkError>> {
        Box::pin(async move {
            let text = serde_json::to_string(&event)?;
            self.hook(move |py, handlers, done| {
                handlers.author.call_method1(py, "event", (text, done))?;
                Ok(())
            })
            .await?;
            Ok(())
        })
    }

    fn on_shutdown<'a>(&'a self, _ctx: &'a PluginContext) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let done = self.hook(|py, handlers, done| {
                handlers.author.call_method1(py, "shutdown", (done,))?;
                Ok(())
            });
            if let Err(error) = done.await {
                tracing::error!(%error, "the shutdown hook failed");
            }
        })
    }
}

/// Tells the SDK how a hook ended.
#[pyclass(module = "temps_plugin._core")]
pub(crate) struct Completion(Option<oneshot::Sender<Result<Option<String>, String>>>);

#[pymethods]
impl Completion {
    /// It has succeeded; the start hook gives the `OpenAPI` document as JSON text, if any.
    #[pyo3(signature = (value = None))]
    fn succeed(&mut self, value: Option<String>) {
        self.end(Ok(value));
    }

    /// It has failed, for this reason.
    fn fail(&mut self, reason: String) {
        self.end(Err(reason));
    }
}

impl Completion {
    fn end(&mut self, outcome: Result<Option<String>, String>) {
        if let Some(done) = self.0.take() {
            // A hook that took too long is waited for no more.
            drop(done.send(outcome));
        }
    }
}

/// The author's application.
struct PyApp {
    bridge: Arc<Bridge>,
    ctx: PluginContext,
    next_id: AtomicU64,
}

impl App for PyApp {
    fn call(
        &self,
        request: Request<Body>,
        reply: ReplyTo<'_>,
    ) -> BoxFuture<'static, Response<Body>> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let bridge = Arc::clone(&self.bridge);
        if conversation::asked_for(&request) {
            return Box::pin(conversation::answer(bridge, self.ctx.clone(), id, request));
        }
        let (answer, answered) = reply.later();
        Box::pin(async move {
            let caller = Caller::of(&request).signed_in();
            let (parts, body) = request.into_parts();
            let mut gone = exchange::gone(&bridge, id);
            let incoming = Incoming { id, parts, body, caller, answer };
            bridge.push(Command::Request(Box::new(incoming)));
            let response = answered.await;
            gone.answered();
            response.unwrap_or_else(|| {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Problem::new(status, "the plugin failed").into_response()
            })
        })
    }
}
