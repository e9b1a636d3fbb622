//! Everything a plugin usually needs: `use temps_plugin_sdk::prelude::*;`.

pub use axum;
pub use axum::routing::{any, delete, get, patch, post, put};
pub use serde_json;
pub use tracing;

pub use crate::{
    Caller, Capability, Dialect, ErrorKind, EventPayload, ExternalPlugin, HostPermission, NavEntry,
    NavSection, PluginContext, PluginEvent, PluginManifest, PluginOptions, PluginSdkError, Problem,
    Role, TempsAuth, TempsClient, UiAssets, UiManifest, UiRoute, VerifiedCaller, temps_core,
};
