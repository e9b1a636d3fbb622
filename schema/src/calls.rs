//! The ten calls a plugin can make over the channel: their parameters and what comes back.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api_call::{ApiCall, ApiReply};
use crate::limits;
use crate::platform::{Deployment, Environment, GeneratedText, HostCapabilities, Project};
use crate::validate::{Violations, Wire};

/// The parameters of one call, tied to its method and to the type of its result.
///
/// ```
/// use temps_plugin_schema::calls::{CallParams, GetProject};
/// assert_eq!(GetProject::METHOD.as_str(), "get_project");
/// ```
pub trait CallParams: Serialize + DeserializeOwned + JsonSchema + Send {
    /// The method called.
    const METHOD: Method;
    /// What the host answers with.
    type Output: Serialize + DeserializeOwned + JsonSchema + Send + 'static;

    /// Checks what the shape alone cannot, before anything is sent.
    ///
    /// # Errors
    /// Every field that is not as the protocol asks.
    fn check(&self) -> Result<(), Violations> {
        Ok(())
    }
}

/// Declares the calls: method names, parameter types and result types, each once.
macro_rules! calls {
    ($( $(#[$meta:meta])* $variant:ident($params:ident) -> $output:ty = $name:literal, )+) => {
        /// The name of a call.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema,
        )]
        pub enum Method {
            $( $(#[$meta])* #[serde(rename = $name)] $variant, )+
        }

        impl Method {
            /// Every method.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $name, )+ }
            }
        }

        /// A call with its parameters, as a host sees it.
        #[derive(Debug, Clone)]
        pub enum Call {
            $( $(#[$meta])* $variant($params), )+
        }

        impl Call {
            /// The method called.
            #[must_use]
            pub const fn method(&self) -> Method {
                match self { $( Self::$variant(_) => Method::$variant, )+ }
            }

            /// The parameters as they go over the wire.
            ///
            /// # Errors
            /// When a value in them has no form in JSON.
            pub fn params(&self) -> serde_json::Result<Value> {
                match self { $( Self::$variant(params) => serde_json::to_value(params), )+ }
            }

            /// Reads a call from its parts.
            ///
            /// # Errors
            /// [`CallError::MethodNotFound`] for a method that does not exist and
            /// [`CallError::InvalidParams`] for parameters of another shape.
            pub fn from_parts(method: &str, params: Value) -> Result<Self, CallError> {
                let params = match params {
                    Value::Null => Value::Object(serde_json::Map::new()),
                    params => params,
                };
                match method {
                    $( $name => {
                        let params: $params =
                            crate::strict::one(params).map_err(CallError::shape)?;
                        params.check().map_err(CallError::values)?;
                        Ok(Self::$variant(params))
                    } )+
                    other => Err(CallError::MethodNotFound(other.to_owned())),
                }
            }
        }

        $( impl From<$params> for Call {
            fn from(params: $params) -> Self {
                Self::$variant(params)
            }
        } )+

        /// Schemas of every call's parameters and result, by method.
        pub(crate) fn schemas() -> Vec<(&'static str, schemars::Schema, schemars::Schema)> {
            vec![$( (
                $name,
                crate::json_schema::document::<$params>(),
                crate::json_schema::document::<$output>(),
            ), )+]
        }
    };
}

calls! {
    /// One project.
    GetProject(GetProject) -> Project = "get_project",
    /// All projects.
    ListProjects(ListProjects) -> Vec<Project> = "list_projects",
    /// One environment.
    GetEnvironment(GetEnvironment) -> Environment = "get_environment",
    /// A project's environments.
    ListEnvironments(ListEnvironments) -> Vec<Environment> = "list_environments",
    /// One deployment.
    GetDeployment(GetDeployment) -> Deployment = "get_deployment",
    /// A project's newest deployment.
    GetLastDeployment(GetLastDeployment) -> Deployment = "get_last_deployment",
    /// A project's deployments.
    ListDeployments(ListDeployments) -> Vec<Deployment> = "list_deployments",
    /// What this plugin may do now (dialect 2).
    GetHostCapabilities(GetHostCapabilities) -> HostCapabilities = "get_host_capabilities",
    /// Text from the platform's model (dialect 2).
    GenerateAi(GenerateAi) -> GeneratedText = "generate_ai",
    /// A request to the platform's API in a caller's name (dialect 2).
    ApiCall(ApiCall) -> ApiReply = "api_call",
}

impl Method {
    /// Whether the method exists in dialect 2 only.
    #[must_use]
    pub const fn needs_dialect_2(self) -> bool {
        matches!(self, Self::GetHostCapabilities | Self::GenerateAi | Self::ApiCall)
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a request is no call; what the host answers it with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallError {
    /// No such method.
    MethodNotFound(String),
    /// The method exists; its parameters are not these.
    InvalidParams(String),
}

impl CallError {
    fn shape(error: serde_json::Error) -> Self {
        Self::InvalidParams(error.to_string())
    }

    fn values(violations: Violations) -> Self {
        Self::InvalidParams(violations.to_string())
    }
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::MethodNotFound(method) => {
                let known: Vec<_> = Method::ALL.iter().map(|method| method.as_str()).collect();
                write!(f, "no method {method:?}; allowed: {}", known.join(", "))
            }
            Self::InvalidParams(reason) => write!(f, "invalid params: {reason}"),
        }
    }
}

impl std::error::Error for CallError {}

/// Parameters of `get_project`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetProject {
    /// The project asked for.
    pub project_id: i32,
}

/// Parameters of `list_projects`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListProjects {
    /// Most projects wanted. Hosts may ignore it and stop at 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Parameters of `get_environment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetEnvironment {
    /// The environment asked for.
    pub environment_id: i32,
}

/// Parameters of `list_environments`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListEnvironments {
    /// The project whose environments are asked for.
    pub project_id: i32,
}

/// Parameters of `get_deployment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetDeployment {
    /// The deployment asked for.
    pub deployment_id: i32,
}

/// Parameters of `get_last_deployment`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetLastDeployment {
    /// The project asked about.
    pub project_id: i32,
    /// Only this environment of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment_id: Option<i32>,
}

/// Parameters of `list_deployments`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListDeployments {
    /// The project asked about.
    pub project_id: i32,
    /// Only this environment of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment_id: Option<i32>,
    /// Most deployments wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Parameters of `get_host_capabilities`: none, written as `{}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GetHostCapabilities {}

/// Parameters of `generate_ai`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GenerateAi {
    /// What the text is for; shown to administrators.
    pub purpose: String,
    /// The prompt.
    pub prompt: String,
    /// Instructions that stand above the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// Most tokens of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// How freely words are chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

macro_rules! params {
    ($( $params:ident -> $output:ty $(, check = $check:path)? ; )+) => {
        $( impl CallParams for $params {
            const METHOD: Method = Method::$params;
            type Output = $output;
            $( fn check(&self) -> Result<(), Violations> {
                $check(self)
            } )?
        } )+
    };
}

params! {
    GetProject -> Project;
    ListProjects -> Vec<Project>;
    GetEnvironment -> Environment;
    ListEnvironments -> Vec<Environment>;
    GetDeployment -> Deployment;
    GetLastDeployment -> Deployment;
    ListDeployments -> Vec<Deployment>;
    GetHostCapabilities -> HostCapabilities;
    GenerateAi -> GeneratedText;
    ApiCall -> ApiReply, check = Wire::validate;
}

impl std::str::FromStr for Method {
    type Err = CallError;

    fn from_str(name: &str) -> Result<Self, CallError> {
        let known = Self::ALL.iter().copied().find(|method| method.as_str() == name);
        known.ok_or_else(|| CallError::MethodNotFound(name.to_owned()))
    }
}

impl Method {
    /// How long a plugin waits for the answer unless its author says otherwise.
    #[must_use]
    pub const fn default_timeout(self) -> std::time::Duration {
        match self {
            Self::GenerateAi => limits::GENERATE_AI_TIMEOUT,
            _ => limits::CALL_TIMEOUT,
        }
    }
}
