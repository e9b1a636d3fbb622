//! Reading the two handshake lines and writing the launch line: bytes to meaning, no I/O.

use serde_json::Value;
use temps_plugin_schema::handshake::{LaunchConfig, PluginLine, Ready};
use temps_plugin_schema::{
    DecodeError, Dialect, PluginManifest, Secret, Violation, Violations, Wire,
};

use crate::redact::Redactor;
use crate::start_error::StartErrorKind;
use crate::tap::cut;

/// Longest excerpt of a bad line in an error, in bytes.
const EXCERPT_BYTES: usize = 200;

/// Reads the first line of `dialect` (HS-12, HS-16).
pub(super) fn read_announcement(
    dialect: Dialect,
    line: &[u8],
    redactor: &Redactor,
) -> Result<Box<PluginManifest>, StartErrorKind> {
    let value = read_object(line, redactor)?;
    let expected = match dialect {
        Dialect::One => "manifest",
        Dialect::Two => "hello",
    };
    if dialect == Dialect::Two && value["type"] == "manifest" {
        return Err(StartErrorKind::OtherDialect);
    }
    match read_line(value, expected, line, redactor)? {
        PluginLine::Manifest(manifest) => Ok(manifest),
        PluginLine::Hello(hello) => Ok(hello.manifest),
        PluginLine::Ready(_) => Err(bad_line("is `ready`, not the first line", line, redactor)),
    }
}

/// Reads the second line of `dialect` (HS-13, HS-18, HS-44, HS-45).
pub(super) fn read_ready(
    dialect: Dialect,
    line: &[u8],
    redactor: &Redactor,
) -> Result<Ready, StartErrorKind> {
    let mut value = read_object(line, redactor)?;
    if let Some(object) = value.as_object_mut()
        && object.get("openapi").is_some_and(|openapi| !openapi.is_object())
    {
        object.remove("openapi");
    }
    let PluginLine::Ready(ready) = read_line(value, "ready", line, redactor)? else {
        return Err(bad_line("is not `ready`", line, redactor));
    };
    let reason = match (dialect, ready.ready, ready.protocol_version) {
        (_, false, _) => "says `\"ready\": false`: the plugin gave up",
        (Dialect::Two, true, None) => "lacks `\"protocol_version\": 2`",
        (Dialect::Two, true, Some(_)) | (Dialect::One, true, _) => return Ok(ready),
    };
    Err(StartErrorKind::NotReady { reason: reason.to_owned() })
}

fn read_object(line: &[u8], redactor: &Redactor) -> Result<Value, StartErrorKind> {
    match serde_json::from_slice::<Value>(line) {
        Ok(value) if value.is_object() => Ok(value),
        Ok(_) => Err(bad_line("is not a JSON object", line, redactor)),
        Err(error) => Err(bad_line(&format!("is not JSON ({error})"), line, redactor)),
    }
}

fn read_line(
    value: Value,
    expected: &str,
    line: &[u8],
    redactor: &Redactor,
) -> Result<PluginLine, StartErrorKind> {
    let found = &value["type"];
    if *found != expected {
        let reason = format!("has the type {found}; this step calls for \"{expected}\"");
        return Err(bad_line(&reason, line, redactor));
    }
    let parsed: PluginLine = serde_json::from_value(value)
        .map_err(|error| bad_line(&format!("is no `{expected}`: {error}"), line, redactor))?;
    match parsed.validate() {
        Ok(()) => Ok(parsed),
        Err(violations) if matches!(parsed, PluginLine::Ready(_)) => {
            Err(StartErrorKind::NotReady { reason: format!("is not valid: {violations}") })
        }
        Err(violations) if violations.as_slice().iter().any(|v| v.field == "protocol_version") => {
            let reason = format!("is not valid: {violations}");
            Err(bad_line(&reason, line, redactor))
        }
        Err(violations) => Err(StartErrorKind::ManifestInvalid(clean(violations, redactor))),
    }
}

/// The violations without the secrets that a plugin may have put into its manifest.
fn clean(violations: Violations, redactor: &Redactor) -> Violations {
    let cleaned = violations
        .as_slice()
        .iter()
        .map(|violation| Violation {
            field: violation.field.clone(),
            found: redactor.clean(&violation.found).into_owned(),
            allowed: violation.allowed.clone(),
        })
        .collect();
    Violations::check(cleaned).err().unwrap_or(violations)
}

pub(super) fn bad_line(reason: &str, line: &[u8], redactor: &Redactor) -> StartErrorKind {
    StartErrorKind::BadLine {
        reason: redactor.clean(reason).into_owned(),
        excerpt: excerpt(line, redactor),
    }
}

pub(super) fn excerpt(line: &[u8], redactor: &Redactor) -> String {
    let text = String::from_utf8_lossy(line);
    cut(&redactor.clean(&text), EXCERPT_BYTES).to_owned()
}

/// What a start can give a plugin that asks for it.
pub(super) struct Offer<'a> {
    pub(super) secret: &'a Secret,
    pub(super) database_url: Option<&'a Secret>,
    pub(super) host_data_dir: Option<&'a str>,
}

impl Offer<'_> {
    /// Whether the offer covers what the manifest asks for.
    pub(super) fn covers(&self, manifest: &PluginManifest) -> Result<(), StartErrorKind> {
        if manifest.requires_db && self.database_url.is_none() {
            return Err(StartErrorKind::NotProvided {
                manifest_field: "requires_db",
                launch_field: "database_url",
            });
        }
        if manifest.requires_host_data_access && self.host_data_dir.is_none() {
            return Err(StartErrorKind::NotProvided {
                manifest_field: "requires_host_data_access",
                launch_field: "host_data_dir",
            });
        }
        Ok(())
    }

    /// The launch line for this manifest, `\n` included: exactly what it asks for (HS-19 to HS-24).
    pub(super) fn launch_line(&self, manifest: &PluginManifest) -> Result<Vec<u8>, DecodeError> {
        let config = LaunchConfig {
            protocol_version: Dialect::Two.number(),
            auth_secret: self.secret.clone(),
            database_url: self.database_url.filter(|_| manifest.requires_db).cloned(),
            host_data_dir: self
                .host_data_dir
                .filter(|_| manifest.requires_host_data_access)
                .map(str::to_owned),
        };
        let mut line = serde_json::to_vec(&config).map_err(DecodeError::Shape)?;
        line.push(b'\n');
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(dialect: Dialect, line: &str) -> Result<Ready, StartErrorKind> {
        read_ready(dialect, line.as_bytes(), &Redactor::default())
    }

    #[test]
    fn an_openapi_that_is_none_is_a_missing_one() {
        let line = r#"{"type":"ready","ready":true,"has_ui":false,"openapi":7}"#;
        assert_eq!(ready(Dialect::One, line).unwrap().openapi, None);
    }

    #[test]
    fn ready_in_dialect_2_names_its_version() {
        let plain = r#"{"type":"ready","ready":true,"has_ui":false}"#;
        assert!(ready(Dialect::One, plain).is_ok());
        let error = ready(Dialect::Two, plain).unwrap_err().to_string();
        assert!(error.contains("protocol_version"), "{error}");
        let three = r#"{"type":"ready","ready":true,"has_ui":false,"protocol_version":3}"#;
        assert!(matches!(ready(Dialect::Two, three), Err(StartErrorKind::NotReady { .. })));
        let gave_up = r#"{"type":"ready","ready":false,"has_ui":false}"#;
        assert!(matches!(ready(Dialect::One, gave_up), Err(StartErrorKind::NotReady { .. })));
    }

    #[test]
    fn a_bad_line_is_shown_shortened_and_without_the_secret() {
        let redactor = Redactor::new([Secret::new("launch-secret")]);
        let line = format!("launch-secret{}", "x".repeat(1000));
        let Err(error) = read_announcement(Dialect::Two, line.as_bytes(), &redactor) else {
            panic!("accepted");
        };
        let error = error.to_string();
        assert!(error.contains("[redacted]xxx") && error.len() < 400, "{error}");
    }

    #[test]
    fn the_launch_line_gives_what_is_asked_for_and_no_more() {
        let secret = Secret::new("0123456789abcdefghijklmnopqrstuvwxyz");
        let database = Secret::new("postgres://db");
        let offer = Offer { secret: &secret, database_url: Some(&database), host_data_dir: None };
        let plain = PluginManifest::builder("a", "1.0.0").build();
        let line = String::from_utf8(offer.launch_line(&plain).unwrap()).unwrap();
        assert!(line.contains(r#""database_url":null"#), "{line}");
        let greedy = PluginManifest::builder("a", "1.0.0").requires_db(true).build();
        let line = String::from_utf8(offer.launch_line(&greedy).unwrap()).unwrap();
        assert!(line.contains("postgres://db") && line.ends_with("}\n"), "{line}");
        let reader = PluginManifest::builder("a", "1.0.0").requires_host_data_access(true).build();
        assert!(offer.covers(&reader).is_err() && offer.covers(&greedy).is_ok());
    }
}
