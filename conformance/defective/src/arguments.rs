//! The command line: what the host passes (LA-08 to LA-14), and what chooses a defect.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

use crate::defects::{self, launch};
use crate::plugin::Dialect;
use crate::{log, stdio};

/// What the process is asked to do.
pub(crate) enum Task {
    ListDefects,
    Run(Box<Arguments>),
}

/// A start by the protocol.
pub(crate) struct Arguments {
    pub(crate) program: OsString,
    pub(crate) socket_path: PathBuf,
    pub(crate) data_dir: PathBuf,
    /// Present in dialect 1 only.
    pub(crate) auth_secret: Option<String>,
    /// The standard output of the handshake, taken away from everybody else.
    pub(crate) stdout: stdio::Handshake,
}

/// Why nothing is started: a message, where there is one, and an exit status.
pub(crate) struct Refusal {
    pub(crate) message: Option<String>,
    pub(crate) status: u8,
}

impl Refusal {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), status: 1 }
    }
}

impl Arguments {
    pub(crate) fn dialect(&self) -> Dialect {
        if self.auth_secret.is_some() { Dialect::One } else { Dialect::Two }
    }

    pub(crate) fn parse(args: impl Iterator<Item = OsString>) -> Result<Task, Refusal> {
        let mut args = args;
        let program = args.next().unwrap_or_default();
        let args: Vec<OsString> = args.collect();
        if args.iter().any(|arg| arg == "--list-defects") {
            return Ok(Task::ListDefects);
        }
        choose_defect(&args)?;
        let mut flags = Flags::read(args.into_iter());
        let stdout = stdio::take_stdout().map_err(|e| Refusal::new(format!("no stdout: {e}")))?;
        flags.warn_of_unknown()?;
        let socket_path = PathBuf::from(flags.required("--socket-path")?);
        let data_dir = PathBuf::from(flags.required("--data-dir")?);
        let auth_secret = match flags.take("--auth-secret") {
            None if flags.bare.contains(&"--auth-secret") => {
                return Err(Refusal::new("--auth-secret has no value"));
            }
            None => None,
            Some(secret) if secret.is_empty() => {
                return Err(Refusal::new("--auth-secret is empty"));
            }
            Some(secret) => Some(
                secret.into_string().map_err(|_| Refusal::new("--auth-secret is no UTF-8 text"))?,
            ),
        };
        let all = Self { program, socket_path, data_dir, auth_secret, stdout };
        Ok(Task::Run(Box::new(all)))
    }
}

/// Flags with a value that this plugin knows; two of them it has no use for.
const KNOWN: [&str; 6] = [
    "--socket-path",
    "--data-dir",
    "--auth-secret",
    "--database-url",
    "--host-api-url",
    "--defect",
];

#[derive(Default)]
struct Flags {
    values: Vec<(&'static str, OsString)>,
    /// Known flags without a value.
    bare: Vec<&'static str>,
    unknown: Vec<String>,
}

/// Before anything else is read, because reading may be what is wrong.
fn choose_defect(args: &[OsString]) -> Result<(), Refusal> {
    let wrong = |message| Refusal { message: Some(message), status: 2 };
    let Some(at) = args.iter().position(|arg| arg == "--defect") else { return Ok(()) };
    let id = args.get(at + 1).ok_or_else(|| wrong("--defect has no value".into()))?;
    defects::activate(&id.to_string_lossy()).map_err(wrong)
}

impl Flags {
    fn read(args: impl Iterator<Item = OsString>) -> Self {
        let mut flags = Self::default();
        let mut args = args.peekable();
        while let Some(arg) = args.next() {
            let (flag, joined) = split(&arg);
            let Some(known) = KNOWN.into_iter().find(|known| *known == flag) else {
                // What does not begin with `-` is taken for the value of the unknown flag before it.
                if flag.as_bytes().starts_with(b"-") {
                    let shown = if launch::WARNING_WITH_VALUE.active() { &arg } else { &flag };
                    flags.unknown.push(shown.to_string_lossy().into_owned());
                }
                continue;
            };
            let value = joined.filter(|_| !launch::JOINED_FLAGS_UNKNOWN.active()).or_else(|| {
                let next = args.peek()?;
                if next.as_bytes().starts_with(b"--") { None } else { args.next() }
            });
            match value {
                Some(value) => flags.values.push((known, value)),
                None => flags.bare.push(known),
            }
        }
        flags
    }

    fn take(&mut self, flag: &str) -> Option<OsString> {
        let at = self.values.iter().position(|(known, _)| *known == flag)?;
        Some(self.values.swap_remove(at).1)
    }

    fn required(&mut self, flag: &'static str) -> Result<OsString, Refusal> {
        match self.take(flag) {
            Some(value) if value.is_empty() => Err(Refusal::new(format!("{flag} is empty"))),
            Some(value) => Ok(value),
            None => Err(self.missing(flag)),
        }
    }

    fn missing(&self, flag: &'static str) -> Refusal {
        let what = if self.bare.contains(&flag) { "has no value" } else { "is missing" };
        let mut refusal = Refusal::new(format!("{flag} {what}"));
        let (socket, data) = (flag == "--socket-path", flag == "--data-dir");
        if socket && launch::MISSING_SOCKET_PATH_UNNAMED.active()
            || data && launch::MISSING_DATA_DIR_UNNAMED.active()
        {
            refusal.message = Some("a required flag is missing".into());
        }
        if socket && launch::MISSING_SOCKET_PATH_SILENT.active() {
            refusal.message = None;
        }
        if socket && launch::MISSING_SOCKET_PATH_STATUS_0.active()
            || data && launch::MISSING_DATA_DIR_STATUS_0.active()
        {
            refusal.status = 0;
        }
        refusal
    }

    fn warn_of_unknown(&self) -> Result<(), Refusal> {
        if self.unknown.is_empty() || launch::UNKNOWN_FLAGS_UNMENTIONED.active() {
            return Ok(());
        }
        let message = format!("unknown flags: {}", self.unknown.join(", "));
        if launch::UNKNOWN_FLAGS_REFUSED.active() {
            return Err(Refusal::new(message));
        }
        log::warn(&message);
        Ok(())
    }
}

/// Splits `--flag=value` at its first equals sign.
fn split(arg: &OsStr) -> (OsString, Option<OsString>) {
    let bytes = arg.as_bytes();
    match bytes.iter().position(|byte| *byte == b'=') {
        Some(at) if bytes.starts_with(b"--") => {
            let value = OsString::from_vec(bytes[at + 1..].to_vec());
            (OsString::from_vec(bytes[..at].to_vec()), Some(value))
        }
        _ => (arg.to_owned(), None),
    }
}
