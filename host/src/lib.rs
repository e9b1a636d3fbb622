//! The host side of the Temps plugin protocol: find a plugin, start it, talk to it, stop it.
//!
//! [`PluginHost`] does so with all plugins of a directory, and passes requests of callers on to them.
//! The floors below it know one plugin, or one process. Because the conformance runner stands on the
//! lowest, everything can be observed there and every step can be taken wrongly on purpose. Rule ids such
//! as `HS-07` are those of [`PROTOCOL_MD`](temps_plugin_schema::PROTOCOL_MD).
//!
//! | to | use |
//! |---|---|
//! | keep all plugins of a directory running | [`PluginHost`], [`HostedPlugin`] |
//! | let callers reach them | [`PluginHost::router`], [`Authenticator`], [`ProxyPolicy`] |
//! | find the plugins in a directory | [`PluginsDirectory::scan`], [`Checksums`] |
//! | start a plugin | [`Launcher::start`], or step by step [`Launcher::spawn_in`] and [`Starting`] |
//! | learn why it did not start | [`StartError`] |
//! | keep it running | [`Supervisor`], [`State`] |
//! | watch and end it | [`RunningPlugin`], [`Ended`], [`Exit`] |
//! | send it requests | [`PluginHttp`], [`Identity`], [`Signature`] |
//! | answer its calls, send it events | [`Channel`] with a [`Platform`]; [`MemoryPlatform`] is one |
//! | send it odd frames | [`RawChannel`] |
//! | see every byte that passes | [`WireTap`] |
//!
//! ```no_run
//! use std::sync::Arc;
//! use std::time::Duration;
//! use temps_plugin_host::{Launcher, MemoryPlatform};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let plugin = Launcher::new("./hello", "/run/p/hello.sock", "/var/lib/p/hello").start().await?;
//! let channel = plugin.dial_channel(Arc::new(MemoryPlatform::sample())).await?;
//! let answer = plugin.http().get("/hello").send().await?;
//! println!("{}: {}", answer.status(), answer.text().await?);
//! channel.close(Duration::from_secs(2)).await;
//! println!("it {}", plugin.stop(Duration::from_secs(15)).await.exit);
//! # Ok(()) }
//! ```

#[cfg(feature = "server")]
mod api;
#[cfg(feature = "server")]
mod audit;
#[cfg(feature = "server")]
mod authenticator;
pub mod channel;
#[cfg(feature = "embedded")]
mod development_login;
mod diagnose;
mod dialect_memory;
mod discovery;
pub mod http;
mod launch;
mod memory_platform;
#[cfg(feature = "server")]
mod metrics;
mod platform;
mod plugin;
#[cfg(feature = "server")]
mod plugin_host;
mod process;
#[cfg(feature = "server")]
mod proxy;
mod redact;
#[cfg(feature = "embedded")]
mod sqlite_platform;
mod start_error;
mod stdio;
mod supervise;
pub mod tap;

#[cfg(feature = "server")]
pub use audit::AuditLog;
#[cfg(feature = "server")]
pub use authenticator::{AuthenticateFuture, Authenticator, NobodySignedIn};
pub use channel::{Channel, ChannelEnd, ChannelError, ChannelStats, Dial, Incoming, RawChannel};
#[cfg(feature = "embedded")]
pub use development_login::{DevelopmentLogin, SESSION_COOKIE, WrongToken};
pub use dialect_memory::{ContentHash, DialectMemory, content_hash};
pub use discovery::{
    Checksums, ChecksumsError, DiscoveryError, PassedOver, PluginFile, PluginsDirectory, Reason,
    Scan, Stamp,
};
pub use http::{HttpError, Identity, PluginHttp, RequestBuilder, Response, Signature};
pub use launch::{DialectChoice, FlagStyle, Handshake, LaunchLine, Launcher, Starting};
pub use memory_platform::{AiAnswer, Hold, MemoryPlatform, RecordedCall, sample};
pub use platform::{CallFuture, CallOrigin, Platform};
pub use plugin::RunningPlugin;
#[cfg(feature = "server")]
pub use plugin_host::{
    Change, ENVIRONMENT, Emitted, GroundError, HostError, HostedPlugin, LogLevel, LogLine, Orphan,
    Outcome, Passed, PluginHost, PluginHostBuilder, PluginTransition, Reload, Usage,
};
pub use process::{Ended, Exit, LEFT_BEHIND_GRACE, Signal, members};
#[cfg(feature = "server")]
pub use proxy::ProxyPolicy;
pub use redact::REDACTED;
#[cfg(feature = "embedded")]
pub use sqlite_platform::{DatabaseError, SqlitePlatform};
pub use start_error::{StartError, StartErrorKind, Step};
pub use stdio::{StreamTotals, TailLimits};
pub use supervise::{
    Admit, Backoff, Delivery, EmitError, HealthPolicy, RestartPolicy, State, Status, Supervision,
    Supervisor, Transition,
};
pub use tap::WireTap;
