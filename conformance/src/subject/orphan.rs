//! A plugin whose host has died.
//!
//! The part of that host is taken by a shell between the suite and the plugin: what is killed is the
//! shell, and what is closed are the pipes it shared with the plugin.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Pid;
use temps_plugin_host::tap::Direction;
use temps_plugin_host::{Signal, members};
use temps_plugin_schema::{Dialect, Secret};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdout, Command};

use super::{Cx, Plan, Raw};
use crate::model::{Stop, ensure};
use crate::transcript::Tape;

/// Runs the plugin beside the shell and waits. A command in the background has no standard input
/// unless it is given one by name.
const SCRIPT: &str = r#"exec 3<&0; "$@" <&3 3<&- & exec 3<&-; wait"#;
const POLL: Duration = Duration::from_millis(5);

/// A plugin that has become ready below a process that is to die. Dropping it kills it.
pub struct Orphan {
    /// That process and its end of the plugin's standard output, while it lives.
    host: Option<(Child, BufReader<ChildStdout>)>,
    /// Its process group, which the plugin is in too.
    group: u32,
    pid: u32,
    socket: PathBuf,
    health_path: String,
    limit: Duration,
    tape: Tape,
}

impl Cx {
    /// Starts the plugin below a shell, goes through the handshake and sees the plugin answer.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it does not become ready, [`Stop::Skipped`] where processes can't be
    /// followed.
    pub async fn orphan(&self, plan: &Plan) -> Result<Orphan, Stop> {
        if !Path::new("/proc/self/stat").exists() {
            return Err(Stop::skip("there is no /proc to follow processes by"));
        }
        let dialect = self.dialect();
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", SCRIPT, "sh"])
            .arg(&self.subject.base.program)
            .args(plan.protocol_args())
            .process_group(0)
            .kill_on_drop(true)
            .stdin(match dialect {
                Dialect::One => Stdio::null(),
                Dialect::Two => Stdio::piped(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut shell = shell
            .spawn()
            .map_err(|e| Stop::skip(format!("there is no /bin/sh to put in between: {e}")))?;
        let group = shell.id().unwrap_or_default();
        let mut orphan = Orphan {
            host: None,
            group,
            pid: 0,
            socket: plan.socket.clone(),
            health_path: self.health_path().to_owned(),
            limit: self.limit(15),
            tape: self.tape.for_process(&Secret::new(plan.secret())),
        };
        let ready = orphan.handshake(&mut shell, plan, dialect);
        let stdout = tokio::time::timeout(self.limit(30), ready)
            .await
            .map_err(|_| Stop::failed("`ready` below another process", "nothing within 30 s"))??;
        orphan.pid = members(group).into_iter().find(|pid| *pid != group).ok_or_else(|| {
            Stop::failed("a plugin that runs below another process", "no process there")
        })?;
        orphan.expect_health("before its host died").await?;
        orphan.host = Some((shell, stdout));
        Ok(orphan)
    }
}

impl Orphan {
    async fn handshake(
        &self,
        shell: &mut Child,
        plan: &Plan,
        dialect: Dialect,
    ) -> Result<BufReader<ChildStdout>, Stop> {
        let stdout = shell.stdout.take();
        let stdout = stdout.ok_or_else(|| Stop::fault("the shell", "no standard output"))?;
        let mut stdout = BufReader::new(stdout);
        self.line(&mut stdout).await?;
        if let (Dialect::Two, Some(mut stdin)) = (dialect, shell.stdin.take()) {
            // A plugin that has ended instead shows when its next line is read.
            let _ = stdin.write_all(format!("{}\n", plan.launch_value()).as_bytes()).await;
        }
        let ready = self.line(&mut stdout).await?;
        match ready.contains("\"ready\"") {
            true => Ok(stdout),
            false => Err(Stop::failed("`ready`", ready)),
        }
    }

    /// Kills the shell and closes what the plugin reads from and writes to.
    ///
    /// # Errors
    /// [`Stop::Fault`] when the shell cannot be killed.
    pub async fn lose_host(&mut self) -> Result<(), Stop> {
        if let Some((mut shell, _stdout)) = self.host.take() {
            // It is waited for as well, so that the plugin has another parent afterwards.
            shell.kill().await.map_err(|e| Stop::fault("killing the shell", e))?;
        }
        Ok(())
    }

    async fn line(&self, stdout: &mut BufReader<ChildStdout>) -> Result<String, Stop> {
        let mut line = String::new();
        let read = stdout.read_line(&mut line).await;
        self.tape.note(Direction::FromPlugin, "stdout", line.len(), line.trim_end());
        match read {
            Ok(read) if read > 0 => Ok(line),
            Ok(_) => Err(Stop::failed("a line of the handshake", "the end of standard output")),
            Err(error) => Err(Stop::failed("a line of the handshake", error.to_string())),
        }
    }

    /// A connection to its socket.
    ///
    /// # Errors
    /// [`Stop::Failed`] when the socket does not accept.
    pub async fn raw(&self, when: &str) -> Result<Raw, Stop> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| {
            Stop::failed(format!("a socket that accepts connections {when}"), error.to_string())
        })?;
        Ok(Raw::new(stream, self.limit, self.tape.clone()))
    }

    /// Expects health 200 over a new connection.
    ///
    /// # Errors
    /// [`Stop::Failed`] when something else comes, or nothing.
    pub async fn expect_health(&self, when: &str) -> Result<(), Stop> {
        let request = format!("GET {} HTTP/1.1\r\nhost: plugin\r\n\r\n", self.health_path);
        let status = self.raw(when).await?.request(&request).await?.status;
        ensure(status == 200, format!("health 200 {when}"), || status.to_string())
    }

    /// Whether the plugin itself runs.
    #[must_use]
    pub fn lives(&self) -> bool {
        members(self.group).contains(&self.pid)
    }

    /// Sends SIGTERM and waits until nothing of the group is left.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it does not end.
    pub async fn stop(&self, limit: Duration) -> Result<(), Stop> {
        self.signal(Signal::TERM);
        let deadline = tokio::time::Instant::now() + limit;
        while !members(self.group).is_empty() {
            if tokio::time::Instant::now() >= deadline {
                return Err(Stop::failed(
                    format!("the plugin ends within {} s of SIGTERM", limit.as_secs_f64()),
                    "it still runs",
                ));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Signals the plugin, unless it has ended: its id may be another program's then.
    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).filter(|_| self.lives());
        if let Some(pid) = pid {
            // It may end at this very moment.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        let group = i32::try_from(self.group).ok().and_then(Pid::from_raw);
        if let Some(group) = group.filter(|_| !members(self.group).is_empty()) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}
