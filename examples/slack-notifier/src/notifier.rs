//! What the plugin works with, once its data directory is known.

use std::sync::Arc;

use temps_plugin_sdk::PluginContext;

use crate::courier::{Courier, Pacing, Worker};
use crate::deliveries::DeliveryLog;
use crate::file::FileError;
use crate::settings::SettingsStore;
use crate::slack::Slack;

/// Cheap to clone: the state of the routes.
#[derive(Clone)]
pub(crate) struct Notifier {
    pub(crate) settings: Arc<SettingsStore>,
    pub(crate) deliveries: Arc<DeliveryLog>,
    pub(crate) courier: Arc<Courier>,
}

/// Why the plugin cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

impl Notifier {
    /// Reads the data directory and starts the courier.
    pub(crate) fn open(ctx: &PluginContext, pacing: &Pacing) -> Result<Self, OpenError> {
        let settings = Arc::new(SettingsStore::open(ctx.data_dir().join("settings.json"))?);
        let deliveries = Arc::new(DeliveryLog::open(ctx.data_dir().join("deliveries.json"))?);
        let worker = Worker {
            settings: Arc::clone(&settings),
            deliveries: Arc::clone(&deliveries),
            slack: Slack::new(pacing.request_timeout)?,
            temps: ctx.temps().with_timeout(pacing.lookup_timeout),
            backoff: pacing.backoff,
        };
        Ok(Self { settings, deliveries, courier: Arc::new(Courier::start(worker, pacing)) })
    }
}
