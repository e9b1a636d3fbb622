//! Everything one can say about a start, and the arguments that come of it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use temps_plugin_schema::{Dialect, Secret, limits};

use crate::dialect_memory::DialectMemory;
use crate::stdio::{OnLine, TailLimits};
use crate::tap::WireTap;

/// Which dialect to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DialectChoice {
    /// Dialect 2 first, dialect 1 when the plugin does not know that one (HS-46, HS-47).
    #[default]
    Detect,
    /// This one only.
    Only(Dialect),
}

/// How a flag and its value are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FlagStyle {
    /// `--flag value`, which every plugin knows (LA-22).
    #[default]
    Separate,
    /// `--flag=value` (LA-10).
    Joined,
}

/// What is written to standard input in dialect 2.
#[derive(Clone, Default)]
pub enum LaunchLine {
    /// What the protocol asks for (HS-19).
    #[default]
    Proper,
    /// These bytes instead, nothing added. Standard input is closed after them.
    Raw(Vec<u8>),
    /// Nothing: standard input is closed at once.
    Nothing,
    /// Nothing, and standard input stays open as long as the plugin runs.
    Withheld,
}

impl fmt::Debug for LaunchLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proper => f.write_str("Proper"),
            Self::Raw(bytes) => write!(f, "Raw([{} bytes])", bytes.len()),
            Self::Nothing => f.write_str("Nothing"),
            Self::Withheld => f.write_str("Withheld"),
        }
    }
}

/// Describes one start of a plugin.
///
/// What is not said follows the protocol: an empty environment, a fresh random secret for each start,
/// 30 s for each step, both dialects tried.
///
/// ```no_run
/// # async fn example() -> Result<(), temps_plugin_host::StartError> {
/// use temps_plugin_host::Launcher;
///
/// let plugin = Launcher::new("/opt/plugins/hello", "/run/p/hello.sock", "/var/lib/p/hello")
///     .start()
///     .await?;
/// println!("{} speaks {}", plugin.manifest().name, plugin.dialect());
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "a launcher does nothing until `start` or `spawn_in` is called"]
pub struct Launcher {
    pub(super) program: PathBuf,
    pub(super) opened: Option<Arc<File>>,
    pub(super) socket_path: PathBuf,
    pub(super) data_dir: PathBuf,
    pub(super) dialect: DialectChoice,
    pub(super) memory: Option<DialectMemory>,
    pub(super) secret: Option<Secret>,
    pub(super) database_url: Option<Secret>,
    pub(super) host_data_dir: Option<String>,
    pub(super) host_api_url: Option<String>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) working_dir: Option<PathBuf>,
    pub(super) step_timeout: Duration,
    pub(super) flag_style: FlagStyle,
    pub(super) args_before: Vec<OsString>,
    pub(super) args_after: Vec<OsString>,
    pub(super) raw_args: Option<Vec<OsString>>,
    pub(super) launch_line: LaunchLine,
    pub(super) close_stdout: bool,
    pub(super) close_stderr: bool,
    pub(super) check_health: bool,
    pub(super) tail: TailLimits,
    pub(super) tap: Option<Arc<dyn WireTap>>,
    pub(super) kept_connections: usize,
    pub(super) on_spawn: Option<Arc<OnSpawn>>,
    pub(super) on_stderr: Option<Arc<OnLine>>,
}

/// Is told the id of a process that has just been started.
pub(super) type OnSpawn = dyn Fn(u32) -> std::io::Result<()> + Send + Sync;

impl Launcher {
    /// A start of `program` that listens at `socket_path` and keeps its data in `data_dir`. Relative
    /// paths are taken from this process's working directory (LA-01, LA-02).
    pub fn new(
        program: impl AsRef<Path>,
        socket_path: impl AsRef<Path>,
        data_dir: impl AsRef<Path>,
    ) -> Self {
        Self {
            program: absolute(program.as_ref()),
            opened: None,
            socket_path: absolute(socket_path.as_ref()),
            data_dir: absolute(data_dir.as_ref()),
            dialect: DialectChoice::Detect,
            memory: None,
            secret: None,
            database_url: None,
            host_data_dir: None,
            host_api_url: None,
            environment: Vec::new(),
            working_dir: None,
            step_timeout: limits::HANDSHAKE_STEP,
            flag_style: FlagStyle::Separate,
            args_before: Vec::new(),
            args_after: Vec::new(),
            raw_args: None,
            launch_line: LaunchLine::Proper,
            close_stdout: false,
            close_stderr: false,
            check_health: true,
            tail: TailLimits::DEFAULT,
            tap: None,
            kept_connections: usize::MAX,
            on_spawn: None,
            on_stderr: None,
        }
    }

    /// Runs the file that is open here, whatever is at the program's path by now. On Linux only: other
    /// systems do not run descriptors. A script does not start this way, because its interpreter finds
    /// the descriptor closed (LA-18).
    pub fn opened(mut self, file: Arc<File>) -> Self {
        self.opened = Some(file);
        self
    }

    /// Speaks this dialect only.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = DialectChoice::Only(dialect);
        self
    }

    /// Finds the dialect out (the default), and remembers it in `memory` (HS-48).
    pub fn detect_with(mut self, memory: DialectMemory) -> Self {
        self.dialect = DialectChoice::Detect;
        self.memory = Some(memory);
        self
    }

    /// This secret instead of a fresh random one.
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// The database given to a plugin whose manifest asks for one. In dialect 1 the argument comes
    /// before the manifest, so every plugin gets it there (LA-05).
    pub fn database_url(mut self, url: Secret) -> Self {
        self.database_url = Some(url);
        self
    }

    /// The host's data directory, given to a plugin whose manifest asks for it (HS-24).
    pub fn host_data_dir(mut self, dir: impl Into<String>) -> Self {
        self.host_data_dir = Some(dir.into());
        self
    }

    /// Where the platform's API answers (LA-06, dialect 2).
    pub fn host_api_url(mut self, url: impl Into<String>) -> Self {
        self.host_api_url = Some(url.into());
        self
    }

    /// Adds a variable to the environment, which is empty otherwise (LA-15).
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts it in `dir` instead of this process's working directory (LA-16).
    pub fn working_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.working_dir = Some(dir.into());
        self
    }

    /// Gives each step of the handshake so long, instead of 30 s (HS-06).
    pub fn step_timeout(mut self, timeout: Duration) -> Self {
        self.step_timeout = timeout;
        self
    }

    /// Writes the protocol's flags in this style.
    pub fn flag_style(mut self, style: FlagStyle) -> Self {
        self.flag_style = style;
        self
    }

    /// Adds an argument before the protocol's flags.
    pub fn arg_before(mut self, arg: impl Into<OsString>) -> Self {
        self.args_before.push(arg.into());
        self
    }

    /// Adds an argument after the protocol's flags.
    pub fn arg_after(mut self, arg: impl Into<OsString>) -> Self {
        self.args_after.push(arg.into());
        self
    }

    /// Exactly these arguments, instead of the protocol's flags and all others. For runners that
    /// leave a required flag out (LA-13, LA-14).
    pub fn raw_args<T: Into<OsString>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.raw_args = Some(args.into_iter().map(Into::into).collect());
        self
    }

    /// Writes this to standard input in dialect 2.
    pub fn launch_line(mut self, line: LaunchLine) -> Self {
        self.launch_line = line;
        self
    }

    /// Closes the plugin's standard output right after `ready` (IO-12).
    pub fn close_stdout_after_ready(mut self) -> Self {
        self.close_stdout = true;
        self
    }

    /// Closes the plugin's standard error right after `ready`.
    pub fn close_stderr_after_ready(mut self) -> Self {
        self.close_stderr = true;
        self
    }

    /// Takes the plugin's word for `ready` instead of asking its socket for health (HS-38).
    pub fn trust_ready(mut self) -> Self {
        self.check_health = false;
        self
    }

    /// How much of stderr, and of stray stdout, is kept.
    pub fn tail(mut self, limits: TailLimits) -> Self {
        self.tail = limits;
        self
    }

    /// Shows everything that passes to `tap`.
    pub fn tap(mut self, tap: Arc<dyn WireTap>) -> Self {
        self.tap = Some(tap);
        self
    }

    /// Keeps at most so many connections to the plugin's socket open while nothing is under way on them,
    /// instead of as many as there have been (HT-35). With 0 each request has one of its own.
    pub fn kept_connections(mut self, most: usize) -> Self {
        self.kept_connections = most;
        self
    }

    /// Tells the id of each process as soon as there is one, before its first line is awaited, so that
    /// it can be recorded (LC-25). An error ends the process, and the start with it.
    pub fn on_spawn(
        mut self,
        told: impl Fn(u32) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.on_spawn = Some(Arc::new(told));
        self
    }

    /// Tells each line of standard error as it comes, redacted and cut as the tail keeps it (IO-14). Must
    /// not block.
    pub fn on_stderr(mut self, told: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_stderr = Some(Arc::new(told));
        self
    }

    /// The arguments of a start in `dialect` with `secret`.
    pub(super) fn arguments(&self, dialect: Dialect, secret: &Secret) -> Vec<OsString> {
        if let Some(raw) = &self.raw_args {
            return raw.clone();
        }
        let mut flags: Vec<(&str, &OsStr)> = vec![
            ("--socket-path", self.socket_path.as_os_str()),
            ("--data-dir", self.data_dir.as_os_str()),
        ];
        match dialect {
            Dialect::One => {
                flags.push(("--auth-secret", secret.expose().as_ref()));
                if let Some(url) = &self.database_url {
                    flags.push(("--database-url", url.expose().as_ref()));
                }
            }
            Dialect::Two => {
                if let Some(url) = &self.host_api_url {
                    flags.push(("--host-api-url", url.as_ref()));
                }
            }
        }
        let mut args = self.args_before.clone();
        for (flag, value) in flags {
            match self.flag_style {
                FlagStyle::Separate => args.extend([flag.into(), value.to_owned()]),
                FlagStyle::Joined => {
                    let mut joined = OsString::from(flag);
                    joined.push("=");
                    joined.push(value);
                    args.push(joined);
                }
            }
        }
        args.extend(self.args_after.iter().cloned());
        args
    }
}

impl fmt::Debug for Launcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launcher")
            .field("program", &self.program)
            .field("socket_path", &self.socket_path)
            .field("data_dir", &self.data_dir)
            .field("dialect", &self.dialect)
            .field("launch_line", &self.launch_line)
            .field("step_timeout", &self.step_timeout)
            .finish_non_exhaustive()
    }
}

/// An absolute form of `path`; one that cannot be made absolute is left for the system to refuse.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launcher() -> Launcher {
        Launcher::new("/p", "/s", "/d")
            .database_url(Secret::new("postgres://db"))
            .host_api_url("http://api")
            .arg_before("--one")
            .arg_after("--two")
    }

    #[test]
    fn the_secret_is_an_argument_in_dialect_1_only() {
        let secret = Secret::new("launch-secret");
        let one = launcher().arguments(Dialect::One, &secret);
        assert_eq!(
            one,
            [
                "--one",
                "--socket-path",
                "/s",
                "--data-dir",
                "/d",
                "--auth-secret",
                "launch-secret",
                "--database-url",
                "postgres://db",
                "--two",
            ]
        );
        let two = launcher().flag_style(FlagStyle::Joined).arguments(Dialect::Two, &secret);
        assert_eq!(
            two,
            ["--one", "--socket-path=/s", "--data-dir=/d", "--host-api-url=http://api", "--two"]
        );
    }

    #[test]
    fn no_secret_shows_in_debug() {
        let launcher = launcher()
            .secret(Secret::new("launch-secret"))
            .launch_line(LaunchLine::Raw(b"launch-secret".to_vec()));
        let shown = format!("{launcher:?}");
        assert!(!shown.contains("launch-secret") && !shown.contains("postgres"), "{shown}");
    }
}
