//! One plugin of a host.

use std::cmp::Ordering;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{self, AtomicBool};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;
use temps_plugin_schema::PluginManifest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::in_flight::InFlight;
use super::log::{Log, LogLine};
use super::usage::Usage;
use crate::discovery::PluginFile;
use crate::plugin::RunningPlugin;
use crate::supervise::{Status, Supervisor};

/// A file of the plugins directory, and the plugin it turned out to be.
pub struct HostedPlugin {
    /// Sockets and process records are named by it; no two of one host have the same.
    number: u64,
    /// Which look at the directory found it.
    load: u64,
    file: PluginFile,
    /// What it last said of itself, since its name was granted.
    manifest: ArcSwapOption<PluginManifest>,
    /// The older version whose place it is to take, until it has.
    predecessor: Option<Weak<HostedPlugin>>,
    in_place: AtomicBool,
    /// Requests that are on their way to what serves now.
    in_flight: InFlight,
    /// Room for requests that are under way, to the end of their responses.
    places: Arc<Semaphore>,
    most_in_flight: usize,
    log: Arc<Log>,
    supervisor: Supervisor,
}

/// What a plugin of a host is made of.
pub(super) struct Parts<'a> {
    /// See [`HostedPlugin`].
    pub(super) number: u64,
    /// See [`HostedPlugin`].
    pub(super) load: u64,
    pub(super) file: PluginFile,
    pub(super) predecessor: Option<&'a Arc<HostedPlugin>>,
    pub(super) most_in_flight: usize,
    pub(super) log: Arc<Log>,
    pub(super) supervisor: Supervisor,
}

impl fmt::Debug for HostedPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostedPlugin")
            .field("name", &self.name())
            .field("file", &self.file.path())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl HostedPlugin {
    /// With a predecessor it is to take its place, once it runs.
    pub(super) fn new(parts: Parts<'_>) -> Self {
        let most_in_flight = parts.most_in_flight.min(Semaphore::MAX_PERMITS);
        Self {
            number: parts.number,
            load: parts.load,
            file: parts.file,
            manifest: ArcSwapOption::empty(),
            predecessor: parts.predecessor.map(Arc::downgrade),
            in_place: AtomicBool::new(parts.predecessor.is_none()),
            in_flight: InFlight::default(),
            places: Arc::new(Semaphore::new(most_in_flight)),
            most_in_flight,
            log: parts.log,
            supervisor: parts.supervisor,
        }
    }

    pub(crate) fn shared_log(&self) -> Arc<Log> {
        Arc::clone(&self.log)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Its file.
    #[must_use]
    pub fn file(&self) -> &PluginFile {
        &self.file
    }

    /// Its file's path in the plugins directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// What it last said of itself. `None` until its first handshake is over and its name is granted.
    #[must_use]
    pub fn manifest(&self) -> Option<Arc<PluginManifest>> {
        self.manifest.load_full()
    }

    /// The name that it is reached by, once it is granted.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.manifest.load().as_ref().map(|manifest| manifest.name.clone())
    }

    /// Where it is, since when and why.
    #[must_use]
    pub fn status(&self) -> Status {
        self.supervisor.status()
    }

    /// What serves, while something does.
    #[must_use]
    pub fn running(&self) -> Option<Arc<RunningPlugin>> {
        self.supervisor.plugin()
    }

    /// The last lines it has written to standard error, its processes that have ended included.
    #[must_use]
    pub fn log(&self) -> Vec<LogLine> {
        self.log.after(0)
    }

    /// What its processes take of the machine, while it serves.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        Some(Usage::of_group(self.status().pid?))
    }

    /// What keeps it running.
    #[must_use]
    pub fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// Room for one more request; without any, how many are under way.
    pub(crate) fn place(&self) -> Result<OwnedSemaphorePermit, usize> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| self.most_in_flight)
    }

    /// How many requests are under way, to the end of their responses.
    #[must_use]
    pub fn requests_in_flight(&self) -> usize {
        self.most_in_flight.saturating_sub(self.places.available_permits())
    }

    pub(crate) fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }

    /// Sets what it says of itself, and returns what it said before.
    pub(super) fn said(&self, manifest: Arc<PluginManifest>) -> Option<Arc<PluginManifest>> {
        self.manifest.swap(Some(manifest))
    }

    /// Somebody else has it now, and would be taken for this one in events and metrics.
    pub(super) fn loses_its_name(&self) {
        self.manifest.store(None);
    }

    /// Whether it may be reached: one that is to replace another may only once it runs.
    pub(super) fn is_in_place(&self) -> bool {
        self.in_place.load(atomic::Ordering::Acquire)
    }

    pub(super) fn put_in_place(&self) {
        self.in_place.store(true, atomic::Ordering::Release);
    }

    /// Whether it is to replace `other`.
    pub(super) fn replaces(&self, other: &Arc<Self>) -> bool {
        self.predecessor.as_ref().is_some_and(|older| older.as_ptr() == Arc::as_ptr(other))
    }

    /// Which of two files a name goes to: the one found earlier, or the first by path of those found
    /// together, so that it is not chance that decides.
    pub(super) fn precedence(&self, other: &Self) -> Ordering {
        self.load.cmp(&other.load).then_with(|| self.path().cmp(other.path()))
    }
}
