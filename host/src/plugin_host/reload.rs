//! Looking at the plugins directory again, and what came of it.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future;
use serde::Serialize;
use utoipa::ToSchema;

use super::hosted::HostedPlugin;
use super::{HostError, Inner};
use crate::discovery::{PassedOver, PluginFile};
use crate::supervise::State;

/// What a look at the plugins directory has changed, in the order of the files.
#[derive(Debug, Default, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Reload {
    /// The plugins that are not as they were.
    pub changes: Vec<Change>,
    /// How many files are.
    pub unchanged: usize,
    /// Files that look as if they were meant to be plugins, and why they are none.
    pub passed_over: Vec<Passed>,
}

/// A plugin that is not as it was.
#[derive(Debug, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Change {
    /// Its file.
    #[schema(value_type = String)]
    pub file: PathBuf,
    /// Its name, when it has one.
    pub name: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a file that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It is new, and runs.
    Started,
    /// The new version runs, and has the place of the old one.
    Replaced,
    /// The new version does not start. The old one serves on.
    Kept {
        /// Why the new one does not start.
        reason: String,
    },
    /// It does not start, and nothing serves in its place. It may be tried again.
    NotStarted {
        /// Why.
        reason: String,
    },
    /// Its file is gone, and so is it.
    Removed,
}

/// A file that is no plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Passed {
    /// The file.
    #[schema(value_type = String)]
    pub file: PathBuf,
    /// Why it is none.
    pub reason: String,
}

impl From<PassedOver> for Passed {
    fn from(passed: PassedOver) -> Self {
        Self { file: passed.path, reason: passed.reason.to_string() }
    }
}

impl Inner {
    /// Looks at the directory and brings the plugins in line with it. Returns once each that was
    /// started runs, or does not.
    pub(super) async fn reload(self: &Arc<Self>) -> Result<Reload, HostError> {
        let mut loads = self.loads.lock().await;
        if self.closed.load(std::sync::atomic::Ordering::Acquire) {
            return Err(HostError::ShutDown);
        }
        let scan = self.scan().await?;
        *loads += 1;
        let load = *loads;
        let mut changes = Vec::new();
        let mut unchanged = 0;
        let gone = self
            .registry
            .all()
            .into_iter()
            .filter(|known| scan.plugins.iter().all(|file| file.path() != known.path()));
        let removed = gone.map(|plugin| future::Either::Left(self.clone().withdraw(plugin)));
        changes.extend(removed);
        for file in scan.plugins {
            match self.registry.of_file(file.path()) {
                Some(known) if known.file().stamp() == file.stamp() => unchanged += 1,
                known => {
                    let brought = self.clone().bring_up(file, load, known);
                    changes.push(future::Either::Right(brought));
                }
            }
        }
        let mut changes = future::join_all(changes).await;
        changes.sort_by(|a, b| a.file.cmp(&b.file));
        let passed_over: Vec<Passed> = scan.passed_over.into_iter().map(Passed::from).collect();
        self.passed_over.store(Arc::new(passed_over.clone()));
        Ok(Reload { changes, unchanged, passed_over })
    }

    /// Takes a plugin out whose file is gone.
    async fn withdraw(self: Arc<Self>, plugin: Arc<HostedPlugin>) -> Change {
        self.registry.remove(&plugin);
        self.end(&plugin, "its file was removed").await;
        plugin.shared_log().close();
        Change { file: plugin.path().to_owned(), name: plugin.name(), outcome: Outcome::Removed }
    }

    /// Starts the plugin of a file that is new or has changed.
    async fn bring_up(
        self: Arc<Self>,
        file: PluginFile,
        load: u64,
        known: Option<Arc<HostedPlugin>>,
    ) -> Change {
        let path = file.path().to_owned();
        let (name, outcome) = match known {
            Some(old) if old.status().state.serves() => self.replace(file, load, old).await,
            known => {
                if let Some(old) = &known {
                    self.registry.remove(old);
                    self.end(old, "its file was changed").await;
                }
                let log = known.map_or_else(Arc::default, |old| old.shared_log());
                let plugin = self.enter(file, load, log);
                let status = plugin.supervisor().settled().await;
                let outcome = match status.state {
                    State::Running | State::Degraded => Outcome::Started,
                    _ => Outcome::NotStarted { reason: status.reason.to_string() },
                };
                (plugin.name(), outcome)
            }
        };
        Change { file: path, name, outcome }
    }

    /// Starts a new version beside the old one, which goes once the new one runs.
    async fn replace(
        self: &Arc<Self>,
        file: PluginFile,
        load: u64,
        old: Arc<HostedPlugin>,
    ) -> (Option<String>, Outcome) {
        let new = self.make(file, load, Some(&old), old.shared_log());
        new.supervisor().restart("its file was changed");
        let status = new.supervisor().settled().await;
        let in_place = match status.state {
            State::Running | State::Degraded => self.registry.take_over(&new),
            _ => Err(status.reason.to_string()),
        };
        if let Err(reason) = in_place {
            self.end(&new, "its older version serves on").await;
            return (old.name(), Outcome::Kept { reason });
        }
        // Nobody finds the old one any more. Who has found it before is on the way to it.
        let _ = tokio::time::timeout(self.settings.hand_over, old.in_flight().none()).await;
        self.end(&old, "a newer version has taken its place").await;
        (new.name(), Outcome::Replaced)
    }

    /// Stops a plugin that is not entered, for good.
    pub(super) async fn end(&self, plugin: &HostedPlugin, reason: &str) {
        plugin.supervisor().stop(reason).await;
        self.ground.records.remove(plugin.number());
    }
}
