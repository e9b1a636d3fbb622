//! From a [`Launcher`] to a process: arguments, streams, secret, and why the system refused.

use std::io;
use std::os::fd::AsRawFd as _;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use temps_plugin_schema::{Dialect, Secret};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::handshake::Starting;
use super::options::Launcher;
use crate::diagnose::diagnose;
use crate::process::{Group, KillOnDrop};
use crate::redact::Redactor;
use crate::start_error::{StartError, StartErrorKind, Step};
use crate::stdio::{self, LineReader, Stream, Tail};
use crate::tap::{Direction, Tap, WireKind};

/// Random bytes of a secret; as text they are 43 characters.
const SECRET_BYTES: usize = 32;
/// How often a file that is being written is tried, and how long to wait in between.
const BUSY_TRIES: u32 = 40;
const BUSY_PAUSE: Duration = Duration::from_millis(25);

impl Launcher {
    /// Starts the process in `dialect`, whatever was chosen, and takes no step of the handshake.
    ///
    /// # Errors
    /// When the process cannot be started; the error says why.
    pub async fn spawn_in(&self, dialect: Dialect) -> Result<Starting, StartError> {
        let fail = |kind| StartError::new(&self.program, Step::Spawn, kind).in_dialect(dialect);
        let secret = match &self.secret {
            Some(secret) => secret.clone(),
            None => fresh_secret().map_err(fail)?,
        };
        let redactor =
            Redactor::new(std::iter::once(secret.clone()).chain(self.database_url.iter().cloned()));
        let tap = Tap::new(self.tap.clone(), redactor);
        let mut child = self
            .run(dialect, &secret)
            .await
            .map_err(|error| fail(diagnose(&self.program, self.working_dir.as_deref(), error)))?;
        let pid = child.id().unwrap_or_default();
        tap.record(Direction::ToPlugin, 0, |tap| WireKind::Spawn {
            pid,
            program: self.program.display().to_string(),
            args: self
                .arguments(dialect, &secret)
                .iter()
                .map(|arg| tap.text(&arg.to_string_lossy()))
                .collect(),
        });
        let stdin = child.stdin.take();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let group = Group::adopt(child, tap.clone()).map_err(|e| fail(StartErrorKind::Spawn(e)))?;
        let group = KillOnDrop(group);
        if let Some(told) = &self.on_spawn {
            told(pid).map_err(|error| fail(StartErrorKind::NotRecorded(error)))?;
        }
        let tail = Tail::new(self.tail).heard_by(self.on_stderr.clone());
        let drain = |stderr| {
            let reader = LineReader::new(stderr);
            stdio::drain(reader, Stream::Stderr, tail.clone(), tap.clone())
        };
        Ok(Starting {
            launcher: self.clone(),
            dialect,
            secret,
            group,
            stdin,
            stdout: stdout.map(LineReader::new),
            stderr_task: stderr.map(drain),
            stderr: tail,
            deadline: Instant::now() + self.step_timeout,
            announced: None,
            tap,
        })
    }

    /// Starts the process. A file that another process has just been writing, as an installer does,
    /// is tried for up to a second.
    async fn run(&self, dialect: Dialect, secret: &Secret) -> io::Result<Child> {
        let mut tries = 0;
        loop {
            match self.command(dialect, secret).spawn() {
                Err(error)
                    if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES =>
                {
                    tries += 1;
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    fn command(&self, dialect: Dialect, secret: &Secret) -> Command {
        let mut command = match &self.opened {
            // Closed on exec, after the system has looked it up: no plugin gets another one's file.
            Some(file) => Command::new(format!("/proc/self/fd/{}", file.as_raw_fd())),
            None => Command::new(&self.program),
        };
        command
            .arg0(&self.program)
            .args(self.arguments(dialect, secret))
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .kill_on_drop(true)
            .stdin(match dialect {
                Dialect::One => Stdio::null(),
                Dialect::Two => Stdio::piped(),
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(dir) = &self.working_dir {
            command.current_dir(dir);
        }
        command
    }
}

/// A secret from the system's random source (LA-07), which does not begin with `-` (LA-22).
fn fresh_secret() -> Result<Secret, StartErrorKind> {
    let mut bytes = [0; SECRET_BYTES];
    loop {
        getrandom::fill(&mut bytes).map_err(|error| StartErrorKind::NoRandom(error.to_string()))?;
        let text = URL_SAFE_NO_PAD.encode(bytes);
        if !text.starts_with('-') {
            return Ok(Secret::new(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use temps_plugin_schema::handshake::is_auth_secret;

    #[test]
    fn secrets_are_fresh_and_of_the_form_the_protocol_asks_for() {
        let one = fresh_secret().unwrap();
        let two = fresh_secret().unwrap();
        assert!(is_auth_secret(one.expose()) && one.expose().len() == 43);
        assert_ne!(one.expose(), two.expose());
    }
}
