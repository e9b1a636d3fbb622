//! What the tests share: a place for a plugin, the fixture to start there, and looking at processes.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file is a crate of its own and uses a part of this"
)]

pub mod front;
pub mod hosting;
pub mod open;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use temps_plugin_host::tap::{WireEvent, WireKind, WireTap};
use temps_plugin_host::{Launcher, RunningPlugin, StartError, members};

/// Long enough for anything that is to happen, on any machine.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How often a process is looked for.
const POLL: Duration = Duration::from_millis(5);
/// A step's time for plugins that let it pass.
pub const SHORT: Duration = Duration::from_millis(300);

/// The fixture plugin, which cargo builds beside the tests.
pub fn fixture() -> PathBuf {
    let mut dir = std::env::current_exe().unwrap();
    dir.pop();
    let path = dir.with_file_name("examples").join("fixture-plugin");
    assert!(
        path.is_file(),
        "{} is missing; build it: cargo build -p temps-plugin-host --examples",
        path.display()
    );
    path
}

/// The secret of tests that look for it.
pub const SECRET: &str = "a-secret-of-this-test-0123456789-abc";

/// What a reader of the error must find in it.
#[track_caller]
pub fn says(error: &StartError, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
    assert!(text.contains("what to do: "), "{text}");
    assert!(!text.contains(SECRET), "{text}");
    assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
}

/// Directories of one test, removed with it.
pub struct Place {
    pub dir: TempDir,
    pub wire: Arc<Wire>,
}

impl Place {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), wire: Arc::default() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts any program here, watched.
    pub fn program(&self, program: impl AsRef<Path>) -> Launcher {
        Launcher::new(program, self.path("s.sock"), self.path("data"))
            .tap(self.wire.clone())
            .step_timeout(PATIENCE)
    }

    /// Starts the fixture with a fault; `""` for none.
    pub fn fixture(&self, fault: &str) -> Launcher {
        self.program(fixture()).arg_after("--fault").arg_after(fault)
    }

    pub async fn start(&self, fault: &str) -> RunningPlugin {
        self.fixture(fault).start().await.unwrap()
    }

    /// Writes a file and makes it executable if asked to.
    pub fn file(&self, name: &str, content: &[u8], mode: u32) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// The start fails, and no process of any attempt is left.
    pub async fn fails(&self, launcher: Launcher) -> StartError {
        let error = launcher.start().await.unwrap_err();
        for pid in self.wire.spawned() {
            assert_eq!(members(pid), Vec::<u32>::new(), "left after: {error}");
            assert!(!exists(pid), "{pid} was not reaped after: {error}");
        }
        error
    }
}

/// Whether there is such a process, a zombie included.
pub fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Waits until there is no such process any more.
pub async fn gone(pid: u32) {
    let gone = async {
        while exists(pid) {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap_or_else(|_| panic!("{pid} is still there"));
}

/// Keeps what a tap is shown.
#[derive(Default)]
pub struct Wire(Mutex<Vec<WireEvent>>);

impl WireTap for Wire {
    fn record(&self, event: WireEvent) {
        self.0.lock().unwrap().push(event);
    }
}

impl Wire {
    pub fn events(&self) -> Vec<WireEvent> {
        self.0.lock().unwrap().clone()
    }

    /// Ids of all processes that were started.
    pub fn spawned(&self) -> Vec<u32> {
        let events = self.events();
        let pids = events.iter().filter_map(|event| match event.kind {
            WireKind::Spawn { pid, .. } => Some(pid),
            _ => None,
        });
        pids.collect()
    }

    /// Everything as text.
    pub fn text(&self) -> String {
        format!("{:#?}", self.events())
    }
}
