//! The wire types of the Temps plugin protocol, and nothing else.
//!
//! This crate is the single source of truth for names, shapes, defaults and limits. The text of the
//! protocol is [`PROTOCOL_MD`]; the JSON Schema documents under `json/` are generated from these
//! types by [`json_schemas`]; SDKs in other languages are generated from those.
//!
//! What belongs here: types, their validation, and constants. What does not: sockets, files,
//! clocks, processes. Everything is `serde` data.
//!
//! ```
//! use temps_plugin_schema::{PluginManifest, Wire};
//!
//! let manifest = PluginManifest::from_json(br#"{"name":"hello","version":"1.0.0"}"#)?;
//! assert_eq!(manifest.health_path, "/health");
//!
//! let error = PluginManifest::from_json(br#"{"name":"Hello","version":"1.0.0"}"#).unwrap_err();
//! assert!(error.to_string().contains("name"));
//! # Ok::<(), temps_plugin_schema::DecodeError>(())
//! ```

pub mod api_call;
pub mod calls;
pub mod channel;
mod dialect;
pub mod event;
pub mod handshake;
pub mod http;
mod json_schema;
pub mod limits;
pub mod manifest;
mod open_enum;
mod pattern;
pub mod platform;
mod secret;
mod strict;
pub mod validate;

pub use dialect::Dialect;
pub use event::PluginEvent;
pub use json_schema::json_schemas;
pub use manifest::{PluginManifest, PluginManifestBuilder};
pub use pattern::EventPattern;
pub use secret::Secret;
pub use validate::{DecodeError, Violation, Violations, Wire};

/// The protocol's public specification, rule by rule. The conformance suite reads its rule ids.
pub const PROTOCOL_MD: &str = include_str!("../PROTOCOL.md");

/// The golden messages: `<kind>/valid/<name>.json` and `<kind>/invalid/<name>.json`. What is in such a
/// file is said in the `README.md` beside them.
#[cfg(feature = "vectors")]
pub static VECTORS: include_dir::Dir<'static> =
    include_dir::include_dir!("$CARGO_MANIFEST_DIR/vectors");
