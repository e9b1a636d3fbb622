//! The manifest: what a plugin says of itself in the first handshake line.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::path;
use crate::limits::NAME_MAX_CHARS;
use crate::open_enum::open_enum;
use crate::pattern::{EVENT_PATTERN_REGEX, EventPattern};
use crate::strict;
use crate::validate::{Checker, Violations, Wire};

/// What a plugin says of itself (PROTOCOL.md, section "Manifest").
///
/// Build one with [`PluginManifest::builder`]; unknown fields are ignored when one is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PluginManifest {
    /// Unique kebab-case name, at most 64 characters; it is a URL segment.
    #[schemars(regex(pattern = NAME_REGEX), length(max = NAME_MAX_CHARS))]
    pub name: String,
    /// The plugin's own version, `SemVer`.
    #[schemars(regex(pattern = SEMVER_REGEX))]
    pub version: String,
    /// The name people read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// One sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Entries in the console's navigation.
    #[serde(default, deserialize_with = "strict::many")]
    pub nav: Vec<NavEntry>,
    /// A user interface bundle the console loads itself.
    #[serde(default, deserialize_with = "strict::maybe", skip_serializing_if = "Option::is_none")]
    pub ui: Option<UiManifest>,
    /// Whether the plugin needs the platform's database. Always written: older readers take a
    /// missing one as true.
    #[serde(default)]
    pub requires_db: bool,
    /// Whether the plugin needs the host's data directory (dialect 2).
    #[serde(default, skip_serializing_if = "is_false")]
    pub requires_host_data_access: bool,
    /// Where health answers.
    #[serde(default = "default_health_path")]
    #[schemars(regex(pattern = HEALTH_PATH_REGEX))]
    pub health_path: String,
    /// Whether the console hides its header strip over the plugin's UI (dialect 2).
    #[serde(default, skip_serializing_if = "is_false")]
    pub hide_header: bool,
    /// Route prefixes, by whole segments, that callers reach without signing in (dialect 2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(inner(regex(pattern = HEALTH_PATH_REGEX)))]
    pub public_paths: Vec<String>,
    /// Which use of the platform's API is wanted (dialect 2).
    #[serde(default, deserialize_with = "strict::many", skip_serializing_if = "Vec::is_empty")]
    pub capabilities: Vec<Capability>,
    /// What an administrator is asked to grant (dialect 2): a request, not a right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "known_permissions")]
    pub host_permissions: Vec<HostPermission>,
    /// Which events are wanted: exact names, `prefix.*`, or `*`.
    #[serde(default)]
    #[schemars(inner(regex(pattern = EVENT_PATTERN_REGEX)))]
    pub events: Vec<String>,
}

const NAME_REGEX: &str = r"^[a-z0-9]+(-[a-z0-9]+)*$";
/// The expression published at semver.org, with `[0-9]` for `\d`, which is more than ASCII in places.
const SEMVER_REGEX: &str = concat!(
    r"^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)",
    r"(-((0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*))?",
    r"(\+([0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*))?$",
);
const HEALTH_PATH_REGEX: &str =
    r##"^(?!/(_temps|_events)(/|$))(?!.*/\.{1,2}(/|$))/[!-"$&->@-\[\]-~]*$"##;
const NAV_PATH_REGEX: &str = r"^/(?!/)[^\\\x00-\x20\x7f]*$";

fn default_health_path() -> String {
    path::HEALTH.to_owned()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// A manifest asks for known permissions only; a reply may name newer ones.
fn known_permissions(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "items": { "type": "string", "enum": HostPermission::KNOWN },
    })
}

/// One entry in the console's navigation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NavEntry {
    /// The text shown.
    #[schemars(length(min = 1))]
    pub label: String,
    /// The name of a Lucide icon, such as `puzzle`.
    #[schemars(length(min = 1))]
    pub icon: String,
    /// Where the entry goes.
    #[serde(deserialize_with = "strict::one")]
    pub section: NavSection,
    /// The console's client route, starting with one `/`.
    #[schemars(regex(pattern = NAV_PATH_REGEX))]
    pub path: String,
    /// Lower comes first.
    pub order: u32,
}

/// A place in the console's navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NavSection {
    /// The main sidebar.
    Platform,
    /// The administration area.
    Settings,
    /// Inside every project.
    Project,
}

/// A user interface bundle the console loads itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UiManifest {
    /// The script that starts the interface.
    #[schemars(length(min = 1))]
    pub entry_js: String,
    /// Style sheets to load with it.
    #[serde(default)]
    pub css: Vec<String>,
    /// The client routes it draws.
    #[serde(default, deserialize_with = "strict::many")]
    pub routes: Vec<UiRoute>,
}

/// One client route of a [`UiManifest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UiRoute {
    /// The route, starting with one `/`.
    #[schemars(regex(pattern = NAV_PATH_REGEX))]
    pub path: String,
    /// The title shown for it.
    pub title: String,
}

/// Use of the platform's API in a caller's name (dialect 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Calls that change nothing.
    ApiRead,
    /// Calls that change something.
    ApiWrite,
}

open_enum! {
    /// What an administrator may grant a plugin (dialect 2).
    pub enum HostPermission {
        /// `generate_ai`.
        AiGenerate = "ai_generate",
        /// `get_project`, `list_projects`.
        ProjectsRead = "projects_read",
        /// `get_environment`, `list_environments`.
        EnvironmentsRead = "environments_read",
        /// `get_deployment`, `get_last_deployment`, `list_deployments`.
        DeploymentsRead = "deployments_read",
        /// Events.
        EventsRead = "events_read",
        /// `api_call` with GET.
        ApiRead = "api_read",
        /// `api_call` with any other method.
        ApiWrite = "api_write",
    }
}

impl PluginManifest {
    /// Starts a manifest. Nothing is checked here: [`Wire::validate`] answers with everything that is
    /// wrong at once, and the SDK calls it before a byte is sent.
    ///
    /// ```
    /// use temps_plugin_schema::{PluginManifest, Wire};
    ///
    /// let manifest = PluginManifest::builder("slack-notifier", "1.0.0")
    ///     .display_name("Slack Notifier")
    ///     .event("deployment.*")
    ///     .build();
    /// assert!(manifest.validate().is_ok());
    /// assert!(manifest.wants_event("deployment.failed"));
    /// ```
    pub fn builder(name: impl Into<String>, version: impl Into<String>) -> PluginManifestBuilder {
        PluginManifestBuilder {
            manifest: Self {
                name: name.into(),
                version: version.into(),
                display_name: None,
                description: None,
                nav: Vec::new(),
                ui: None,
                requires_db: false,
                requires_host_data_access: false,
                health_path: default_health_path(),
                hide_header: false,
                public_paths: Vec::new(),
                capabilities: Vec::new(),
                host_permissions: Vec::new(),
                events: Vec::new(),
            },
        }
    }

    /// Whether an event of this type is on the manifest's whitelist.
    #[must_use]
    pub fn wants_event(&self, event_type: &str) -> bool {
        self.events
            .iter()
            .filter_map(|pattern| pattern.parse::<EventPattern>().ok())
            .any(|pattern| pattern.matches(event_type))
    }
}

impl Wire for PluginManifest {
    fn validate(&self) -> Result<(), Violations> {
        let mut check = Checker::default();
        check.require(
            is_name(&self.name),
            "name",
            &self.name,
            "words of `a-z 0-9` joined by `-`, at most 64 characters",
        );
        check.require(
            is_semver(&self.version),
            "version",
            &self.version,
            "a SemVer version such as `1.0.0`",
        );
        check.require(
            is_server_path(&self.health_path),
            "health_path",
            &self.health_path,
            SERVER_PATH_ALLOWED,
        );
        for (i, path) in self.public_paths.iter().enumerate() {
            check.require(
                is_server_path(path),
                format!("public_paths[{i}]"),
                path,
                SERVER_PATH_ALLOWED,
            );
        }
        for (i, permission) in self.host_permissions.iter().enumerate() {
            check.require(
                permission.is_known(),
                format!("host_permissions[{i}]"),
                permission.as_str(),
                &HostPermission::KNOWN.join(", "),
            );
        }
        for (i, pattern) in self.events.iter().enumerate() {
            if let Err(mut violation) = pattern.parse::<EventPattern>() {
                violation.field = format!("events[{i}]");
                check.0.push(violation);
            }
        }
        for (i, entry) in self.nav.iter().enumerate() {
            entry.check(&format!("nav[{i}]"), &mut check);
        }
        if let Some(ui) = &self.ui {
            ui.check(&mut check);
        }
        check.finish()
    }
}

impl NavEntry {
    fn check(&self, at: &str, check: &mut Checker) {
        check.require(!self.label.is_empty(), format!("{at}.label"), &self.label, NON_EMPTY);
        check.require(!self.icon.is_empty(), format!("{at}.icon"), &self.icon, NON_EMPTY);
        check.require(is_nav_path(&self.path), format!("{at}.path"), &self.path, NAV_PATH_ALLOWED);
    }
}

impl UiManifest {
    fn check(&self, check: &mut Checker) {
        check.require(!self.entry_js.is_empty(), "ui.entry_js", &self.entry_js, NON_EMPTY);
        for (i, route) in self.routes.iter().enumerate() {
            check.require(
                is_nav_path(&route.path),
                format!("ui.routes[{i}].path"),
                &route.path,
                NAV_PATH_ALLOWED,
            );
        }
    }
}

const NON_EMPTY: &str = "a text that is not empty";
const NAV_PATH_ALLOWED: &str =
    "a client route that starts with one `/` and has no `\\`, no blank and no control character";
const SERVER_PATH_ALLOWED: &str = "an absolute path of visible ASCII characters, not under \
     `/_temps` or `/_events`, without `%`, `?`, `#`, `\\` and without `.` or `..` segments";

fn is_name(name: &str) -> bool {
    name.len() <= NAME_MAX_CHARS
        && name.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

/// Semantic Versioning 2.0.0, whose numbers have no upper bound.
fn is_semver(version: &str) -> bool {
    let (rest, build) = match version.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (version, None),
    };
    let (core, pre) = match rest.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (rest, None),
    };
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_number = |text: &str| is_digits(text) && (text == "0" || !text.starts_with('0'));
    let is_identifier = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let is_pre = |text: &str| is_identifier(text) && (!is_digits(text) || is_number(text));
    core.split('.').count() == 3
        && core.split('.').all(is_number)
        && pre.is_none_or(|pre| pre.split('.').all(is_pre))
        && build.is_none_or(|build| build.split('.').all(is_identifier))
}

fn is_server_path(path: &str) -> bool {
    path.starts_with('/')
        && path.bytes().all(|b| b.is_ascii_graphic() && !b"%?#\\".contains(&b))
        && !path.split('/').any(|segment| segment == "." || segment == "..")
        && !path::is_under(path, path::RESERVED)
        && !path::is_under(path, path::EVENTS)
}

fn is_nav_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.chars().any(|c| c == '\\' || c == ' ' || c.is_ascii_control())
}

/// Builds a [`PluginManifest`], one method a field.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct PluginManifestBuilder {
    manifest: PluginManifest,
}

impl PluginManifestBuilder {
    /// The name people read.
    pub fn display_name(mut self, text: impl Into<String>) -> Self {
        self.manifest.display_name = Some(text.into());
        self
    }

    /// One sentence for people.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.manifest.description = Some(text.into());
        self
    }

    /// Adds an entry to the console's navigation.
    pub fn nav(mut self, entry: NavEntry) -> Self {
        self.manifest.nav.push(entry);
        self
    }

    /// Describes a bundle that the console loads itself. A UI that the SDK serves needs none.
    pub fn ui(mut self, ui: UiManifest) -> Self {
        self.manifest.ui = Some(ui);
        self
    }

    /// Whether the plugin needs the platform's database.
    pub fn requires_db(mut self, needed: bool) -> Self {
        self.manifest.requires_db = needed;
        self
    }

    /// Whether the plugin needs the host's data directory (dialect 2).
    pub fn requires_host_data_access(mut self, needed: bool) -> Self {
        self.manifest.requires_host_data_access = needed;
        self
    }

    /// Where health answers, `/health` unless said otherwise.
    pub fn health_path(mut self, path: impl Into<String>) -> Self {
        self.manifest.health_path = path.into();
        self
    }

    /// Whether the console hides its header strip over the plugin's UI (dialect 2).
    pub fn hide_header(mut self, hide: bool) -> Self {
        self.manifest.hide_header = hide;
        self
    }

    /// Adds a route prefix that callers reach without signing in (dialect 2).
    pub fn public_path(mut self, path: impl Into<String>) -> Self {
        self.manifest.public_paths.push(path.into());
        self
    }

    /// Asks for a use of the platform's API (dialect 2).
    pub fn capability(mut self, capability: Capability) -> Self {
        self.manifest.capabilities.push(capability);
        self
    }

    /// Adds what an administrator is asked to grant (dialect 2).
    pub fn request_permissions(
        mut self,
        permissions: impl IntoIterator<Item = HostPermission>,
    ) -> Self {
        self.manifest.host_permissions.extend(permissions);
        self
    }

    /// Asks for an event: an exact name, `prefix.*`, or `*`.
    pub fn event(mut self, pattern: impl Into<String>) -> Self {
        self.manifest.events.push(pattern.into());
        self
    }

    /// Asks for several events.
    pub fn events<T: Into<String>>(mut self, patterns: impl IntoIterator<Item = T>) -> Self {
        self.manifest.events.extend(patterns.into_iter().map(Into::into));
        self
    }

    /// The finished manifest.
    #[must_use]
    pub fn build(self) -> PluginManifest {
        self.manifest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violations(manifest: &PluginManifest) -> Vec<String> {
        match manifest.validate() {
            Ok(()) => Vec::new(),
            Err(found) => found.as_slice().iter().map(|v| v.field.clone()).collect(),
        }
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let manifest = PluginManifest::builder("Bad_Name", "1.0")
            .health_path("/_temps/health")
            .public_path("/a/../b")
            .event("deploy*")
            .request_permissions(["root".into()])
            .nav(NavEntry {
                label: String::new(),
                icon: "x".into(),
                section: NavSection::Project,
                path: "//evil.example".into(),
                order: 0,
            })
            .build();
        assert_eq!(
            violations(&manifest),
            [
                "name",
                "version",
                "health_path",
                "public_paths[0]",
                "host_permissions[0]",
                "events[0]",
                "nav[0].label",
                "nav[0].path"
            ]
        );
    }

    #[test]
    fn a_name_is_kebab_case_of_at_most_64_characters() {
        for name in ["a", "a1", "slack-notifier", &"a".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-a", "a-", "a--b", "A", "a_b", "a/b", "ä", &"a".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn requires_db_is_always_written() {
        let json = serde_json::to_value(PluginManifest::builder("a", "1.0.0").build()).unwrap();
        assert_eq!(json["requires_db"], false);
    }
}
