//! The frames of the channel, in both dialects, and one neutral form of each for code that speaks
//! both (PROTOCOL.md, section "Channel").

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::calls::CallParams;
use crate::open_enum::open_enum;
use crate::strict;
use crate::validate::{DecodeError, Violations, Wire};
use crate::{Dialect, PluginEvent};

open_enum! {
    /// Why a host refused a call. A code this crate does not know is kept as text.
    pub enum ErrorCode {
        /// No such method.
        MethodNotFound = "method_not_found",
        /// The method exists, its parameters are not these.
        InvalidParams = "invalid_params",
        /// The plugin may not make this call.
        PermissionDenied = "permission_denied",
        /// What was asked for does not exist.
        NotFound = "not_found",
        /// The host failed.
        Internal = "internal",
        /// The actor token is missing, wrong or too old (dialect 2).
        Unauthenticated = "unauthenticated",
    }
}

/// A host's refusal of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// Why, for programs.
    pub code: ErrorCode,
    /// Why, for people.
    #[serde(default)]
    pub message: String,
}

impl ErrorBody {
    /// A refusal.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// What a plugin sends in dialect 1: requests and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PluginFrame1<P = Value> {
    /// A call.
    Request {
        /// Chosen by the plugin, echoed by the host.
        id: u64,
        /// The method called.
        method: String,
        /// Its parameters.
        #[serde(skip_serializing_if = "Option::is_none")]
        params: Option<P>,
    },
}

/// What a plugin sends in dialect 2: requests and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", bound(deserialize = "P: Deserialize<'de>"))]
pub enum PluginFrame2<P = Value> {
    /// A call.
    Request {
        /// Chosen by the plugin, echoed by the host.
        id: u64,
        /// The method called, with its parameters.
        #[serde(deserialize_with = "strict::one")]
        call: CallParts<P>,
    },
}

/// A method with its parameters, before they are read as a [`Call`](crate::calls::Call).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallParts<P = Value> {
    /// The method called.
    pub method: String,
    /// Its parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<P>,
}

/// What a host sends in dialect 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum HostFrame1 {
    /// The answer to a request.
    Response(Response1),
    /// Something that happened on the platform.
    Event {
        /// The event.
        #[serde(deserialize_with = "strict::one")]
        event: PluginEvent,
    },
}

/// What a host sends in dialect 2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum HostFrame2 {
    /// The answer to a request.
    Response {
        /// The request's id.
        id: u64,
        /// What came of it.
        #[serde(deserialize_with = "strict::one")]
        outcome: Outcome2,
    },
    /// Something that happened on the platform.
    Event {
        /// The event.
        #[serde(deserialize_with = "strict::one")]
        event: PluginEvent,
    },
}

/// What came of a call, in dialect 2: `ok` or `err`. A `null` beside the other one counts as absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawOutcome2", into = "RawOutcome2")]
pub enum Outcome2 {
    /// It was answered.
    Ok {
        /// The method that was called: a plugin checks it.
        method: String,
        /// The answer.
        result: Value,
    },
    /// It was refused.
    Err(ErrorBody),
}

#[derive(Serialize, Deserialize)]
struct RawOutcome2 {
    #[serde(default, deserialize_with = "strict::maybe", skip_serializing_if = "Option::is_none")]
    ok: Option<Answer2>,
    #[serde(default, deserialize_with = "strict::maybe", skip_serializing_if = "Option::is_none")]
    err: Option<ErrorBody>,
}

/// An answer in dialect 2.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Answer2 {
    /// The method that was called: a plugin checks it.
    method: String,
    /// The answer.
    result: Value,
}

impl TryFrom<RawOutcome2> for Outcome2 {
    type Error = &'static str;

    fn try_from(raw: RawOutcome2) -> Result<Self, Self::Error> {
        match (raw.ok, raw.err) {
            (Some(Answer2 { method, result }), None) => Ok(Self::Ok { method, result }),
            (None, Some(error)) => Ok(Self::Err(error)),
            (None, None) => Err("an outcome has `ok` or `err`; this one has neither"),
            (Some(_), Some(_)) => Err("an outcome has `ok` or `err`; this one has both"),
        }
    }
}

impl From<Outcome2> for RawOutcome2 {
    fn from(outcome: Outcome2) -> Self {
        let (ok, err) = match outcome {
            Outcome2::Ok { method, result } => (Some(Answer2 { method, result }), None),
            Outcome2::Err(error) => (None, Some(error)),
        };
        Self { ok, err }
    }
}

impl JsonSchema for Outcome2 {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Outcome2".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let ok = generator.subschema_for::<Answer2>();
        let err = generator.subschema_for::<ErrorBody>();
        json_schema!({
            "type": "object",
            "description": "What came of a call, in dialect 2: `ok` or `err`.",
            "anyOf": [
                { "required": ["ok"], "properties": { "ok": ok, "err": { "type": "null" } } },
                { "required": ["err"], "properties": { "err": err, "ok": { "type": "null" } } },
            ],
        })
    }
}

/// The answer to a request in dialect 1: `result` or `error`. A `null` beside the other one counts
/// as absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawResponse1", into = "RawResponse1")]
pub struct Response1 {
    /// The request's id.
    pub id: u64,
    /// What came of it.
    pub outcome: Result<Value, ErrorBody>,
}

#[derive(Serialize, Deserialize)]
struct RawResponse1 {
    id: u64,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(default, deserialize_with = "strict::maybe", skip_serializing_if = "Option::is_none")]
    error: Option<ErrorBody>,
}

/// Keeps a `null` that is there apart from a field that is not.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl TryFrom<RawResponse1> for Response1 {
    type Error = &'static str;

    fn try_from(raw: RawResponse1) -> Result<Self, Self::Error> {
        let outcome = match (raw.result, raw.error) {
            (Some(result), None) => Ok(result),
            (None | Some(Value::Null), Some(error)) => Err(error),
            (None, None) => return Err("a response has `result` or `error`; this one has neither"),
            (Some(_), Some(_)) => {
                return Err("a response has `result` or `error`; this one has both");
            }
        };
        Ok(Self { id: raw.id, outcome })
    }
}

impl From<Response1> for RawResponse1 {
    fn from(response: Response1) -> Self {
        let (result, error) = match response.outcome {
            Ok(result) => (Some(result), None),
            Err(error) => (None, Some(error)),
        };
        Self { id: response.id, result, error }
    }
}

impl JsonSchema for Response1 {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Response1".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let id = generator.subschema_for::<u64>();
        let error = generator.subschema_for::<ErrorBody>();
        json_schema!({
            "type": "object",
            "description": "The answer to a request in dialect 1: `result` or `error`.",
            "properties": { "id": id },
            "required": ["id"],
            "anyOf": [
                { "required": ["result"], "properties": { "error": { "type": "null" } } },
                {
                    "required": ["error"],
                    "properties": { "result": { "type": "null" }, "error": error },
                },
            ],
        })
    }
}

impl Wire for PluginFrame1 {}
impl Wire for PluginFrame2 {}

impl Wire for HostFrame1 {
    fn validate(&self) -> Result<(), Violations> {
        match self {
            Self::Response(_) => Ok(()),
            Self::Event { event } => event.validate(),
        }
    }
}

impl Wire for HostFrame2 {
    fn validate(&self) -> Result<(), Violations> {
        match self {
            Self::Response { .. } => Ok(()),
            Self::Event { event } => event.validate(),
        }
    }
}

/// A request in either dialect, as a host reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Chosen by the plugin, echoed by the host.
    pub id: u64,
    /// The method called.
    pub method: String,
    /// Its parameters; `null` when none were written.
    pub params: Value,
}

impl Request {
    /// Reads a frame a plugin sent.
    ///
    /// # Errors
    /// When the text is no request of that dialect.
    pub fn decode(dialect: Dialect, text: &str) -> Result<Self, DecodeError> {
        let (id, method, params) = match dialect {
            Dialect::One => {
                let PluginFrame1::Request { id, method, params } =
                    PluginFrame1::<Value>::from_json(text.as_bytes())?;
                (id, method, params)
            }
            Dialect::Two => {
                let PluginFrame2::Request { id, call } =
                    PluginFrame2::<Value>::from_json(text.as_bytes())?;
                (id, call.method, call.params)
            }
        };
        Ok(Self { id, method, params: params.unwrap_or_default() })
    }

    /// Writes a call as the frame a plugin sends.
    ///
    /// # Errors
    /// When the parameters cannot be written as JSON.
    pub fn encode<P: CallParams>(
        dialect: Dialect,
        id: u64,
        params: &P,
    ) -> Result<String, serde_json::Error> {
        let method = P::METHOD.as_str().to_owned();
        let params = Some(params);
        match dialect {
            Dialect::One => serde_json::to_string(&PluginFrame1::Request { id, method, params }),
            Dialect::Two => {
                let call = CallParts { method, params };
                serde_json::to_string(&PluginFrame2::Request { id, call })
            }
        }
    }
}

/// What a host sends, in either dialect.
#[derive(Debug, Clone, PartialEq)]
pub enum HostMessage {
    /// The answer to a request.
    Reply(Reply),
    /// Something that happened on the platform.
    Event(PluginEvent),
}

/// The answer to a request, in either dialect.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The request's id.
    pub id: u64,
    /// The method the host says it answers: dialect 2, and only when it did not refuse.
    pub method: Option<String>,
    /// What came of it.
    pub outcome: Result<Value, ErrorBody>,
}

impl HostMessage {
    /// Reads a frame a host sent.
    ///
    /// # Errors
    /// When the text is no frame of that dialect: another `type`, an id that is no unsigned 64-bit
    /// number, an envelope that is none.
    pub fn decode(dialect: Dialect, text: &str) -> Result<Self, DecodeError> {
        Ok(match dialect {
            Dialect::One => match HostFrame1::from_json(text.as_bytes())? {
                HostFrame1::Response(Response1 { id, outcome }) => {
                    Self::Reply(Reply { id, method: None, outcome })
                }
                HostFrame1::Event { event } => Self::Event(event),
            },
            Dialect::Two => match HostFrame2::from_json(text.as_bytes())? {
                HostFrame2::Response { id, outcome: Outcome2::Ok { method, result } } => {
                    Self::Reply(Reply { id, method: Some(method), outcome: Ok(result) })
                }
                HostFrame2::Response { id, outcome: Outcome2::Err(error) } => {
                    Self::Reply(Reply { id, method: None, outcome: Err(error) })
                }
                HostFrame2::Event { event } => Self::Event(event),
            },
        })
    }

    /// Writes the frame a host sends.
    ///
    /// # Errors
    /// Only when a value cannot be written as JSON, which no value read from JSON does.
    pub fn encode(self, dialect: Dialect) -> Result<String, serde_json::Error> {
        match (dialect, self) {
            (Dialect::One, Self::Event(event)) => {
                serde_json::to_string(&HostFrame1::Event { event })
            }
            (Dialect::Two, Self::Event(event)) => {
                serde_json::to_string(&HostFrame2::Event { event })
            }
            (Dialect::One, Self::Reply(Reply { id, outcome, .. })) => {
                serde_json::to_string(&HostFrame1::Response(Response1 { id, outcome }))
            }
            (Dialect::Two, Self::Reply(Reply { id, method, outcome })) => {
                let outcome = match outcome {
                    Ok(result) => Outcome2::Ok { method: method.unwrap_or_default(), result },
                    Err(error) => Outcome2::Err(error),
                };
                serde_json::to_string(&HostFrame2::Response { id, outcome })
            }
        }
    }
}
