//! A plugin kept running: started again when it is lost, watched, given up, stopped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::hosting::{self, Log, QUICK};
use common::{PATIENCE, Place, exists, gone};
use serde_json::Value;
use temps_plugin_host::{
    Backoff, Delivery, EmitError, HealthPolicy, Launcher, MemoryPlatform, RestartPolicy, State,
    Status, Supervision, Supervisor,
};
use temps_plugin_schema::{Dialect, PluginEvent};

/// Supervision without long pauses, and what it logs.
fn quick() -> (Supervision, Log) {
    let log = Log::default();
    let kept = Arc::clone(&log);
    let how = Supervision {
        on_transition: Arc::new(move |change| {
            let line = format!("{} -> {}: {}", change.from, change.to, change.reason);
            kept.lock().unwrap().push(line);
        }),
        ..hosting::quick()
    };
    (how, log)
}

fn supervise(launcher: Launcher, how: Supervision) -> Supervisor {
    Supervisor::start(launcher, Arc::new(MemoryPlatform::sample()), how)
}

/// Waits until the status is as wanted.
async fn until(plugin: &Supervisor, wanted: impl FnMut(&Status) -> bool) -> Status {
    let status = tokio::time::timeout(PATIENCE, plugin.until(wanted)).await;
    status.unwrap_or_else(|_| panic!("still {:?}", plugin.status()))
}

async fn is(plugin: &Supervisor, state: State) -> Status {
    until(plugin, |status| status.state == state).await
}

async fn post(plugin: &Supervisor, target: &str) -> u16 {
    plugin.plugin().unwrap().http().post(target).send().await.unwrap().status().as_u16()
}

fn event() -> PluginEvent {
    serde_json::from_value(serde_json::json!({
        "id": "1", "event_type": "project.created", "timestamp": "2026-11-22T00:00:00Z",
        "project_id": 7, "data": {"project_id": 7, "project_name": "shop"},
    }))
    .unwrap()
}

#[tokio::test]
async fn it_starts_serves_and_stops_and_every_step_is_logged() {
    let (place, (how, log)) = (Place::new(), quick());
    let plugin = supervise(place.fixture(""), how);
    let running = is(&plugin, State::Running).await;
    let pid = running.pid.unwrap();
    assert_eq!(plugin.plugin().unwrap().pid(), pid);
    assert_eq!(post(&plugin, "/well").await, 200);

    plugin.stop("the test is over").await;
    assert!(!exists(pid) && !place.path("s.sock").exists());
    assert_eq!((plugin.status().pid, plugin.plugin().is_none()), (None, true));
    assert_eq!(
        *log.lock().unwrap(),
        [
            "stopped -> starting: it was found",
            "starting -> running: its handshake is over",
            "running -> stopped: the test is over",
        ]
    );
}

#[tokio::test]
async fn one_that_is_killed_is_started_again() {
    let (place, (how, log)) = (Place::new(), quick());
    let plugin = supervise(place.fixture(""), how);
    let first = is(&plugin, State::Running).await.pid.unwrap();
    plugin.plugin().unwrap().kill();
    let second = until(&plugin, |s| s.state == State::Running && s.pid != Some(first)).await;
    assert_eq!(second.restarts, 1);
    assert_eq!(post(&plugin, "/well").await, 200);
    let log = log.lock().unwrap().clone();
    assert!(log[2].starts_with("running -> backing-off: it was ended by SIGKILL"), "{log:#?}");
    assert!(log[3].starts_with("backing-off -> starting: started again after"), "{log:#?}");
}

#[tokio::test]
async fn one_that_never_starts_has_failed_and_can_be_tried_again() {
    let (place, (how, log)) = (Place::new(), quick());
    let plugin = supervise(place.fixture("exit-early"), how);
    let failed = is(&plugin, State::Failed).await;
    assert!(failed.reason.contains("lost 4 times"), "{}", failed.reason);
    assert!(failed.reason.contains("exited with status 3"), "{}", failed.reason);
    assert!(matches!(plugin.emit(event()).await, Err(EmitError::NotServing(State::Failed))));
    let starts =
        |log: &Log| log.lock().unwrap().iter().filter(|line| line.contains("-> starting")).count();
    assert_eq!(starts(&log), 4);

    plugin.restart("the file was mended");
    until(&plugin, |status| status.since > failed.since && status.state == State::Failed).await;
    assert_eq!(starts(&log), 8, "all its tries again");
    plugin.stop("enough").await;
    assert_eq!(log.lock().unwrap().last().unwrap(), "failed -> stopped: enough");
}

#[tokio::test]
async fn one_that_is_not_healthy_is_degraded_until_it_is() {
    let (place, (how, log)) = (Place::new(), quick());
    let plugin = supervise(place.fixture(""), how);
    is(&plugin, State::Running).await;
    post(&plugin, "/sick").await;
    let degraded = is(&plugin, State::Degraded).await;
    assert!(degraded.reason.contains("2 times in a row: status 500"), "{}", degraded.reason);
    assert!(degraded.pid.is_some());
    assert_eq!(post(&plugin, "/well").await, 200, "it serves still");
    is(&plugin, State::Running).await;
    assert_eq!(
        log.lock().unwrap().last().unwrap(),
        "degraded -> running: it answers for health again"
    );
}

#[tokio::test]
async fn one_that_stays_ill_is_started_again() {
    let (place, (how, log)) = (Place::new(), quick());
    let health = HealthPolicy { restart_after: 4, ..how.health };
    let plugin = supervise(place.fixture(""), Supervision { health, ..how });
    let ill = is(&plugin, State::Running).await.pid;
    post(&plugin, "/sick").await;
    until(&plugin, |status| status.state == State::Running && status.pid != ill).await;
    gone(ill.unwrap()).await;
    let log = log.lock().unwrap().clone();
    assert!(log[3].starts_with("degraded -> backing-off: not healthy 4 times"), "{log:#?}");
}

#[tokio::test]
async fn a_channel_that_is_lost_is_dialled_again() {
    for how_it_ends in ["/drop", "/close"] {
        let (place, (how, log)) = (Place::new(), quick());
        let plugin = supervise(place.fixture(""), how);
        assert_eq!(is(&plugin, State::Running).await.channels, 1);
        post(&plugin, how_it_ends).await;
        until(&plugin, |status| status.channels == 2).await;
        assert_eq!(plugin.emit(event()).await.unwrap(), Delivery::Channel);
        let http = plugin.plugin().unwrap().http().clone();
        let frame: Value = http.get("/frame").send().await.unwrap().json().await.unwrap();
        assert_eq!(frame["event"]["event_type"], "project.created");
        assert_eq!(log.lock().unwrap().len(), 2, "that is no matter of its state");
    }
}

#[tokio::test]
async fn without_a_channel_dialect_1_gets_events_by_post_and_dialect_2_is_given_up() {
    let (place, (how, _)) = (Place::new(), quick());
    let plugin = supervise(place.fixture("refuse-channel").dialect(Dialect::One), how);
    is(&plugin, State::Running).await;
    assert_eq!(plugin.emit(event()).await.unwrap(), Delivery::Post);

    let (place, (how, _)) = (Place::new(), quick());
    let plugin = supervise(place.fixture("refuse-channel").dialect(Dialect::Two), how);
    let failed = is(&plugin, State::Failed).await;
    assert!(failed.reason.contains("its channel cannot be opened"), "{}", failed.reason);
    assert!(failed.reason.contains("401"), "{}", failed.reason);
}

#[tokio::test]
async fn a_channel_that_does_not_come_back_is_posted_for_and_then_given_up() {
    let (place, (how, _)) = (Place::new(), quick());
    // Long enough to look at it without a channel.
    let pause = Duration::from_secs(3600);
    let redial = Backoff { first: pause, most: pause, jitter: 0.0 };
    let plugin = supervise(place.fixture(""), Supervision { redial, ..how });
    is(&plugin, State::Running).await;
    assert_eq!(post(&plugin, "/drop").await, 202);
    let posted = async {
        // Over the channel as long as the host has not seen it go.
        while !matches!(plugin.emit(event()).await, Ok(Delivery::Post)) {}
    };
    tokio::time::timeout(PATIENCE, posted).await.unwrap();
    assert_eq!(plugin.status().state, State::Running);

    let (place, (how, log)) = (Place::new(), quick());
    let plugin = supervise(place.fixture(""), Supervision { redials: 3, ..how });
    let first = is(&plugin, State::Running).await.pid;
    assert_eq!(post(&plugin, "/refuse").await, 200);
    assert_eq!(post(&plugin, "/drop").await, 202);
    until(&plugin, |status| status.pid.is_some_and(|pid| Some(pid) != first)).await;
    let lost = log.lock().unwrap()[2].clone();
    assert!(lost.contains("its channel cannot be opened again") && lost.contains("401"), "{lost}");
}

#[tokio::test]
async fn a_restart_on_purpose_ends_the_one_that_runs_first() {
    let (place, (how, log)) = (Place::new(), quick());
    let plugin = supervise(place.fixture(""), how);
    let first = is(&plugin, State::Running).await.pid;
    plugin.restart("a new version");
    let second = until(&plugin, |s| s.state == State::Running && s.pid != first).await;
    assert!(!exists(first.unwrap()));
    assert_eq!(second.restarts, 0, "nothing was lost");
    assert_eq!(
        log.lock().unwrap()[2..],
        [
            "running -> stopped: a new version",
            "stopped -> starting: a new version",
            "starting -> running: its handshake is over",
        ]
    );
}

#[tokio::test]
async fn a_stop_during_the_start_or_a_pause_waits_for_neither() {
    let (place, (how, _)) = (Place::new(), quick());
    let plugin = supervise(place.fixture("silent"), how);
    is(&plugin, State::Starting).await;
    tokio::time::timeout(PATIENCE, plugin.stop("no need")).await.unwrap();
    for pid in place.wire.spawned() {
        gone(pid).await;
    }

    let (place, (how, _)) = (Place::new(), quick());
    let backoff =
        Backoff { first: Duration::from_secs(3600), most: Duration::from_secs(3600), ..QUICK };
    let restart = RestartPolicy { backoff, ..how.restart };
    let plugin = supervise(place.fixture("exit-early"), Supervision { restart, ..how });
    is(&plugin, State::BackingOff).await;
    tokio::time::timeout(PATIENCE, plugin.stop("no need")).await.unwrap();
}

#[tokio::test]
async fn one_that_ignores_sigterm_is_killed_after_its_grace() {
    let (place, (how, _)) = (Place::new(), quick());
    let how = Supervision { grace: Duration::from_millis(100), ..how };
    let plugin = supervise(place.fixture("ignore-term"), how);
    let pid = is(&plugin, State::Running).await.pid.unwrap();
    tokio::time::timeout(PATIENCE, plugin.stop("now")).await.unwrap();
    assert!(!exists(pid));
}

#[tokio::test]
async fn dropping_it_leaves_no_process() {
    let (place, (how, _)) = (Place::new(), quick());
    let plugin = supervise(place.fixture(""), how);
    let pid = is(&plugin, State::Running).await.pid.unwrap();
    // As a request that is under way would.
    let held = plugin.plugin();
    drop(plugin);
    gone(pid).await;
    drop(held);
}

#[tokio::test]
async fn an_audit_log_that_panics_does_no_harm() {
    let (place, (how, _)) = (Place::new(), quick());
    let how = Supervision { on_transition: Arc::new(|_| panic!("the disk is full")), ..how };
    let plugin = supervise(place.fixture(""), how);
    is(&plugin, State::Running).await;
    plugin.stop("enough").await;
}
