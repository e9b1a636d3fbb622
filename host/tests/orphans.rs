//! What a host that was killed has left behind, and the next host.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::exists;
use common::hosting::Hosting;
use serde_json::Value;
use temps_plugin_host::{PluginHost, PluginsDirectory};

/// Says to this program, started once more, that it is a host and where.
const HOST_IN: &str = "TEMPS_PLUGIN_TEST_HOST_IN";

/// Is no test by itself: the host of [`killed_host`].
#[tokio::test]
async fn a_host_to_kill() {
    let Some(place) = std::env::var_os(HOST_IN).map(PathBuf::from) else { return };
    let directory = PluginsDirectory::new(place.join("plugins"));
    let host = PluginHost::builder(directory, place.join("data")).build().await.unwrap();
    host.settled().await;
    for plugin in host.plugins() {
        println!("pid {}", plugin.status().pid.unwrap());
    }
    println!("sockets {}", host.plugins()[0].running().unwrap().socket_path().display());
    std::future::pending::<()>().await;
}

/// Lets a host start what is installed, and kills it. Returns the plugins' processes and the socket of
/// the first.
fn killed_host(place: &Path) -> (Vec<u32>, PathBuf) {
    struct Killed(Child);
    impl Drop for Killed {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }
    let mut host = Killed(
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_host_to_kill", "--nocapture"])
            .env(HOST_IN, place)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut pids = Vec::new();
    for line in std::io::BufReader::new(host.0.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        match line.split_once(' ') {
            Some(("pid", pid)) => pids.push(pid.parse().unwrap()),
            Some(("sockets", path)) => return (pids, path.into()),
            _ => {}
        }
    }
    panic!("the host ended before its plugins ran");
}

#[tokio::test]
async fn the_next_host_ends_what_a_killed_one_has_left() {
    let hosting = Hosting::new();
    hosting.install("one", &["--name", "one"]);
    hosting.install("stubborn", &["--name", "stubborn", "--fault", "grandchild"]);
    let (pids, socket) = killed_host(hosting.place.dir.path());
    assert!(pids.iter().all(|pid| exists(*pid)), "a plugin ended with its host");

    let host = hosting.host().await;
    let mut ended: Vec<u32> = host.orphans().iter().map(|orphan| orphan.pid).collect();
    ended.sort_unstable();
    let mut left = pids.clone();
    left.sort_unstable();
    assert_eq!(ended, left);
    for pid in pids {
        assert_eq!(temps_plugin_host::members(pid), Vec::<u32>::new());
    }
    assert!(!socket.parent().unwrap().exists(), "the sockets of the killed host are left");
    assert_eq!(host.plugins().len(), 2);
}

#[tokio::test]
async fn a_process_that_only_has_the_id_of_a_plugin_is_left_alone() {
    let hosting = Hosting::new();
    hosting.install("one", &["--name", "one"]);
    let (pids, _) = killed_host(hosting.place.dir.path());
    let records = hosting.place.path("data/processes");
    let record = std::fs::read_dir(&records).unwrap().next().unwrap().unwrap().path();
    let mut told: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    for member in ["/process/started", "/process/executes/inode", "/process/boot"] {
        let found = told.pointer_mut(member).unwrap();
        let right = found.clone();
        *found = match &right {
            Value::String(_) => "another run of the system".into(),
            number => (number.as_u64().unwrap() + 1).into(),
        };
        std::fs::write(&record, told.to_string()).unwrap();
        let host = hosting.host().await;
        assert_eq!(host.orphans(), [], "{member} was not looked at");
        assert!(exists(pids[0]));
        host.shutdown("the next one follows").await;
        *told.pointer_mut(member).unwrap() = right;
    }
    std::fs::write(&record, told.to_string()).unwrap();
    assert_eq!(hosting.host().await.orphans().len(), 1);
}
