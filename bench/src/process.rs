//! Starting what is measured, and making sure it is gone afterwards.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use temps_plugin_schema::Dialect;

use crate::app::{self, SECRET};
use crate::host::{self, PATIENCE};
use crate::{BenchError, load};

/// Where a process's stderr goes, in its directory.
const LOG: &str = "stderr.log";
/// How much of it an error shows, in bytes.
const LOG_TAIL: usize = 2_000;
/// Between two looks at a server that is starting.
const POLL: Duration = Duration::from_millis(5);

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
    /// A host of other plugins.
    Host,
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
            Self::Host => "bench-host",
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
        Self::plugin_by(Command::new(binary.path()?), dialect, more)
    }

    /// [`plugin`](Self::plugin) that some other program is.
    ///
    /// # Errors
    /// When it does not start or breaks off the handshake.
    pub fn plugin_by(
        mut command: Command,
        dialect: Dialect,
        more: &[&str],
    ) -> Result<Self, BenchError> {
        let dir = directory()?;
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
        let mut command = Command::new(binary.path()?);
        command.args(more);
        Self::bare_by(command)
    }

    /// [`bare`](Self::bare) that some other program is.
    ///
    /// # Errors
    /// When it does not start.
    pub fn bare_by(mut command: Command) -> Result<Self, BenchError> {
        let dir = directory()?;
        command.arg("--socket-path").arg(dir.path().join("p.sock"));
        Self::start(command, dir, |_, stdout| read_line(stdout, "listening"))
    }

    /// Starts a program that says `listening` and then has nothing to do.
    ///
    /// # Errors
    /// When it does not start.
    pub fn waiting(command: Command) -> Result<Self, BenchError> {
        Self::start(command, directory()?, |_, stdout| read_line(stdout, "listening"))
    }

    /// Starts a server that takes its socket by `--uds`, and waits until it answers the JSON route.
    ///
    /// # Errors
    /// When it does not start or answers anything else.
    pub fn server(mut command: Command) -> Result<Self, BenchError> {
        let dir = directory()?;
        let socket = dir.path().join("p.sock");
        command.arg("--uds").arg(&socket);
        Self::start(command, dir, |child, _| {
            listening(child, &socket)?;
            load::exchange(&mut host::dial(&socket)?, &app::signed_get(app::JSON_PATH)).map(drop)
        })
    }

    fn start(
        mut command: Command,
        dir: TempDir,
        until: impl FnOnce(&mut Child, &mut BufReader<ChildStdout>) -> Result<(), BenchError>,
    ) -> Result<Self, BenchError> {
        let path = dir.path().join(LOG);
        let log = File::create(&path).map_err(BenchError::system(path.display().to_string()))?;
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let what = format!("start {}", command.get_program().display());
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
        match listening {
            Ok(()) => Ok(process),
            Err(error) => Err(BenchError::unexpected(format!("{what}: {error}{}", tail(&path)))),
        }
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

    /// The threads of the process and of those it has started, `/proc/<id>/task/<thread>` each.
    #[must_use]
    pub fn threads(&self) -> Vec<PathBuf> {
        self.family().into_iter().flat_map(tasks).collect()
    }

    /// The processor time of all its threads so far, and of the processes it has started.
    ///
    /// # Errors
    /// When `/proc` has nothing on it.
    pub fn cpu(&self) -> Result<Duration, BenchError> {
        let threads = self.threads();
        if threads.is_empty() {
            return Err(BenchError::unexpected(format!("/proc has no process {}", self.id())));
        }
        let nanos = threads.iter().map(|thread| {
            // A thread that has ended since it was listed counts as one listed later.
            let text = fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
            let first = text.split_whitespace().next().unwrap_or_default();
            first.parse::<u64>().unwrap_or(0)
        });
        Ok(Duration::from_nanos(nanos.sum()))
    }

    /// This process's id, then those of its descendants.
    fn family(&self) -> Vec<u32> {
        let mut family = vec![self.id()];
        let mut looked_at = 0;
        while let Some(id) = family.get(looked_at).copied() {
            looked_at += 1;
            for thread in tasks(id) {
                let children = fs::read_to_string(thread.join("children")).unwrap_or_default();
                family.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
            }
        }
        family
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let family = self.family();
        // It may have ended by itself; either way it is waited for, so that none is left behind.
        drop(self.child.kill());
        drop(self.child.wait());
        // Its workers would outlive it, and go on taking processor time from what is measured next.
        for id in family.into_iter().skip(1) {
            if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
                // It may have seen the end of its parent and ended, too.
                let _ = kill_process(id, Signal::KILL);
            }
        }
    }
}

/// The threads of a process; none when it has ended.
fn tasks(id: u32) -> Vec<PathBuf> {
    let entries = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// How long a program takes from `spawn` to its exit.
///
/// # Errors
/// When it does not start or does not succeed.
pub fn to_exit(mut command: Command) -> Result<Duration, BenchError> {
    let what = format!("run {}", command.get_program().display());
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status().map_err(BenchError::system(what.clone()))?;
    let took = start.elapsed();
    if status.success() {
        return Ok(took);
    }
    Err(BenchError::unexpected(format!("{what}: {status}")))
}

/// Waits until a starting server takes connections.
fn listening(child: &mut Child, socket: &Path) -> Result<(), BenchError> {
    let start = Instant::now();
    while UnixStream::connect(socket).is_err() {
        if let Some(status) = child.try_wait().map_err(BenchError::system("look at a server"))? {
            return Err(BenchError::unexpected(format!("the server has ended: {status}")));
        }
        if start.elapsed() > PATIENCE {
            return Err(BenchError::unexpected("the server does not listen"));
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// The last of what a process wrote to stderr, for the end of an error's text.
fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let end = &text[text.len().saturating_sub(LOG_TAIL)..];
    let end = String::from_utf8_lossy(end);
    if end.trim().is_empty() { String::new() } else { format!("; its last words:\n{end}") }
}

/// A directory with a path short enough for a socket.
pub(crate) fn directory() -> Result<TempDir, BenchError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn workers_of_a_process_end_with_it() {
        let process = Process::waiting(shell("sleep 600 & echo listening; wait")).unwrap();
        let [_, worker] = process.family()[..] else { panic!("{:?}", process.family()) };
        assert_eq!(process.threads().len(), 2);
        drop(process);
        // Killed: gone, or waiting for its new parent to notice.
        let ended = || match fs::read_to_string(format!("/proc/{worker}/stat")) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        let start = Instant::now();
        while !ended() {
            assert!(start.elapsed() < PATIENCE, "{worker} goes on");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_failed_start_says_what_the_process_said() {
        let error = Process::waiting(shell("echo no module named x >&2; echo no")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("/bin/sh") && text.contains("no module named x"), "{text}");
        let error = Process::server(shell("echo bad option >&2; exit 3")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("exit status: 3") && text.contains("bad option"), "{text}");
    }

    #[test]
    fn only_a_program_that_succeeds_has_a_time() {
        assert!(to_exit(shell("exit 0")).is_ok());
        assert!(to_exit(shell("exit 1")).unwrap_err().to_string().contains("exit status: 1"));
    }
}
