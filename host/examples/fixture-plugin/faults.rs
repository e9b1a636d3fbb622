//! The ways in which the fixture misbehaves.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::{Arguments, BoxError};

macro_rules! faults {
    ($( $(#[$meta:meta])* $variant:ident = $name:literal, )+) => {
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Fault { $( $(#[$meta])* $variant, )+ }

        impl Fault {
            pub(crate) fn named(name: &str) -> Result<Self, BoxError> {
                match name {
                    $( $name => Ok(Self::$variant), )+
                    other => Err(format!("no fault {other:?}").into()),
                }
            }
        }
    };
}

faults! {
    /// Behaves.
    None = "",
    /// Exits with 3 before its first line.
    ExitEarly = "exit-early",
    /// Is ended by SIGABRT before its first line.
    Crash = "crash",
    /// Writes text where the first line belongs.
    Garbage = "garbage",
    /// Writes `ready` where the first line belongs.
    ReadyFirst = "ready-first",
    /// Writes a line without end.
    LongLine = "long-line",
    /// Writes half a line and exits.
    HalfLine = "half-line",
    /// Writes nothing.
    Silent = "silent",
    /// Closes its standard output and lives on.
    CloseStdout = "close-stdout",
    /// Writes 8 MiB to standard error first.
    FloodStderr = "flood-stderr",
    /// Has a manifest that is not valid.
    BadManifest = "bad-manifest",
    /// Asks for a database.
    NeedsDatabase = "needs-database",
    /// Knows dialect 1 only and exits without `--auth-secret`.
    OldExits = "old-exits",
    /// Knows dialect 1 only and announces itself with `manifest` at once.
    OldManifest = "old-manifest",
    /// Never gets ready.
    NeverReady = "never-ready",
    /// Crashes after its first line.
    CrashLate = "crash-late",
    /// Says that it is not ready.
    ReadyFalse = "ready-false",
    /// Says `ready` and listens nowhere.
    NotListening = "not-listening",
    /// Says `ready` and answers health with 500.
    Unhealthy = "unhealthy",
    /// Writes the secret to both streams after `ready`.
    Leak = "leak",
    /// Writes to standard output for ever after `ready`.
    FloodStdout = "flood-stdout",
    /// Goes on when it gets SIGTERM.
    IgnoreTerm = "ignore-term",
    /// Starts a process and leaves it behind.
    Grandchild = "grandchild",
    /// Starts a process before its first line, and never writes one.
    SilentGrandchild = "silent-grandchild",
    /// Takes the channel and never reads from it.
    Deaf = "deaf",
    /// Starts a hundred processes after `ready`, and writes lines to standard error for ever.
    Swarm = "swarm",
    /// Refuses the channel with 401.
    RefuseChannel = "refuse-channel",
    /// Keeps to itself what came with an event, which otherwise is shown. The faults from here on do so
    /// too: a fuzzer would find nothing else.
    Discreet = "discreet",
    /// Dies of a frame with a list right within a list.
    NestedFrameKills = "nested-frame-kills",
    /// Dies of the third frame that is no JSON object.
    ThirdBadFrameKills = "third-bad-frame-kills",
    /// Opens a file for each request that is no GET, and never closes it.
    LeakDescriptors = "leak-descriptors",
    /// Starts a process for each request that is no GET, and never waits for it.
    Zombies = "zombies",
    /// Shows the secret in its answer to a target with a percent sign.
    EchoSecret = "echo-secret",
    /// Refuses a bad launch line with status 0.
    PoliteRefusal = "polite-refusal",
}

impl Fault {
    /// Whether the answer to an event shows the headers it came with.
    pub(crate) fn shows_events(self) -> bool {
        !matches!(
            self,
            Self::Discreet
                | Self::NestedFrameKills
                | Self::ThirdBadFrameKills
                | Self::LeakDescriptors
                | Self::Zombies
                | Self::EchoSecret
                | Self::PoliteRefusal
        )
    }

    /// What the fault does with a request.
    pub(crate) fn on_request(self, method: &str) -> Result<(), BoxError> {
        match self {
            Self::LeakDescriptors if method != "GET" => {
                std::mem::forget(std::fs::File::open("/dev/null")?);
            }
            Self::Zombies if method != "GET" => {
                Command::new(std::env::current_exe()?)
                    .arg("--end")
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .spawn()?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What the fault does with a text message; `bad` is how many were no JSON object so far.
    pub(crate) fn on_frame(self, text: &str, bad: &mut u32) {
        if !serde_json::from_str::<serde_json::Value>(text).is_ok_and(|json| json.is_object()) {
            *bad += 1;
        }
        match self {
            Self::NestedFrameKills if text.contains("[[") => std::process::abort(),
            Self::ThirdBadFrameKills if *bad == 3 => std::process::abort(),
            _ => {}
        }
    }

    pub(crate) fn before_announcing(self, arguments: &Arguments) -> Result<(), BoxError> {
        let mut out = std::io::stdout().lock();
        match self {
            Self::ExitEarly => {
                eprintln!("cannot read my settings");
                std::process::exit(3);
            }
            Self::OldExits if arguments.auth_secret.is_none() => {
                eprintln!("missing --auth-secret");
                std::process::exit(2);
            }
            Self::Crash => std::process::abort(),
            Self::Garbage => writeln!(out, "Listening on port 80")?,
            Self::ReadyFirst => writeln!(out, r#"{{"type":"ready","ready":true,"has_ui":false}}"#)?,
            Self::LongLine => {
                let piece = [b'x'; 64 * 1024];
                while out.write_all(&piece).is_ok() {}
            }
            Self::HalfLine => {
                out.write_all(b"{\"type\":\"hello\",")?;
                out.flush()?;
                std::process::exit(0);
            }
            Self::CloseStdout => {
                let null = std::fs::File::open("/dev/null")?;
                rustix::stdio::dup2_stdout(&null)?;
                linger();
            }
            Self::FloodStderr => {
                let mut err = std::io::stderr().lock();
                let line = [b'y'; 1023];
                for _ in 0..8 * 1024 {
                    err.write_all(&line)?;
                    err.write_all(b"\n")?;
                }
            }
            Self::Silent => linger(),
            Self::SilentGrandchild => {
                spawn_lingerer()?;
                linger();
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) async fn before_ready(self) -> Result<(), BoxError> {
        match self {
            Self::NeverReady => std::future::pending().await,
            Self::CrashLate => std::process::abort(),
            Self::Grandchild => spawn_lingerer(),
            _ => Ok(()),
        }
    }

    pub(crate) fn after_ready(self, secret: &str) -> Result<(), BoxError> {
        match self {
            Self::Leak => {
                println!("stray: {secret}");
                eprintln!("leaked: {secret}");
            }
            Self::FloodStdout => flood(std::io::stdout()),
            Self::Swarm => {
                for _ in 0..100 {
                    Command::new(std::env::current_exe()?)
                        .arg("--linger")
                        .stdin(Stdio::null())
                        .stderr(Stdio::null())
                        .spawn()?;
                }
                flood(std::io::stderr());
            }
            _ => {}
        }
        Ok(())
    }
}

/// Writes lines for ever.
fn flood(mut out: impl Write + Send + 'static) {
    std::thread::spawn(move || {
        let mut line = 0_u64;
        while writeln!(out, "{line} and so on").is_ok() {
            line += 1;
        }
    });
}

fn linger() -> ! {
    loop {
        std::thread::park();
    }
}

fn spawn_lingerer() -> Result<(), BoxError> {
    let child =
        Command::new(std::env::current_exe()?).arg("--linger").stdin(Stdio::null()).spawn()?;
    eprintln!("lingerer {}", child.id());
    Ok(())
}
