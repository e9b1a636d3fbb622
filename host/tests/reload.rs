//! The plugins directory looked at again: what is new, changed, gone, and what stays.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use common::exists;
use common::hosting::{Hosting, is, of_file};
use temps_plugin_host::{Outcome, PluginHost, Reload, State};

async fn get(host: &PluginHost, name: &str, target: &str) -> String {
    let running = host.plugin(name).unwrap().running().unwrap();
    running.http().get(target).send().await.unwrap().text().await.unwrap()
}

/// The changes as `file name outcome`.
fn told(reload: &Reload) -> Vec<String> {
    let line = |change: &temps_plugin_host::Change| {
        let file = change.file.file_name().unwrap().to_string_lossy().into_owned();
        let outcome = match &change.outcome {
            Outcome::Started => "started",
            Outcome::Replaced => "replaced",
            Outcome::Kept { .. } => "kept",
            Outcome::NotStarted { .. } => "not started",
            Outcome::Removed => "removed",
        };
        format!("{file} {} {outcome}", change.name.as_deref().unwrap_or("-"))
    };
    reload.changes.iter().map(line).collect()
}

#[tokio::test]
async fn only_what_is_not_as_it_was_is_touched() {
    let hosting = Hosting::new();
    for name in ["changed", "gone", "same"] {
        hosting.install(name, &["--name", name]);
    }
    let host = hosting.host().await;
    let pid = |name: &str| host.plugin(name).unwrap().status().pid.unwrap();
    let (same, gone, changed) = (pid("same"), pid("gone"), pid("changed"));

    assert_eq!(told(&host.reload().await.unwrap()), Vec::<String>::new());
    hosting.install("changed", &["--name", "changed", "--version", "2.0.0"]);
    hosting.install("new", &["--name", "new"]);
    std::fs::remove_file(hosting.file("gone")).unwrap();
    let reload = host.reload().await.unwrap();
    assert_eq!(told(&reload), ["changed changed replaced", "gone gone removed", "new new started"]);
    assert_eq!(reload.unchanged, 1);
    assert_eq!(pid("same"), same);
    assert!(!exists(gone) && !exists(changed));
    assert!(host.plugin("gone").is_none());
    assert_eq!(get(&host, "changed", "/version").await, "2.0.0");
    assert_eq!(get(&host, "new", "/version").await, "1.0.0");
    assert_eq!(told(&host.reload().await.unwrap()), Vec::<String>::new());
}

#[tokio::test]
async fn requests_in_flight_finish_on_the_old_process() {
    let hosting = Hosting::new();
    hosting.install("one", &["--name", "one"]);
    let host = hosting.host().await;
    let old = host.plugin("one").unwrap().running().unwrap();
    // Answered once the old process has been told to stop.
    let held = tokio::spawn(old.http().get("/hold").send());
    while old.http().connections_opened() < 2 {
        tokio::task::yield_now().await;
    }
    hosting.install("one", &["--name", "one", "--version", "2.0.0"]);
    assert_eq!(told(&host.reload().await.unwrap()), ["one one replaced"]);
    assert_eq!(held.await.unwrap().unwrap().text().await.unwrap(), "held");
    assert!(!exists(old.pid()));
    assert_eq!(get(&host, "one", "/version").await, "2.0.0");
}

#[tokio::test]
async fn a_new_version_that_does_not_start_leaves_the_old_one_serving() {
    let hosting = Hosting::new();
    hosting.install("one", &["--name", "one"]);
    hosting.install("two", &["--name", "two"]);
    let host = hosting.host().await;
    let pid = host.plugin("one").unwrap().status().pid;

    hosting.install("one", &["--name", "one", "--fault", "exit-early"]);
    let reload = host.reload().await.unwrap();
    assert_eq!(told(&reload), ["one one kept"]);
    let Outcome::Kept { reason } = &reload.changes[0].outcome else { unreachable!() };
    assert!(reason.contains("cannot read my settings"), "{reason}");
    assert_eq!((host.plugin("one").unwrap().status().pid), pid);

    // Nor does one that takes another plugin's name.
    hosting.install("one", &["--name", "two"]);
    let reload = host.reload().await.unwrap();
    assert_eq!(told(&reload), ["one one kept"]);
    assert_eq!((host.plugin("one").unwrap().status().pid), pid);
    assert!(host.plugin("two").unwrap().path().ends_with("two"));

    // Mended, it takes its place, by another name if it has one.
    hosting.install("one", &["--name", "uno"]);
    assert_eq!(told(&host.reload().await.unwrap()), ["one uno replaced"]);
    assert!(host.plugin("one").is_none());
    assert_eq!(get(&host, "uno", "/version").await, "1.0.0");
}

#[tokio::test]
async fn one_that_had_failed_is_started_from_its_new_file() {
    let hosting = Hosting::new();
    hosting.install("one", &["--fault", "exit-early"]);
    let host = hosting.host().await;
    is(&of_file(&host, "one"), State::Failed).await;
    hosting.install("one", &["--name", "one"]);
    assert_eq!(told(&host.reload().await.unwrap()), ["one one started"]);
    assert_eq!(get(&host, "one", "/version").await, "1.0.0");
    hosting.install("bad", &["--fault", "exit-early"]);
    assert_eq!(told(&host.reload().await.unwrap()), ["bad - not started"]);
}
