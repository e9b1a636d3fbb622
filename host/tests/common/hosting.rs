//! A plugins directory of one test, and a host of what is in it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use temps_plugin_host::{
    Backoff, HealthPolicy, HostedPlugin, PluginHost, PluginHostBuilder, PluginsDirectory,
    RestartPolicy, State, Status, Supervision,
};

use super::{PATIENCE, Place, fixture};

/// Every change of state so far, a line each.
pub type Log = Arc<Mutex<Vec<String>>>;

/// Pauses that nobody notices.
pub const QUICK: Backoff =
    Backoff { first: Duration::from_millis(5), most: Duration::from_millis(50), jitter: 0.0 };

/// Supervision without long pauses; three losses are put up with.
pub fn quick() -> Supervision {
    Supervision {
        restart: RestartPolicy { backoff: QUICK, losses: 3, within: PATIENCE },
        health: HealthPolicy {
            interval: Duration::from_millis(10),
            timeout: PATIENCE,
            degraded_after: 2,
            restart_after: u32::MAX,
        },
        redial: QUICK,
        ..Supervision::default()
    }
}

/// The directories of a host, removed with this.
pub struct Hosting {
    pub place: Place,
    pub log: Log,
}

impl Hosting {
    pub fn new() -> Self {
        let place = Place::new();
        std::fs::create_dir(place.path("plugins")).unwrap();
        Self { place, log: Log::default() }
    }

    /// The path of a file in the plugins directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.place.path("plugins").join(name)
    }

    /// Puts the fixture into the plugins directory as `file`, started with these arguments.
    pub fn install(&self, file: &str, arguments: &[&str]) {
        self.install_after(file, "", arguments);
    }

    /// The same with lines of shell that are run first. As an installer does, it replaces what is there
    /// in one step.
    pub fn install_after(&self, file: &str, first: &str, arguments: &[&str]) {
        let quoted: String = arguments.iter().map(|arg| format!(" '{arg}'")).collect();
        let script = format!("#!/bin/sh\n{first}\nexec '{}' \"$@\"{quoted}\n", fixture().display());
        let new = self.place.file("being-installed", script.as_bytes(), 0o755);
        std::fs::rename(new, self.file(file)).unwrap();
    }

    pub fn builder(&self) -> PluginHostBuilder {
        let log = Arc::clone(&self.log);
        let directory = PluginsDirectory::new(self.place.path("plugins"));
        PluginHost::builder(directory, self.place.path("data"))
            .supervision(quick())
            .hand_over(Duration::ZERO)
            .on_transition(move |told| {
                let file = told.file.file_name().unwrap().to_string_lossy().into_owned();
                let change = told.transition;
                let line = format!("{file} {} -> {}: {}", change.from, change.to, change.reason);
                log.lock().unwrap().push(line);
            })
    }

    /// A host of all that was installed, each plugin started or not.
    pub async fn host(&self) -> PluginHost {
        let host = self.builder().build().await.unwrap();
        settled(&host).await;
        host
    }
}

pub async fn settled(host: &PluginHost) {
    let settled = tokio::time::timeout(PATIENCE, host.settled()).await;
    assert!(settled.is_ok(), "still {:?}", host.plugins());
}

/// The plugin of this file.
pub fn of_file(host: &PluginHost, file: &str) -> Arc<HostedPlugin> {
    let mut plugins = host.plugins().into_iter();
    let found = plugins.find(|plugin| plugin.path().ends_with(file));
    found.unwrap_or_else(|| panic!("no {file} among {:?}", host.plugins()))
}

/// Waits until its status is as wanted.
pub async fn until(plugin: &HostedPlugin, wanted: impl FnMut(&Status) -> bool) -> Status {
    let status = tokio::time::timeout(PATIENCE, plugin.supervisor().until(wanted)).await;
    status.unwrap_or_else(|_| panic!("still {plugin:?}"))
}

pub async fn is(plugin: &HostedPlugin, state: State) -> Status {
    until(plugin, |status| status.state == state).await
}
