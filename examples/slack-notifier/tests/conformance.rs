//! The built plugin, held to the protocol.

use temps_plugin_conformance::Conformance;

#[test]
fn the_plugin_is_conformant() {
    Conformance::of(env!("CARGO_BIN_EXE_slack-notifier")).skip("profile:everything").assert();
}
