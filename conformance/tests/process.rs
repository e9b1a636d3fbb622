//! The runner as a process: it takes its children with it, and closed streams do not confuse it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::SOUND;

/// Far longer than anything here takes; reaching it is the failure.
const LIMIT: Duration = Duration::from_secs(60);

fn runner() -> Command {
    Command::new(env!("CARGO_BIN_EXE_temps-plugin-conformance"))
}

/// A plugin that writes its process id down before it becomes `program`.
fn recorded(dir: &Path, program: &str) -> PathBuf {
    let (script, pids) = (dir.join("plugin"), dir.join("pids"));
    let text = format!("#!/bin/sh\necho $$ >> {}\nexec {program}\n", pids.display());
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < deadline, "waited for {what} in vain");
        std::thread::yield_now();
    }
}

fn pids(dir: &Path) -> Vec<u32> {
    let text = fs::read_to_string(dir.join("pids")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// Whether a process runs; one that has ended and waits to be reaped does not.
fn runs(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.starts_with(" Z"))
}

fn ended_by(signal: &str, mut child: Child, dir: &Path) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    let mut status = None;
    until("the end of the runner", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(4), "no verdict is no pass");
    for pid in pids(dir) {
        until("the end of a plugin", || !runs(pid));
    }
}

fn start(plugin: &Path) -> Child {
    let mut command = runner();
    command.arg("run").arg("--").arg(plugin);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_signal_during_the_first_start_ends_the_plugin_too() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let dir = tempfile::tempdir().unwrap();
        let child = start(&recorded(dir.path(), "sleep 600"));
        until("both dialects' starts", || pids(dir.path()).len() == 2);
        ended_by(signal, child, dir.path());
    }
}

#[test]
fn a_signal_in_the_middle_of_checks_ends_all_their_plugins() {
    let dir = tempfile::tempdir().unwrap();
    let program = format!("{} \"$@\"", SOUND.display());
    let child = start(&recorded(dir.path(), &program));
    until("checks that have started plugins", || pids(dir.path()).len() > 8);
    ended_by("-INT", child, dir.path());
}

/// The writing end of a pipe that nobody reads.
fn broken_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    for args in [&["list"][..], &["rules"], &["explain", "stop/sigterm"]] {
        let status = runner().args(args).stdout(broken_pipe()).status().unwrap();
        assert_eq!(status.code(), Some(0), "{args:?}");
    }
}

#[test]
fn a_closed_stderr_changes_no_exit_status() {
    let wrong = ["run", "--run", "no-such-check", "--", "/bin/true"];
    let status = runner().args(wrong).stderr(broken_pipe()).status().unwrap();
    assert_eq!(status.code(), Some(2));
    let args = ["run", "--run", "health/get", "--"];
    let output = runner().args(args).arg(&*SOUND).stderr(broken_pipe()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_full_disk_is_a_failure_of_the_runner() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = runner().arg("list").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8(output.stderr).unwrap().contains("cannot be written"));
}

#[test]
fn colour_is_for_terminals_and_for_those_who_insist() {
    let list = |name: &str| {
        let output = runner().args(["explain", "stop/sigterm"]).env(name, "1").output().unwrap();
        String::from_utf8(output.stdout).unwrap().contains('\u{1b}')
    };
    assert!(list("CLICOLOR_FORCE"), "what follows would prove nothing");
    assert!(!list("NO_COLOR") && !list("ANYTHING"));
}
