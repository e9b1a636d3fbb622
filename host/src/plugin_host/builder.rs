//! What a host is told before it begins.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use temps_plugin_schema::{Secret, limits};

use super::actor_tokens::ActorTokens;
use super::ground::Ground;
use super::orphans::Orphan;
use super::platform::Checked;
use super::registry::Registry;
use super::{HostError, Inner, PluginHost, PluginTransition};
use crate::authenticator::{Authenticator, NobodySignedIn};
use crate::dialect_memory::DialectMemory;
use crate::discovery::PluginsDirectory;
use crate::memory_platform::MemoryPlatform;
use crate::metrics::Metrics;
use crate::platform::Platform;
use crate::proxy::ProxyPolicy;
use crate::supervise::Supervision;

/// The variables of the host's environment that plugins get to see, unless they are told otherwise:
/// where programs, temporary files and certificates are, and how to write words, numbers and times.
/// Nothing that may hold a secret.
pub const ENVIRONMENT: [&str; 7] =
    ["LANG", "LC_ALL", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR", "TZ"];

/// How long requests that were on their way to a replaced plugin are given to get there.
const HAND_OVER: Duration = Duration::from_secs(5);

/// Describes a host. What is not said: an empty [`MemoryPlatform`], [`ENVIRONMENT`],
/// [`Supervision::default`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct PluginHostBuilder {
    pub(super) directory: PluginsDirectory,
    pub(super) data: PathBuf,
    pub(super) settings: Settings,
}

/// What all plugins of a host have in common.
pub(super) struct Settings {
    pub(super) platform: Arc<dyn Platform>,
    pub(super) supervision: Supervision,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) database_url: Option<Secret>,
    pub(super) host_data_dir: Option<String>,
    pub(super) host_api_url: Option<String>,
    pub(super) on_transition: Arc<dyn Fn(&PluginTransition<'_>) + Send + Sync>,
    pub(super) dialects: DialectMemory,
    pub(super) hand_over: Duration,
    pub(super) step_timeout: Duration,
    pub(super) authenticator: Arc<dyn Authenticator>,
    pub(super) proxy: ProxyPolicy,
}

impl fmt::Debug for PluginHostBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginHostBuilder")
            .field("directory", &self.directory)
            .field("data", &self.data)
            .field("supervision", &self.settings.supervision)
            .finish_non_exhaustive()
    }
}

impl PluginHostBuilder {
    pub(super) fn new(directory: PluginsDirectory, data: PathBuf) -> Self {
        let settings = Settings {
            platform: Arc::new(MemoryPlatform::empty()),
            supervision: Supervision::default(),
            environment: Vec::new(),
            database_url: None,
            host_data_dir: None,
            host_api_url: None,
            on_transition: Arc::new(|_| {}),
            dialects: DialectMemory::new(),
            hand_over: HAND_OVER,
            step_timeout: limits::HANDSHAKE_STEP,
            authenticator: Arc::new(NobodySignedIn),
            proxy: ProxyPolicy::default(),
        };
        Self { directory, data, settings }.pass_on(ENVIRONMENT)
    }

    /// Answers the plugins' calls from `platform`.
    pub fn platform(mut self, platform: Arc<dyn Platform>) -> Self {
        self.settings.platform = platform;
        self
    }

    /// Asks it who makes a request. Without one nobody is signed in.
    pub fn authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.settings.authenticator = authenticator;
        self
    }

    /// Lets requests that are passed on take so much.
    pub fn proxy(mut self, policy: ProxyPolicy) -> Self {
        self.settings.proxy = policy;
        self
    }

    /// Supervises every plugin so. Its `admit` is asked before the host itself looks at the name; its
    /// `on_transition` is told as well.
    pub fn supervision(mut self, how: Supervision) -> Self {
        self.settings.supervision = how;
        self
    }

    /// Passes these variables of the host's environment on, instead of [`ENVIRONMENT`]; those that the
    /// host does not have are left out.
    pub fn pass_on<T: Into<OsString>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        let named = names.into_iter().map(Into::into);
        let found =
            named.filter_map(|name: OsString| Some((name.clone(), std::env::var_os(name)?)));
        self.settings.environment = found.collect();
        self
    }

    /// Sets a variable in every plugin's environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.settings.environment.push((name.into(), value.into()));
        self
    }

    /// The database given to plugins whose manifests ask for one. In dialect 1 every plugin gets it
    /// (LA-05).
    pub fn database_url(mut self, url: Secret) -> Self {
        self.settings.database_url = Some(url);
        self
    }

    /// The host's data directory, given to plugins whose manifests ask for it (HS-24).
    pub fn host_data_dir(mut self, dir: impl Into<String>) -> Self {
        self.settings.host_data_dir = Some(dir.into());
        self
    }

    /// Where the platform's API answers (LA-06, dialect 2).
    pub fn host_api_url(mut self, url: impl Into<String>) -> Self {
        self.settings.host_api_url = Some(url.into());
        self
    }

    /// Gives each step of a plugin's handshake so long, instead of 30 s (HS-06).
    pub fn step_timeout(mut self, timeout: Duration) -> Self {
        self.settings.step_timeout = timeout;
        self
    }

    /// How long requests that were on their way to a plugin when a newer version took its place may wait
    /// for their responses to begin before it is stopped, 5 s unless it is set. The plugin itself lets
    /// them finish then, for up to 10 s (LC-05).
    pub fn hand_over(mut self, patience: Duration) -> Self {
        self.settings.hand_over = patience;
        self
    }

    /// Is told of every change of state of every plugin, in order for each: the audit log.
    pub fn on_transition(
        mut self,
        told: impl Fn(&PluginTransition<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.settings.on_transition = Arc::new(told);
        self
    }

    /// Ends what a former host has left behind, and starts every plugin of the directory, all at the
    /// same time. Returns as soon as they are being started; [`PluginHost::settled`] waits for them.
    ///
    /// # Errors
    /// When the plugins directory cannot be read, or the host's own directories cannot be used.
    pub async fn build(self) -> Result<PluginHost, HostError> {
        let Self { directory, data, mut settings } = self;
        let tokens = Arc::new(ActorTokens::new().map_err(HostError::NoRandom)?);
        settings.platform =
            Arc::new(Checked { platform: settings.platform, tokens: Arc::clone(&tokens) });
        let grace = settings.supervision.grace;
        let taking = tokio::task::spawn_blocking(move || Ground::take(&data, grace));
        let (ground, orphans) = taking.await.map_err(|_| HostError::ShutDown)??;
        let inner = Arc::new(Inner {
            directory,
            settings,
            ground,
            tokens,
            registry: Registry::default(),
            passed_over: ArcSwap::default(),
            numbers: 0.into(),
            loads: 0.into(),
            closed: false.into(),
            metrics: Metrics::new(),
        });
        inner.start_all().await?;
        Ok(PluginHost { inner, orphans: orphans.into_iter().collect::<Vec<Orphan>>().into() })
    }
}
