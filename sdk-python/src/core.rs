//! The plugin as the SDK drives it: every hook becomes a command for the event loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::response::IntoResponse;
use http::{Request, Response, StatusCode};
use pyo3::prelude::*;
use temps_plugin_sdk::binding::{EventLoop, HookDone, HookOutcome};
use temps_plugin_sdk::{App, BoxFuture, Caller, PluginContext, Problem, ReplyTo};
use tokio::runtime::Handle;

use crate::bridge::{Bridge, Command, Incoming};
use crate::context::Context;
use crate::conversation;
use crate::exchange;
use crate::runtime::Handlers;
use crate::scope::Common;

/// The event loop as the SDK sees it.
pub(crate) struct Loop(pub(crate) Arc<Bridge>);

impl Loop {
    fn run(
        &self,
        done: HookDone,
        run: impl FnOnce(Python<'_>, &Handlers, Completion) -> PyResult<()> + Send + 'static,
    ) {
        self.0.run(move |py, handlers| run(py, handlers, Completion(Some(done))));
    }
}

impl EventLoop for Loop {
    fn start(&self, ctx: PluginContext, runtime: Handle, done: HookDone) -> Arc<dyn App> {
        let bridge = Arc::clone(&self.0);
        let app = PyApp { bridge, ctx: ctx.clone(), next_id: AtomicU64::new(1) };
        self.run(done, move |py, handlers, done| {
            handlers.started(runtime.clone(), Common::new(py, ctx.socket_path())?);
            let event_loop = handlers.event_loop.clone_ref(py);
            let context = Context::new(ctx, runtime, event_loop, Arc::clone(&handlers.bridge));
            handlers.author.call_method1(py, "start", (context, done))?;
            Ok(())
        });
        Arc::new(app)
    }

    fn event(&self, event: String, done: HookDone) {
        self.run(done, move |py, handlers, done| {
            handlers.author.call_method1(py, "event", (event, done))?;
            Ok(())
        });
    }

    fn shutdown(&self, done: HookDone) {
        self.run(done, |py, handlers, done| {
            handlers.author.call_method1(py, "shutdown", (done,))?;
            Ok(())
        });
    }
}

/// Tells the SDK how a hook ended.
#[pyclass(module = "temps_plugin._core")]
pub(crate) struct Completion(Option<HookDone>);

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
    fn end(&mut self, outcome: HookOutcome) {
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
