//! The native module of the Python package: `temps-plugin-sdk`, driven by an asyncio event loop.
//!
//! Threads of tokio never touch the interpreter. They put commands into a queue (`bridge`) and wake
//! the event loop through one descriptor; the loop's own thread drains the queue and starts ordinary
//! asyncio tasks. What these answer goes back through the `outbox`.
//!
//! `runtime` is what `plugin.run()` drives, `core` the plugin as the SDK sees it; `exchange` is
//! one HTTP request, `pieces` the body of its answer, `scope` and `answer` its translation from
//! and to ASGI; `conversation` is one WebSocket on tokio, `websocket` the same on the event loop;
//! `context` makes calls, `announced` is the handshake by hand; `testing` runs a plugin inside a test.

mod announced;
mod answer;
mod awaitable;
mod bridge;
mod caller;
mod context;
mod conversation;
mod core;
mod errors;
mod exchange;
mod runtime;
mod scope;
mod testing;
mod websocket;

use mimalloc::MiMalloc;
use pyo3::prelude::*;

/// A request is allocated on one thread and freed on another, which costs glibc's allocator a lock
/// that both of them want.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The native part of `temps_plugin`.
#[pymodule(gil_used = false)]
mod _core {
    use pyo3::prelude::*;
    use temps_plugin_sdk::schema::EventPattern;

    #[pymodule_export]
    use crate::announced::Announced;
    #[pymodule_export]
    use crate::caller::Caller;
    #[pymodule_export]
    use crate::context::Context;
    #[pymodule_export]
    use crate::core::Completion;
    #[pymodule_export]
    use crate::exchange::Request;
    #[pymodule_export]
    use crate::runtime::Runtime;
    #[pymodule_export]
    use crate::testing::{
        TestPlatform, TestRun, sample_deployment, sample_environment, sample_event, sample_project,
    };
    #[pymodule_export]
    use crate::websocket::WebSocket;

    /// Keeps stdout for the handshake: from now on descriptor 1 is stderr.
    #[pyfunction]
    fn claim_stdout() -> PyResult<()> {
        Ok(temps_plugin_sdk::claim_stdout()?)
    }

    /// Whether an event of this type is asked for by `pattern`; `ValueError` for one that is none.
    #[pyfunction]
    fn matches(pattern: &str, event_type: &str) -> PyResult<bool> {
        let pattern: EventPattern = pattern.parse().map_err(crate::errors::value_error)?;
        Ok(pattern.matches(event_type))
    }
}
