//! One plugin kept running: started, watched, started again, given up, stopped.
//!
//! ```no_run
//! use std::sync::Arc;
//! use temps_plugin_host::{Launcher, MemoryPlatform, State, Supervision, Supervisor};
//!
//! # async fn example() {
//! let launcher = Launcher::new("./hello", "/run/p/hello.sock", "/var/lib/p/hello");
//! let platform = Arc::new(MemoryPlatform::sample());
//! let hello = Supervisor::start(launcher, platform, Supervision::default());
//! let status = hello.settled().await;
//! println!("it is {} since {:?}: {}", status.state, status.since, status.reason);
//! hello.stop("the example is over").await;
//! # }
//! ```

mod life;
mod policy;
mod state;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use temps_plugin_schema::{Dialect, PluginEvent};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::channel::{Channel, ChannelError};
use crate::http::HttpError;
use crate::launch::Launcher;
use crate::platform::Platform;
use crate::plugin::RunningPlugin;
use life::Life;
pub use policy::{Backoff, HealthPolicy, RestartPolicy};
use state::Happening;
pub use state::State;

/// How a plugin is supervised.
#[derive(Clone)]
pub struct Supervision {
    /// When it is started again, and when no more.
    pub restart: RestartPolicy,
    /// How its health is watched.
    pub health: HealthPolicy,
    /// The pauses before its channel is dialled again (CH-12).
    pub redial: Backoff,
    /// After so many dials in vain a plugin of dialect 2 is given up (CH-13).
    pub redials: u32,
    /// How long it has from SIGTERM to its end before SIGKILL (LC-21, LC-22).
    pub grace: Duration,
    /// How long it may take to take an event.
    pub event_timeout: Duration,
    /// Is asked after each handshake whether the plugin may serve. An error, which says why not, is
    /// final until somebody starts it again.
    pub admit: Arc<Admit>,
    /// Is told of every change of state, in order: the audit log.
    pub on_transition: Arc<dyn Fn(&Transition) + Send + Sync>,
}

/// Says whether a plugin may serve, and if not, why.
pub type Admit = dyn Fn(&RunningPlugin) -> Result<(), String> + Send + Sync;

impl Default for Supervision {
    /// 12 s to stop, 10 s to take an event, eight dials with pauses from 0.1 s to 5 s, every plugin
    /// admitted, and nobody told.
    fn default() -> Self {
        Self {
            restart: RestartPolicy::default(),
            health: HealthPolicy::default(),
            redial: Backoff {
                first: Duration::from_millis(100),
                most: Duration::from_secs(5),
                jitter: 0.2,
            },
            redials: 8,
            grace: Duration::from_secs(12),
            event_timeout: Duration::from_secs(10),
            admit: Arc::new(|_| Ok(())),
            on_transition: Arc::new(|_| {}),
        }
    }
}

impl fmt::Debug for Supervision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervision")
            .field("restart", &self.restart)
            .field("health", &self.health)
            .field("redial", &self.redial)
            .field("redials", &self.redials)
            .field("grace", &self.grace)
            .field("event_timeout", &self.event_timeout)
            .finish_non_exhaustive()
    }
}

/// Where a plugin is, since when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// Where it is.
    pub state: State,
    /// Since when.
    pub since: SystemTime,
    /// What took it there.
    pub reason: Arc<str>,
    /// How often it was started after it was lost.
    pub restarts: u64,
    /// How many channels it has had, all its processes together.
    pub channels: u64,
    /// Its process, while it serves.
    pub pid: Option<u32>,
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// Where it was.
    pub from: State,
    /// Where it is.
    pub to: State,
    /// When it changed.
    pub at: SystemTime,
    /// What changed it.
    pub reason: Arc<str>,
}

/// How an event went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Over the channel: it is written.
    Channel,
    /// By POST: the plugin has taken it over.
    Post,
    /// Nowhere, because its manifest does not ask for it.
    NotWanted,
}

/// Why an event did not reach a plugin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// It does not serve.
    #[error("the plugin is {0}")]
    NotServing(State),
    /// The channel did not take it. It is not posted then: it may have arrived (EV-30).
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// It was not answered.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// It was refused.
    #[error("the plugin answered the event with status {0}")]
    Refused(u16),
    /// It was not taken in time.
    #[error("the plugin did not take the event within {} s", .0.as_secs_f64())]
    Timeout(Duration),
}

/// What is wanted of a plugin. Another order is another want, also when its goal is the same.
#[derive(Debug, Clone)]
struct Wanted {
    /// Counts the orders.
    number: u64,
    goal: Goal,
    reason: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// It runs.
    Run,
    /// It does not.
    Stop,
    /// It does not, and that is a failure.
    Refuse,
}

/// What serves, as long as it does.
#[derive(Clone)]
struct Serving {
    plugin: Arc<RunningPlugin>,
    channel: Option<Arc<Channel>>,
}

/// What the handle and the task have in common.
struct Shared {
    status: watch::Sender<Status>,
    serving: Mutex<Option<Serving>>,
    /// The last order whose predecessors have left nothing running.
    taken_up: watch::Sender<u64>,
}

impl Shared {
    fn serving(&self) -> std::sync::MutexGuard<'_, Option<Serving>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A plugin that is kept running. Dropped, it ends the plugin and its process group at once;
/// [`Supervisor::stop`] lets it finish first.
pub struct Supervisor {
    wanted: watch::Sender<Wanted>,
    shared: Arc<Shared>,
    event_timeout: Duration,
    task: JoinHandle<()>,
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(serving) = self.shared.serving().take() {
            // Somebody may hold it still, for a request that is under way.
            serving.plugin.kill();
        }
    }
}

impl Supervisor {
    /// Starts what `launcher` describes, in a task of its own, and answers its calls from `platform`.
    /// Each start has a fresh secret unless the launcher has one (LA-07).
    pub fn start(launcher: Launcher, platform: Arc<dyn Platform>, how: Supervision) -> Self {
        let supervisor = Self::stopped(launcher, platform, how);
        supervisor.restart("it was found");
        supervisor
    }

    /// The same without the start, which [`Supervisor::restart`] orders.
    pub fn stopped(launcher: Launcher, platform: Arc<dyn Platform>, how: Supervision) -> Self {
        let reason: Arc<str> = "it was not started yet".into();
        let status = Status {
            state: State::Stopped,
            since: SystemTime::now(),
            reason: Arc::clone(&reason),
            restarts: 0,
            channels: 0,
            pid: None,
        };
        let shared = Arc::new(Shared {
            status: watch::Sender::new(status),
            serving: Mutex::default(),
            taken_up: watch::Sender::new(0),
        });
        let (wanted, orders) = watch::channel(Wanted { number: 0, goal: Goal::Stop, reason });
        let event_timeout = how.event_timeout;
        let life = Life::new(launcher, platform, how, Arc::clone(&shared));
        Self { wanted, shared, event_timeout, task: tokio::spawn(life.run(orders)) }
    }

    /// Where it is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status.borrow().clone()
    }

    /// Tells of every change. A reader that is slow misses some and sees the last.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.shared.status.subscribe()
    }

    /// Waits until it has neither just been found nor is starting.
    pub async fn settled(&self) -> Status {
        self.until(|status| !matches!(status.state, State::Stopped | State::Starting)).await
    }

    /// Waits until `wanted` holds.
    pub async fn until(&self, wanted: impl FnMut(&Status) -> bool) -> Status {
        let mut status = self.watch();
        // Cloned at once: what it is borrowed from is locked.
        let found = status.wait_for(wanted).await.map(|status| status.clone());
        match found {
            Ok(status) => status,
            // The sender is this handle's own, so there is one as long as it is borrowed.
            Err(_) => std::future::pending().await,
        }
    }

    /// The plugin that serves.
    #[must_use]
    pub fn plugin(&self) -> Option<Arc<RunningPlugin>> {
        self.shared.serving().as_ref().map(|serving| Arc::clone(&serving.plugin))
    }

    /// Starts it, whatever it is now: one that runs is stopped first, one that has failed is given all
    /// its tries again.
    pub fn restart(&self, reason: &str) {
        self.order(Goal::Run, reason);
    }

    /// Stops it for good, as one that may not serve: it is failed until somebody starts it again.
    pub fn refuse(&self, reason: &str) {
        self.order(Goal::Refuse, reason);
    }

    /// Orders it, and returns the order's number.
    fn order(&self, goal: Goal, reason: &str) -> u64 {
        let mut number = 0;
        self.wanted.send_modify(|wanted| {
            number = wanted.number + 1;
            *wanted = Wanted { number, goal, reason: reason.into() };
        });
        number
    }

    /// Stops it, and returns once nothing of it is left (LC-21 to LC-23).
    pub async fn stop(&self, reason: &str) {
        let number = self.order(Goal::Stop, reason);
        let mut taken_up = self.shared.taken_up.subscribe();
        // The sender lives as long as this handle.
        let _ = taken_up.wait_for(|taken_up| *taken_up >= number).await;
    }

    /// Hands it an event that it wants: over the channel, or by POST while there is none (EV-20, EV-30).
    ///
    /// # Errors
    /// When it does not serve, or does not take the event in time.
    pub async fn emit(&self, event: PluginEvent) -> Result<Delivery, EmitError> {
        let serving = self.shared.serving().clone();
        let Some(Serving { plugin, channel }) = serving else {
            return Err(EmitError::NotServing(self.status().state));
        };
        if !plugin.manifest().wants_event(&event.event_type) {
            return Ok(Delivery::NotWanted);
        }
        let delivery = async {
            match channel.filter(|channel| channel.end().is_none()) {
                Some(channel) => {
                    channel.emit(event).await?;
                    Ok(Delivery::Channel)
                }
                None => {
                    let status = plugin.http().post_event(&event).await?.status();
                    let taken = status == http::StatusCode::OK;
                    if taken { Ok(Delivery::Post) } else { Err(EmitError::Refused(status.into())) }
                }
            }
        };
        let delivered = tokio::time::timeout(self.event_timeout, delivery).await;
        delivered.unwrap_or(Err(EmitError::Timeout(self.event_timeout)))
    }
}

/// Whether a plugin of this dialect can do without a channel (CH-13).
fn needs_channel(dialect: Dialect) -> bool {
    dialect == Dialect::Two
}
