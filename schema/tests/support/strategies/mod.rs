//! Values of every wire type, and messages of every kind.

mod calls;
mod channel;
mod event;
mod handshake;
mod json;
mod manifest;
mod platform;

use proptest::prelude::*;
use serde::Serialize;
use serde_json::Value;

pub(crate) use json::{edge_json, edge_text};

/// Valid messages of a kind, as its type writes them.
pub(crate) fn messages(kind: &str) -> BoxedStrategy<Value> {
    match kind {
        "manifest" => written(manifest::manifests()),
        "plugin-line" => written(handshake::plugin_lines()),
        "launch" => written(handshake::launch_configs()),
        "plugin-frame.dialect1" => written(channel::plugin_frames_1()),
        "plugin-frame.dialect2" => written(channel::plugin_frames_2()),
        "host-frame.dialect1" => written(channel::host_frames_1()),
        "host-frame.dialect2" => written(channel::host_frames_2()),
        "event" => written(event::events()),
        _ => match kind.split_once('/') {
            Some(("event-data", name)) => event::data(name),
            Some(("calls", name)) => calls::parts(name),
            _ => panic!("no strategy for {kind}"),
        },
    }
}

/// The values of a strategy as they stand on the wire.
fn written<T: Serialize + std::fmt::Debug>(
    values: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Value> {
    values.prop_map(|value| serde_json::to_value(value).unwrap()).boxed()
}

/// Any text.
fn text() -> BoxedStrategy<String> {
    prop_oneof!["[a-zA-Z0-9 ._/-]{0,12}", any::<String>()].boxed()
}

/// Any text that is not empty.
fn some_text() -> BoxedStrategy<String> {
    prop_oneof!["[a-zA-Z0-9 ._/-]{1,12}", "\\PC{1,8}"].boxed()
}

/// A value or none.
fn maybe<T: std::fmt::Debug + 'static>(
    values: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Option<T>> {
    proptest::option::of(values).boxed()
}

/// Up to three values.
fn some<T: std::fmt::Debug + 'static>(
    values: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Vec<T>> {
    proptest::collection::vec(values, 0..4).boxed()
}
