//! A process whose handshake is taken step by step, or wrongly on purpose.

use std::time::Duration;

use temps_plugin_host::{Ended, Exit, RunningPlugin, Signal, StartErrorKind, Starting};

use super::plan::Plan;
use super::start_failed;
use crate::model::{Stop, ensure};

const POLL: Duration = Duration::from_micros(200);
/// What becomes of a start that may be refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StartEnd {
    /// `ready` came.
    Ready,
    /// The process exited.
    Exited(Exit),
}

fn is_ready(line: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line["type"] == "ready")
}

/// A started process. Dropping it kills it.
pub struct Process {
    starting: Starting,
    /// How long a write to standard input may be held up.
    write_limit: Duration,
}

impl Process {
    pub(super) fn new(starting: Starting, write_limit: Duration) -> Self {
        Self { starting, write_limit }
    }

    /// The next line of standard output.
    ///
    /// # Errors
    /// [`Stop::Failed`] when none comes; the process is killed then.
    pub async fn line(&mut self) -> Result<String, Stop> {
        self.starting.next_line().await.map_err(|error| start_failed(&error))
    }

    /// Reads and checks the first line.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it is not the one of the dialect; the process is killed then.
    pub async fn announce(&mut self) -> Result<(), Stop> {
        self.starting.announce().await.map(|_| ()).map_err(|error| start_failed(&error))
    }

    /// Writes to standard input. A plugin that has stopped reading is none of this method's business.
    pub async fn write_stdin(&mut self, bytes: &[u8]) {
        let _ = tokio::time::timeout(self.write_limit, self.starting.write_stdin(bytes)).await;
    }

    /// Waits until the plugin has read all that was written to standard input so far.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it does not read, [`Stop::Fault`] when the system does not tell.
    pub async fn stdin_read(&self) -> Result<(), Stop> {
        let deadline = tokio::time::Instant::now() + self.write_limit;
        loop {
            match self.starting.stdin_unread() {
                Ok(0) => return Ok(()),
                Ok(unread) if tokio::time::Instant::now() >= deadline => {
                    let seen = format!("{unread} bytes are not read");
                    return Err(Stop::failed("a plugin that reads its launch line", seen));
                }
                Ok(_) => tokio::time::sleep(POLL).await,
                Err(error) => return Err(Stop::fault("standard input", error)),
            }
        }
    }

    /// Closes standard input.
    pub fn close_stdin(&mut self) {
        self.starting.close_stdin();
    }

    /// Goes as far into a proper handshake as the plugin does: reads its first line and hands it the
    /// launch line in dialect 2. In dialect 1 there is nothing to hand over.
    pub async fn hand_over(&mut self, plan: &Plan) {
        if self.starting.dialect().number() == 2 && self.starting.next_line().await.is_ok() {
            self.write_stdin(format!("{}\n", plan.launch_value()).as_bytes()).await;
            self.close_stdin();
        }
    }

    /// Expects the plugin to refuse: to exit by itself with a status other than 0 and a message on
    /// standard error, without `ready`.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it does anything else.
    pub async fn refusal(&mut self, limit: Duration) -> Result<String, Stop> {
        const EXPECTED: &str =
            "an exit with a status other than 0 and a message on stderr, without `ready`";
        let ended = self.starting.wait_exit(limit).await;
        let Some(ended) = ended else {
            let seen = match self.next_ready().await {
                Some(line) => format!("it wrote {line}"),
                None => format!("it still runs after {} s", limit.as_secs_f64()),
            };
            return Err(Stop::failed(EXPECTED, seen));
        };
        ensure(!ended.killed, EXPECTED, || "it did not exit by itself".into())?;
        let status = match ended.exit {
            Exit::Code(code) if code != 0 => code,
            other => return Err(Stop::failed(EXPECTED, format!("it {other}"))),
        };
        if let Some(line) = self.next_ready().await {
            return Err(Stop::failed(EXPECTED, format!("it wrote {line}")));
        }
        let said = self.stderr();
        let Some(last) = said.iter().rev().find(|line| !line.trim().is_empty()) else {
            return Err(Stop::failed(EXPECTED, format!("status {status} and nothing on stderr")));
        };
        Ok(format!("status {status}, {:?}", last.chars().take(120).collect::<String>()))
    }

    /// Waits for what becomes of a start that the plugin may refuse, and shows the lines of standard
    /// output on the way there.
    ///
    /// # Errors
    /// What else it did than to become ready or to exit.
    pub(crate) async fn outcome(
        &mut self,
        limit: Duration,
        mut see: impl FnMut(&str),
    ) -> Result<StartEnd, String> {
        let lines = async {
            loop {
                match self.starting.next_line().await {
                    Ok(line) => {
                        see(&line);
                        if is_ready(&line) {
                            return Ok(StartEnd::Ready);
                        }
                    }
                    Err(error) => match error.kind() {
                        StartErrorKind::ExitedEarly { exit } => {
                            return Ok(StartEnd::Exited(exit.clone()));
                        }
                        other => return Err(other.to_string()),
                    },
                }
            }
        };
        tokio::time::timeout(limit, lines).await.unwrap_or_else(|_| {
            Err(format!("neither `ready` nor an exit within {} s", limit.as_secs_f64()))
        })
    }

    /// A `ready` among the lines that are left on standard output.
    async fn next_ready(&mut self) -> Option<String> {
        // A line that was not waited for is in the pipe already, or will not come.
        let rest = async {
            while let Ok(line) = self.starting.next_line().await {
                if line.contains("\"ready\"") {
                    return Some(line);
                }
            }
            None
        };
        tokio::time::timeout(Duration::from_secs(1), rest).await.ok().flatten()
    }

    /// What came over standard error, redacted.
    #[must_use]
    pub fn stderr(&self) -> Vec<String> {
        self.starting.stderr_tail()
    }

    /// How many lines of standard error had the secret in them.
    #[must_use]
    pub fn leaks(&self) -> u64 {
        self.starting.stderr_totals().leaks
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// [`Stop::Failed`] when the process has ended.
    pub fn signal(&self, signal: Signal) -> Result<(), Stop> {
        self.starting
            .signal(signal)
            .map_err(|e| Stop::failed("a process that lives until it is signalled", e.to_string()))
    }

    /// Waits for the process to end by itself.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it does not.
    pub async fn exit(&self, limit: Duration) -> Result<Ended, Stop> {
        self.starting.wait_exit(limit).await.ok_or_else(|| {
            Stop::failed(
                format!("the process ends within {} s", limit.as_secs_f64()),
                "it still runs",
            )
        })
    }

    pub(super) async fn finish(self) -> Result<RunningPlugin, Stop> {
        self.starting.finish().await.map_err(|error| start_failed(&error))
    }

    pub(super) async fn ready(self) -> Result<RunningPlugin, Stop> {
        self.starting.ready().await.map_err(|error| start_failed(&error))
    }
}
