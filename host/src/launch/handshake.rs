//! The steps from a started process to a running plugin, one a method (PROTOCOL.md, section "HS:
//! handshake").

use std::fmt;
use std::time::Duration;

use temps_plugin_schema::{Dialect, PluginManifest, Secret, limits};
use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, ChildStdout};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::lines::{self, Offer};
use super::options::{LaunchLine, Launcher};
use super::start::Handshake;
use crate::http::PluginHttp;
use crate::plugin::{Parts, RunningPlugin};
use crate::process::{Ended, KillOnDrop, Signal};
use crate::start_error::{StartError, StartErrorKind, Step};
use crate::stdio::{self, LineError, LineReader, REST_OF_STREAM, Stream, Tail};
use crate::tap::{Direction, Tap, WireKind};

/// How long a plugin that closed its standard output may take to exit.
const EXIT_AFTER_CLOSE: Duration = Duration::from_secs(2);

/// A process whose handshake is under way, one step a method.
///
/// [`Launcher::start`] takes them all in order. Whoever takes them one by one can leave some out, or
/// write something else. A step that fails ends the process; so does dropping this.
pub struct Starting {
    pub(super) launcher: Launcher,
    pub(super) dialect: Dialect,
    pub(super) secret: Secret,
    pub(super) group: KillOnDrop,
    pub(super) tap: Tap,
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<LineReader<ChildStdout>>,
    pub(super) stderr: Tail,
    pub(super) stderr_task: Option<JoinHandle<()>>,
    pub(super) deadline: Instant,
    pub(super) announced: Option<(Box<PluginManifest>, String)>,
}

impl fmt::Debug for Starting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Starting")
            .field("pid", &self.pid())
            .field("dialect", &self.dialect)
            .finish_non_exhaustive()
    }
}

impl Starting {
    /// The process id, which is also that of its group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.group.0.pid()
    }

    /// The dialect spoken.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The secret of this start.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The last lines of standard error, redacted.
    #[must_use]
    pub fn stderr_tail(&self) -> Vec<String> {
        self.stderr.lines()
    }

    /// What came over standard error in all.
    #[must_use]
    pub fn stderr_totals(&self) -> stdio::StreamTotals {
        self.stderr.totals()
    }

    /// Waits for a line on standard error that `wanted` accepts, `None` when none came in time.
    pub async fn wait_stderr(
        &self,
        timeout: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<String> {
        tokio::time::timeout(timeout, self.stderr.find(wanted)).await.ok()?
    }

    /// Sends a signal to the plugin.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> std::io::Result<()> {
        self.group.0.signal(signal)
    }

    /// Waits for the end of the process and of what it wrote to standard error, `None` when it lives
    /// on.
    pub async fn wait_exit(&self, timeout: Duration) -> Option<Ended> {
        let ended = self.group.0.wait_for(timeout).await?;
        self.stderr.rest().await;
        Some(ended)
    }

    /// The next line of standard output as it comes, without its end, within this step's time.
    ///
    /// # Errors
    /// When none comes, or one that is too long or not ended by `\n`.
    pub async fn next_line(&mut self) -> Result<String, StartError> {
        let step = self.step();
        match self.read_line().await {
            Ok(line) => Ok(line),
            Err(kind) => Err(self.fail(step, kind).await),
        }
    }

    /// The first step: reads and checks the first line (HS-12, HS-16).
    ///
    /// # Errors
    /// When no line comes, or another one, or its manifest is not valid or asks for what this start
    /// does not provide.
    pub async fn announce(&mut self) -> Result<&PluginManifest, StartError> {
        let line = self.next_line().await?;
        let manifest = lines::read_announcement(self.dialect, line.as_bytes(), &self.tap.redactor)
            .and_then(|manifest| {
                if self.dialect == Dialect::Two {
                    self.offer().covers(&manifest)?;
                }
                Ok(manifest)
            });
        match manifest {
            Ok(manifest) => {
                self.deadline = Instant::now() + self.launcher.step_timeout;
                Ok(&self.announced.insert((manifest, line)).0)
            }
            Err(kind) => Err(self.fail(Step::Announce, kind).await),
        }
    }

    /// The second step in dialect 2: writes the launch line and closes standard input (HS-19, HS-20),
    /// or does what [`Launcher::launch_line`] says instead. Nothing happens in dialect 1.
    ///
    /// # Errors
    /// When it is not taken within the step's time. That the plugin has gone is for the next step to
    /// find out.
    pub async fn send_launch_line(&mut self) -> Result<(), StartError> {
        let line = match (&self.launcher.launch_line, &self.announced) {
            (LaunchLine::Proper, Some((manifest, _))) => self.offer().launch_line(manifest),
            (LaunchLine::Proper, None) | (LaunchLine::Nothing, _) => Ok(Vec::new()),
            (LaunchLine::Raw(bytes), _) => Ok(bytes.clone()),
            (LaunchLine::Withheld, _) => return Ok(()),
        };
        let written = match line {
            Ok(line) => tokio::time::timeout_at(self.deadline, self.write_stdin(&line)).await,
            Err(error) => Ok(Err(std::io::Error::other(error))),
        };
        self.close_stdin();
        let kind = match written {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            Ok(Err(error)) => StartErrorKind::Stdio(error),
            Err(_) => self.timeout(),
        };
        Err(self.fail(Step::Launch, kind).await)
    }

    /// Writes bytes to standard input, which stays open.
    ///
    /// # Errors
    /// When it is closed, here or by the plugin.
    pub async fn write_stdin(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let Some(stdin) = &mut self.stdin else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        stdin.write_all(bytes).await?;
        stdin.flush().await?;
        if !bytes.is_empty() {
            self.tap.record(Direction::ToPlugin, bytes.len(), |tap| WireKind::Stdin {
                text: tap.text(&String::from_utf8_lossy(bytes)),
            });
        }
        Ok(())
    }

    /// How many bytes of standard input the plugin has not read yet; 0 when it is closed.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn stdin_unread(&self) -> std::io::Result<u64> {
        match &self.stdin {
            Some(stdin) => Ok(rustix::io::ioctl_fionread(stdin)?),
            None => Ok(0),
        }
    }

    /// Closes standard input.
    pub fn close_stdin(&mut self) {
        if self.stdin.take().is_some() {
            self.tap.record(Direction::ToPlugin, 0, |_| WireKind::StdinClosed);
        }
    }

    /// The remaining steps after [`Starting::announce`]: launch line, `ready`, health.
    ///
    /// # Errors
    /// When one of them fails.
    pub async fn finish(mut self) -> Result<RunningPlugin, StartError> {
        if self.dialect == Dialect::Two {
            self.send_launch_line().await?;
        }
        self.ready().await
    }

    /// The last steps: reads and checks `ready` (HS-13, HS-18) and asks for health (HS-38).
    ///
    /// # Errors
    /// When no line comes, or another one, when the socket does not answer, or when
    /// [`Starting::announce`] has not been taken before.
    pub async fn ready(mut self) -> Result<RunningPlugin, StartError> {
        let line = self.next_line().await?;
        let ready = lines::read_ready(self.dialect, line.as_bytes(), &self.tap.redactor);
        let (ready, announced) = match (ready, self.announced.take()) {
            (Ok(ready), Some(announced)) => (ready, announced),
            (Err(kind), _) => return Err(self.fail(Step::Ready, kind).await),
            (Ok(_), None) => {
                let reason = "comes without a first line before it".to_owned();
                return Err(self.fail(Step::Ready, StartErrorKind::NotReady { reason }).await);
            }
        };
        let handshake = Handshake {
            dialect: self.dialect,
            manifest: *announced.0,
            ready,
            announce_line: announced.1,
            ready_line: line,
        };
        let http = PluginHttp::new(
            &self.launcher.socket_path,
            &handshake.manifest.health_path,
            self.dialect,
            self.secret.clone(),
            self.tap.clone(),
            self.launcher.kept_connections,
        );
        if self.launcher.check_health
            && let Err(kind) = self.check_health(&http).await
        {
            return Err(self.fail(Step::Health, kind).await);
        }
        Ok(self.into_running(handshake, http).await)
    }

    async fn check_health(&self, http: &PluginHttp) -> Result<(), StartErrorKind> {
        let reason = match tokio::time::timeout_at(self.deadline, http.health()).await {
            Ok(Ok(status)) if status == http::StatusCode::OK => return Ok(()),
            Ok(Ok(status)) => format!("health answers with {status}"),
            Ok(Err(error)) => error.to_string(),
            Err(_) => return Err(self.timeout()),
        };
        let reason = self.tap.redactor.clean(&reason).into_owned();
        Err(StartErrorKind::SocketNotReady { reason })
    }

    async fn into_running(mut self, handshake: Handshake, http: PluginHttp) -> RunningPlugin {
        let stray = Tail::new(self.launcher.tail);
        let stdout = self.stdout.take().filter(|_| !self.launcher.close_stdout);
        if stdout.is_none() {
            stray.end();
        }
        let stdout_task = stdout
            .map(|stdout| stdio::drain(stdout, Stream::Stdout, stray.clone(), self.tap.clone()));
        if self.launcher.close_stderr
            && let Some(task) = self.stderr_task.take()
        {
            task.abort();
            // Only once the task is gone is the pipe closed. That it was aborted is no news.
            let _ = task.await;
            self.stderr.end();
        }
        RunningPlugin::new(Parts {
            group: self.group,
            handshake,
            socket_path: self.launcher.socket_path,
            secret: self.secret,
            http,
            stderr: self.stderr,
            stray,
            drains: stdout_task.into_iter().chain(self.stderr_task).collect(),
            stdin: self.stdin,
            tap: self.tap,
        })
    }

    fn offer(&self) -> Offer<'_> {
        Offer {
            secret: &self.secret,
            database_url: self.launcher.database_url.as_ref(),
            host_data_dir: self.launcher.host_data_dir.as_deref(),
        }
    }

    fn step(&self) -> Step {
        match self.announced {
            None => Step::Announce,
            Some(_) => Step::Ready,
        }
    }

    fn timeout(&self) -> StartErrorKind {
        StartErrorKind::Timeout { after: self.launcher.step_timeout }
    }

    async fn read_line(&mut self) -> Result<String, StartErrorKind> {
        let group = self.group.0.clone();
        let Some(stdout) = &mut self.stdout else {
            return Err(StartErrorKind::StdoutClosed);
        };
        let line = async {
            tokio::select! {
                biased;
                line = stdout.next(limits::HANDSHAKE_LINE_BYTES) => return line,
                _ = group.wait() => {}
            }
            // The process is gone; what it wrote may still be in the pipe.
            let rest = stdout.next(limits::HANDSHAKE_LINE_BYTES);
            tokio::time::timeout(REST_OF_STREAM, rest).await.unwrap_or(Ok(None))
        };
        let outcome = tokio::time::timeout_at(self.deadline, line).await;
        let redactor = &self.tap.redactor;
        match outcome {
            Err(_) => Err(self.timeout()),
            Ok(Ok(Some(line))) => {
                stdio::record_line(&self.tap, Stream::Stdout, &line.bytes, line.bytes.len());
                if !line.ended {
                    return Err(lines::bad_line("does not end in `\\n`", &line.bytes, redactor));
                }
                String::from_utf8(line.bytes)
                    .map_err(|e| lines::bad_line("is not UTF-8", e.as_bytes(), redactor))
            }
            Ok(Ok(None)) => match group.wait_for(EXIT_AFTER_CLOSE).await {
                Some(ended) => Err(StartErrorKind::ExitedEarly { exit: ended.exit }),
                None => Err(StartErrorKind::StdoutClosed),
            },
            Ok(Err(LineError::TooLong { beginning })) => Err(StartErrorKind::LineTooLong {
                limit: limits::HANDSHAKE_LINE_BYTES,
                excerpt: lines::excerpt(&beginning, redactor),
            }),
            Ok(Err(LineError::Io(error))) => Err(StartErrorKind::Stdio(error)),
        }
    }

    /// Ends the process, waits for it, and tells why with its last words (HS-07).
    async fn fail(&self, step: Step, kind: StartErrorKind) -> StartError {
        self.group.0.kill();
        let ended = self.group.0.wait().await;
        self.stderr.rest().await;
        StartError::new(&self.launcher.program, step, kind)
            .in_dialect(self.dialect)
            .with_last_words(self.stderr.lines(), Some(ended.exit))
    }
}
