//! `--attach`: a plugin that somebody else has started, here by hand as under a debugger.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use support::{SOUND, with_status};

const SECRET: &str = "a-secret-of-forty-characters-and-no-more";

/// A plugin in dialect 2, ended with its guard.
struct ByHand {
    child: Child,
    dir: tempfile::TempDir,
}

impl Drop for ByHand {
    fn drop(&mut self) {
        // Fails when it has ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl ByHand {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new(&*SOUND)
            .arg("--socket-path")
            .arg(dir.path().join("p.sock"))
            .arg("--data-dir")
            .arg(dir.path().join("data"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut handshake = String::new();
        stdout.read_line(&mut handshake).unwrap();
        let launch = serde_json::json!({
            "protocol_version": 2, "auth_secret": SECRET, "database_url": null, "host_data_dir": null,
        });
        writeln!(child.stdin.take().unwrap(), "{launch}").unwrap();
        stdout.read_line(&mut handshake).unwrap();
        std::fs::write(dir.path().join("handshake"), handshake).unwrap();
        std::fs::write(dir.path().join("secret"), format!("{SECRET}\n")).unwrap();
        Self { child, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn lives(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

/// Runs the suite over `socket`; the secret comes on standard input from `secret`.
fn attach(socket: &Path, secret: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_temps-plugin-conformance"))
        .args(["run", "--format", "json", "--attach"])
        .arg(socket)
        .args(args)
        .stdin(File::open(secret).unwrap())
        .output()
        .unwrap()
}

#[test]
fn a_plugin_that_runs_is_checked_over_its_socket_and_left_alone() {
    let mut plugin = ByHand::start();
    let (socket, secret) = (plugin.path("p.sock"), plugin.path("secret"));
    let output = attach(&socket, &secret, &["--dialect", "2"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{:#}", report["results"]);
    assert!(plugin.lives(), "the plugin belongs to somebody else");
    let (passed, skipped) = (with_status(&report, "passed"), with_status(&report, "skipped"));
    assert!(passed.contains("health/get") && passed.len() >= 40, "{passed:?}");
    for check in ["stop/sigterm", "handshake/completes", "manifest/name", "everything/context"] {
        assert!(skipped.contains(check), "{check} takes more than a socket");
    }
    // Apart from what is asked for by name, the socket is the only reason.
    for result in report["results"].as_array().unwrap() {
        let asked_for = result["profile"] == "requests"
            || result["reason"].as_str().is_some_and(|reason| reason.contains("--slow"));
        if result["status"] == "skipped" && !asked_for {
            let reason = result["reason"].as_str().unwrap();
            assert!(reason.contains("more than the socket"), "{}: {reason}", result["check"]);
        }
    }
    assert!(!String::from_utf8(output.stdout).unwrap().contains(SECRET));

    // What it said at its start, handed over, makes the manifest something to check. Its data directory
    // stays out of sight.
    let handshake = plugin.path("handshake");
    let only = ["--run", "manifest/*", "--run", "everything/context"];
    let args = ["--dialect", "2", "--handshake", handshake.to_str().unwrap()];
    let output = attach(&socket, &secret, &[&args[..], &only].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(with_status(&report, "passed").contains("manifest/name"), "{report:#}");
    assert_eq!(with_status(&report, "skipped"), ["everything/context"].into());
}

#[test]
fn what_attaching_needs_is_said() {
    let plugin = ByHand::start();
    let (socket, secret) = (plugin.path("p.sock"), plugin.path("secret"));
    let empty = plugin.path("empty");
    std::fs::write(&empty, "").unwrap();
    let wrong = plugin.path("wrong");
    std::fs::write(&wrong, "another-secret-that-is-as-long-as-the-one").unwrap();
    let nobody = plugin.path("nobody.sock");
    let two = ["--dialect", "2"];
    for (socket, secret, args, status, why) in [
        (&socket, &secret, &[][..], 2, "--dialect"),
        (&socket, &empty, &two, 2, "standard input: it is empty"),
        (&socket, &wrong, &two, 3, "the secret is not the one"),
        (&nobody, &secret, &two, 3, "nothing can be reached at"),
        (&socket, &secret, &["--dialect", "2", "--handshake", "/no/such/file"], 2, "--handshake"),
        (
            &socket,
            &secret,
            &["--dialect", "2", "--auth-secret-file", "/no/such/file"],
            2,
            "/no/such/file",
        ),
    ] {
        let output = attach(socket, secret, args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{error}");
        assert!(error.contains(why), "{why:?} is not in {error}");
        assert!(!error.contains(SECRET) && !error.contains("another-secret"), "{error}");
    }
}

#[test]
fn a_channel_that_another_host_has_open_is_said() {
    let plugin = ByHand::start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let http = temps_plugin_host::PluginHttp::attach(
        &plugin.path("p.sock"),
        "/health",
        temps_plugin_schema::Dialect::Two,
        temps_plugin_schema::Secret::new(SECRET),
        None,
    );
    let _open = runtime.block_on(temps_plugin_host::RawChannel::dial(&http)).unwrap();
    let output = attach(&plugin.path("p.sock"), &plugin.path("secret"), &["--dialect", "2"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("another host has it open"), "{error}");
    assert_eq!(output.status.code(), Some(3));
}
