//! A plugin that runs: stopping it, its streams, the tap.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test that uses them")]

mod common;

use common::{PATIENCE, Place, SHORT, exists, gone};
use temps_plugin_host::tap::{Opcode, WireKind};
use temps_plugin_host::{Exit, Signal, members};

#[tokio::test]
async fn a_plugin_that_stops_when_told_to_is_not_killed() {
    let place = Place::new();
    let plugin = place.start("").await;
    let ended = plugin.stop(PATIENCE).await;
    assert_eq!((ended.exit, ended.killed), (Exit::Code(0), false));
    assert_eq!(ended.left_behind, Vec::<u32>::new());
    assert!(!exists(plugin.pid()) && !plugin.socket_path().exists());
    assert!(plugin.signal(Signal::TERM).is_err(), "its id is not ours any more");
    assert_eq!(plugin.ended().unwrap().exit, Exit::Code(0));
}

#[tokio::test]
async fn a_plugin_that_ignores_sigterm_is_killed() {
    let place = Place::new();
    let plugin = place.start("ignore-term").await;
    plugin.signal(Signal::TERM).unwrap();
    let line = plugin.wait_stderr(PATIENCE, |line| line.contains("ignored")).await;
    assert!(line.is_some());
    let ended = plugin.stop(SHORT).await;
    assert_eq!((ended.exit, ended.killed), (Exit::Signal("SIGKILL".into()), true));
    assert!(!exists(plugin.pid()));
}

#[tokio::test]
async fn what_a_plugin_leaves_behind_is_told_and_ended() {
    let place = Place::new();
    let plugin = place.start("grandchild").await;
    let line = plugin.wait_stderr(PATIENCE, |line| line.starts_with("lingerer")).await;
    let lingerer: u32 = line.unwrap()["lingerer ".len()..].parse().unwrap();
    assert!(members(plugin.pid()).contains(&lingerer));
    let ended = plugin.stop(PATIENCE).await;
    assert_eq!((ended.exit, ended.left_behind), (Exit::Code(0), vec![lingerer]));
    assert_eq!(members(plugin.pid()), Vec::<u32>::new());
    gone(lingerer).await;
}

#[test]
fn a_runtime_that_shuts_down_ends_its_plugins() {
    let place = Place::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let plugin = runtime.block_on(place.start("grandchild"));
    let members = members(plugin.pid());
    assert_eq!(members.len(), 2);
    runtime.shutdown_background();
    let rest = tokio::runtime::Runtime::new().unwrap();
    for pid in members {
        rest.block_on(gone(pid));
    }
    assert!(plugin.signal(Signal::TERM).is_err(), "its id is not ours any more");
}

#[tokio::test]
async fn the_end_of_a_plugin_that_nobody_stopped_is_seen() {
    let place = Place::new();
    let plugin = place.start("").await;
    assert!(plugin.wait_exit(SHORT).await.is_none());
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(plugin.pid().try_into().unwrap()).unwrap(),
        Signal::ABORT,
    )
    .unwrap();
    let ended = plugin.wait_exit(PATIENCE).await.unwrap();
    assert_eq!((ended.exit, ended.killed), (Exit::Signal("SIGABRT".into()), false));
}

#[tokio::test]
async fn stray_output_and_leaked_secrets_are_counted_and_blanked() {
    let place = Place::new();
    let plugin = place.start("leak").await;
    let stray = plugin.wait_stray_stdout(PATIENCE, |line| line.starts_with("stray")).await;
    assert_eq!(stray.unwrap(), "stray: [redacted]");
    let leaked = plugin.wait_stderr(PATIENCE, |line| line.starts_with("leaked")).await;
    assert_eq!(leaked.unwrap(), "leaked: [redacted]");
    assert_eq!(plugin.stray_stdout_totals().leaks, 1);
    assert_eq!(plugin.stderr_totals().leaks, 1);
    assert!(!place.wire.text().contains(plugin.secret().expose()));

    let quiet = Place::new();
    let plugin = quiet.start("").await;
    plugin.stop(PATIENCE).await;
    assert_eq!(plugin.stray_stdout(), Vec::<String>::new());
    assert_eq!(plugin.stderr_totals().leaks, 0);
}

#[tokio::test]
async fn a_plugin_that_writes_without_end_is_read_without_end_and_kept_in_bounds() {
    let place = Place::new();
    let plugin = place.start("flood-stdout").await;
    let drained = async {
        while plugin.stray_stdout_totals().lines < 200_000 {
            assert_eq!(plugin.http().health().await.unwrap(), 200);
        }
    };
    tokio::time::timeout(PATIENCE, drained).await.unwrap();
    assert_eq!(plugin.stray_stdout().len(), 200);
    assert!(plugin.stop(PATIENCE).await.exit.success());

    let place = Place::new();
    let plugin = place.start("flood-stderr").await;
    assert!(plugin.stderr_totals().bytes > 8 * 1024 * 1000);
    assert_eq!(plugin.stderr_tail().len(), 200);
}

#[tokio::test]
async fn standard_streams_can_be_closed_after_ready() {
    let place = Place::new();
    let launcher = place.fixture("").close_stdout_after_ready().close_stderr_after_ready();
    let plugin = launcher.start().await.unwrap();
    let pipes = |fd: u32| std::fs::read_link(format!("/proc/{}/fd/{fd}", plugin.pid())).unwrap();
    let held = |pipe: std::path::PathBuf| {
        std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .any(|open| open == pipe)
    };
    assert!(!held(pipes(1)) && !held(pipes(2)));
    let other = Place::new();
    let plugin = other.start("").await;
    let pipe = |fd: u32| std::fs::read_link(format!("/proc/{}/fd/{fd}", plugin.pid())).unwrap();
    assert!(held(pipe(1)) && held(pipe(2)));
}

#[tokio::test]
async fn the_tap_sees_a_whole_life_in_order() {
    let place = Place::new();
    let plugin = place.start("").await;
    let mut channel = plugin.dial_raw_channel().await.unwrap();
    channel.send_text("hello").await.unwrap();
    drop(channel);
    plugin.stop(PATIENCE).await;
    let events = place.wire.events();
    let at = |wanted: &dyn Fn(&WireKind) -> bool| {
        let found = events.iter().position(|event| wanted(&event.kind));
        found.unwrap_or_else(|| panic!("missing in {events:#?}"))
    };
    let order = [
        at(&|kind| matches!(kind, WireKind::Spawn { .. })),
        at(&|kind| matches!(kind, WireKind::StdoutLine { text } if text.contains("hello"))),
        at(&|kind| matches!(kind, WireKind::Stdin { .. })),
        at(&|kind| matches!(kind, WireKind::StdinClosed)),
        at(&|kind| matches!(kind, WireKind::StdoutLine { text } if text.contains("ready"))),
        at(&|kind| matches!(kind, WireKind::HttpRequest { target, .. } if target == "/health")),
        at(&|kind| matches!(kind, WireKind::HttpResponse { status: 200, .. })),
        at(&|kind| matches!(kind, WireKind::HttpResponse { status: 101, .. })),
        at(&|kind| matches!(kind, WireKind::WebSocket { opcode: Opcode::Text, .. })),
        at(&|kind| matches!(kind, WireKind::Signal { name } if name == "SIGTERM")),
        at(&|kind| matches!(kind, WireKind::Exit { exit } if exit.success())),
    ];
    assert!(order.is_sorted(), "{order:?} in {events:#?}");
    assert!(events.is_sorted_by_key(|event| event.at));
}
