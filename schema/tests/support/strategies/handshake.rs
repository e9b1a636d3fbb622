//! Lines of the handshake.

use proptest::prelude::*;
use temps_plugin_schema::handshake::{Hello, LaunchConfig, PluginLine, Ready};
use temps_plugin_schema::{Dialect, Secret};

use super::json::any_object;
use super::manifest::manifests;
use super::{maybe, text};

/// Any line of a plugin, in either dialect.
pub(super) fn plugin_lines() -> impl Strategy<Value = PluginLine> {
    prop_oneof![
        manifests().prop_map(|manifest| PluginLine::announce(Dialect::One, manifest)),
        manifests().prop_map(|manifest| {
            PluginLine::Hello(Hello { protocol_version: 2, manifest: Box::new(manifest) })
        }),
        readies().prop_map(PluginLine::Ready),
    ]
}

fn readies() -> impl Strategy<Value = Ready> {
    let version = prop::sample::select(vec![None, Some(2)]);
    let parts = (any::<bool>(), any::<bool>(), version, maybe(any_object()));
    parts.prop_map(|(ready, has_ui, protocol_version, openapi)| Ready {
        ready,
        has_ui,
        protocol_version,
        openapi,
    })
}

/// Any launch line.
pub(super) fn launch_configs() -> impl Strategy<Value = LaunchConfig> {
    let directories = text().prop_map(|path| format!("/{path}"));
    let parts = ("[A-Za-z0-9_-]{32,256}", maybe(text()), maybe(directories));
    parts.prop_map(|(secret, database_url, host_data_dir)| LaunchConfig {
        protocol_version: 2,
        auth_secret: Secret::new(secret),
        database_url: database_url.map(Secret::new),
        host_data_dir,
    })
}
