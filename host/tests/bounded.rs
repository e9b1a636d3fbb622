//! Plugins that take what they can get: the others keep serving, and the host stays small. One test, so
//! that the memory looked at is that of these hosts alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::time::Duration;

use common::front::{Front, by_name};
use common::hosting::{Hosting, is, of_file, quick, until};
use common::{PATIENCE, exists, gone};
use http::Method;
use temps_plugin_host::{EmitError, HealthPolicy, PluginHost, State, Supervision, members};
use temps_plugin_schema::PluginEvent;

/// By how much a host may grow, in bytes, whatever its plugins do. What each of them sends is many times
/// that much.
const ROOM: u64 = 64 * 1024 * 1024;

/// Resident memory of this process, in bytes.
fn memory() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

/// A host of `good` and of `bad`, with this fault. Health is waited for so long, twice.
async fn beside(fault: &str, health: Duration) -> (Hosting, PluginHost, Front) {
    let hosting = Hosting::new();
    hosting.install("good", &["--name", "good"]);
    hosting.install("bad", &["--name", "bad", "--fault", fault]);
    let how = Supervision {
        health: HealthPolicy {
            interval: Duration::from_millis(10),
            timeout: health,
            degraded_after: 1,
            restart_after: 2,
        },
        event_timeout: Duration::from_millis(100),
        grace: Duration::from_secs(2),
        ..quick()
    };
    let builder = hosting.builder().authenticator(by_name()).supervision(how);
    let host = builder.build().await.unwrap();
    is(&of_file(&host, "good"), State::Running).await;
    let front = Front::of(&host).await;
    (hosting, host, front)
}

/// The other plugin serves, and nothing has piled up.
async fn all_is_well(front: &Front, before: u64, after: &str) {
    let asked = tokio::time::timeout(PATIENCE, front.get("ada", "/api/x/good/version")).await;
    assert_eq!(asked.unwrap().status, 200, "after {after}");
    let grown = memory().saturating_sub(before);
    assert!(grown < ROOM, "grown by {grown} bytes after {after}");
}

fn event(size: usize) -> PluginEvent {
    serde_json::from_value(serde_json::json!({
        "id": "1", "event_type": "shop.opened", "timestamp": "2026-11-22T00:00:00Z",
        "project_id": 7, "data": {"much": "x".repeat(size)},
    }))
    .unwrap()
}

#[tokio::test]
async fn no_plugin_takes_more_of_the_host_than_its_share() {
    // What is needed once, whatever plugins do, does not count.
    let (_hosting, host, front) = beside("", PATIENCE).await;
    is(&of_file(&host, "bad"), State::Running).await;
    front.get("ada", "/api/x/bad/version").await;
    host.shutdown("enough").await;
    let before = memory();

    for flood in ["flood-stdout", "flood-stderr", "swarm"] {
        let (_hosting, host, front) = beside(flood, PATIENCE).await;
        let bad = of_file(&host, "bad");
        // Both floods end nowhere near what would fit into the room.
        let enough = async {
            loop {
                match bad.running() {
                    Some(running) => {
                        let (out, err) = (running.stray_stdout_totals(), running.stderr_totals());
                        if out.bytes + err.bytes > 4 * 1024 * 1024 {
                            return;
                        }
                    }
                    // It floods before it has said who it is.
                    None if bad.status().state == State::Failed => return,
                    None => {}
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, enough).await.unwrap();
        all_is_well(&front, before, flood).await;
        let pid = bad.status().pid;
        host.shutdown("enough").await;
        if let Some(pid) = pid {
            assert_eq!(members(pid), Vec::<u32>::new(), "{flood} has left processes");
        }
    }

    let (_hosting, host, front) = beside("", PATIENCE).await;
    is(&of_file(&host, "bad"), State::Running).await;
    front.get("ada", "/api/x/bad/headers").await.is_problem(502, "did not answer properly");
    all_is_well(&front, before, "100 MB of headers").await;
    let redirect = front.get("ada", "/api/x/bad/redirect").await;
    assert_eq!(
        (redirect.status, &redirect.headers["location"]),
        (302, &"/version".parse().unwrap())
    );
    assert_eq!(front.ask(Method::POST, "ada", "/api/x/bad/calls").await.status, 202);
    let answered = tokio::time::timeout(PATIENCE, front.get("ada", "/api/x/bad/answered")).await;
    assert_eq!(answered.unwrap().status, 200);
    all_is_well(&front, before, "10,000 calls").await;

    host.shutdown("enough").await;

    // Health that is never answered ends it, and another one is started.
    let (hosting, host, front) = beside("", Duration::from_secs(3)).await;
    let bad = of_file(&host, "bad");
    let pid = is(&bad, State::Running).await.pid.unwrap();
    assert_eq!(front.ask(Method::POST, "ada", "/api/x/bad/mute").await.status, 200);
    until(&bad, |status| status.pid.is_some_and(|now| now != pid)).await;
    assert!(!exists(pid));
    let log = hosting.log.lock().unwrap().join("\n");
    assert!(log.contains("not healthy 2 times in a row: no answer within 3 s"), "{log}");
    all_is_well(&front, before, "health without an answer").await;
    host.shutdown("enough").await;

    // It never reads its channel: neither replies nor events pile up.
    let (_hosting, host, front) = beside("deaf", PATIENCE).await;
    let bad = is(&of_file(&host, "bad"), State::Running).await;
    let emitting = async {
        let mut refused = 0;
        for _ in 0..40 {
            let emitted = host.emit(&event(1024 * 1024)).await;
            let to_bad = emitted.into_iter().find(|emitted| emitted.plugin == "bad").unwrap();
            refused += usize::from(matches!(to_bad.result, Err(EmitError::Timeout(_))));
        }
        refused
    };
    // Its calls are not all read while it does not read their answers.
    let refused = tokio::select! {
        answer = front.ask(Method::POST, "ada", "/api/x/bad/calls") => panic!("{answer:?}"),
        refused = emitting => refused,
    };
    assert!(refused > 20, "{refused} of 40 events were refused");
    all_is_well(&front, before, "a channel that is not read").await;
    host.shutdown("enough").await;
    tokio::time::timeout(PATIENCE, gone(bad.pid.unwrap())).await.unwrap();
}
