//! The shape of `conformance.toml`, and nothing else: what may be written, and what it means.

use std::collections::BTreeMap;
use std::collections::HashMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};
use temps_plugin_schema::Dialect;
use temps_plugin_schema::calls::Method;
use temps_plugin_schema::channel::ErrorCode;
use temps_plugin_schema::manifest::HostPermission;
use temps_plugin_schema::platform::{Deployment, Environment, Project};
use toml::Spanned;

use super::expect::{Statuses, Texts};

/// Requests, events and data for the suite to hold one plugin to.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "conformance.toml of a Temps plugin")]
pub struct File {
    /// Sample requests, made in this order on one running plugin.
    #[serde(default)]
    #[schemars(with = "Vec<Sample>")]
    pub request: Vec<Spanned<Sample>>,
    /// Sample events and what they bring about.
    #[serde(default)]
    #[schemars(with = "Vec<SampleEvent>")]
    pub event: Vec<Spanned<SampleEvent>>,
    /// Callers to use in `as`, besides the roles and `anonymous`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, SampleCaller>")]
    pub callers: BTreeMap<String, Spanned<SampleCaller>>,
    /// What the platform behind the channel has and answers.
    #[serde(default)]
    pub platform: SamplePlatform,
    /// How the plugin's own OpenAPI document is used.
    #[serde(default)]
    pub openapi: OpenApiUse,
}

/// One request that the host passes on to the plugin.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// What it is called in reports. No two requests have the same name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The HTTP method.
    #[serde(default = "get")]
    pub method: String,
    /// The path as the plugin sees it, percent-encoded, without a query.
    #[schemars(regex(pattern = "^/[!-~]*$"))]
    pub path: String,
    /// The query, without `?`.
    pub query: Option<String>,
    /// Request headers. Those that the host itself sets or removes are not among them.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// A JSON body; its `content-type` is `application/json` unless `headers` says otherwise.
    pub json: Option<Value>,
    /// A text body, in place of `json`.
    pub body: Option<String>,
    /// Who asks: a role such as `admin` or `reader`, one of `[callers]`, or `anonymous`.
    #[serde(default = "admin", rename = "as")]
    pub caller: String,
    /// Whether a caller who is not signed in, or only seems to be, must get 401 or 403.
    #[serde(default)]
    pub private: bool,
    /// Channel methods that the platform refuses during this request, each with an error code.
    #[serde(default)]
    pub refuse: HashMap<Method, ErrorCode>,
    /// Made in this dialect only.
    pub dialect: Option<Dialect>,
    /// How long the answer, and the calls expected with it, may take, in seconds.
    #[serde(default = "fifteen")]
    #[schemars(range(min = 0.1, max = 600))]
    pub within: f64,
    /// What the answer is like.
    #[serde(default)]
    pub expect: Expected,
}

/// What an answer is like. Whatever is left out may be anything, apart from the status.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The status: a number, a class such as `"2xx"`, or a list of these. `"2xx"` when left out.
    #[serde(default)]
    pub status: Statuses,
    /// Response headers; `*` stands for any text, so that `"*"` only asks for the header.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// JSON that the body contains: objects may have further members, lists further elements between
    /// those given.
    pub json: Option<Value>,
    /// JSON that the body is, neither more nor less.
    pub json_equals: Option<Value>,
    /// JSON Pointers (RFC 6901), such as `/items/0/error`, to what is missing or null.
    #[serde(default)]
    pub absent: Vec<String>,
    /// Texts that the body contains.
    #[serde(default)]
    pub contains: Texts,
    /// Texts that the body does not contain.
    #[serde(default)]
    pub lacks: Texts,
    /// Calls over the channel that the plugin makes meanwhile. Others may be made too.
    #[serde(default)]
    pub calls: Vec<ExpectedCall>,
}

/// A call that arrives on the channel.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedCall {
    /// The method.
    pub method: Method,
    /// Parameters that it has, among others.
    #[serde(default)]
    pub params: Map<String, Value>,
}

/// One event, sent over the channel and, to another start of the plugin, by `POST /_events`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleEvent {
    /// What it is called in reports. No two events have the same name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The event type, such as `deployment.succeeded`.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The project it happened in, if any.
    pub project_id: Option<i32>,
    /// When it happened.
    #[serde(default = "some_time")]
    pub timestamp: String,
    /// What else is known.
    #[serde(default)]
    pub data: Map<String, Value>,
    /// Names of requests that are made first, such as one that switches a feature on.
    #[serde(default)]
    pub after: Vec<String>,
    /// Sent in this dialect only.
    pub dialect: Option<Dialect>,
    /// How long its effects may take, in seconds.
    #[serde(default = "five")]
    #[schemars(range(min = 0.1, max = 600))]
    pub within: f64,
    /// Calls over the channel that it brings about.
    #[serde(default)]
    pub calls: Vec<ExpectedCall>,
    /// Requests that come to be answered in a certain way.
    #[serde(default)]
    pub then: Vec<Then>,
    /// Texts that come over standard error, each in one line.
    #[serde(default)]
    pub logs: Texts,
}

/// An effect of an event that a request shows.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Then {
    /// The name of the request, which is made again and again until its answer is as expected.
    pub request: String,
    /// What its answer is like then, in place of what the request itself expects.
    #[serde(default)]
    pub expect: Expected,
}

/// A signed-in caller.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleCaller {
    /// The caller's id.
    pub id: String,
    /// The caller's mail address.
    pub email: String,
    /// One of the roles that hosts give.
    pub role: String,
    /// What the caller may do, such as `projects:read`.
    #[serde(default)]
    pub permissions: Vec<String>,
}

/// What the platform behind the channel has and answers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SamplePlatform {
    /// Whether it has projects 42 and 43, environments 3, 4 and 5 and deployments 100 to 103 to begin
    /// with; what is listed here comes on top, or in place of what has the same id.
    #[serde(default = "yes")]
    pub sample: bool,
    /// The host permissions granted (dialect 2). All of them when left out.
    #[schemars(with = "Option<Vec<HostPermission>>")]
    pub permissions: Option<Vec<Spanned<HostPermission>>>,
    /// Projects. Members that are left out have some value.
    #[serde(default)]
    #[schemars(with = "Vec<ProjectEntry>")]
    pub project: Vec<Spanned<Map<String, Value>>>,
    /// Environments. Members that are left out have some value.
    #[serde(default)]
    #[schemars(with = "Vec<EnvironmentEntry>")]
    pub environment: Vec<Spanned<Map<String, Value>>>,
    /// Deployments. Members that are left out have some value.
    #[serde(default)]
    #[schemars(with = "Vec<DeploymentEntry>")]
    pub deployment: Vec<Spanned<Map<String, Value>>>,
    /// Methods that the platform refuses at all times.
    #[serde(default)]
    #[schemars(with = "Vec<PlatformError>")]
    pub error: Vec<Spanned<PlatformError>>,
    /// Answers to `api_call` (dialect 2). What is not listed is answered with status 404.
    #[serde(default)]
    #[schemars(with = "Vec<ApiAnswer>")]
    pub api: Vec<Spanned<ApiAnswer>>,
    /// What `generate_ai` answers (dialect 2). The prompt itself when left out.
    pub ai: Option<String>,
}

impl Default for SamplePlatform {
    fn default() -> Self {
        Self {
            sample: true,
            permissions: None,
            project: Vec::new(),
            environment: Vec::new(),
            deployment: Vec::new(),
            error: Vec::new(),
            api: Vec::new(),
            ai: None,
        }
    }
}

/// A method that the platform refuses.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlatformError {
    /// The method.
    pub method: Method,
    /// Why, for programs.
    pub code: ErrorCode,
    /// Why, for people.
    #[serde(default)]
    pub message: String,
}

/// What an `api_call` is answered with.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiAnswer {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    #[serde(default)]
    pub method: ApiAnswerMethod,
    /// The path, such as `/api/projects`.
    pub path: String,
    /// The status.
    #[serde(default = "ok")]
    #[schemars(range(min = 100, max = 599))]
    pub status: u16,
    /// The body, if any.
    pub json: Option<Value>,
}

/// The method of an [`ApiAnswer`]: `GET` when left out.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ApiAnswerMethod(pub temps_plugin_schema::api_call::ApiMethod);

impl Default for ApiAnswerMethod {
    fn default() -> Self {
        Self(temps_plugin_schema::api_call::ApiMethod::Get)
    }
}

/// How the plugin's own `OpenAPI` document is used.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenApiUse {
    /// Who asks, as in `[[request]]`.
    #[serde(default = "nowhere_admin", rename = "as")]
    #[schemars(with = "String")]
    pub caller: Spanned<String>,
    /// Operations that are not requested.
    #[serde(default)]
    pub skip: Vec<SkippedOperation>,
}

impl Default for OpenApiUse {
    fn default() -> Self {
        Self { caller: nowhere_admin(), skip: Vec::new() }
    }
}

/// An operation that is not requested.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkippedOperation {
    /// Method and path as in the document, such as `GET /items/{id}`.
    pub operation: String,
    /// Why.
    #[schemars(length(min = 1))]
    pub reason: String,
}

fn get() -> String {
    "GET".to_owned()
}

fn admin() -> String {
    "admin".to_owned()
}

fn nowhere_admin() -> Spanned<String> {
    Spanned::new(0..0, admin())
}

fn some_time() -> String {
    "2026-06-06T12:00:00Z".to_owned()
}

fn five() -> f64 {
    5.0
}

fn fifteen() -> f64 {
    15.0
}

fn ok() -> u16 {
    200
}

fn yes() -> bool {
    true
}

/// An object of the platform of which only the ids and a name have to be written down: the wire's own
/// schema with fewer required members and no others.
macro_rules! entry {
    ($entry:ident of $wire:ty, requires $required:tt) => {
        struct $entry;

        impl JsonSchema for $entry {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($entry).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let mut schema = <$wire>::json_schema(generator);
                schema.insert("required".to_owned(), serde_json::json!($required));
                schema.insert("additionalProperties".to_owned(), false.into());
                schema
            }
        }
    };
}

entry!(ProjectEntry of Project, requires ["id", "name"]);
entry!(EnvironmentEntry of Environment, requires ["id", "project_id", "name"]);
entry!(DeploymentEntry of Deployment, requires ["id", "project_id", "environment_id", "state"]);

impl JsonSchema for Statuses {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Statuses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A status, a class of statuses such as \"2xx\", or a list of these.",
            "$comment": "One status is as good as a list of one.",
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": "^[1-5]xx$"},
                {"type": "array", "minItems": 1, "items": {"anyOf": [
                    {"type": "integer", "minimum": 100, "maximum": 599},
                    {"type": "string", "pattern": "^[1-5]xx$"},
                ]}},
            ],
        })
    }
}

impl JsonSchema for Texts {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Texts".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A text or a list of texts.",
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        })
    }
}
