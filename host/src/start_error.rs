//! Why a plugin did not start, told so that the person who reads it knows what to do.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use temps_plugin_schema::{Dialect, Violations};

use crate::process::Exit;

/// A start that failed. Nothing of the plugin is running any more (PROTOCOL.md, HS-07).
///
/// `Display` says what happened, what to do next and, when there are any, the plugin's last words on
/// stderr. No secret is in it.
#[derive(Debug, thiserror::Error)]
pub struct StartError {
    #[source]
    inner: Box<Inner>,
}

#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
struct Inner {
    program: PathBuf,
    step: Step,
    dialect: Option<Dialect>,
    #[source]
    kind: StartErrorKind,
    stderr: Vec<String>,
    exit: Option<Exit>,
    earlier: Option<StartError>,
}

/// A step of a start, in their order. The steps from [`Step::Announce`] on have 30 s each (HS-06).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Starting the process.
    Spawn,
    /// Waiting for the first line: `hello`, or `manifest` in dialect 1.
    Announce,
    /// Writing the launch line (dialect 2).
    Launch,
    /// Waiting for `ready`.
    Ready,
    /// Asking the socket for the plugin's health.
    Health,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Spawn => "starting the process",
            Self::Announce => "waiting for its first line",
            Self::Launch => "handing it the launch line",
            Self::Ready => "waiting for its `ready` line",
            Self::Health => "asking for its health",
        })
    }
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartErrorKind {
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// The path leads to a directory or another thing that is no file.
    #[error("it is {found}, not a file")]
    NotAFile {
        /// What it is, such as `a directory`.
        found: &'static str,
    },
    /// The file is there and this user may not run it.
    #[error(
        "it may not be run: mode {mode:04o}, owner {owner}, group {group}, and this host runs as user {user}"
    )]
    NotExecutable {
        /// The file's permission bits.
        mode: u32,
        /// The user id of its owner.
        owner: u32,
        /// Its group id.
        group: u32,
        /// The user id this host runs as.
        user: u32,
    },
    /// A program for another processor or another system.
    #[error("it is a program for {found}; this host runs programs for {expected}")]
    WrongArchitecture {
        /// What the file is made for, such as `Linux on aarch64`.
        found: String,
        /// What this host runs.
        expected: String,
    },
    /// The file is neither a program of this system nor a script with `#!`.
    #[error("it is no program: it begins with {beginning:?}")]
    NotAProgram {
        /// The first bytes, as text.
        beginning: String,
    },
    /// What the file needs to be run is not there: a script's `#!` program or a program's loader.
    #[error("it needs {interpreter}, which is not on this host")]
    MissingInterpreter {
        /// The missing file.
        interpreter: String,
    },
    /// The working directory asked for does not exist.
    #[error("its working directory {} does not exist", .0.display())]
    WorkingDirectory(PathBuf),
    /// The system refused for another reason.
    #[error("the system refused: {0}")]
    Spawn(#[source] std::io::Error),
    /// The process could not be recorded, and what is not recorded may not run (LC-25).
    #[error("its process could not be recorded: {0}")]
    NotRecorded(#[source] std::io::Error),
    /// The process ended before it was ready.
    #[error("it {exit}")]
    ExitedEarly {
        /// How.
        exit: Exit,
    },
    /// It closed its standard output and kept running.
    #[error("it closed its standard output")]
    StdoutClosed,
    /// A step took too long.
    #[error("nothing came within {} s", .after.as_secs_f64())]
    Timeout {
        /// How long it was given.
        after: Duration,
    },
    /// Its first line is `manifest`, and dialect 2 was asked for (HS-47).
    #[error("it speaks dialect 1 only: its first line is of type `manifest`")]
    OtherDialect,
    /// A line is not the one this step calls for (HS-10).
    #[error("it wrote a line that {reason}: {excerpt:?}")]
    BadLine {
        /// What is wrong with it.
        reason: String,
        /// Its beginning, redacted.
        excerpt: String,
    },
    /// A line is longer than 2 MiB (HS-05).
    #[error("it wrote a line of more than {limit} bytes, beginning {excerpt:?}")]
    LineTooLong {
        /// The limit, in bytes.
        limit: usize,
        /// Its beginning, redacted.
        excerpt: String,
    },
    /// The manifest breaks rules (MF-27).
    #[error("its manifest is not valid: {0}")]
    ManifestInvalid(#[source] Violations),
    /// The plugin said that it is not ready, or in another version (HS-44).
    #[error("its `ready` line {reason}")]
    NotReady {
        /// What it said.
        reason: String,
    },
    /// The manifest asks for something this start does not provide (HS-23, HS-24).
    #[error("its manifest asks for `{manifest_field}` and this start provides no `{launch_field}`")]
    NotProvided {
        /// The manifest's field.
        manifest_field: &'static str,
        /// What would have to be given.
        launch_field: &'static str,
    },
    /// The plugin said `ready` and its socket does not answer (HS-38).
    #[error("it is not ready although it says so: {reason}")]
    SocketNotReady {
        /// What happened instead.
        reason: String,
    },
    /// A pipe to the plugin failed.
    #[error("its standard streams failed: {0}")]
    Stdio(#[source] std::io::Error),
    /// No random secret could be made.
    #[error("the system gives no random numbers: {0}")]
    NoRandom(String),
}

impl StartErrorKind {
    /// What the reader can do about it.
    fn advice(&self) -> &'static str {
        match self {
            Self::NotFound => "check the path; if it is a link, check where it leads",
            Self::NotAFile { .. } => "give the path of the plugin's executable file",
            Self::NotExecutable { mode, .. } if mode & 0o111 == 0 => "make it executable: chmod +x",
            Self::NotExecutable { .. } => {
                "check that this user may run it, that every directory above it may be entered, and \
                 that its file system is not mounted with noexec"
            }
            Self::WrongArchitecture { .. } => "install the build for this host",
            Self::NotAProgram { .. } => {
                "install the built plugin itself, not an archive or a text; a script needs `#!` in \
                 its first line"
            }
            Self::MissingInterpreter { .. } => {
                "install it, or install a self-contained build of the plugin (LA-18)"
            }
            Self::WorkingDirectory(_) => "create it or choose another",
            Self::Spawn(_) => "see the reason",
            Self::NotRecorded(_) => "check that this host may write to its data directory",
            Self::ExitedEarly { .. } => {
                "see what it wrote to stderr; run it by hand with the same arguments"
            }
            Self::StdoutClosed => {
                "the handshake goes over standard output: the plugin must keep it open until `ready`"
            }
            Self::Timeout { .. } => {
                "see what it wrote to stderr; a plugin announces itself before it does anything slow"
            }
            Self::OtherDialect => "start it in dialect 1, or let the dialect be found out",
            Self::BadLine { .. } => {
                "only the two handshake lines belong on stdout (IO-01); logs belong on stderr"
            }
            Self::LineTooLong { .. } => "leave `openapi` out of `ready` when it is large (HS-41)",
            Self::ManifestInvalid(_) => "the plugin's author must mend its manifest",
            Self::NotReady { .. } => "see what it wrote to stderr",
            Self::NotProvided { .. } => "provide it, or do not run this plugin here",
            Self::SocketNotReady { .. } => {
                "the plugin must write `ready` only once its socket answers health (HS-38)"
            }
            Self::Stdio(_) => "see the reason",
            Self::NoRandom(_) => "check that this host may call getrandom",
        }
    }
}

impl StartError {
    pub(crate) fn new(program: &Path, step: Step, kind: StartErrorKind) -> Self {
        Self {
            inner: Box::new(Inner {
                program: program.to_owned(),
                step,
                dialect: None,
                kind,
                stderr: Vec::new(),
                exit: None,
                earlier: None,
            }),
        }
    }

    pub(crate) fn in_dialect(mut self, dialect: Dialect) -> Self {
        self.inner.dialect = Some(dialect);
        self
    }

    pub(crate) fn with_last_words(mut self, stderr: Vec<String>, exit: Option<Exit>) -> Self {
        self.inner.stderr = stderr;
        self.inner.exit = exit;
        self
    }

    /// Notes that the same file was tried in dialect 2 before (HS-47).
    pub(crate) fn after(mut self, earlier: Self) -> Self {
        self.inner.earlier = Some(earlier);
        self
    }

    /// Whether a file of unknown dialect is to be tried in dialect 1 after this (HS-47, HS-49).
    pub(crate) fn suggests_dialect_1(&self) -> bool {
        self.inner.step == Step::Announce
            && matches!(
                self.inner.kind,
                StartErrorKind::OtherDialect | StartErrorKind::ExitedEarly { .. }
            )
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &StartErrorKind {
        &self.inner.kind
    }

    /// The program file.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.inner.program
    }

    /// The step that failed.
    #[must_use]
    pub fn step(&self) -> Step {
        self.inner.step
    }

    /// The dialect it was tried in, once a process was to be started.
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        self.inner.dialect
    }

    /// The plugin's last lines on stderr, redacted.
    #[must_use]
    pub fn stderr(&self) -> &[String] {
        &self.inner.stderr
    }

    /// How the process ended, if one was started: by itself or killed by this host.
    #[must_use]
    pub fn exit(&self) -> Option<&Exit> {
        self.inner.exit.as_ref()
    }

    /// The attempt in dialect 2 that came before, when the dialect was being found out.
    #[must_use]
    pub fn earlier(&self) -> Option<&Self> {
        self.inner.earlier.as_ref()
    }
}

/// How many of the last stderr lines `Display` shows.
const LINES_SHOWN: usize = 20;

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        write!(f, "{} did not start", inner.program.display())?;
        if let Some(dialect) = inner.dialect {
            write!(f, " in {dialect}")?;
        }
        write!(f, ": {} (while {})", inner.kind, inner.step)?;
        write!(f, "\nwhat to do: {}", inner.kind.advice())?;
        let from = inner.stderr.len().saturating_sub(LINES_SHOWN);
        if let Some(lines) = inner.stderr.get(from..).filter(|lines| !lines.is_empty()) {
            f.write_str("\nits last lines on stderr:")?;
            for line in lines {
                write!(f, "\n  {line}")?;
            }
        }
        if let Some(earlier) = &inner.earlier {
            write!(f, "\nbefore that, in dialect 2: {}", earlier.kind())?;
        }
        Ok(())
    }
}
