//! All plugins of a directory, found, started and kept running side by side.
//!
//! ```no_run
//! use temps_plugin_host::{PluginHost, PluginsDirectory};
//!
//! # async fn example() -> Result<(), temps_plugin_host::HostError> {
//! let directory = PluginsDirectory::new("/home/temps/.temps/plugins");
//! let host = PluginHost::builder(directory, "/var/lib/temps-plugins").build().await?;
//! host.settled().await;
//! for plugin in host.plugins() {
//!     println!("{}: {}", plugin.path().display(), plugin.status().state);
//! }
//! host.shutdown("the example is over").await;
//! # Ok(()) }
//! ```

mod actor_tokens;
mod builder;
mod ground;
mod hosted;
mod in_flight;
mod log;
mod orphans;
mod platform;
mod registry;
mod reload;
mod usage;

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use futures_util::{FutureExt as _, future};
use http::StatusCode;
use http::request::Parts;
use temps_plugin_schema::{PluginEvent, Secret};

use actor_tokens::ActorTokens;
use builder::Settings;
pub use builder::{ENVIRONMENT, PluginHostBuilder};
use ground::Ground;
pub use ground::GroundError;
pub use hosted::HostedPlugin;
use hosted::Parts as HostedParts;
use log::Log;
pub use log::{LogLevel, LogLine};
pub use orphans::Orphan;
use registry::Registry;
pub use reload::{Change, Outcome, Passed, Reload};
pub use usage::Usage;

use crate::api::can_be_reached;
use crate::discovery::{DiscoveryError, PluginFile, PluginsDirectory, Scan};
use crate::http::Identity;
use crate::launch::Launcher;
use crate::metrics::Metrics;
use crate::plugin::RunningPlugin;
use crate::proxy::{Problem, ProxyPolicy};
use crate::supervise::{Delivery, EmitError, Supervision, Supervisor, Transition};

/// Why a host did not begin, or did not look at its directory again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The plugins directory cannot be read.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The host's own directories cannot be used.
    #[error(transparent)]
    Ground(#[from] GroundError),
    /// The system gives no random numbers, and without them there are no secrets.
    #[error("the system gives no random numbers: {0}")]
    NoRandom(getrandom::Error),
    /// The host shuts down.
    #[error("the host is shutting down")]
    ShutDown,
}

/// A plugin's change of state.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct PluginTransition<'a> {
    /// The plugin's file.
    pub file: &'a Path,
    /// Its name, once it is granted.
    pub name: Option<&'a str>,
    /// What has changed, when and why.
    pub transition: &'a Transition,
}

/// How an event went with one plugin.
#[derive(Debug)]
#[non_exhaustive]
pub struct Emitted {
    /// The plugin's name.
    pub plugin: String,
    /// How it went.
    pub result: Result<Delivery, EmitError>,
}

/// Keeps all plugins of a directory running. Clones are the same host. When the last one is dropped
/// the plugins are ended at once; [`PluginHost::shutdown`] lets them finish first.
#[derive(Clone)]
pub struct PluginHost {
    inner: Arc<Inner>,
    orphans: Arc<[Orphan]>,
}

struct Inner {
    directory: PluginsDirectory,
    settings: Settings,
    ground: Ground,
    tokens: Arc<ActorTokens>,
    registry: Registry,
    passed_over: ArcSwap<Vec<Passed>>,
    numbers: AtomicU64,
    /// How often the directory was looked at. Held while that is done.
    loads: tokio::sync::Mutex<u64>,
    closed: AtomicBool,
    metrics: Metrics,
}

impl fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginHost")
            .field("directory", &self.inner.directory)
            .field("plugins", &self.plugins())
            .finish_non_exhaustive()
    }
}

impl PluginHost {
    /// A host of the plugins in `directory` that keeps their data, and what it has to remember, in
    /// `data`. No two hosts can use the same `data` at a time.
    pub fn builder(directory: PluginsDirectory, data: impl Into<PathBuf>) -> PluginHostBuilder {
        PluginHostBuilder::new(directory, data.into())
    }

    /// Waits until no plugin is just being started.
    pub async fn settled(&self) {
        let plugins = self.plugins();
        future::join_all(plugins.iter().map(|plugin| plugin.supervisor().settled())).await;
    }

    /// All plugins, in the order of their files.
    #[must_use]
    pub fn plugins(&self) -> Vec<Arc<HostedPlugin>> {
        self.inner.registry.all()
    }

    /// The plugin of this name.
    #[must_use]
    pub fn plugin(&self, name: &str) -> Option<Arc<HostedPlugin>> {
        self.inner.registry.named(name)
    }

    /// Files that look as if they were meant to be plugins, and are not, when the directory was last
    /// looked at.
    #[must_use]
    pub fn passed_over(&self) -> Arc<Vec<Passed>> {
        self.inner.passed_over.load_full()
    }

    /// Where the plugins are.
    #[must_use]
    pub fn directory(&self) -> &PluginsDirectory {
        &self.inner.directory
    }

    /// Plugins that a former host had left behind, and that this one has ended when it began.
    #[must_use]
    pub fn orphans(&self) -> &[Orphan] {
        &self.orphans
    }

    /// Hands an event to every plugin that wants it, to all at the same time.
    pub async fn emit(&self, event: &PluginEvent) -> Vec<Emitted> {
        let named = self.plugins().into_iter().filter_map(|plugin| Some((plugin.name()?, plugin)));
        let emitting = named.map(|(name, plugin)| async move {
            Emitted { plugin: name, result: plugin.supervisor().emit(event.clone()).await }
        });
        let emitted = future::join_all(emitting).await;
        emitted.iter().for_each(|emitted| self.inner.metrics.emitted(emitted));
        emitted
    }

    /// Looks at the directory again: starts what is new, stops what is gone, and replaces what has
    /// changed. A new version gets its place once it runs, and requests that are under way finish on the
    /// old one; while it does not start, the old one serves on. Files that are as they were are left
    /// alone. Both versions run for a moment, on the same data directory.
    ///
    /// # Errors
    /// When the directory cannot be read. A plugin that does not start is in what is returned.
    pub async fn reload(&self) -> Result<Reload, HostError> {
        self.inner.reload().await
    }

    /// Stops all plugins at the same time, and returns once nothing of them is left (LC-24). The host
    /// starts no more.
    pub async fn shutdown(&self, reason: &str) {
        self.inner.closed.store(true, Ordering::Release);
        // A look at the directory that is under way is done with first: what it starts is stopped too.
        let _done = self.inner.loads.lock().await;
        let plugins = self.plugins();
        future::join_all(plugins.iter().map(|plugin| self.inner.end(plugin, reason))).await;
    }
}

/// What the proxy and the API ask of the host.
impl PluginHost {
    pub(crate) fn proxy_policy(&self) -> ProxyPolicy {
        self.inner.settings.proxy
    }

    /// Who makes this request.
    pub(crate) async fn caller(&self, request: &Parts) -> Result<Option<Identity>, Problem> {
        let authenticator = &self.inner.settings.authenticator;
        // Somebody else's code: what goes wrong in it signs nobody in.
        let asked = AssertUnwindSafe(async { authenticator.authenticate(request).await });
        let error = match asked.catch_unwind().await {
            Ok(Ok(caller)) => return Ok(caller),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the authenticator panicked".to_owned(),
        };
        tracing::error!(error, "nobody can tell who is asking");
        let detail = "it cannot be found out who is asking";
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail))
    }

    /// What is counted.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    pub(crate) fn metrics_text(&self) -> Result<String, fmt::Error> {
        self.inner.metrics.text(&self.plugins())
    }

    /// What lets a plugin act as a caller for a while.
    pub(crate) fn actor_token(&self, plugin: &str, caller: &Identity) -> Secret {
        self.inner.tokens.issue(plugin, caller)
    }
}

impl Inner {
    async fn scan(self: &Arc<Self>) -> Result<Scan, HostError> {
        let inner = Arc::clone(self);
        let scanning = tokio::task::spawn_blocking(move || inner.directory.scan());
        Ok(scanning.await.map_err(|_| HostError::ShutDown)??)
    }

    /// The first look at the directory.
    async fn start_all(self: &Arc<Self>) -> Result<(), HostError> {
        let mut loads = self.loads.lock().await;
        let scan = self.scan().await?;
        *loads += 1;
        for file in scan.plugins {
            self.enter(file, *loads, Arc::default());
        }
        self.passed_over.store(Arc::new(scan.passed_over.into_iter().map(Passed::from).collect()));
        Ok(())
    }

    /// Enters a plugin and starts it.
    fn enter(self: &Arc<Self>, file: PluginFile, load: u64, log: Arc<Log>) -> Arc<HostedPlugin> {
        let plugin = self.make(file, load, None, log);
        self.registry.insert(&plugin);
        plugin.supervisor().restart("it was found");
        plugin
    }

    /// A plugin that is neither entered nor started. All versions of a file have one log.
    fn make(
        self: &Arc<Self>,
        file: PluginFile,
        load: u64,
        predecessor: Option<&Arc<HostedPlugin>>,
        log: Arc<Log>,
    ) -> Arc<HostedPlugin> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        Arc::new_cyclic(|plugin: &std::sync::Weak<HostedPlugin>| {
            let how = Supervision {
                admit: {
                    let (host, plugin) = (Arc::downgrade(self), plugin.clone());
                    Arc::new(move |running| match (host.upgrade(), plugin.upgrade()) {
                        (Some(host), Some(plugin)) => host.admit(&plugin, running),
                        _ => Err("its host is gone".to_owned()),
                    })
                },
                on_transition: {
                    let (host, plugin) = (Arc::downgrade(self), plugin.clone());
                    Arc::new(move |transition| {
                        if let (Some(host), Some(plugin)) = (host.upgrade(), plugin.upgrade()) {
                            host.told(&plugin, transition);
                        }
                    })
                },
                ..self.settings.supervision.clone()
            };
            let heard = Arc::clone(&log);
            let launcher = self.launcher(&file, number).on_stderr(move |line| heard.push(line));
            let platform = Arc::clone(&self.settings.platform);
            let supervisor = Supervisor::stopped(launcher, platform, how);
            HostedPlugin::new(HostedParts {
                number,
                load,
                file,
                predecessor,
                most_in_flight: self.settings.proxy.most_in_flight,
                log,
                supervisor,
            })
        })
    }

    fn launcher(&self, file: &PluginFile, number: u64) -> Launcher {
        let settings = &self.settings;
        let (records, program) = (self.ground.records.clone(), file.path().to_owned());
        let mut launcher = file
            .launcher(self.ground.socket(number), self.ground.data_of(file))
            .detect_with(settings.dialects.clone())
            .step_timeout(settings.step_timeout)
            .kept_connections(settings.proxy.kept_connections)
            .on_spawn(move |pid| records.write(number, &program, pid, false));
        for (name, value) in &settings.environment {
            launcher = launcher.env(name, value);
        }
        if let Some(url) = &settings.database_url {
            launcher = launcher.database_url(url.clone());
        }
        if let Some(dir) = &settings.host_data_dir {
            launcher = launcher.host_data_dir(dir);
        }
        if let Some(url) = &settings.host_api_url {
            launcher = launcher.host_api_url(url);
        }
        launcher
    }

    /// Whether a plugin that has started may serve: whoever embeds the host is asked first, then the
    /// names are looked at.
    fn admit(&self, plugin: &Arc<HostedPlugin>, running: &RunningPlugin) -> Result<(), String> {
        (self.settings.supervision.admit)(running)?;
        can_be_reached(&running.manifest().name)?;
        let recorded =
            self.ground.records.write(plugin.number(), plugin.path(), running.pid(), true);
        recorded.map_err(|error| format!("its process could not be recorded: {error}"))?;
        self.registry.claim(plugin, Arc::new(running.manifest().clone()))
    }

    fn told(&self, plugin: &HostedPlugin, transition: &Transition) {
        (self.settings.supervision.on_transition)(transition);
        let manifest = plugin.manifest();
        let name = manifest.as_ref().map(|manifest| manifest.name.as_str());
        let told = PluginTransition { file: plugin.path(), name, transition };
        (self.settings.on_transition)(&told);
    }
}
