//! The trait an author implements.

use std::future::Future;
use std::time::Duration;

use temps_plugin_schema::{PluginEvent, PluginManifest, limits};

use crate::{PluginContext, PluginSdkError, UiAssets};

/// A Temps plugin. [`main!`](crate::main) turns a value of it into a program.
///
/// Two methods must be written; the others have defaults. Every hook comes in two forms, a plain one
/// and an `_async` one: implement whichever suits, not both. Plain hooks and [`router`] may block,
/// use `tokio::task::block_in_place`, `Handle::current().block_on` and `tokio::spawn`. A hook that
/// panics or fails is logged with the plugin's name.
///
/// [`router`]: ExternalPlugin::router
pub trait ExternalPlugin: Send + Sync + 'static {
    /// What the plugin says of itself. Called once, first; a manifest that breaks a rule ends the
    /// process with a message that names every bad field.
    fn manifest(&self) -> PluginManifest;

    /// The plugin's own routes. The host serves them at `/api/x/{name}/…`.
    ///
    /// The SDK serves the health path, everything under `/_temps`, `/_events` and, with
    /// [`ui_assets`](Self::ui_assets), everything under `/ui`: a route of yours at one of these is
    /// hidden, with a warning. Called once, before the plugin is announced as ready: the channel is
    /// not up yet, so make calls from handlers or from a task you spawn. A panic here ends the
    /// process before `ready`: what can fail is better opened so that
    /// [`on_start`](Self::on_start), which runs right after, can return the error.
    fn router(&self, ctx: PluginContext) -> axum::Router;

    /// A user interface to serve at `/ui/`: an `include_dir!` directory or a `.tar.gz`.
    ///
    /// ```no_run
    /// # use temps_plugin_sdk::prelude::*;
    /// static UI: include_dir::Dir<'_> = include_dir::include_dir!("$CARGO_MANIFEST_DIR/tests/ui");
    /// # struct MyPlugin;
    /// # impl ExternalPlugin for MyPlugin {
    /// #     fn manifest(&self) -> PluginManifest { PluginManifest::builder("a", "1.0.0").build() }
    /// #     fn router(&self, _: PluginContext) -> axum::Router { axum::Router::new() }
    /// fn ui_assets(&self) -> Option<UiAssets> {
    ///     Some((&UI).into())
    /// }
    /// # }
    /// ```
    fn ui_assets(&self) -> Option<UiAssets> {
        None
    }

    /// An `OpenAPI` document of the plugin's own routes, sent to the host with `ready`.
    fn openapi_schema(&self) -> Option<utoipa::openapi::OpenApi> {
        None
    }

    /// What an author may change about the runtime.
    fn options(&self) -> PluginOptions {
        PluginOptions::default()
    }

    /// Runs once after [`router`](Self::router) and before the plugin is announced as ready.
    ///
    /// # Errors
    /// An error ends the process with that message: the host never sees the plugin as ready.
    fn on_start(&self, ctx: &PluginContext) -> Result<(), PluginSdkError> {
        let _ = ctx;
        Ok(())
    }

    /// [`on_start`](Self::on_start) for a hook that awaits.
    fn on_start_async(
        &self,
        ctx: &PluginContext,
    ) -> impl Future<Output = Result<(), PluginSdkError>> + Send {
        async { tokio::task::block_in_place(|| self.on_start(ctx)) }
    }

    /// Runs for every event the manifest asks for, one after the other, in the order of the channel.
    fn on_event(&self, ctx: &PluginContext, event: PluginEvent) {
        let _ = (ctx, event);
    }

    /// [`on_event`](Self::on_event) for a hook that awaits. The next event waits for it: spawn a
    /// task for work that takes long.
    fn on_event_async(
        &self,
        ctx: &PluginContext,
        event: PluginEvent,
    ) -> impl Future<Output = ()> + Send {
        async { tokio::task::block_in_place(|| self.on_event(ctx, event)) }
    }

    /// Runs once when the plugin stops, after requests and events in flight have finished; calls to
    /// the platform still work. It is broken off after 5 s: hosts kill what takes too long.
    fn on_shutdown(&self, ctx: &PluginContext) {
        let _ = ctx;
    }

    /// [`on_shutdown`](Self::on_shutdown) for a hook that awaits.
    fn on_shutdown_async(&self, ctx: &PluginContext) -> impl Future<Output = ()> + Send {
        async { tokio::task::block_in_place(|| self.on_shutdown(ctx)) }
    }
}

/// What an author may change about the runtime.
///
/// ```
/// use std::time::Duration;
/// use temps_plugin_sdk::PluginOptions;
///
/// let options = PluginOptions::default()
///     .channel_deadline(Some(Duration::from_secs(120)))
///     .require_signature(true);
/// # let _ = options;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginOptions {
    pub(crate) channel_deadline: Option<Duration>,
    pub(crate) require_signature: bool,
    pub(crate) drain: Duration,
}

impl Default for PluginOptions {
    fn default() -> Self {
        Self {
            channel_deadline: Some(limits::CHANNEL_DEADLINE),
            require_signature: false,
            drain: limits::DRAIN,
        }
    }
}

impl PluginOptions {
    /// How long after `ready` the first channel may take before the plugin gives up and exits;
    /// `None` waits for ever. 30 s unless changed (CH-09, CH-10).
    #[must_use]
    pub fn channel_deadline(mut self, deadline: Option<Duration>) -> Self {
        self.channel_deadline = deadline;
        self
    }

    /// Whether requests without the host's signature are refused in dialect 1 too, where hosts may
    /// not send one (AU-12). Dialect 2 always refuses them.
    #[must_use]
    pub fn require_signature(mut self, required: bool) -> Self {
        self.require_signature = required;
        self
    }

    /// How long requests and events in flight may take once the plugin is told to stop. 10 s unless
    /// changed, which is also the most that hosts grant (LC-04).
    #[must_use]
    pub fn drain(mut self, limit: Duration) -> Self {
        self.drain = limit.min(limits::DRAIN);
        self
    }
}
