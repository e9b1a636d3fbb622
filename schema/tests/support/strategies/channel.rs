//! Frames of the channel in both dialects.

use proptest::prelude::*;
use serde_json::Value;
use temps_plugin_schema::calls::Method;
use temps_plugin_schema::channel::{
    CallParts, ErrorBody, ErrorCode, HostFrame1, HostFrame2, Outcome2, PluginFrame1, PluginFrame2,
    Response1,
};

use super::event::events;
use super::json::{any_data, edge_json};
use super::{maybe, text};

fn methods() -> impl Strategy<Value = String> {
    let known = prop::sample::select(Method::ALL).prop_map(|method| method.to_string());
    prop_oneof![known, text()]
}

fn ids() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), Just(0), Just(u64::MAX)]
}

/// Any request in dialect 1.
pub(super) fn plugin_frames_1() -> impl Strategy<Value = PluginFrame1<Value>> {
    (ids(), methods(), maybe(any_data())).prop_map(|(id, method, params)| PluginFrame1::Request {
        id,
        method,
        params,
    })
}

/// Any request in dialect 2.
pub(super) fn plugin_frames_2() -> impl Strategy<Value = PluginFrame2<Value>> {
    (ids(), methods(), maybe(any_data())).prop_map(|(id, method, params)| PluginFrame2::Request {
        id,
        call: CallParts { method, params },
    })
}

fn errors() -> impl Strategy<Value = ErrorBody> {
    let known = prop::sample::select(ErrorCode::KNOWN).prop_map(str::to_owned);
    let codes = prop_oneof![known, text()];
    (codes, text()).prop_map(|(code, message)| ErrorBody::new(code.as_str().into(), message))
}

/// Any frame of a host in dialect 1.
pub(super) fn host_frames_1() -> impl Strategy<Value = HostFrame1> {
    let outcome = prop_oneof![edge_json().prop_map(Ok), errors().prop_map(Err)];
    let responses = (ids(), outcome).prop_map(|(id, outcome)| Response1 { id, outcome });
    prop_oneof![
        responses.prop_map(HostFrame1::Response),
        events().prop_map(|event| HostFrame1::Event { event }),
    ]
}

/// Any frame of a host in dialect 2.
pub(super) fn host_frames_2() -> impl Strategy<Value = HostFrame2> {
    let answers = (methods(), edge_json());
    let outcome = prop_oneof![
        answers.prop_map(|(method, result)| Outcome2::Ok { method, result }),
        errors().prop_map(Outcome2::Err),
    ];
    prop_oneof![
        (ids(), outcome).prop_map(|(id, outcome)| HostFrame2::Response { id, outcome }),
        events().prop_map(|event| HostFrame2::Event { event }),
    ]
}
