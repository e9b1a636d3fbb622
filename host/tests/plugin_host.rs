//! All plugins of a directory: found, started side by side, named, stopped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use common::hosting::{Hosting, is, of_file, settled, until};
use common::{PATIENCE, exists};
use temps_plugin_host::{Delivery, HostError, PluginHost, State};
use temps_plugin_schema::PluginEvent;

fn event() -> PluginEvent {
    serde_json::from_value(serde_json::json!({
        "id": "1", "event_type": "project.created", "timestamp": "2026-11-22T00:00:00Z",
        "project_id": 7, "data": {"project_id": 7, "project_name": "shop"},
    }))
    .unwrap()
}

async fn version(host: &PluginHost, name: &str) -> String {
    let running = host.plugin(name).unwrap().running().unwrap();
    running.http().get("/version").send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn all_are_started_each_with_a_secret_and_a_socket_of_its_own() {
    let hosting = Hosting::new();
    hosting.install("one", &["--name", "first"]);
    hosting.install("two", &["--name", "second"]);
    std::fs::write(hosting.file("notes.txt"), "not a plugin").unwrap();
    let host = hosting.host().await;

    let running: Vec<_> =
        ["first", "second"].map(|name| host.plugin(name).unwrap().running().unwrap()).into();
    let secrets: BTreeSet<&str> = running.iter().map(|plugin| plugin.secret().expose()).collect();
    let sockets: BTreeSet<_> = running.iter().map(|plugin| plugin.socket_path()).collect();
    assert_eq!((secrets.len(), sockets.len()), (2, 2));
    for socket in sockets {
        let dir = socket.parent().unwrap().metadata().unwrap();
        assert_eq!(dir.permissions().mode() & 0o777, 0o700);
    }
    let passed = host.passed_over();
    assert_eq!(passed.len(), 1);
    assert!(passed[0].file.ends_with("notes.txt") && passed[0].reason.contains("chmod +x"));
    assert!(host.plugin("third").is_none());
}

#[tokio::test]
async fn one_that_hangs_in_its_handshake_delays_nobody() {
    let hosting = Hosting::new();
    hosting.install("hangs", &["--fault", "silent"]);
    hosting.install("works", &["--name", "works"]);
    let host = hosting.builder().build().await.unwrap();
    is(&of_file(&host, "works"), State::Running).await;
    assert_eq!(of_file(&host, "hangs").status().state, State::Starting);
    host.shutdown("the test is over").await;
    assert_eq!(of_file(&host, "hangs").status().state, State::Stopped);
}

#[tokio::test]
async fn events_reach_every_plugin_that_runs() {
    let hosting = Hosting::new();
    hosting.install("all", &["--name", "all"]);
    hosting.install("none", &["--name", "none", "--manifest", r#"{"events":["domain.*"]}"#]);
    hosting.install("broken", &["--fault", "exit-early"]);
    let host = hosting.host().await;
    let emitted = host.emit(&event()).await;
    let told: Vec<_> =
        emitted.iter().map(|one| (one.plugin.as_str(), *one.result.as_ref().unwrap())).collect();
    // What has no name yet wants no event: nobody knows what it subscribes to.
    assert_eq!(told, [("all", Delivery::Channel), ("none", Delivery::NotWanted)]);
}

#[tokio::test]
async fn a_name_belongs_to_the_first_file_by_path_however_late_it_is() {
    let hosting = Hosting::new();
    let go = hosting.place.path("go");
    let waits = format!("while [ ! -e '{}' ]; do /bin/sleep 0.01; done", go.display());
    hosting.install_after("a-slow", &waits, &["--name", "same", "--version", "1.0.0"]);
    hosting.install("b-quick", &["--name", "same", "--version", "2.0.0"]);
    let host = hosting.builder().build().await.unwrap();
    let (slow, quick) = (of_file(&host, "a-slow"), of_file(&host, "b-quick"));
    let pid = is(&quick, State::Running).await.pid.unwrap();
    assert_eq!(version(&host, "same").await, "2.0.0");

    std::fs::write(go, "").unwrap();
    is(&slow, State::Running).await;
    let status = is(&quick, State::Failed).await;
    for path in [slow.path(), quick.path()] {
        let path = path.display().to_string();
        assert!(status.reason.contains(&path), "{path} is missing in: {}", status.reason);
    }
    assert!(!exists(pid));
    assert_eq!((slow.name().as_deref(), quick.name()), (Some("same"), None));
    assert_eq!(version(&host, "same").await, "1.0.0");

    // Started by hand, it is refused again, and the other one serves on.
    let before = quick.status().since;
    quick.supervisor().restart("an operator tries");
    let again = until(&quick, |s| s.state == State::Failed && s.since > before).await;
    assert!(again.reason.contains("two plugins are named \"same\""), "{}", again.reason);
    assert_eq!(version(&host, "same").await, "1.0.0");
}

#[tokio::test]
async fn a_plugin_sees_no_more_of_the_environment_than_was_allowed() {
    let hosting = Hosting::new();
    hosting.install("one", &["--name", "one"]);
    let builder = hosting.builder().pass_on(["PATH", "SURELY_NOT_SET"]).env("REGION", "eu");
    let host = builder.build().await.unwrap();
    settled(&host).await;
    let pid = host.plugin("one").unwrap().status().pid.unwrap();
    let environ = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    let names: BTreeSet<&str> =
        environ.split('\0').filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
    // A shell adds PWD, and some add OLDPWD and `_`.
    let shells: BTreeSet<&str> = ["PWD", "OLDPWD", "_"].into();
    let passed: Vec<_> = names.difference(&shells).copied().collect();
    assert_eq!(passed, ["PATH", "REGION"]);
}

#[tokio::test]
async fn shutdown_ends_all_at_once_and_leaves_nothing() {
    let hosting = Hosting::new();
    for name in ["one", "two", "three"] {
        hosting.install(name, &["--name", name]);
    }
    let host = hosting.host().await;
    let all = host.plugins();
    let pids: Vec<u32> = all.iter().map(|plugin| plugin.status().pid.unwrap()).collect();
    let sockets = all[0].running().unwrap().socket_path().parent().unwrap().to_owned();
    tokio::time::timeout(PATIENCE, host.shutdown("the test is over")).await.unwrap();
    assert!(pids.iter().all(|pid| !exists(*pid)));
    assert!(all.iter().all(|plugin| plugin.status().state == State::Stopped));
    let records = std::fs::read_dir(hosting.place.path("data/processes")).unwrap().count();
    assert_eq!(records, 0);
    assert!(matches!(host.reload().await.unwrap_err(), HostError::ShutDown));

    drop((host, all));
    assert!(!sockets.exists(), "{} is left", sockets.display());
    // The data directory is free for the next host.
    assert_eq!(hosting.host().await.plugins().len(), 3);
}

#[tokio::test]
async fn a_host_that_is_dropped_leaves_no_process() {
    let hosting = Hosting::new();
    hosting.install("one", &["--name", "one"]);
    let host = hosting.host().await;
    let pid = host.plugin("one").unwrap().status().pid.unwrap();
    drop(host);
    tokio::time::timeout(PATIENCE, common::gone(pid)).await.unwrap();
}

#[tokio::test]
async fn two_hosts_cannot_use_the_same_data() {
    let hosting = Hosting::new();
    let _first = hosting.host().await;
    let error = hosting.builder().build().await.unwrap_err().to_string();
    let data = hosting.place.path("data");
    for part in [&data.display().to_string(), &format!("process {}", std::process::id())] {
        assert!(error.contains(part.as_str()), "{part} is missing in: {error}");
    }
}

#[tokio::test]
async fn a_plugin_that_is_killed_comes_back_under_its_name() {
    let hosting = Hosting::new();
    hosting.install("one", &["--name", "one"]);
    let host = hosting.host().await;
    let one = host.plugin("one").unwrap();
    let pid = one.status().pid.unwrap();
    one.running().unwrap().kill();
    until(&one, |status| status.pid.is_some_and(|new| new != pid)).await;
    assert_eq!(version(&host, "one").await, "1.0.0");
    assert_eq!(one.status().restarts, 1);
    let log = hosting.log.lock().unwrap().clone();
    let lost = "one running -> backing-off: it was ended by SIGKILL";
    assert!(log.iter().any(|line| line == lost), "{log:#?}");
}

#[tokio::test]
async fn a_plugin_that_asks_for_what_the_host_has_not_says_so() {
    let hosting = Hosting::new();
    hosting.install("one", &["--fault", "needs-database"]);
    let host = hosting.builder().build().await.unwrap();
    let one = of_file(&host, "one");
    let status = until(&one, |status| status.state == State::BackingOff).await;
    assert!(status.reason.contains("requires_db"), "{}", status.reason);
    tokio::time::timeout(Duration::from_secs(60), host.shutdown("enough")).await.unwrap();
}
