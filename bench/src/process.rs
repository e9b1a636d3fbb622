//! Starting what is measured, and making sure it is gone afterwards.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use temps_plugin_schema::Dialect;

use crate::BenchError;
use crate::app::SECRET;

/// A binary of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// The smallest plugin there is.
    Minimal,
    /// A plugin with what the measurements need.
    Plugin,
    /// The same routes over axum alone.
    Bare,
    /// Sends back 128 bytes.
    Ping,
}

impl Binary {
    /// Its file, beside the running one.
    ///
    /// # Errors
    /// When it was not built.
    pub fn path(self) -> Result<PathBuf, BenchError> {
        let name = match self {
            Self::Minimal => "bench-minimal",
            Self::Plugin => "bench-plugin",
            Self::Bare => "bench-bare",
            Self::Ping => "bench-ping",
        };
        let own = std::env::current_exe().map_err(BenchError::system("find this program"))?;
        let path = own.with_file_name(name);
        if path.exists() {
            return Ok(path);
        }
        Err(BenchError::unexpected(format!(
            "{} is missing: run `cargo build --release -p temps-plugin-bench` first",
            path.display()
        )))
    }
}

/// A running process with a directory of its own. Dropping it ends the process.
#[derive(Debug)]
pub struct Process {
    child: Child,
    dir: TempDir,
    /// From before the process existed to the line that says it listens.
    pub started_in: Duration,
    /// Kept open, as hosts do.
    _stdout: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a plugin and waits for `ready`.
    ///
    /// # Errors
    /// When it does not start or breaks off the handshake.
    pub fn plugin(binary: Binary, dialect: Dialect, more: &[&str]) -> Result<Self, BenchError> {
        let dir = directory()?;
        let mut command = Command::new(binary.path()?);
        command
            .arg("--socket-path")
            .arg(dir.path().join("p.sock"))
            .arg("--data-dir")
            .arg(dir.path())
            .args(more);
        if dialect == Dialect::One {
            command.args(["--auth-secret", SECRET]);
        }
        Self::start(command, dir, |child, stdout| {
            read_line(stdout, dialect_line(dialect))?;
            if let Some(mut stdin) = child.stdin.take() {
                let line = format!("{{\"protocol_version\":2,\"auth_secret\":\"{SECRET}\"}}\n");
                // In dialect 1 nobody reads this; hosts of that dialect don't write it.
                if dialect == Dialect::Two {
                    stdin
                        .write_all(line.as_bytes())
                        .map_err(BenchError::system("write the launch line"))?;
                }
            }
            read_line(stdout, "\"ready\"")
        })
    }

    /// Starts a server without the SDK and waits for the line that says it listens.
    ///
    /// # Errors
    /// When it does not start.
    pub fn bare(binary: Binary, more: &[&str]) -> Result<Self, BenchError> {
        let dir = directory()?;
        let mut command = Command::new(binary.path()?);
        command.arg("--socket-path").arg(dir.path().join("p.sock")).args(more);
        Self::start(command, dir, |_, stdout| read_line(stdout, "listening"))
    }

    fn start(
        mut command: Command,
        dir: TempDir,
        until: impl FnOnce(&mut Child, &mut BufReader<ChildStdout>) -> Result<(), BenchError>,
    ) -> Result<Self, BenchError> {
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let what = || format!("start {}", command.get_program().display());
        let what = what();
        let start = Instant::now();
        let mut child = command.spawn().map_err(BenchError::system(what.clone()))?;
        let Some(stdout) = child.stdout.take() else {
            return Err(BenchError::unexpected(format!("{what}: it has no stdout")));
        };
        let mut stdout = BufReader::new(stdout);
        let listening = until(&mut child, &mut stdout);
        let started_in = start.elapsed();
        // Made before the outcome is looked at, so that a failed one is ended too.
        let process = Self { child, dir, started_in, _stdout: stdout };
        listening.map(|()| process)
    }

    /// The process's id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("p.sock")
    }

    /// A path in its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The processor time of all its threads so far.
    ///
    /// # Errors
    /// When `/proc` has nothing on it.
    pub fn cpu(&self) -> Result<Duration, BenchError> {
        let tasks = format!("/proc/{}/task", self.id());
        let mut nanos = 0;
        for task in std::fs::read_dir(&tasks).map_err(BenchError::system(tasks.clone()))? {
            let task = task.map_err(BenchError::system(tasks.clone()))?;
            let path = task.path().join("schedstat");
            let text = std::fs::read_to_string(&path)
                .map_err(BenchError::system(path.display().to_string()))?;
            let first = text.split_whitespace().next().unwrap_or_default();
            nanos += first.parse::<u64>().unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is waited for, so that none is left behind.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A directory with a path short enough for a socket.
fn directory() -> Result<TempDir, BenchError> {
    tempfile::Builder::new().prefix("tpb").tempdir().map_err(BenchError::system("make a directory"))
}

fn dialect_line(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::One => "\"manifest\"",
        Dialect::Two => "\"hello\"",
    }
}

fn read_line(stdout: &mut BufReader<ChildStdout>, wanted: &str) -> Result<(), BenchError> {
    let mut line = String::new();
    stdout.read_line(&mut line).map_err(BenchError::system("read from the process"))?;
    if line.contains(wanted) {
        return Ok(());
    }
    Err(BenchError::unexpected(format!(
        "the process wrote {line:?} where a line with {wanted} was due"
    )))
}
