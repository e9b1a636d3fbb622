//! How one start is to be made: by the protocol, apart from what a check makes odd about it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;
use temps_plugin_host::{Launcher, TailLimits};
use temps_plugin_schema::{Dialect, Secret};

use super::Cx;
use crate::RunOptions;
use crate::model::Stop;
use crate::requests::Config;
use crate::transcript::Tape;

/// What all starts of a run have in common.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    pub(crate) dialect: Dialect,
    pub(crate) timeout_scale: f64,
    pub(crate) database_url: Option<String>,
    pub(crate) config: Option<Arc<Config>>,
}

/// Given in dialect 2 to a plugin that asks for a database when the caller names none.
const NO_DATABASE: &str = "postgres://conformance:conformance@127.0.0.1:9/conformance";
/// Enough of stderr for any check to search, yet bounded.
const TAIL: TailLimits = TailLimits { lines: 5000, line_bytes: 8 * 1024 };
const SECRET_BYTES: usize = 32;

impl Base {
    /// What is known before there is a program.
    pub(crate) fn of(options: &RunOptions, dialect: Dialect) -> Self {
        Self {
            program: PathBuf::new(),
            args: Vec::new(),
            dialect,
            timeout_scale: options.timeout_scale,
            database_url: options.database_url.clone(),
            config: options.config.clone(),
        }
    }

    pub(crate) fn limit(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds).mul_f64(self.timeout_scale)
    }

    fn database_url(&self) -> &str {
        self.database_url.as_deref().unwrap_or(NO_DATABASE)
    }
}

/// One start. A clone starts in the same directory with the same secret.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the plugin is to listen.
    pub socket: PathBuf,
    /// Its data directory. It does not exist yet.
    pub data_dir: PathBuf,
    /// All arguments, instead of those of the protocol.
    pub args: Option<Vec<OsString>>,
    /// Flags and values are joined by `=`.
    pub joined: bool,
    /// No environment variable is passed on.
    pub empty_environment: bool,
    /// The working directory, instead of the suite's.
    pub working_dir: Option<PathBuf>,
    /// The file is opened and its descriptor is run, so that `argv[0]` is `/proc/self/fd/N`.
    pub through_descriptor: bool,
    /// The host's end of standard output is closed right after `ready`.
    pub close_stdout: bool,
    /// The host's end of standard error is closed right after `ready`.
    pub close_stderr: bool,
    /// A command that runs the plugin in the end, in the same process: its program and arguments, to
    /// which the plugin's are added. Empty for none.
    pub wrapper: Vec<OsString>,
    secret: String,
    manifest: Value,
    own_args: Vec<OsString>,
    dialect: Dialect,
    database_url: Option<String>,
    fallback_database_url: String,
    dir: Arc<TempDir>,
}

impl Plan {
    pub(super) fn new(base: &Base, manifest: &Value) -> Result<Self, Stop> {
        // A short name, because socket paths are short.
        let dir = tempfile::Builder::new()
            .prefix("tpc")
            .tempdir()
            .map_err(|e| Stop::fault("a temporary directory", e))?;
        Ok(Self {
            socket: dir.path().join("p.sock"),
            data_dir: dir.path().join("data"),
            args: None,
            joined: false,
            empty_environment: false,
            working_dir: None,
            through_descriptor: false,
            close_stdout: false,
            close_stderr: false,
            wrapper: Vec::new(),
            secret: fresh_secret()?,
            manifest: manifest.clone(),
            own_args: base.args.clone(),
            dialect: base.dialect,
            database_url: base.database_url.clone(),
            fallback_database_url: base.database_url().to_owned(),
            dir: Arc::new(dir),
        })
    }

    /// The directory that this start has for itself.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn temp_dir(&self) -> Arc<TempDir> {
        Arc::clone(&self.dir)
    }

    /// The secret of this start.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Starts with this secret instead.
    pub fn set_secret(&mut self, secret: &str) {
        secret.clone_into(&mut self.secret);
    }

    /// All arguments by the protocol: the plugin's own, then the flags.
    #[must_use]
    pub fn protocol_args(&self) -> Vec<OsString> {
        let mut flags: Vec<(&str, &OsStr)> = vec![
            ("--socket-path", self.socket.as_os_str()),
            ("--data-dir", self.data_dir.as_os_str()),
        ];
        if self.dialect == Dialect::One {
            flags.push(("--auth-secret", self.secret.as_ref()));
            if let Some(url) = &self.database_url {
                flags.push(("--database-url", url.as_ref()));
            }
        }
        let mut args = self.own_args.clone();
        for (flag, value) in flags {
            if self.joined {
                let mut joined = OsString::from(flag);
                joined.push("=");
                joined.push(value);
                args.push(joined);
            } else {
                args.extend([flag.into(), value.to_owned()]);
            }
        }
        args
    }

    /// The plugin's own arguments, files among them by their absolute paths, so that they are found from
    /// any working directory.
    pub(crate) fn own_args(&self) -> Vec<OsString> {
        let absolute = |arg: &OsString| match std::path::absolute(arg) {
            Ok(path) if path.is_file() => path.into(),
            _ => arg.clone(),
        };
        self.own_args.iter().map(absolute).collect()
    }

    /// The database URL given to a plugin that asks for one.
    pub(crate) fn database_url(&self) -> &str {
        &self.fallback_database_url
    }

    /// Whether the program is a script with `#!`.
    #[must_use]
    pub fn is_script(&self, cx: &Cx) -> bool {
        let mut beginning = [0; 2];
        let read = File::open(&cx.subject.base.program)
            .and_then(|mut file| file.read_exact(&mut beginning));
        read.is_ok() && &beginning == b"#!"
    }

    /// Whether the program's path means the same in every working directory.
    #[must_use]
    pub fn runs_anywhere(&self, cx: &Cx) -> bool {
        cx.subject.base.program.is_absolute()
    }

    /// A file among the plugin's own arguments, such as the script in `node plugin.js`.
    #[must_use]
    pub fn file_argument(&self) -> Option<&Path> {
        self.own_args.iter().map(Path::new).find(|path| path.is_file())
    }

    /// Adds arguments before or behind the protocol's.
    pub fn insert_args(&mut self, args: &[&str], first: bool) {
        let mut all = self.protocol_args();
        let at = if first { self.own_args.len() } else { all.len() };
        all.splice(at..at, args.iter().map(OsString::from));
        self.args = Some(all);
    }

    /// The launch line of dialect 2 that this plugin is owed.
    #[must_use]
    pub fn launch_value(&self) -> Value {
        let wants = |field: &str| self.manifest[field] == true;
        json!({
            "protocol_version": 2,
            "auth_secret": self.secret,
            "database_url": wants("requires_db").then_some(&self.fallback_database_url),
            "host_data_dir": wants("requires_host_data_access").then(|| self.dir().to_string_lossy()),
        })
    }

    /// The host library's form of this start, and the open file if its descriptor is to be run.
    pub(super) fn launcher(
        &self,
        base: &Base,
        tape: Tape,
    ) -> Result<(Launcher, Option<File>), Stop> {
        let (program, descriptor) = self.program(base)?;
        let mut command = self.wrapper.clone();
        command.push(program.into());
        command.extend(self.args.clone().unwrap_or_else(|| self.protocol_args()));
        let program = command.remove(0);
        let mut launcher = Launcher::new(program, &self.socket, &self.data_dir)
            .secret(Secret::new(&self.secret))
            .database_url(Secret::new(&self.fallback_database_url))
            .host_data_dir(self.dir().to_string_lossy())
            .raw_args(command)
            .step_timeout(base.limit(30))
            .tail(TAIL)
            .trust_ready()
            .tap(Arc::new(tape));
        if !self.empty_environment {
            for (name, value) in std::env::vars_os() {
                launcher = launcher.env(name, value);
            }
        }
        if let Some(dir) = &self.working_dir {
            launcher = launcher.working_dir(dir);
        }
        if self.close_stdout {
            launcher = launcher.close_stdout_after_ready();
        }
        if self.close_stderr {
            launcher = launcher.close_stderr_after_ready();
        }
        Ok((launcher, descriptor))
    }

    fn program(&self, base: &Base) -> Result<(PathBuf, Option<File>), Stop> {
        if !self.through_descriptor {
            return Ok((base.program.clone(), None));
        }
        use std::os::fd::AsRawFd as _;
        let file = File::open(&base.program).map_err(|e| Stop::fault("opening the plugin", e))?;
        // The descriptor is closed on exec, so that the name is gone once the program runs: what a
        // host that verifies checksums does.
        Ok((format!("/proc/self/fd/{}", file.as_raw_fd()).into(), Some(file)))
    }
}

/// A secret from the system's random source that does not begin with `-`.
fn fresh_secret() -> Result<String, Stop> {
    let mut bytes = [0; SECRET_BYTES];
    loop {
        getrandom::fill(&mut bytes).map_err(|e| Stop::fault("random numbers", e))?;
        let text = URL_SAFE_NO_PAD.encode(bytes);
        if !text.starts_with('-') {
            return Ok(text);
        }
    }
}
