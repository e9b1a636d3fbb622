//! A plugin whose event hook can be waited for.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use temps_plugin_schema::{PluginEvent, PluginManifest};
use tokio::sync::oneshot;

use crate::runtime::core::{App, BoxFuture, PluginCore};
use crate::{PluginContext, PluginOptions, PluginSdkError, UiAssets};

/// Hands everything on, and tells who waits when an event's hook is through.
pub(super) struct Observed {
    inner: Arc<dyn PluginCore>,
    waiting: Mutex<HashMap<String, Vec<oneshot::Sender<()>>>>,
}

impl Observed {
    pub(super) fn new(inner: Arc<dyn PluginCore>) -> Self {
        Self { inner, waiting: Mutex::default() }
    }

    /// Resolves once the hook is through with the event of this id.
    pub(super) fn handled(&self, id: &str) -> impl Future<Output = ()> + use<> {
        let (sender, receiver) = oneshot::channel();
        self.lock().entry(id.to_owned()).or_default().push(sender);
        async move {
            // An error is the plugin's end, which is an end of waiting as well.
            drop(receiver.await);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<oneshot::Sender<()>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells who waits, also when the hook panics.
struct Through<'a>(&'a Observed, String);

impl Drop for Through<'_> {
    fn drop(&mut self) {
        for waiting in self.0.lock().remove(&self.1).unwrap_or_default() {
            let _gave_up = waiting.send(());
        }
    }
}

impl PluginCore for Observed {
    fn manifest(&self) -> PluginManifest {
        self.inner.manifest()
    }

    fn options(&self) -> PluginOptions {
        self.inner.options()
    }

    fn answers_elsewhere(&self) -> bool {
        self.inner.answers_elsewhere()
    }

    fn ui_assets(&self) -> Option<UiAssets> {
        self.inner.ui_assets()
    }

    fn openapi(&self) -> Result<Option<Value>, PluginSdkError> {
        self.inner.openapi()
    }

    fn start(&self, ctx: PluginContext) -> BoxFuture<'_, Result<Arc<dyn App>, PluginSdkError>> {
        self.inner.start(ctx)
    }

    fn on_event<'a>(
        &'a self,
        ctx: &'a PluginContext,
        event: PluginEvent,
    ) -> BoxFuture<'a, Result<(), PluginSdkError>> {
        let through = Through(self, event.id.clone());
        Box::pin(async move {
            let _through = through;
            self.inner.on_event(ctx, event).await
        })
    }

    fn on_shutdown<'a>(&'a self, ctx: &'a PluginContext) -> BoxFuture<'a, ()> {
        self.inner.on_shutdown(ctx)
    }
}
