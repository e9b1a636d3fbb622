//! The `requests` profile: what a plugin's author has written down of its routes, and what the
//! plugin itself says of them in its `OpenAPI` document.
//!
//! `file` is the shape of `conformance.toml`, `config` reads and judges it, `expect`
//! holds an answer against it. `session` plays the host that the file describes, `openapi` reads
//! the plugin's own document, and `starter` writes a first file for a plugin. The checks themselves
//! are in `checks/requests*.rs`.

pub mod config;
pub mod expect;
pub mod file;
pub mod openapi;
mod platform;
pub(crate) mod session;
pub mod starter;

pub use config::{Config, ConfigError};

/// The file that is looked for when none is named.
pub const DEFAULT_FILE: &str = "conformance.toml";

/// The JSON Schema of `conformance.toml`, by which editors complete and check it.
#[must_use]
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::generate::SchemaSettings::draft07()
        .into_generator()
        .into_root_schema_for::<file::File>()
        .to_value();
    schema.sort_all_objects();
    schema
}
