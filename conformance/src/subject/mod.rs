//! The plugin under test: how it is started, and what a check can do with it.
//!
//! A [`Subject`] is one plugin in one dialect. Each check gets a [`Cx`], through which it starts
//! processes of its own or borrows the running plugin that read-only checks share. Whatever a check
//! starts is registered with its `Cx` and ended when the check is over, however that comes about.

mod attach;
mod channel;
mod http;
mod keep;
mod orphan;
mod plan;
mod plugin;
mod probe;
mod process;
mod raw;
mod system;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use temps_plugin_host::{MemoryPlatform, StartError};
use temps_plugin_schema::{Dialect, Secret};

pub use attach::{Attach, secret_from, secret_in};
pub(crate) use attach::{OUT_OF_SIGHT, attach};
pub use channel::{Channel, reply};
pub use http::{Request, Response};
pub use orphan::Orphan;
pub use plan::Plan;
pub use plugin::{Plugin, Timing};
pub(crate) use probe::{Probe, probe, settle};
pub use process::Process;
pub(crate) use process::StartEnd;
pub use raw::{Raw, RawResponse};
pub use system::{find_program, make_room_for_descriptors};

use crate::model::Stop;
use crate::report::PluginSummary;
use crate::requests::Config;
use crate::transcript::{Tape, Transcript};
use attach::Attached;
pub(crate) use keep::{Keep, KeepRoot};
pub(crate) use plan::Base;

/// One plugin in one dialect.
pub struct Subject {
    base: Base,
    facts: Facts,
    shared: tokio::sync::Mutex<Option<Shared>>,
    shared_tape: Tape,
    /// The connections to a plugin that somebody else has started.
    attached: Option<Arc<Attached>>,
    /// Whether what was said in the handshake is known.
    knows_handshake: bool,
    /// Where what the shared plugin leaves is kept.
    keep: Option<Keep>,
}

/// What the first start has shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// The manifest as it was written.
    pub(crate) manifest: Value,
    /// The `ready` line as it was written; null when the plugin never got there.
    pub(crate) ready: Value,
    /// Whether `/ui/` answered with 200.
    pub(crate) serves_ui: bool,
    /// Why a host refuses this plugin, if it does: then only its lines and its manifest can be judged.
    pub(crate) refused: Option<String>,
}

/// The running plugin that read-only checks share, with a channel on which all calls are answered.
struct Shared {
    plugin: Plugin,
    _channel: temps_plugin_host::Channel,
}

impl Subject {
    /// A plugin that the suite starts. What the shared one leaves goes to `keep`.
    pub(crate) fn new(base: Base, facts: Facts, keep: Option<Keep>) -> Self {
        let shared_tape = tape(keep.as_ref());
        let shared = tokio::sync::Mutex::default();
        Self { base, facts, shared, shared_tape, attached: None, knows_handshake: true, keep }
    }

    /// A plugin that somebody else has started.
    fn attached(
        base: Base,
        facts: Facts,
        knows_handshake: bool,
        attached: Arc<Attached>,
        shared_tape: Tape,
    ) -> Self {
        let shared = tokio::sync::Mutex::default();
        Self {
            base,
            facts,
            shared,
            shared_tape,
            attached: Some(attached),
            knows_handshake,
            keep: None,
        }
    }

    /// Whether somebody else has started the plugin.
    pub(crate) fn is_attached(&self) -> bool {
        self.attached.is_some()
    }

    /// The dialect spoken.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.base.dialect
    }

    /// What the plugin says of itself.
    #[must_use]
    pub fn summary(&self) -> PluginSummary {
        let text = |field: &str| self.facts.manifest[field].as_str().unwrap_or("?").to_owned();
        PluginSummary {
            name: text("name"),
            version: text("version"),
            has_ui: self.facts.ready["has_ui"] == true || self.facts.serves_ui,
            everything: text("name").starts_with("everything-"),
        }
    }

    /// Whether it has announced itself, so that its manifest can be judged.
    #[must_use]
    pub fn announced(&self) -> bool {
        !self.facts.manifest.is_null()
    }

    /// Why a host refuses this plugin although it runs, if one does.
    #[must_use]
    pub fn refused(&self) -> Option<&str> {
        self.facts.refused.as_deref()
    }

    /// The manifest and the `ready` line, as they were written.
    pub(crate) fn said(&self) -> (&Value, &Value) {
        (&self.facts.manifest, &self.facts.ready)
    }

    /// Whether there is anything that the `requests` profile could be about.
    pub(crate) fn has_requests(&self) -> bool {
        self.base.config.is_some() || self.facts.ready["openapi"].is_object()
    }

    pub(crate) fn timeout_scale(&self) -> f64 {
        self.base.timeout_scale
    }

    /// Ends the shared plugin and keeps what it leaves if the run is to keep it.
    pub(crate) async fn shut_down(&self) {
        let shared = self.shared.lock().await.take();
        if let Some(shared) = &shared {
            shared.plugin.kill().await;
        }
        if let Some(keep) = &self.keep {
            keep.transcript(&self.shared_tape.transcript());
            keep.start_dirs(shared.iter().map(|shared| shared.plugin.plan().dir()));
        }
    }
}

/// What one check works with. Clones are the same.
#[derive(Clone)]
pub struct Cx {
    subject: Arc<Subject>,
    tape: Tape,
    began: Instant,
    resources: Arc<Mutex<Vec<Plugin>>>,
    borrowed: Arc<AtomicBool>,
    /// Set once the check has asked for what is not to be seen of a plugin that was attached to.
    out_of_sight: Arc<AtomicBool>,
    keep: Option<Arc<Keep>>,
    /// Directories of starts, which are gone with their last user unless they are kept.
    dirs: Arc<Mutex<Vec<Arc<TempDir>>>>,
}

impl Cx {
    pub(crate) fn new(subject: Arc<Subject>, keep: Option<Keep>) -> Self {
        Self {
            subject,
            tape: tape(keep.as_ref()),
            began: Instant::now(),
            resources: Arc::default(),
            borrowed: Arc::default(),
            out_of_sight: Arc::default(),
            keep: keep.map(Arc::new),
            dirs: Arc::default(),
        }
    }

    /// Whether the check has asked for what is not to be seen of a plugin that was attached to.
    pub(crate) fn looked_out_of_sight(&self) -> bool {
        self.out_of_sight.load(Ordering::Relaxed)
    }

    /// The dialect this check is made in.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.subject.dialect()
    }

    /// The manifest as the plugin wrote it.
    #[must_use]
    pub fn manifest(&self) -> &Value {
        self.needs_announcement();
        &self.subject.facts.manifest
    }

    /// Remembers that the check looks at the handshake, where nobody has told what was said there.
    fn needs_announcement(&self) {
        if !self.subject.knows_handshake {
            self.out_of_sight.store(true, Ordering::Relaxed);
        }
    }

    /// The manifest's health path.
    #[must_use]
    pub fn health_path(&self) -> &str {
        let manifest = &self.subject.facts.manifest;
        manifest["health_path"].as_str().unwrap_or(temps_plugin_schema::http::path::HEALTH)
    }

    /// Whether `ready` had `has_ui` true.
    #[must_use]
    pub fn says_has_ui(&self) -> bool {
        self.needs_announcement();
        self.subject.facts.ready["has_ui"] == true
    }

    /// The `ready` line as the plugin wrote it.
    #[must_use]
    pub fn ready_value(&self) -> &Value {
        &self.subject.facts.ready
    }

    /// What the plugin's author has written down, if anything.
    #[must_use]
    pub fn config(&self) -> Option<&Arc<Config>> {
        self.subject.base.config.as_ref()
    }

    /// `duration`, scaled by `--timeout-scale`.
    #[must_use]
    pub fn scaled(&self, duration: Duration) -> Duration {
        duration.mul_f64(self.subject.timeout_scale())
    }

    /// Whether the plugin claims the everything profile.
    #[must_use]
    pub fn claims_everything(&self) -> bool {
        self.subject.summary().everything
    }

    /// So many seconds, scaled by `--timeout-scale`.
    #[must_use]
    pub fn limit(&self, seconds: u64) -> Duration {
        self.subject.base.limit(seconds)
    }

    /// A start with nothing odd about it, in a directory of its own, with a fresh secret.
    ///
    /// # Errors
    /// [`Stop::Fault`] when there is no temporary directory or no randomness, [`Stop::Skipped`] when
    /// the plugin is one that somebody else has started.
    pub fn plan(&self) -> Result<Plan, Stop> {
        if self.subject.is_attached() {
            return Err(Stop::skip(OUT_OF_SIGHT));
        }
        let plan = Plan::new(&self.subject.base, &self.subject.facts.manifest)?;
        if self.keep.is_some() {
            self.dirs.lock().unwrap_or_else(PoisonError::into_inner).push(plan.temp_dir());
        }
        Ok(plan)
    }

    /// Starts the process and takes no step of the handshake.
    ///
    /// # Errors
    /// [`Stop::Failed`] when the system refuses.
    pub async fn spawn(&self, plan: &Plan) -> Result<Process, Stop> {
        self.spawn_as(plan, self.dialect()).await
    }

    /// Starts the process with an open standard input, whatever the dialect.
    ///
    /// # Errors
    /// As [`Cx::spawn`].
    pub async fn spawn_with_stdin(&self, plan: &Plan) -> Result<Process, Stop> {
        // The host library opens standard input in dialect 2 only; the arguments are the plan's own.
        self.spawn_as(plan, Dialect::Two).await
    }

    async fn spawn_as(&self, plan: &Plan, dialect: Dialect) -> Result<Process, Stop> {
        let tape = self.tape.for_process(&Secret::new(plan.secret()));
        let (launcher, _descriptor) = plan.launcher(&self.subject.base, tape)?;
        let starting = launcher.spawn_in(dialect).await.map_err(|error| start_failed(&error))?;
        Ok(Process::new(starting, self.limit(5)))
    }

    /// A connection to the socket of a process that is not ready yet.
    ///
    /// # Errors
    /// [`Stop::Failed`] when the socket does not accept.
    pub async fn raw(&self, plan: &Plan) -> Result<Raw, Stop> {
        let stream = tokio::net::UnixStream::connect(&plan.socket).await;
        let stream =
            stream.map_err(|e| Stop::failed("a socket that accepts connections", e.to_string()))?;
        Ok(Raw::new(stream, self.limit(15), self.tape.clone()))
    }

    /// Starts the plugin and goes through the handshake. No channel is dialled.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it does not become ready.
    pub async fn start(&self, plan: &Plan) -> Result<Plugin, Stop> {
        let began = Instant::now();
        let mut process = self.spawn(plan).await?;
        process.announce().await?;
        let first_line = began.elapsed();
        let running = process.finish().await?;
        let timing = Timing { first_line, ready: began.elapsed().saturating_sub(first_line) };
        Ok(self.register(Plugin::new(running, plan, timing, self)))
    }

    /// Goes on with a process that has announced itself and was handed its launch line.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it does not become ready.
    pub async fn ready(&self, process: Process, plan: &Plan) -> Result<Plugin, Stop> {
        let running = process.ready().await?;
        Ok(self.register(Plugin::new(running, plan, Timing::default(), self)))
    }

    /// A plugin started with nothing odd about it.
    ///
    /// # Errors
    /// As [`Cx::start`].
    pub async fn fresh(&self) -> Result<Plugin, Stop> {
        self.start(&self.plan()?).await
    }

    /// The plugin that read-only checks share; its channel is open and answered. One that has died is
    /// replaced.
    ///
    /// # Errors
    /// As [`Cx::start`].
    pub async fn running(&self) -> Result<Plugin, Stop> {
        self.borrowed.store(true, Ordering::Relaxed);
        if let Some(attached) = &self.subject.attached {
            return Ok(Plugin::attached(attached, self));
        }
        let mut shared = self.subject.shared.lock().await;
        if let Some(shared) = shared.as_ref().filter(|shared| shared.plugin.lives()) {
            return Ok(shared.plugin.clone());
        }
        // Started through a context of its own: it outlives this check.
        let of_its_own = Self::new(Arc::clone(&self.subject), None);
        let cx = Self { tape: self.subject.shared_tape.clone(), ..of_its_own };
        let plugin = cx.fresh().await?;
        let dialled = plugin.running()?.dial_channel(Arc::new(MemoryPlatform::default())).await;
        let channel = dialled
            .map_err(|e| Stop::failed("the channel opens right after `ready`", e.to_string()))?;
        *shared = Some(Shared { plugin: plugin.clone(), _channel: channel });
        Ok(plugin)
    }

    fn register(&self, plugin: Plugin) -> Plugin {
        self.resources.lock().unwrap_or_else(PoisonError::into_inner).push(plugin.clone());
        plugin
    }

    /// Ends whatever the check has started, last in, first out, and keeps what that leaves if the run
    /// is to keep it.
    pub(crate) async fn clean_up(&self) {
        loop {
            let last = self.resources.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match last {
                Some(plugin) => plugin.kill().await,
                None => break,
            }
        }
        if let Some(keep) = &self.keep {
            keep.transcript(&self.transcript());
            let dirs = self.dirs.lock().unwrap_or_else(PoisonError::into_inner);
            keep.start_dirs(dirs.iter().map(|dir| dir.path()));
        }
    }

    /// What went over the wire during this check. Of the shared plugin that is all that went on in
    /// the meantime, other checks included.
    pub(crate) fn transcript(&self) -> Transcript {
        let mut transcript = self.tape.transcript();
        if self.borrowed.load(Ordering::Relaxed) {
            transcript.0.extend(self.subject.shared_tape.transcript_since(self.began).0);
        }
        transcript
    }
}

/// A tape that writes logs down where they are kept.
fn tape(keep: Option<&Keep>) -> Tape {
    keep.map_or_else(Tape::default, |keep| Tape::with_logs(keep.dir()))
}

/// What a check says about a start that came to nothing.
fn start_failed(error: &StartError) -> Stop {
    Stop::failed("the plugin starts", error.to_string())
}
