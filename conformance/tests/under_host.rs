//! Every defective plugin under a host: whatever it does, the host tells what became of it, answers its
//! callers, and gets rid of it.
//!
//! `DEFECTS=socket/*,stop/sigterm-ignored` picks defects, as in `tests/defects.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use futures_util::{StreamExt as _, stream};
use http::{Request, StatusCode};
use temps_plugin_host::{
    AuthenticateFuture, Authenticator, Backoff, HostedPlugin, Identity, PluginHost,
    PluginsDirectory, RestartPolicy, State, Status, Supervision, members,
};
use temps_plugin_schema::http::Role;
use temps_plugin_schema::{Dialect, PluginEvent};
use tower::ServiceExt as _;

use support::defects::{Defect, picked};

/// How many are tried at the same time.
const RUNS: usize = 8;
/// Long enough for anything that is to happen, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Defects that a run of the suite gets started: it asks for health later, or gives more of an
/// environment. A host does not.
const STARTED_BY_THE_SUITE_ONLY: [&str; 3] =
    ["handshake/first-health-503", "health/waits-for-channel", "launch/needs-home"];

struct Administrator;

impl Authenticator for Administrator {
    fn authenticate<'a>(&'a self, _: &'a http::request::Parts) -> AuthenticateFuture<'a> {
        let caller = Identity::new("1", "admin@example.com", Role::Admin);
        Box::pin(std::future::ready(Ok(Some(caller))))
    }
}

/// A host of the plugin with this defect, which gives it one try.
async fn host(place: &Path, defect: &str) -> PluginHost {
    let plugins = place.join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    let program = support::defects::DEFECTIVE.display();
    let script = format!("#!/bin/sh\nexec '{program}' --defect '{defect}' \"$@\"\n");
    let file = plugins.join("plugin");
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let pause = Backoff { first: PATIENCE, most: PATIENCE, jitter: 0.0 };
    let supervision = Supervision {
        restart: RestartPolicy { backoff: pause, losses: 0, within: PATIENCE },
        grace: Duration::from_secs(1),
        event_timeout: Duration::from_secs(1),
        ..Supervision::default()
    };
    PluginHost::builder(PluginsDirectory::new(plugins), place.join("data"))
        .authenticator(Arc::new(Administrator))
        .supervision(supervision)
        .step_timeout(Duration::from_secs(5))
        .build()
        .await
        .unwrap()
}

fn event() -> PluginEvent {
    serde_json::from_value(serde_json::json!({
        "id": "1", "event_type": "project.created", "timestamp": "2026-11-22T00:00:00Z",
        "project_id": 7, "data": {"project_id": 7, "project_name": "shop"},
    }))
    .unwrap()
}

/// Asks the plugin something through the proxy, and returns the status.
async fn ask(host: &PluginHost, plugin: &HostedPlugin) -> Option<StatusCode> {
    let target = format!("/x/{}/whoami", plugin.name()?);
    let request = Request::get(target).body(Body::empty()).unwrap();
    let response = host.router().oneshot(request).await.unwrap();
    let status = response.status();
    // A body that breaks off is the plugin's own.
    let _ = axum::body::to_bytes(response.into_body(), usize::MAX).await;
    Some(status)
}

/// What is not as it should be with this defect; nothing when all is.
async fn tried(defect: &Defect) -> String {
    let place = tempfile::tempdir().unwrap();
    let host = host(place.path(), &defect.id).await;
    let plugin = host.plugins().remove(0);
    let over = |status: &Status| status.state.serves() || status.state == State::Failed;
    let status = plugin.supervisor().until(over).await;
    let spoken = defect.dialects.contains(&Dialect::Two);
    let never = spoken && defect.expected(Dialect::Two).contains("handshake/completes");
    let starts = !never && !STARTED_BY_THE_SUITE_ONLY.contains(&defect.id.as_str());
    let right = match starts {
        true => status.state.serves(),
        false => status.state == State::Failed && status.reason.contains("did not start"),
    };
    let mut wrong = String::new();
    if !right {
        wrong += &format!("{}: {status:?}\n", defect.id);
    }
    if let Some(pid) = status.pid {
        let answered = ask(&host, &plugin).await;
        host.emit(&event()).await;
        host.shutdown("it was tried").await;
        if answered.is_none() || !members(pid).is_empty() {
            wrong += &format!("{}: answered {answered:?}, left {:?}\n", defect.id, members(pid));
        }
    }
    host.shutdown("it was tried").await;
    if plugin.status().state != State::Stopped {
        wrong += &format!("{}: it was stopped and is {:?}\n", defect.id, plugin.status());
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_copes_with_every_defective_plugin() {
    let trying = stream::iter(picked()).map(|defect| async move {
        let tried = tokio::time::timeout(PATIENCE, tried(defect)).await;
        tried.unwrap_or_else(|_| format!("{}: the host hangs\n", defect.id))
    });
    let wrong: String = trying.buffer_unordered(RUNS).collect::<Vec<_>>().await.concat();
    assert!(wrong.is_empty(), "\n{wrong}");
}
