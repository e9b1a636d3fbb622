//! The smallest plugin there is, as the SDK's documentation shows it: what every plugin pays.

use temps_plugin_sdk::prelude::*;

struct Hello;

impl ExternalPlugin for Hello {
    fn manifest(&self) -> PluginManifest {
        PluginManifest::builder("bench-minimal", "1.0.0").build()
    }

    fn router(&self, ctx: PluginContext) -> axum::Router {
        axum::Router::new().route("/hello", get(|| async { "Hello" })).with_state(ctx)
    }
}

temps_plugin_sdk::main!(Hello);
