//! The lines over stdout and stdin (PROTOCOL.md, section "Handshake").

use std::io::{PipeReader, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use temps_plugin_schema::handshake::{LaunchConfig, PluginLine};
use temps_plugin_schema::{DecodeError, Dialect, PluginManifest, Secret, Wire, limits};

use super::args::Arguments;
use super::stdio::{Line, read_line};
use crate::{ErrorKind, PluginSdkError};

/// The plugin's side of the handshake.
pub(crate) struct Handshake {
    dialect: Dialect,
    /// Taken when the launch line is read; dialect 1 never does (HS-14).
    stdin: Option<OwnedFd>,
    /// Kept open for the plugin's whole life: a host may take its end for the process's.
    stdout: Box<dyn Write + Send>,
    /// How long a host may take to write the launch line.
    patience: Duration,
    /// The second line was written.
    said_ready: bool,
}

/// What a host has told a plugin, in either dialect.
pub(crate) struct Launched {
    pub(crate) dialect: Dialect,
    pub(crate) socket_path: PathBuf,
    pub(crate) data_dir: PathBuf,
    pub(crate) auth_secret: Secret,
    pub(crate) database_url: Option<Secret>,
    pub(crate) host_api_url: Option<String>,
    pub(crate) host_data_dir: Option<PathBuf>,
}

impl Handshake {
    pub(crate) fn new(dialect: Dialect, stdin: OwnedFd, stdout: Box<dyn Write + Send>) -> Self {
        Self {
            dialect,
            stdin: Some(stdin),
            stdout,
            patience: limits::HANDSHAKE_STEP,
            said_ready: false,
        }
    }

    /// Writes the first line.
    pub(crate) fn announce(&mut self, manifest: &PluginManifest) -> Result<(), PluginSdkError> {
        let line = PluginLine::announce(self.dialect, manifest.clone());
        let text = serde_json::to_string(&line)?;
        if text.len() >= limits::HANDSHAKE_LINE_BYTES {
            return Err(PluginSdkError::new(
                ErrorKind::Manifest,
                format!(
                    "the manifest has {} bytes; a handshake line has at most 2 MiB",
                    text.len()
                ),
            ));
        }
        self.write(text)
    }

    /// Gathers what the host gives: by argument in dialect 1, by its launch line in dialect 2, which
    /// is waited for on this thread. `None` when `stopping` ended first.
    pub(crate) fn launched(
        &mut self,
        manifest: &PluginManifest,
        arguments: Arguments,
        stopping: Option<&PipeReader>,
    ) -> Result<Option<Launched>, PluginSdkError> {
        let dialect = self.dialect;
        let Arguments { socket_path, data_dir, auth_secret, database_url, host_api_url, .. } =
            arguments;
        let (auth_secret, database_url, host_data_dir) = match auth_secret {
            Some(secret) => (secret, database_url, None),
            None => {
                let Some(config) = self.launch_line(manifest, stopping)? else { return Ok(None) };
                (config.auth_secret, config.database_url, config.host_data_dir)
            }
        };
        Ok(Some(Launched {
            dialect,
            socket_path,
            data_dir,
            auth_secret,
            database_url,
            host_api_url,
            host_data_dir: host_data_dir.map(PathBuf::from),
        }))
    }

    /// Reads and checks the host's launch line (HS-25 to HS-37).
    fn launch_line(
        &mut self,
        manifest: &PluginManifest,
        stopping: Option<&PipeReader>,
    ) -> Result<Option<LaunchConfig>, PluginSdkError> {
        let Some(stdin) = self.stdin.take() else {
            return Err(refused("stdin was read before"));
        };
        let line = read_line(&stdin, limits::LAUNCH_LINE_BYTES, self.patience, stopping);
        let line = match line {
            Ok(Line::Read(line)) => line,
            Ok(Line::Cancelled) => return Ok(None),
            Ok(Line::Ended) => return Err(refused("stdin ended before a complete line")),
            Ok(Line::Late) => {
                return Err(refused(&format!("none came within {:?} of `hello`", self.patience)));
            }
            Err(error) => return Err(refused(&error.to_string())),
        };
        let config = LaunchConfig::from_json(&line).map_err(|error| refused(&explain(&error)))?;
        config.validate_for(manifest).map_err(|error| refused(&error.to_string()))?;
        Ok(Some(config))
    }

    /// Writes the second line, unless it was written before.
    pub(crate) fn ready(
        &mut self,
        has_ui: bool,
        openapi: Option<Value>,
    ) -> Result<(), PluginSdkError> {
        if std::mem::replace(&mut self.said_ready, true) {
            return Ok(());
        }
        let text = serde_json::to_string(&PluginLine::ready(self.dialect, has_ui, openapi))?;
        if text.len() < limits::HANDSHAKE_LINE_BYTES {
            return self.write(text);
        }
        tracing::warn!(
            bytes = text.len(),
            "left out the OpenAPI document: a line has at most 2 MiB"
        );
        self.write(serde_json::to_string(&PluginLine::ready(self.dialect, has_ui, None))?)
    }

    fn write(&mut self, mut line: String) -> Result<(), PluginSdkError> {
        line.push('\n');
        self.stdout.write_all(line.as_bytes()).and_then(|()| self.stdout.flush()).map_err(|error| {
            let message = format!("cannot write the handshake to stdout: {error}");
            PluginSdkError::new(ErrorKind::Handshake, message).with_source(error)
        })
    }
}

fn refused(reason: &str) -> PluginSdkError {
    PluginSdkError::new(
        ErrorKind::Handshake,
        format!(
            "refused the launch line on stdin: {reason}. A host of dialect 2 writes one JSON object \
             there; one of dialect 1 starts the plugin with --auth-secret"
        ),
    )
}

/// What is wrong with a launch line, without a character of it: it holds the secret (IO-09).
fn explain(error: &DecodeError) -> String {
    match error {
        DecodeError::Shape(error) if error.is_data() => format!(
            "a field is missing or has the wrong type (column {}); allowed: protocol_version, \
             auth_secret, database_url and host_data_dir",
            error.column()
        ),
        DecodeError::Shape(error) => format!("no JSON (column {})", error.column()),
        invalid => invalid.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz";

    fn arguments() -> Arguments {
        let arguments = ["--socket-path=/s", "--data-dir=/d"];
        Arguments::parse(arguments.map(Into::into)).unwrap()
    }

    fn launched(stdin: PipeReader, patience: Duration) -> Result<Launched, PluginSdkError> {
        let manifest = PluginManifest::builder("a", "1.0.0").build();
        let mut handshake = Handshake::new(Dialect::Two, stdin.into(), Box::new(std::io::sink()));
        handshake.patience = patience;
        Ok(handshake.launched(&manifest, arguments(), None)?.expect("nobody asked for a stop"))
    }

    fn launched_with(text: &str) -> Result<Launched, PluginSdkError> {
        let (stdin, mut host) = std::io::pipe().unwrap();
        host.write_all(text.as_bytes()).unwrap();
        drop(host);
        launched(stdin, limits::HANDSHAKE_STEP)
    }

    fn refusal(launched: Result<Launched, PluginSdkError>) -> String {
        let error = launched.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Handshake);
        error.to_string()
    }

    #[test]
    fn a_launch_line_that_does_not_come_in_time_is_refused() {
        let (stdin, _never_written) = std::io::pipe().unwrap();
        assert!(refusal(launched(stdin, Duration::from_millis(3))).contains("3ms"));
    }

    #[test]
    fn a_refusal_says_what_is_wrong_and_shows_no_secret() {
        let line = |version: u32, database: &str| {
            format!(
                r#"{{"protocol_version":{version},"auth_secret":"{SECRET}","database_url":{database}}}"#
            )
        };
        for (line, what) in [
            (line(3, "null"), "protocol_version"),
            (line(2, "\"postgres://u:hunter2@h/db\""), "requires_db"),
            (format!("\"{SECRET}\""), "column"),
            (SECRET.to_owned(), "column"),
            (format!(r#"{{"auth_secret":["{SECRET}"]}}"#), "column"),
        ] {
            let refusal = refusal(launched_with(&(line + "\n")));
            assert!(refusal.contains(what), "{refusal}");
            assert!(!refusal.contains(SECRET) && !refusal.contains("hunter2"), "{refusal}");
        }
        let good = launched_with(&(line(2, "null") + "\n")).unwrap();
        assert_eq!(good.auth_secret.expose(), SECRET);
        assert!(refusal(launched_with(&line(2, "null"))).contains("ended"));
    }
}
