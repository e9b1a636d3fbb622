//! The lines of the handshake: what goes over stdout, and over stdin in dialect 2.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::{SECRET_MAX_CHARS, SECRET_MIN_CHARS};
use crate::validate::{Checker, Violations, Wire};
use crate::{Dialect, PluginManifest, Secret};

/// A line that a plugin writes to stdout (PROTOCOL.md, section "Handshake").
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PluginLine {
    /// The first line in dialect 1: the manifest itself.
    Manifest(Box<PluginManifest>),
    /// The first line in dialect 2.
    Hello(Hello),
    /// The second line in both.
    Ready(Ready),
}

/// The first line in dialect 2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hello {
    /// Always 2.
    #[schemars(range(min = 2, max = 2))]
    pub protocol_version: u32,
    /// What the plugin says of itself.
    #[serde(deserialize_with = "crate::strict::one")]
    pub manifest: Box<PluginManifest>,
}

/// The second line: the socket accepts connections and health answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ready {
    /// True. False says that the plugin gave up.
    pub ready: bool,
    /// Whether `/ui/` answers. False promises nothing.
    #[serde(default)]
    pub has_ui: bool,
    /// 2 in dialect 2, absent in dialect 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 2))]
    pub protocol_version: Option<u32>,
    /// An `OpenAPI` document of the plugin's own routes: an object. A reader takes anything else for
    /// none, so no other JSON is refused here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openapi: Option<Value>,
}

/// The line a host writes to the plugin's stdin in dialect 2.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LaunchConfig {
    /// Always 2.
    #[schemars(range(min = 2, max = 2))]
    pub protocol_version: u32,
    /// The secret this start of the plugin shares with its host.
    #[schemars(schema_with = "secret_schema")]
    pub auth_secret: Secret,
    /// The platform's database, set exactly when the manifest has `requires_db`.
    #[serde(default)]
    pub database_url: Option<Secret>,
    /// The host's data directory, an absolute path, set exactly when the manifest has
    /// `requires_host_data_access`.
    #[serde(default)]
    #[schemars(extend("pattern" = "^/"))]
    pub host_data_dir: Option<String>,
}

fn secret_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]+$",
        "minLength": SECRET_MIN_CHARS,
        "maxLength": SECRET_MAX_CHARS,
    })
}

/// Whether `secret` has the form the protocol asks of an `auth_secret`.
#[must_use]
pub fn is_auth_secret(secret: &str) -> bool {
    (SECRET_MIN_CHARS..=SECRET_MAX_CHARS).contains(&secret.len())
        && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn check_version(check: &mut Checker, found: u32) {
    check.require(
        found == Dialect::Two.number(),
        "protocol_version",
        &found.to_string(),
        "2, the only version that is negotiated by number",
    );
}

impl Wire for PluginLine {
    fn validate(&self) -> Result<(), Violations> {
        match self {
            Self::Manifest(manifest) => manifest.validate(),
            Self::Hello(hello) => hello.validate(),
            Self::Ready(ready) => ready.validate(),
        }
    }
}

impl PluginLine {
    /// The line's `type`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Manifest(_) => "manifest",
            Self::Hello(_) => "hello",
            Self::Ready(_) => "ready",
        }
    }

    /// The first line of `dialect`.
    #[must_use]
    pub fn announce(dialect: Dialect, manifest: PluginManifest) -> Self {
        let manifest = Box::new(manifest);
        match dialect {
            Dialect::One => Self::Manifest(manifest),
            Dialect::Two => Self::Hello(Hello { protocol_version: dialect.number(), manifest }),
        }
    }

    /// The second line of `dialect`.
    #[must_use]
    pub fn ready(dialect: Dialect, has_ui: bool, openapi: Option<Value>) -> Self {
        let protocol_version = (dialect == Dialect::Two).then_some(dialect.number());
        Self::Ready(Ready { ready: true, has_ui, protocol_version, openapi })
    }
}

impl Wire for Hello {
    fn validate(&self) -> Result<(), Violations> {
        let mut check = Checker::default();
        check_version(&mut check, self.protocol_version);
        if let Err(found) = self.manifest.validate() {
            check.0.extend(found.as_slice().iter().cloned());
        }
        check.finish()
    }
}

impl Wire for Ready {
    fn validate(&self) -> Result<(), Violations> {
        let mut check = Checker::default();
        if let Some(version) = self.protocol_version {
            check_version(&mut check, version);
        }
        check.finish()
    }
}

impl Wire for LaunchConfig {
    fn validate(&self) -> Result<(), Violations> {
        let mut check = Checker::default();
        check_version(&mut check, self.protocol_version);
        let length = self.auth_secret.expose().chars().count();
        check.require(
            is_auth_secret(self.auth_secret.expose()),
            "auth_secret",
            &format!("a text of {length} characters"),
            "32 to 256 characters of `A-Z a-z 0-9 _ -`",
        );
        if let Some(dir) = &self.host_data_dir {
            check.require(dir.starts_with('/'), "host_data_dir", dir, "an absolute path");
        }
        check.finish()
    }
}

impl LaunchConfig {
    /// Checks that the host gave exactly what the manifest asks for: no more, no less.
    pub fn validate_for(&self, manifest: &PluginManifest) -> Result<(), Violations> {
        let mut check = Checker::default();
        let pairs = [
            ("database_url", self.database_url.is_some(), manifest.requires_db, "requires_db"),
            (
                "host_data_dir",
                self.host_data_dir.is_some(),
                manifest.requires_host_data_access,
                "requires_host_data_access",
            ),
        ];
        for (field, given, wanted, flag) in pairs {
            let found = if given { "set" } else { "null" };
            let allowed: Cow<'_, str> = if wanted {
                format!("set, because the manifest has `{flag}`").into()
            } else {
                format!("null, because the manifest does not have `{flag}`").into()
            };
            check.require(given == wanted, field, found, &allowed);
        }
        check.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz_-AZ";

    fn launch(database_url: Option<&str>) -> LaunchConfig {
        LaunchConfig {
            protocol_version: 2,
            auth_secret: Secret::new(SECRET),
            database_url: database_url.map(Secret::new),
            host_data_dir: None,
        }
    }

    #[test]
    fn secrets_stay_out_of_debug_and_errors() {
        let mut config = launch(Some("postgres://u:hunter2@h/db"));
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!format!("{config:?}").contains(SECRET));
        config.auth_secret = Secret::new("short-secret");
        let error = config.validate().unwrap_err().to_string();
        assert!(!error.contains("short-secret") && error.contains("12 characters"), "{error}");
    }

    #[test]
    fn a_database_is_given_exactly_when_asked_for() {
        let plain = PluginManifest::builder("a", "1.0.0").build();
        let with_db = PluginManifest::builder("a", "1.0.0").requires_db(true).build();
        assert!(launch(None).validate_for(&plain).is_ok());
        assert!(launch(Some("x")).validate_for(&with_db).is_ok());
        assert!(launch(None).validate_for(&with_db).is_err());
        assert!(launch(Some("x")).validate_for(&plain).is_err());
    }
}
