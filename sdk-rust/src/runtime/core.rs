//! What the runtime needs of a plugin, whatever language its author writes. [`ExternalPlugin`] is
//! one way to provide it; the bindings for other languages are others.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use futures_util::FutureExt;
use http::{Request, Response};
use http_body::Body as _;
use serde_json::Value;
use temps_plugin_schema::{PluginEvent, PluginManifest, limits};
use tower::{Service, ServiceExt};

use crate::runtime::hidden_routes;
use crate::server::reply::ReplyTo;
use crate::{ErrorKind, ExternalPlugin, PluginContext, PluginOptions, PluginSdkError, UiAssets};

/// Fewest and most worker threads of a plugin in Rust: author code may block one of them for a while,
/// and a platform runs many plugins on one machine.
const WORKERS: std::ops::RangeInclusive<usize> = 2..=8;

/// A boxed future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A plugin as the runtime drives it. Every hook runs within a multi-thread tokio runtime, where
/// `block_in_place` works; the runtime catches its panics.
pub trait PluginCore: Send + Sync + 'static {
    /// What the plugin says of itself.
    fn manifest(&self) -> PluginManifest;

    /// What the author changed about the runtime.
    fn options(&self) -> PluginOptions {
        PluginOptions::default()
    }

    /// How many threads the runtime has. Whoever runs author code on them needs two at least: one may
    /// be blocked for a while.
    fn workers(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(*WORKERS.start(), usize::from);
        processors.clamp(*WORKERS.start(), *WORKERS.end())
    }

    /// Whether threads that are not the runtime's answer requests, by
    /// [`Reply::send_here`](crate::Reply::send_here). It costs every request a little.
    fn answers_elsewhere(&self) -> bool {
        false
    }

    /// A user interface to serve at `/ui/`.
    fn ui_assets(&self) -> Option<UiAssets> {
        None
    }

    /// An `OpenAPI` document of the plugin's own routes.
    ///
    /// # Errors
    /// When the document cannot be written as JSON; the plugin then starts without it.
    fn openapi(&self) -> Result<Option<Value>, PluginSdkError> {
        Ok(None)
    }

    /// Makes what answers the plugin's own routes, and runs the start hook.
    fn start(&self, ctx: PluginContext) -> BoxFuture<'_, Result<Arc<dyn App>, PluginSdkError>>;

    /// Handles one event. The next one waits.
    fn on_event<'a>(
        &'a self,
        ctx: &'a PluginContext,
        event: PluginEvent,
    ) -> BoxFuture<'a, Result<(), PluginSdkError>>;

    /// Runs the shutdown hook.
    fn on_shutdown<'a>(&'a self, ctx: &'a PluginContext) -> BoxFuture<'a, ()>;
}

/// What answers requests: any [`tower::Service`] that never fails.
pub trait App: Send + Sync + 'static {
    /// Answers one request.
    fn call(
        &self,
        request: Request<Body>,
        reply: ReplyTo<'_>,
    ) -> BoxFuture<'static, Response<Body>>;
}

impl<S> App for S
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    fn call(
        &self,
        request: Request<Body>,
        _reply: ReplyTo<'_>,
    ) -> BoxFuture<'static, Response<Body>> {
        Box::pin(self.clone().oneshot(request).map(infallible))
    }
}

fn infallible<T>(answer: Result<T, Infallible>) -> T {
    match answer {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

/// An [`ExternalPlugin`], driven.
pub(crate) struct RustPlugin<P>(pub(crate) P);

impl<P: ExternalPlugin> PluginCore for RustPlugin<P> {
    fn manifest(&self) -> PluginManifest {
        self.0.manifest()
    }

    fn options(&self) -> PluginOptions {
        self.0.options()
    }

    fn ui_assets(&self) -> Option<UiAssets> {
        self.0.ui_assets()
    }

    fn openapi(&self) -> Result<Option<Value>, PluginSdkError> {
        Ok(self.0.openapi_schema().map(serde_json::to_value).transpose()?)
    }

    fn start(&self, ctx: PluginContext) -> BoxFuture<'_, Result<Arc<dyn App>, PluginSdkError>> {
        Box::pin(async move {
            let router = tokio::task::block_in_place(|| self.0.router(ctx.clone()));
            hidden_routes::warn(&router, &self.0.manifest(), self.0.ui_assets().is_some());
            self.0.on_start_async(&ctx).await?;
            Ok(Arc::new(Routes(router)) as Arc<dyn App>)
        })
    }

    fn on_event<'a>(
        &'a self,
        ctx: &'a PluginContext,
        event: PluginEvent,
    ) -> BoxFuture<'a, Result<(), PluginSdkError>> {
        Box::pin(async move {
            self.0.on_event_async(ctx, event).await;
            Ok(())
        })
    }

    fn on_shutdown<'a>(&'a self, ctx: &'a PluginContext) -> BoxFuture<'a, ()> {
        Box::pin(self.0.on_shutdown_async(ctx))
    }
}

/// The author's routes, with the protocol's limit on bodies in place of axum's 2 MB (HT-09). A limit
/// that the author sets on a route comes after it, and counts.
struct Routes(axum::Router);

impl App for Routes {
    fn call(
        &self,
        mut request: Request<Body>,
        _reply: ReplyTo<'_>,
    ) -> BoxFuture<'static, Response<Body>> {
        if !request.body().is_end_stream() {
            DefaultBodyLimit::max(limits::BODY_FLOOR_BYTES).apply(&mut request);
        }
        // A router is always ready, so it needs no waiting for that first.
        Box::pin(Service::call(&mut self.0.clone(), request).map(infallible))
    }
}

/// Runs a piece of author code that a plugin cannot start without; a panic is an error.
pub(crate) fn guarded<T>(what: &str, code: impl FnOnce() -> T) -> Result<T, PluginSdkError> {
    std::panic::catch_unwind(AssertUnwindSafe(code)).map_err(|_| {
        let message = format!("{what} panicked; the line before says where");
        PluginSdkError::new(ErrorKind::Start, message)
    })
}
