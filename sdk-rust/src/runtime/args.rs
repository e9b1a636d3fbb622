//! The arguments a host starts a plugin with (PROTOCOL.md, section "Launch").

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use temps_plugin_schema::{Dialect, Secret};

use crate::{ErrorKind, PluginSdkError};

/// What the arguments said.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) socket_path: PathBuf,
    pub(crate) data_dir: PathBuf,
    /// Dialect 1 brings the secret here; its absence means dialect 2 (LA-08).
    pub(crate) auth_secret: Option<Secret>,
    pub(crate) database_url: Option<Secret>,
    pub(crate) host_api_url: Option<String>,
    /// Flags nobody knows, without their values: a value may be a secret (LA-12).
    pub(crate) unknown: Vec<String>,
}

const SOCKET_PATH: &str = "--socket-path";
const DATA_DIR: &str = "--data-dir";
const AUTH_SECRET: &str = "--auth-secret";
const DATABASE_URL: &str = "--database-url";
const HOST_API_URL: &str = "--host-api-url";
const KNOWN: [&str; 5] = [SOCKET_PATH, DATA_DIR, AUTH_SECRET, DATABASE_URL, HOST_API_URL];

impl Arguments {
    /// Reads arguments, program name excluded. `--flag value` and `--flag=value` both count; of a
    /// flag given twice the last one does.
    pub(crate) fn parse(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, PluginSdkError> {
        let mut values: [Option<OsString>; KNOWN.len()] = Default::default();
        let mut unknown = Vec::new();
        let mut arguments = arguments.into_iter().peekable();
        while let Some(argument) = arguments.next() {
            let (flag, inline) = split(&argument);
            let Some(slot) = KNOWN.iter().position(|known| OsStr::new(known) == flag) else {
                if flag.as_bytes().starts_with(b"-") {
                    unknown.push(flag.to_string_lossy().into_owned());
                }
                continue;
            };
            let value = match inline {
                Some(value) => Some(value),
                None => arguments.next_if(|next| !is_known_flag(next)),
            };
            values[slot] = Some(value.ok_or_else(|| missing(KNOWN[slot], "has no value"))?);
        }
        let [socket_path, data_dir, auth_secret, database_url, host_api_url] = values;
        Ok(Self {
            socket_path: absolute(SOCKET_PATH, socket_path)?,
            data_dir: absolute(DATA_DIR, data_dir)?,
            auth_secret: auth_secret
                .map(|value| text(AUTH_SECRET, value).and_then(not_empty))
                .transpose()?
                .map(Secret::new),
            database_url: database_url
                .map(|value| text(DATABASE_URL, value))
                .transpose()?
                .map(Secret::new),
            host_api_url: host_api_url.map(|value| text(HOST_API_URL, value)).transpose()?,
            unknown,
        })
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.auth_secret {
            Some(_) => Dialect::One,
            None => Dialect::Two,
        }
    }
}

fn split(argument: &OsStr) -> (&OsStr, Option<OsString>) {
    let bytes = argument.as_bytes();
    match bytes.iter().position(|b| *b == b'=') {
        Some(at) if bytes.starts_with(b"--") => {
            (OsStr::from_bytes(&bytes[..at]), Some(OsString::from_vec(bytes[at + 1..].to_vec())))
        }
        _ => (argument, None),
    }
}

fn is_known_flag(argument: &OsString) -> bool {
    let (flag, _) = split(argument);
    KNOWN.iter().any(|known| OsStr::new(known) == flag)
}

fn absolute(flag: &str, value: Option<OsString>) -> Result<PathBuf, PluginSdkError> {
    let path = PathBuf::from(value.ok_or_else(|| missing(flag, "is missing"))?);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(missing(flag, &format!("is {:?}, which is not an absolute path", path.display())))
    }
}

fn text(flag: &str, value: OsString) -> Result<String, PluginSdkError> {
    value.into_string().map_err(|_| missing(flag, "has a value that is not UTF-8"))
}

fn not_empty(secret: String) -> Result<String, PluginSdkError> {
    if secret.is_empty() { Err(missing(AUTH_SECRET, "is empty")) } else { Ok(secret) }
}

fn missing(flag: &str, what: &str) -> PluginSdkError {
    PluginSdkError::new(
        ErrorKind::Arguments,
        format!(
            "the argument {flag} {what}. This is a Temps plugin: a host starts it as \
             `PLUGIN --socket-path <absolute path> --data-dir <absolute path>`; to try it by hand, \
             run `temps-plugin-conformance run -- PLUGIN`"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, PluginSdkError> {
        Arguments::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn both_spellings_count_and_tell_the_dialect() {
        let two = parse(&["--socket-path", "/s", "--data-dir=/d"]).unwrap();
        assert_eq!(two.dialect(), Dialect::Two);
        assert_eq!((two.socket_path, two.data_dir), ("/s".into(), "/d".into()));
        let one = parse(&["--socket-path=/s=1", "--data-dir", "/d", "--auth-secret=a=b"]).unwrap();
        assert_eq!(one.dialect(), Dialect::One);
        assert_eq!(one.socket_path, PathBuf::from("/s=1"));
        assert_eq!(one.auth_secret.unwrap().expose(), "a=b");
    }

    #[test]
    fn a_secret_may_begin_with_a_dash() {
        let one = parse(&["--auth-secret", "-x", "--socket-path=/s", "--data-dir=/d"]).unwrap();
        assert_eq!(one.auth_secret.unwrap().expose(), "-x");
    }

    #[test]
    fn unknown_flags_are_named_without_their_values() {
        let arguments =
            parse(&["--new", "hunter2", "--socket-path=/s", "--other=x", "-v", "--data-dir=/d"]);
        assert_eq!(arguments.unwrap().unknown, ["--new", "--other", "-v"]);
    }

    #[test]
    fn a_missing_flag_or_value_is_named() {
        for (arguments, flag) in [
            (&["--data-dir=/d"][..], "--socket-path"),
            (&["--socket-path=/s"], "--data-dir"),
            (&["--socket-path", "--data-dir", "/d"], "--socket-path"),
            (&["--socket-path=/s", "--data-dir"], "--data-dir"),
            (&["--socket-path=s", "--data-dir=/d"], "--socket-path"),
            (&["--socket-path=/s", "--data-dir=/d", "--auth-secret="], "--auth-secret"),
        ] {
            let error = parse(arguments).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Arguments);
            assert!(error.to_string().contains(&format!("the argument {flag} ")), "{error}");
        }
    }
}
