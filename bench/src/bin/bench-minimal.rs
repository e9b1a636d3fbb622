//! The smallest plugin there is, as the SDK's documentation shows it: what every plugin pays.

use temps_plugin_sdk::prelude::*;

struct Hello;

impl ExternalPlugin for Hello {
    fn manifest(&self) -> PluginManifest {
        PluginManifest::builder(own_name(), "1.0.0").build()
    }

    fn router(&self, ctx: PluginContext) -> axum::Router {
        axum::Router::new().route("/hello", get(|| async { "Hello" })).with_state(ctx)
    }
}

/// That of the file it was started by: a host takes no two plugins with one name.
fn own_name() -> String {
    let file = std::env::args_os().next().map(std::path::PathBuf::from);
    let name = file.and_then(|file| Some(file.file_name()?.to_str()?.to_owned()));
    name.unwrap_or_else(|| "bench-minimal".to_owned())
}

temps_plugin_sdk::main!(Hello);
