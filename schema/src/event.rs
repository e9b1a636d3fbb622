//! Events: an open envelope, and typed payloads for the events the platform is known to send.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::validate::{Checker, Violations, Wire};

/// Something that happened on the platform (PROTOCOL.md, section "Events").
///
/// The envelope is open: an unknown `event_type` is as good as a known one, and `data` keeps every
/// field. [`PluginEvent::payload`] gives the data of known events a type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PluginEvent {
    /// Unique id, a UUID. Readers take any text that is not empty.
    #[schemars(length(min = 1))]
    pub id: String,
    /// What happened, such as `deployment.succeeded`.
    #[schemars(length(min = 1))]
    pub event_type: String,
    /// When, RFC 3339. Readers take any text.
    pub timestamp: String,
    /// The project it happened in, if any.
    #[serde(default)]
    pub project_id: Option<i32>,
    /// What else is known, by event.
    #[serde(default = "empty_object")]
    pub data: Value,
}

fn empty_object() -> Value {
    Value::Object(Map::new())
}

impl Wire for PluginEvent {
    fn validate(&self) -> Result<(), Violations> {
        let mut check = Checker::default();
        check.require(!self.id.is_empty(), "id", "", "a text that is not empty");
        check.require(!self.event_type.is_empty(), "event_type", "", "a text that is not empty");
        check.finish()
    }
}

impl PluginEvent {
    /// The event's data with a type, for the events this crate knows; [`EventPayload::Unknown`] for
    /// all others.
    ///
    /// # Errors
    /// When a known event's data lacks a field it must have or holds another type there.
    pub fn payload(&self) -> Result<EventPayload, serde_json::Error> {
        EventPayload::parse(&self.event_type, &self.data)
    }
}

/// Declares the known events: their names, and which payload each carries.
macro_rules! known_events {
    ($( $(#[$meta:meta])* $variant:ident($payload:ty) = $name:literal, )+) => {
        /// The data of an event, with a type.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum EventPayload {
            $( $(#[$meta])* $variant($payload), )+
            /// An event this version has no type for: read [`PluginEvent::data`].
            Unknown,
        }

        /// The names of all known events.
        pub const KNOWN_EVENTS: &[&str] = &[$($name),+];

        impl EventPayload {
            fn parse(event_type: &str, data: &Value) -> Result<Self, serde_json::Error> {
                Ok(match event_type {
                    $( $name => Self::$variant(crate::strict::one::<_, $payload>(data)?), )+
                    _ => Self::Unknown,
                })
            }

            /// The schema of a known event's data, by event name.
            pub(crate) fn schemas() -> Vec<(&'static str, schemars::Schema)> {
                vec![$( ($name, crate::json_schema::document::<$payload>()), )+]
            }
        }
    };
}

known_events! {
    /// A deployment was asked for.
    DeploymentCreated(DeploymentCreated) = "deployment.created",
    /// A deployment is live and its routes are loaded.
    DeploymentSucceeded(DeploymentSucceeded) = "deployment.succeeded",
    /// A deployment passed its health checks and gets traffic.
    DeploymentReady(DeploymentReady) = "deployment.ready",
    /// A deployment failed.
    DeploymentFailed(DeploymentFailed) = "deployment.failed",
    /// A deployment was cancelled.
    DeploymentCancelled(DeploymentCancelled) = "deployment.cancelled",
    /// A project was made.
    ProjectCreated(ProjectChanged) = "project.created",
    /// A project was removed.
    ProjectDeleted(ProjectChanged) = "project.deleted",
    /// A domain was added.
    DomainCreated(DomainChanged) = "domain.created",
    /// A domain got its certificate.
    DomainProvisioned(DomainChanged) = "domain.provisioned",
}

/// Data of `deployment.created`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentCreated {
    /// The deployment.
    pub deployment_id: i32,
    /// Its project.
    pub project_id: i32,
    /// Its environment.
    pub environment_id: i32,
    /// That environment's name.
    pub environment_name: String,
    /// The commit it is made from.
    #[serde(default)]
    pub commit_sha: Option<String>,
    /// The branch it is made from.
    #[serde(default)]
    pub branch: Option<String>,
}

/// Data of `deployment.succeeded`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentSucceeded {
    /// The deployment.
    pub deployment_id: i32,
    /// Its project.
    pub project_id: i32,
    /// Its environment.
    pub environment_id: i32,
    /// That environment's name.
    pub environment_name: String,
    /// The commit it was made from.
    #[serde(default)]
    pub commit_sha: Option<String>,
    /// Where it answers.
    #[serde(default)]
    pub url: Option<String>,
}

/// Data of `deployment.ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentReady {
    /// The deployment.
    pub deployment_id: i32,
    /// Its project.
    pub project_id: i32,
    /// Its environment.
    pub environment_id: i32,
    /// That environment's name.
    pub environment_name: String,
    /// Where it answers.
    #[serde(default)]
    pub url: Option<String>,
}

/// Data of `deployment.failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentFailed {
    /// The deployment.
    pub deployment_id: i32,
    /// Its project.
    pub project_id: i32,
    /// Its environment.
    pub environment_id: i32,
    /// That environment's name.
    pub environment_name: String,
    /// What went wrong.
    #[serde(default)]
    pub error_message: Option<String>,
}

/// Data of `deployment.cancelled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentCancelled {
    /// The deployment.
    pub deployment_id: i32,
    /// Its project.
    pub project_id: i32,
    /// Its environment.
    pub environment_id: i32,
    /// That environment's name.
    pub environment_name: String,
}

/// Data of `project.created` and `project.deleted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProjectChanged {
    /// The project.
    pub project_id: i32,
    /// Its name.
    pub project_name: String,
}

/// Data of `domain.created` and `domain.provisioned`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DomainChanged {
    /// The domain.
    pub domain_id: i32,
    /// Its project, if it belongs to one.
    #[serde(default)]
    pub project_id: Option<i32>,
    /// The name itself, such as `example.org`.
    pub domain_name: String,
}
