//! The native module of the npm package: `temps-plugin-sdk`, driven by Node's event loop.
//!
//! Threads of tokio never touch the interpreter. They put commands into a queue (`bridge`) and wake the
//! event loop by one thread-safe function; the loop's own thread takes the commands, many at a time, as
//! one flat array (`batch`). What author code answers goes back through the SDK's outbox.
//!
//! `runtime` is what JavaScript drives, `core` the plugin as the SDK sees it; `exchange` is one request
//! and its answer, `requests` what JavaScript may do to it, `headers` their headers as text; `upgraded`
//! is a connection that author code has taken over; `calls` asks the platform, `caller` is who sent a
//! request; `testing` is a host in the same process.

mod batch;
mod bridge;
mod caller;
mod calls;
mod core;
mod exchange;
mod headers;
mod requests;
mod runtime;
pub mod testing;
mod upgraded;
mod web_socket;

use mimalloc::MiMalloc;
use napi::bindgen_prelude::{Error, Result, Status};
use napi_derive::napi;
use temps_plugin_sdk::PluginManifest;
use temps_plugin_sdk::schema::{EventPattern, Wire};

/// A request is allocated on one thread and freed on another, which costs glibc's allocator a lock
/// that both of them want.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Keeps stdout for the handshake: from now on descriptor 1 is stderr. Doing it again changes nothing.
#[napi]
pub fn claim_stdout() -> Result<()> {
    Ok(temps_plugin_sdk::claim_stdout()?)
}

/// A manifest as it goes over the wire; an error that names every bad field.
#[napi]
pub fn check_manifest(json: String) -> Result<String> {
    let manifest = PluginManifest::from_json(json.as_bytes()).map_err(invalid)?;
    serde_json::to_string(&manifest).map_err(invalid)
}

/// Whether an event of this type is asked for by `pattern`; an error for one that is none.
#[napi]
pub fn matches(pattern: String, event_type: String) -> Result<bool> {
    let pattern: EventPattern = pattern.parse().map_err(invalid)?;
    Ok(pattern.matches(&event_type))
}

/// Whether this is the thread that the process began with; nothing where that is not known.
#[napi]
pub fn is_first_thread() -> Option<bool> {
    #[cfg(target_os = "linux")]
    return Some(rustix::thread::gettid() == rustix::process::getpid());
    #[cfg(not(target_os = "linux"))]
    return None;
}

/// An error about something JavaScript has given.
fn invalid(error: impl std::fmt::Display) -> Error {
    Error::new(Status::InvalidArg, error.to_string())
}
