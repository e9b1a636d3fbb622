//! The suite inside a Rust test.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use temps_plugin_schema::Dialect;

use crate::baseline::{BaselineError, KnownFailing, today};
use crate::report::{self, RunReport};
use crate::selection::Pattern;
use crate::{ExitCode, RunError, RunOptions, run};

/// Holds the plugin at `path` to the protocol, and panics with the report when it is not conformant.
///
/// ```no_run
/// # const MY_PLUGIN: &str = "target/debug/my-plugin";
/// #[test]
/// # fn hidden() {}
/// fn conformance() {
///     // In the tests of a plugin's own package: env!("CARGO_BIN_EXE_my-plugin").
///     temps_plugin_conformance::assert_conformant(MY_PLUGIN);
/// }
/// # conformance();
/// ```
///
/// # Panics
/// When the plugin is not conformant, or when nothing could be said about it.
#[track_caller]
pub fn assert_conformant(path: impl Into<PathBuf>) {
    Conformance::of(path).assert();
}

/// A run of the suite, told what to do by a test. What is not told is as on the command line.
///
/// It works in plain tests and in those of an async runtime: the suite has threads of its own. The
/// test waits for it.
///
/// ```
/// use temps_plugin_conformance::Conformance;
/// use temps_plugin_schema::Dialect;
///
/// let report = Conformance::of("/bin/true")
///     .arg("--verbose")
///     .dialect(Dialect::Two)
///     .run("handshake/*")
///     .skip("severity:should")
///     .report()
///     .unwrap();
/// assert_eq!(report.verdict, temps_plugin_conformance::report::Verdict::NeverStarted);
/// ```
#[derive(Debug)]
#[must_use = "nothing is checked until `assert` or `report` is called"]
pub struct Conformance {
    options: RunOptions,
    dialect: Option<Dialect>,
    known_failing: Option<PathBuf>,
}

/// Why a test's run came to no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConformanceError {
    /// The run was not made.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The file of known failures says nothing.
    #[error(transparent)]
    KnownFailing(#[from] BaselineError),
    /// The suite has no thread or no async runtime to run on.
    #[error("the suite cannot run: {0}")]
    Runtime(std::io::Error),
}

impl Conformance {
    /// The plugin at `path`, in both dialects, with all that applies to it.
    pub fn of(path: impl Into<PathBuf>) -> Self {
        let options = RunOptions::new([path.into()]);
        Self { options, dialect: None, known_failing: None }
    }

    /// One more argument of the plugin's own; the protocol's flags come behind them.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.options.command.push(arg.into());
        self
    }

    /// Checks this dialect only.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = Some(dialect);
        self
    }

    /// Makes only what matches this pattern, or another one given so; [`selection`](crate::selection)
    /// has the language.
    pub fn run(mut self, pattern: &str) -> Self {
        self.options.run.push(Pattern::new(pattern));
        self
    }

    /// Leaves out what matches this pattern.
    pub fn skip(mut self, pattern: &str) -> Self {
        self.options.skip.push(Pattern::new(pattern));
        self
    }

    /// Puts up with the failures in this file; [`baseline`](crate::baseline) says how it is written.
    pub fn known_failing(mut self, file: impl AsRef<Path>) -> Self {
        self.known_failing = Some(file.as_ref().to_owned());
        self
    }

    /// Puts up with no check that was selected and could not be made.
    pub fn deny_skips(mut self) -> Self {
        self.options.deny_skips = true;
        self
    }

    /// Makes the slow checks too, which wait for limits of the protocol.
    pub fn slow(mut self) -> Self {
        self.options.slow = true;
        self
    }

    /// Makes so many checks at the same time.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.options.jobs = jobs;
        self
    }

    /// Multiplies every time limit, for slow machines.
    pub fn timeout_scale(mut self, scale: f64) -> Self {
        self.options.timeout_scale = scale;
        self
    }

    /// The database URL handed to a plugin that asks for one.
    pub fn database_url(mut self, url: &str) -> Self {
        self.options.database_url = Some(url.to_owned());
        self
    }

    /// Leaves directories, logs and transcripts in `dir`, which is new or empty.
    pub fn keep(mut self, dir: impl Into<PathBuf>) -> Self {
        self.options.keep = Some(dir.into());
        self
    }

    /// Makes the checks and returns what came of them.
    ///
    /// # Errors
    /// When there is no report, because of what the test asked for.
    pub fn report(mut self) -> Result<RunReport, ConformanceError> {
        if let Some(dialect) = self.dialect {
            self.options.dialects = vec![dialect];
        }
        if let Some(file) = &self.known_failing {
            self.options.known_failing = Some(KnownFailing::read(file, today())?);
        }
        on_a_thread(self.options)
    }

    /// Makes the checks.
    ///
    /// # Panics
    /// When the plugin is not conformant, or when nothing could be said about it. The message is the
    /// report for people.
    #[track_caller]
    pub fn assert(self) {
        match self.report() {
            Ok(report) if report.exit_code() == ExitCode::Conformant => {}
            Ok(report) => {
                let text = report::human::report(&report, false);
                panic!("{}", anstream::adapter::strip_str(&text));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Runs the suite on a thread and a runtime of its own, since the test's may not be blocked on.
fn on_a_thread(options: RunOptions) -> Result<RunReport, ConformanceError> {
    let body = || -> Result<RunReport, ConformanceError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(ConformanceError::Runtime)?;
        Ok(runtime.block_on(run(options))?)
    };
    let thread = std::thread::Builder::new().name("conformance".into());
    let running = thread.spawn(body).map_err(ConformanceError::Runtime)?;
    running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
