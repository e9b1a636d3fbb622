//! `conformance.toml` on the command line: which file is taken, and `init`, which writes one.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use temps_plugin_schema::Dialect;

use super::{complain, show, tell};
use crate::report::StartOutcome;
use crate::requests::{Config, ConfigError, DEFAULT_FILE, json_schema, starter};
use crate::subject::probe;
use crate::{ExitCode, RunOptions};

/// Reads the file that was named, or the one in the working directory if there is one. That it was
/// found and not named is said on standard error.
pub(super) fn load(named: Option<PathBuf>) -> Result<Option<Arc<Config>>, ConfigError> {
    let path = match named {
        Some(path) => path,
        None if Path::new(DEFAULT_FILE).is_file() => {
            tell(format_args!("taking ./{DEFAULT_FILE}; --config names another file"));
            DEFAULT_FILE.into()
        }
        None => return Ok(None),
    };
    Config::load(&path).map(|config| Some(Arc::new(config)))
}

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The file to write. One that exists is left alone.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
    /// Write the JSON Schema of conformance.toml to standard output instead.
    #[arg(long, conflicts_with_all = ["config", "command"])]
    schema: bool,
    /// The plugin's program and its own arguments: started once, for what it says of its routes.
    #[arg(last = true, value_name = "PLUGIN")]
    command: Vec<OsString>,
}

/// Writes a first file.
pub(super) async fn init(args: InitArgs) -> ExitCode {
    if args.schema {
        return show(&format!("{:#}", json_schema()));
    }
    if args.config.exists() {
        complain(format_args!("{}: it exists, and is left alone", args.config.display()));
        return ExitCode::Usage;
    }
    let text = match first_file(args.command).await {
        Ok(text) => text,
        Err(reason) => {
            complain(format_args!("the plugin did not start: {reason}"));
            return ExitCode::NeverStarted;
        }
    };
    let created = OpenOptions::new().write(true).create_new(true).open(&args.config);
    match created.and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => {
            tell(format_args!("wrote {}", args.config.display()));
            ExitCode::Conformant
        }
        Err(error) => {
            complain(format_args!("{}: {error}", args.config.display()));
            ExitCode::Usage
        }
    }
}

/// The text of a first file for `command`, for no plugin in particular if there is none.
async fn first_file(command: Vec<OsString>) -> Result<String, String> {
    if command.is_empty() {
        return Ok(starter::text(None));
    }
    let options = RunOptions::new(command);
    let mut reason = String::new();
    // As a host does it: the newer dialect first.
    for dialect in [Dialect::Two, Dialect::One] {
        let probe = probe(&options, dialect, None).await;
        match (probe.subject, probe.outcome) {
            (Some(subject), StartOutcome::Started) => {
                let (manifest, ready) = subject.said();
                return Ok(starter::text(Some(starter::Known { manifest, ready })));
            }
            (
                _,
                StartOutcome::Failed { reason: other } | StartOutcome::NotSpoken { reason: other },
            ) => {
                reason.push_str(&format!("\n  {dialect}: {other}"));
            }
            (None, StartOutcome::Started) => {}
        }
    }
    Err(reason)
}
