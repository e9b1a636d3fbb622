//! A plugin whose author code runs on an event loop's thread: every hook is handed over there, and waited
//! for.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use temps_plugin_schema::{PluginEvent, PluginManifest};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::{
    App, BoxFuture, ErrorKind, PluginContext, PluginCore, PluginOptions, PluginSdkError, UiAssets,
};

/// How a hook ended, with the reason when it failed; the start hook gives the `OpenAPI` document as JSON
/// text, if any.
pub type HookOutcome = Result<Option<String>, String>;

/// Where a hook's outcome goes. One that nobody waits for any more is dropped there.
pub type HookDone = oneshot::Sender<HookOutcome>;

/// An event loop that runs hooks. Nothing here waits: a hook is handed over, and ends by its `done`; one
/// that is dropped has failed.
pub trait EventLoop: Send + Sync + 'static {
    /// Makes what answers requests, and has the start hook run.
    fn start(&self, ctx: PluginContext, runtime: Handle, done: HookDone) -> Arc<dyn App>;

    /// Has the handlers of an event run, which is JSON text.
    fn event(&self, event: String, done: HookDone);

    /// Has the shutdown hook run.
    fn shutdown(&self, done: HookDone);
}

/// What a plugin is: its event loop, and what its author has declared.
pub struct BoundCore<L> {
    event_loop: L,
    manifest: PluginManifest,
    options: PluginOptions,
    ui: Option<UiAssets>,
    /// The `OpenAPI` document, once the plugin has started.
    openapi: Mutex<Option<Value>>,
}

impl<L: EventLoop> BoundCore<L> {
    /// A plugin that has not started.
    pub fn new(
        event_loop: L,
        manifest: PluginManifest,
        options: PluginOptions,
        ui: Option<UiAssets>,
    ) -> Self {
        Self { event_loop, manifest, options, ui, openapi: Mutex::new(None) }
    }

    /// Has the event loop run a hook, and waits for it.
    async fn hook<T>(
        &self,
        run: impl FnOnce(&L, HookDone) -> T,
    ) -> Result<(T, Option<String>), PluginSdkError> {
        let (done, outcome) = oneshot::channel();
        let given = run(&self.event_loop, done);
        let failed = |message: String| PluginSdkError::new(ErrorKind::Start, message);
        match outcome.await {
            Ok(outcome) => Ok((given, outcome.map_err(failed)?)),
            Err(_) => Err(failed("the event loop has ended".to_owned())),
        }
    }
}

impl<L: EventLoop> PluginCore for BoundCore<L> {
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
            let runtime = Handle::current();
            let start = |event_loop: &L, done| event_loop.start(ctx, runtime, done);
            let (app, openapi) = self.hook(start).await?;
            let openapi = openapi.map(|text| serde_json::from_str(&text)).transpose()?;
            *self.openapi.lock().unwrap_or_else(PoisonError::into_inner) = openapi;
            Ok(app)
        })
    }

    fn on_event<'a>(
        &'a self,
        _ctx: &'a PluginContext,
        event: PluginEvent,
    ) -> BoxFuture<'a, Result<(), PluginSdkError>> {
        Box::pin(async move {
            let text = serde_json::to_string(&event)?;
            self.hook(|event_loop, done| event_loop.event(text, done)).await?;
            Ok(())
        })
    }

    fn on_shutdown<'a>(&'a self, _ctx: &'a PluginContext) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            if let Err(error) = self.hook(EventLoop::shutdown).await {
                tracing::error!(%error, "the shutdown hook failed");
            }
        })
    }
}
