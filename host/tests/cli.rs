//! The program: `serve`, and what asks a host that serves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use common::front::Front;
use common::hosting::Hosting;
use common::{PATIENCE, exists};
use http::Method;
use serde_json::Value;
use temps_plugin_host::Signal;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_temps-plugin-host"));
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

/// What a program that ends says on both streams, and with which status.
async fn ended(arguments: &[&str]) -> (i32, String) {
    let output: Output = program().args(arguments).output().await.unwrap();
    let both = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(both).unwrap())
}

/// A host that serves.
struct Served {
    child: Child,
    front: Front,
    token: String,
    /// What it had said on stdout until then.
    said: String,
    errors: Lines<BufReader<ChildStderr>>,
}

impl Served {
    async fn start(hosting: &Hosting, more: &[&str]) -> Self {
        let mut child = program()
            .arg("serve")
            .args([Path::new("--plugins"), &hosting.place.path("plugins")])
            .args([Path::new("--data"), &data(hosting)])
            .args(["--listen", "127.0.0.1:0"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = String::new();
        let link = loop {
            let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap();
            let line = line.unwrap_or_else(|| panic!("it ended after: {said}"));
            if let Some(link) = line.strip_prefix("console") {
                break link.trim().to_owned();
            }
            said.push_str(&line);
            said.push('\n');
        };
        let (address, token) =
            link.strip_prefix("http://").unwrap().split_once("/login?token=").unwrap();
        let front = Front { address: address.parse().unwrap() };
        Self { child, front, token: token.to_owned(), said, errors }
    }

    /// Waits for a line on stderr that has these parts.
    async fn says(&mut self, parts: &[&str]) {
        loop {
            let line = tokio::time::timeout(PATIENCE, self.errors.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("it never said {parts:?}")).unwrap().unwrap();
            if parts.iter().all(|part| line.contains(part)) {
                return;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

/// A host that is killed would leave its plugins to the next one, which no test has.
impl Drop for Served {
    fn drop(&mut self) {
        if self.child.id().is_some() {
            self.signal(Signal::TERM);
        }
        while let Ok(None) = self.child.try_wait() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

fn data(hosting: &Hosting) -> PathBuf {
    hosting.place.path("data")
}

#[tokio::test]
async fn a_host_is_served_asked_told_and_stopped() {
    let hosting = Hosting::new();
    hosting.install("one", &["--name", "one"]);
    std::fs::write(hosting.file("notes.txt"), "").unwrap();
    let mut served = Served::start(&hosting, &[]).await;
    for part in ["one", "running", "1.0.0", "notes.txt", "no plugin", "chmod +x", "/api/x/_docs/"] {
        assert!(served.said.contains(part), "{part} is missing in: {}", served.said);
    }
    let at = data(&hosting).display().to_string();
    let status = ["status", "--host", &at];
    let (code, table) = ended(&status).await;
    assert!(code == 0 && table.contains("running") && table.contains("no plugin"), "{table}");
    let (_, json) = ended(&[&status[..], &["--json"]].concat()).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    let pid = u32::try_from(json["plugins"][0]["pid"].as_u64().unwrap()).unwrap();

    let (code, told) = ended(&["emit", "deployment.succeeded", "--host", &at]).await;
    assert_eq!((code, told.as_str()), (0, "one: delivered over its channel\n"));
    let (code, told) = ended(&["emit", "project.created", "--data", "{}", "--host", &at]).await;
    assert!(code == 1 && told.contains("missing field"), "{told}");
    let (code, told) = ended(&["emit", "x", "--data", "[1]", "--host", &at]).await;
    assert!(code == 2 && told.contains("no object"), "{told}");

    // A file that is replaced, one that does not start, and SIGHUP.
    hosting.install("one", &["--name", "one", "--version", "2.0.0"]);
    hosting.install("broken", &["--fault", "exit-early"]);
    served.signal(Signal::HUP);
    served.says(&["reloaded: broken: does not start"]).await;
    served.says(&["reloaded: one: replaced"]).await;
    assert!(!exists(pid));
    let (code, told) = ended(&["reload", "--host", &at]).await;
    assert_eq!((code, told.as_str()), (0, "nothing has changed\n"));
    let (code, table) = ended(&status).await;
    assert!(code == 1 && table.contains("2.0.0"), "{table}");

    served.signal(Signal::TERM);
    let ended_with = tokio::time::timeout(PATIENCE, served.child.wait()).await.unwrap().unwrap();
    assert!(ended_with.success(), "{ended_with}");
    let mut rest = String::new();
    served.errors.get_mut().read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("one: running -> stopped: the host was stopped"), "{rest}");
    let (code, told) = ended(&status).await;
    assert!(code == 1 && told.contains("temps-plugin-host serve"), "{told}");
    let audit = std::fs::read_to_string(data(&hosting).join("audit.jsonl")).unwrap();
    let lines: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let first = |member: &str| lines[0][member].as_str().unwrap().to_owned();
    assert_eq!(
        (first("from"), first("to"), first("reason")),
        ("stopped".into(), "starting".into(), "it was found".into(),)
    );
}

#[tokio::test]
async fn who_has_the_link_is_signed_in_and_chooses_a_role() {
    let hosting = Hosting::new();
    hosting.install("one", &["--name", "one"]);
    let served = Served::start(&hosting, &[]).await;
    let front = &served.front;
    assert_eq!(front.get("", "/login?token=guessed").await.status, 403);
    assert_eq!(front.get("", "/login?as=reader").await.status, 403);
    assert!(String::from_utf8_lossy(&front.get("", "/").await.body).contains("not signed in"));
    let ask = async |target: &str, cookie: &str| {
        let body = http_body_util::Full::<bytes::Bytes>::default();
        let request = front.request(Method::GET, "", target).header("cookie", cookie).body(body);
        common::front::Answer::of(front.send(request.unwrap()).await).await
    };
    let session = |answer: &common::front::Answer| {
        assert_eq!((answer.status, &answer.headers["location"]), (303, &"/".parse().unwrap()));
        let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
        cookie.split(';').next().unwrap().to_owned()
    };
    let admin = session(&front.get("", &format!("/login?token={}", served.token)).await);
    let page = ask("/", &admin).await;
    let page = String::from_utf8_lossy(&page.body).into_owned();
    assert!(page.contains("admin@localhost") && page.contains("running"), "{page}");
    assert_eq!(ask("/api/x/_status", &admin).await.status, 200);

    let reader = session(&ask("/login?as=reader", &admin).await);
    let seen = ask("/api/x/one/seen", &reader).await.json();
    assert_eq!(seen["x-temps-user-role"], "reader");
    assert_eq!(seen["cookie"], Value::Null);
    assert_eq!(ask("/api/x/_status", &reader).await.status, 403);
    let king = ask("/login?as=king", &admin).await;
    assert!(king.status == 400 && String::from_utf8_lossy(&king.body).contains("metrics_ingest"));
}

#[tokio::test]
async fn what_is_wrong_is_said_before_anything_is_started() {
    let hosting = Hosting::new();
    hosting.install("one", &["--name", "one"]);
    let plugins = hosting.place.path("plugins").display().to_string();
    let at = data(&hosting).display().to_string();
    let serve = ["serve", "--plugins", &plugins, "--data", &at];
    let config = hosting.place.file("host.toml", b"\n[health]\nintervall = \"1s\"\n", 0o644);
    let config = config.display().to_string();
    let (code, told) = ended(&[&serve[..], &["--config", &config]].concat()).await;
    for part in ["host.toml", "line 3", "intervall", "`interval`"] {
        assert!(code == 1 && told.contains(part), "{part} is missing in: {told}");
    }
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap().to_string();
    let (code, told) = ended(&[&serve[..], &["--listen", &taken]].concat()).await;
    assert!(code == 1 && told.contains(&taken) && told.contains("--listen"), "{told}");
    drop(held);
    let (code, told) = ended(&["serve", "--plugins", "/no/such/place", "--data", &at]).await;
    assert!(code == 1 && told.contains("/no/such/place does not exist"), "{told}");
    assert!(!data(&hosting).join("processes").exists(), "something was started");

    let _served = Served::start(&hosting, &[]).await;
    let (code, told) = ended(&[&serve[..], &["--listen", "127.0.0.1:0"]].concat()).await;
    assert!(code == 1 && told.contains("another host uses the data directory"), "{told}");
}

#[tokio::test]
async fn only_files_on_the_list_of_checksums_run() {
    let hosting = Hosting::new();
    std::fs::copy(common::fixture(), hosting.file("listed")).unwrap();
    std::fs::write(hosting.file("other"), "something else").unwrap();
    let sum = std::process::Command::new("sha256sum").arg(hosting.file("listed")).output().unwrap();
    std::fs::write(hosting.place.path("sums"), sum.stdout).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(hosting.file("other"), mode).unwrap();
    let config = hosting.place.file("host.toml", b"checksums = \"sums\"\n", 0o644);
    let served = Served::start(&hosting, &["--config", &config.display().to_string()]).await;
    assert!(served.said.contains("fixture") && served.said.contains("running"), "{}", served.said);
    assert!(served.said.contains("not on the list"), "{}", served.said);
}
