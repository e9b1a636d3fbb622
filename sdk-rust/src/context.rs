//! What the SDK hands to author code.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use temps_plugin_schema::{Dialect, Secret};

use crate::caller::VerifiedCaller;
use crate::client::{CallerApi, TempsClient};
use crate::runtime::stop::StopSignal;

/// A plugin's place in the world: who it is, where its files go, and its line to the platform.
///
/// Cloning is cheap; use it as axum state, or keep it in your own.
#[derive(Clone)]
pub struct PluginContext(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) plugin_name: String,
    pub(crate) socket_path: PathBuf,
    pub(crate) data_dir: PathBuf,
    pub(crate) dialect: Dialect,
    pub(crate) auth_secret: Secret,
    pub(crate) database_url: Option<Secret>,
    pub(crate) host_api_url: Option<String>,
    pub(crate) host_data_dir: Option<PathBuf>,
    pub(crate) temps: TempsClient,
    pub(crate) stop: StopSignal,
}

impl PluginContext {
    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// The manifest's `name`.
    #[must_use]
    pub fn plugin_name(&self) -> &str {
        &self.0.plugin_name
    }

    /// The socket the plugin is served at. It is the SDK's: leave it alone.
    #[must_use]
    pub fn socket_path(&self) -> &Path {
        &self.0.socket_path
    }

    /// The plugin's own directory. It exists, and nobody else writes there.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.0.data_dir
    }

    /// The form of the protocol the host speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.0.dialect
    }

    /// The secret shared with the host at this start. The SDK has checked requests against it before
    /// a handler runs; keep it out of logs, files and responses.
    #[must_use]
    pub fn auth_secret(&self) -> &str {
        self.0.auth_secret.expose()
    }

    /// The platform's database, when the manifest has `requires_db`.
    #[must_use]
    pub fn database_url(&self) -> Option<&str> {
        self.0.database_url.as_ref().map(Secret::expose)
    }

    /// The host's data directory, when the manifest has `requires_host_data_access` (dialect 2).
    #[must_use]
    pub fn host_data_dir(&self) -> Option<&Path> {
        self.0.host_data_dir.as_deref()
    }

    /// The base URL at which the platform's API answers, when the host tells it (dialect 2).
    #[must_use]
    pub fn host_api_url(&self) -> Option<&str> {
        self.0.host_api_url.as_deref()
    }

    /// The platform's data, over the channel.
    #[must_use]
    pub fn temps(&self) -> &TempsClient {
        &self.0.temps
    }

    /// The platform's own API in the name of `caller`: whoever sent the request being served.
    ///
    /// ```no_run
    /// # use temps_plugin_sdk::prelude::*;
    /// async fn rename(ctx: PluginContext, caller: VerifiedCaller) -> Result<u16, PluginSdkError> {
    ///     let body = serde_json::json!({ "name": "shop" });
    ///     let reply = ctx.api_for(&caller).patch("/api/projects/7").json(&body)?.send().await?;
    ///     Ok(reply.status())
    /// }
    /// ```
    #[must_use]
    pub fn api_for(&self, caller: &VerifiedCaller) -> CallerApi {
        CallerApi::new(self.0.temps.clone(), caller.actor_token().cloned())
    }

    /// Waits until the plugin is told to stop: the moment to end what would go on for ever, such as
    /// an event stream or a WebSocket of your own.
    pub async fn stopping(&self) {
        self.0.stop.requested().await;
    }
}

impl fmt::Debug for PluginContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginContext")
            .field("plugin_name", &self.0.plugin_name)
            .field("data_dir", &self.0.data_dir)
            .field("dialect", &self.0.dialect)
            .finish_non_exhaustive()
    }
}
