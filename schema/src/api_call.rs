//! `api_call` (dialect 2): a request to the platform's own API in a caller's name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::limits::API_CALL_BODY_BYTES;
use crate::strict;
use crate::validate::{Checker, Violations, Wire};

/// Parameters of `api_call`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ApiCall {
    /// The HTTP method.
    #[serde(deserialize_with = "strict::one")]
    pub method: ApiMethod,
    /// An absolute path below `/api`, without query.
    #[schemars(regex(pattern = API_PATH_REGEX))]
    pub path: String,
    /// The query, without `?`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The body.
    #[serde(default, deserialize_with = "strict::maybe", skip_serializing_if = "Option::is_none")]
    pub body: Option<ApiBody>,
    /// The `x-temps-actor-token` of the request being served.
    #[schemars(schema_with = "actor_schema")]
    pub actor: Secret,
}

const API_PATH_REGEX: &str = r"^(?!.*/\.{1,2}(/|$))/api/[!-\x22$->@-\[\]-~]+$";
const BASE64_REGEX: &str =
    "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?$";

fn actor_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "string", "minLength": 1 })
}

/// The methods `api_call` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ApiMethod {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

/// The body of an `api_call`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "body", rename_all = "snake_case")]
pub enum ApiBody {
    /// JSON, as text.
    Json(String),
    /// A form of several parts.
    Multipart(#[serde(deserialize_with = "strict::many")] Vec<ApiPart>),
}

/// One part of a multipart body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiPart {
    /// The form field's name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The file's name, for a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// The part's media type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The content.
    #[serde(deserialize_with = "strict::one")]
    pub content: ApiContent,
}

/// The content of a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum ApiContent {
    /// Text, as it is.
    Text(String),
    /// Bytes, as base64 (RFC 4648 section 4, padded).
    Binary(#[schemars(regex(pattern = BASE64_REGEX))] String),
}

/// What the platform's API answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApiReply {
    /// The HTTP status.
    #[schemars(range(min = 100, max = 599))]
    pub status: u16,
    /// The body, JSON as text; none for an empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl ApiContent {
    /// The content's size in bytes, as it is sent: base64 counts at its encoded length.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Text(value) | Self::Binary(value) => value.len(),
        }
    }
}

impl ApiBody {
    /// The body's size in bytes over all its parts, as it is sent.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Json(text) => text.len(),
            Self::Multipart(parts) => parts.iter().map(|part| part.content.size()).sum(),
        }
    }

    fn check(&self, check: &mut Checker) {
        let size = self.size();
        check.require(
            size <= API_CALL_BODY_BYTES,
            "body",
            &format!("{size} bytes"),
            "at most 32 MiB (33,554,432 bytes) over all parts, as they are sent",
        );
        match self {
            Self::Json(text) => check.require(
                serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
                "body.body",
                text,
                "JSON, as text",
            ),
            Self::Multipart(parts) => {
                for (i, part) in parts.iter().enumerate() {
                    let at = format!("body.body[{i}]");
                    check.require(!part.name.is_empty(), format!("{at}.name"), "", "a field name");
                    if let ApiContent::Binary(base64) = &part.content {
                        let allowed = "base64 with padding (RFC 4648, section 4)";
                        check.require(is_base64(base64), format!("{at}.content"), base64, allowed);
                    }
                }
            }
        }
    }
}

impl Wire for ApiCall {
    fn validate(&self) -> Result<(), Violations> {
        let mut check = Checker::default();
        check.require(
            is_api_path(&self.path),
            "path",
            &self.path,
            "a path below `/api/` of visible ASCII characters, without `?`, `#`, `\\` and without \
             `.` or `..` segments",
        );
        check.require(
            !self.actor.expose().is_empty(),
            "actor",
            "",
            "the `x-temps-actor-token` of the request being served",
        );
        if let Some(body) = &self.body {
            body.check(&mut check);
        }
        check.finish()
    }
}

impl Wire for ApiReply {
    fn validate(&self) -> Result<(), Violations> {
        let mut check = Checker::default();
        let known = (100..=599).contains(&self.status);
        check.require(known, "status", &self.status.to_string(), "100 to 599");
        check.finish()
    }
}

fn is_api_path(path: &str) -> bool {
    path.strip_prefix("/api/").is_some_and(|rest| !rest.is_empty())
        && path.bytes().all(|b| b.is_ascii_graphic() && !b"?#\\".contains(&b))
        && !path.split('/').any(|segment| segment == "." || segment == "..")
}

fn is_base64(text: &str) -> bool {
    let data = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - data.len() <= 2
        && data.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}
