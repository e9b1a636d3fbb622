//! `run`: one plugin, held to the protocol.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use temps_plugin_schema::Secret;

use super::output::OutputArgs;
use super::plugin::{PluginArgs, until_done};
use super::{complain, tell};
use crate::baseline::{KnownFailing, today};
use crate::fuzz::{Budget, FuzzOptions, LARGEST_SEED};
use crate::subject::{Attach, secret_from, secret_in};
use crate::{ExitCode, RunOptions};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) plugin: PluginArgs,
    #[command(flatten)]
    demands: DemandArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// The plugin's program and its own arguments; the protocol's flags are put behind them.
    #[arg(required_unless_present = "attach", last = true, value_name = "PLUGIN")]
    pub(super) command: Vec<OsString>,
}

/// What a run is told beside which plugin and how.
#[derive(Debug, Args)]
struct DemandArgs {
    /// Do not fail for the failures in this file, which `baseline update` writes. An entry that
    /// passes, has expired or names no check fails the run.
    #[arg(long, value_name = "FILE")]
    known_failing: Option<PathBuf>,
    /// Fail when a selected check is not made, whatever the reason.
    #[arg(long)]
    deny_skips: bool,
    /// Leave the directories, logs and transcripts of all checks in DIR, which is new or empty;
    /// without DIR, in a new directory for temporary files.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    keep: Option<Option<PathBuf>>,
    /// Fuzz the plugin for so many seconds after the checks.
    #[arg(long, value_name = "SECONDS", conflicts_with = "attach", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    fuzz: Option<u64>,
    /// Where the chance of --fuzz begins. One is chosen, and printed, when none is given.
    #[arg(long, value_name = "N", requires = "fuzz", value_parser = clap::value_parser!(u64).range(..=LARGEST_SEED))]
    seed: Option<u64>,
    #[command(flatten)]
    attach: AttachArgs,
}

/// Attaching to a plugin that runs.
#[derive(Debug, Args)]
struct AttachArgs {
    /// Check a plugin that runs already, over its socket. Needs --dialect, and the secret it was
    /// started with. What takes more than the socket is skipped. Its channel must be free.
    #[arg(long, value_name = "SOCKET", conflicts_with = "command")]
    attach: Option<PathBuf>,
    /// The file with the secret of the plugin to attach to; standard input when there is none.
    #[arg(long, value_name = "FILE")]
    auth_secret_file: Option<PathBuf>,
    /// What that plugin wrote to standard output: its manifest and its `ready` line.
    #[arg(long, value_name = "FILE")]
    handshake: Option<PathBuf>,
}

impl AttachArgs {
    fn read(&self) -> Result<Option<Attach>, String> {
        // clap's `requires` says nothing here, because `--attach` conflicts with what is there instead.
        let for_attach = [
            ("--auth-secret-file", self.auth_secret_file.is_some()),
            ("--handshake", self.handshake.is_some()),
        ];
        let Some(socket) = &self.attach else {
            return match for_attach.into_iter().find(|(_, given)| *given) {
                Some((flag, _)) => Err(format!("{flag} is about a plugin to --attach to")),
                None => Ok(None),
            };
        };
        let secret = match &self.auth_secret_file {
            Some(file) => secret_from(file)?,
            None => secret_from_stdin()?,
        };
        let read = |file: &PathBuf| {
            std::fs::read_to_string(file)
                .map_err(|error| format!("--handshake {}: {error}", file.display()))
        };
        let handshake = self.handshake.as_ref().map(read).transpose()?;
        Ok(Some(Attach { socket: socket.clone(), secret, handshake }))
    }
}

/// The secret on standard input. Never on the command line, where process lists show it.
fn secret_from_stdin() -> Result<Secret, String> {
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err("--attach needs the secret the plugin was started with: \
                    --auth-secret-file FILE, or a line on standard input"
            .into());
    }
    let mut text = String::new();
    stdin.read_to_string(&mut text).map_err(|error| format!("the secret on stdin: {error}"))?;
    secret_in(&text).map_err(|why| format!("the secret on standard input: {why}"))
}

/// Makes the checks and writes the reports.
pub(super) async fn main(args: RunArgs) -> ExitCode {
    let RunArgs { plugin, demands, output, command } = args;
    let prepared = output.prepare().map_err(|error| error.to_string());
    let options = prepared
        .and_then(|()| plugin.options(command).map_err(|error| error.to_string()))
        .and_then(|options| demands.apply(options));
    let options = match options {
        Ok(options) => RunOptions { transcripts: output.transcripts(), ..options },
        Err(why) => {
            complain(why);
            return ExitCode::Usage;
        }
    };
    let kept = options.keep.clone();
    let outcome = until_done(options).await;
    if let Some(dir) = kept.filter(|dir| dir.exists()) {
        tell(format_args!("kept in {}", dir.display()));
    }
    match outcome {
        Ok(report) => output.write(&report),
        Err(code) => code,
    }
}

impl DemandArgs {
    fn apply(self, options: RunOptions) -> Result<RunOptions, String> {
        let known_failing = self.known_failing.as_deref();
        let known_failing = known_failing.map(|file| KnownFailing::read(file, today())).transpose();
        Ok(RunOptions {
            known_failing: known_failing.map_err(|error| error.to_string())?,
            deny_skips: self.deny_skips,
            fuzz: self.fuzz.map(|seconds| FuzzOptions {
                budget: Budget::Time(Duration::from_secs(seconds)),
                seed: self.seed,
                alone: false,
            }),
            attach: self.attach.read()?,
            keep: self.keep.map(|dir| dir.map_or_else(new_directory, Ok)).transpose()?,
            ..options
        })
    }
}

/// A directory for `--keep` without one.
fn new_directory() -> Result<PathBuf, String> {
    tempfile::Builder::new()
        .prefix("temps-plugin-conformance-")
        .disable_cleanup(true)
        .tempdir()
        .map(|dir| dir.path().to_owned())
        .map_err(|error| format!("--keep: {error}"))
}
