//! Write plugins for [Temps](https://temps.sh), the self-hosted deployment platform.
//!
//! A plugin is one executable file. The platform starts it, serves its routes at
//! `/api/x/{name}/…`, answers its questions and tells it what happens. This crate does everything
//! between that contract and your code: the handshake, the socket server, authentication, the
//! channel, draining.
//!
//! ```no_run
//! use temps_plugin_sdk::prelude::*;
//!
//! struct Hello;
//!
//! impl ExternalPlugin for Hello {
//!     fn manifest(&self) -> PluginManifest {
//!         PluginManifest::builder("hello", "1.0.0").event("deployment.succeeded").build()
//!     }
//!
//!     fn router(&self, ctx: PluginContext) -> axum::Router {
//!         axum::Router::new().route("/hello", get(|| async { "Hello" })).with_state(ctx)
//!     }
//!
//!     fn on_event(&self, _ctx: &PluginContext, event: PluginEvent) {
//!         tracing::info!(event.event_type, "something was deployed");
//!     }
//! }
//!
//! temps_plugin_sdk::main!(Hello);
//! ```
//!
//! - [`ExternalPlugin`] is the trait you implement; only `manifest` and `router` must be written.
//! - [`PluginContext`] is what your code gets: the data directory, [`TempsClient`] for the
//!   platform's data, [`api_for`](PluginContext::api_for) for its API in a caller's name.
//! - [`VerifiedCaller`] and [`Caller`] tell who sent a request.
//! - [`testing`] runs a plugin inside your own `#[tokio::test]`.
//!
//! One binary speaks both dialects of the protocol and picks by its own arguments. stdout belongs to
//! the handshake: `println!` in your code ends up on stderr, where logs go as JSON lines.

pub mod binding;
mod caller;
mod channel;
mod client;
mod context;
mod error;
mod events;
mod logging;
mod plugin;
pub mod prelude;
mod runtime;
mod server;
#[cfg(feature = "testing")]
pub mod testing;
mod ui;

pub use caller::{Caller, TempsAuth, VerifiedCaller};
pub use client::json::{api_json, call_json};
pub use client::{ApiRequest, ApiResponse, CallerApi, TempsClient, file, part};
pub use context::PluginContext;
pub use error::{ErrorKind, PluginSdkError};
pub use plugin::{ExternalPlugin, PluginOptions};
pub use runtime::announce::Announced;
pub use runtime::core::{App, BoxFuture, PluginCore};
pub use runtime::state::State;
pub use runtime::stdio::claim_stdout;
pub use runtime::{run_announced, run_core, run_plugin};
pub use server::problem::Problem;
pub use server::reply::{Replied, Reply, ReplyTo};
pub use temps_plugin_schema as schema;
pub use temps_plugin_schema::event::EventPayload;
pub use temps_plugin_schema::http::Role;
pub use temps_plugin_schema::manifest::{
    Capability, HostPermission, NavEntry, NavSection, PluginManifestBuilder, UiManifest, UiRoute,
};
pub use temps_plugin_schema::{Dialect, PluginEvent, PluginManifest, Secret};
pub use ui::UiAssets;

/// Paths under which plugins in the field name the wire types.
pub mod temps_core {
    /// The types of manifest and events.
    pub mod external_plugin {
        pub use temps_plugin_schema::manifest::{
            NavEntry, NavSection, PluginManifest, UiManifest, UiRoute,
        };
        pub use temps_plugin_schema::{EventPattern, PluginEvent};
    }
}

/// Turns a plugin into a program: `temps_plugin_sdk::main!(MyPlugin);`, for any expression whose
/// value is an [`ExternalPlugin`], such as `MyPlugin`, `MyPlugin::default()` or `MyPlugin { … }`.
///
/// Don't write a `main` of your own beside it: the SDK makes the runtime.
#[macro_export]
macro_rules! main {
    ($plugin:expr $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::run_plugin($plugin)
        }
    };
}
