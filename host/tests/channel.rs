//! The channel itself: events, losses, refusals, single frames.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test that uses them")]

mod common;

use std::sync::Arc;

use common::open::{Open, event};
use common::{PATIENCE, Place};
use serde_json::{Value, json};
use temps_plugin_host::{
    ChannelEnd, ChannelError, Dial, Incoming, MemoryPlatform, Platform, RawChannel, Signature,
};
use temps_plugin_schema::Dialect;
use temps_plugin_schema::calls::Method;
use temps_plugin_schema::channel::HostMessage;

#[tokio::test]
async fn a_slow_call_delays_no_other_and_no_event() {
    let open = Open::new(Dialect::Two).await;
    let hold = open.platform.hold(Method::GetProject);
    open.call(1, "get_project", json!({"project_id": 42})).await;
    tokio::time::timeout(PATIENCE, open.platform.wait_for_calls(Method::GetProject, 1))
        .await
        .unwrap();
    assert!(open.ask(2, "list_projects", Value::Null).await.is_ok());
    open.channel.emit(event("project.created")).await.unwrap();
    assert_eq!(open.frame().await["event"]["event_type"], "project.created");
    assert!(open.channel.ping(PATIENCE).await.is_ok());
    drop(hold);
    assert_eq!(open.frame().await["id"], 1);
    assert_eq!(open.channel.stats().events, 1);
}

#[tokio::test]
async fn what_is_no_request_is_skipped_and_the_channel_lives() {
    let open = Open::new(Dialect::Two).await;
    let no_requests = [
        "no JSON",
        "[]",
        r#"{"type":"gossip"}"#,
        r#"{"type":"request","id":"1","call":{"method":"list_projects"}}"#,
        r#"{"type":"request","id":1,"method":"list_projects"}"#,
    ];
    for text in no_requests {
        open.send(text).await;
    }
    assert!(open.ask(2, "list_projects", Value::Null).await.is_ok());
    assert_eq!(open.channel.stats().skipped, 5);
}

#[tokio::test]
async fn the_ends_of_a_channel_are_told_apart() {
    let open = Open::new(Dialect::Two).await;
    open.order("/close").await;
    let end = tokio::time::timeout(PATIENCE, open.channel.closed()).await.unwrap();
    let reason = "going away".to_owned();
    assert_eq!(end, ChannelEnd::ClosedByPlugin { code: 1001, reason });
    let late = open.channel.emit(event("project.created")).await.unwrap_err();
    assert!(matches!(late, ChannelError::Ended(_)), "{late}");
    assert!(matches!(open.channel.ping(PATIENCE).await, Err(ChannelError::Ended(_))));

    let open = Open::new(Dialect::Two).await;
    open.order("/drop").await;
    let end = tokio::time::timeout(PATIENCE, open.channel.closed()).await.unwrap();
    assert!(matches!(end, ChannelEnd::Lost { .. }), "{end}");

    let open = Open::new(Dialect::Two).await;
    assert_eq!(open.channel.end(), None);
    assert_eq!(open.channel.close(PATIENCE).await, ChannelEnd::ClosedByHost);

    let open = Open::new(Dialect::Two).await;
    open.plugin.kill();
    let end = tokio::time::timeout(PATIENCE, open.channel.closed()).await.unwrap();
    assert!(matches!(end, ChannelEnd::Lost { .. }), "{end}");
}

#[tokio::test]
async fn a_channel_can_be_dialled_again_after_it_was_lost() {
    let place = Place::new();
    let plugin = place.start("").await;
    let platform: Arc<dyn Platform> = Arc::new(MemoryPlatform::sample());
    let first = plugin.dial_channel(platform.clone()).await.unwrap();
    let refused = plugin.dial_channel(platform.clone()).await.unwrap_err();
    let ChannelError::Refused { status: 409, body } = refused else {
        panic!("{refused}");
    };
    assert_eq!(body, "there is a channel already");
    drop(first);
    let again = async {
        loop {
            match plugin.dial_channel(platform.clone()).await {
                Ok(channel) => return channel,
                Err(ChannelError::Refused { status: 409, .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
    };
    let again = tokio::time::timeout(PATIENCE, again).await.unwrap();
    assert!(again.ping(PATIENCE).await.is_ok());
}

#[tokio::test]
async fn a_refused_dial_tells_the_status() {
    let place = Place::new();
    let plugin = place.start("refuse-channel").await;
    let refused = plugin.dial_raw_channel().await.unwrap_err();
    assert!(matches!(refused, ChannelError::Refused { status: 401, .. }), "{refused}");

    let place = Place::new();
    let plugin = place.start("").await;
    for signature in [Signature::Absent, Signature::Other("wrong".into())] {
        let mut dial = Dial::channel();
        dial.signature = signature;
        let refused = RawChannel::dial_with(plugin.http(), dial).await.unwrap_err();
        assert!(matches!(refused, ChannelError::Refused { status: 401, .. }), "{refused}");
    }
    plugin.stop(PATIENCE).await;
    let gone = plugin.dial_raw_channel().await.unwrap_err();
    assert!(matches!(gone, ChannelError::Connect(_)), "{gone}");
}

#[tokio::test]
async fn a_raw_channel_sends_and_gets_single_frames() {
    let place = Place::new();
    let plugin = place.start("").await;
    let mut channel = plugin.dial_raw_channel().await.unwrap();
    let frame = async || {
        let response = plugin.http().get("/frame").send().await.unwrap();
        response.text().await.unwrap()
    };
    channel.send_fragments(["one ", "message ", "in pieces"]).await.unwrap();
    assert_eq!(frame().await, "one message in pieces");
    let message = HostMessage::Event(event("project.deleted"));
    channel.send_message(Dialect::Two, message).await.unwrap();
    assert!(frame().await.contains("project.deleted"));
    channel.send_ping("are you there").await.unwrap();
    let pong = Incoming::Pong("are you there".into());
    assert_eq!(channel.recv().await.unwrap(), Some(pong));

    let call = r#"{"type":"request","id":5,"call":{"method":"get_project"}}"#;
    plugin.http().post("/frame").body(call).send().await.unwrap();
    let request = channel.recv_request(Dialect::Two).await.unwrap().unwrap();
    assert_eq!((request.id, request.method.as_str()), (5, "get_project"));

    // A frame that claims more than it has, cut off in the middle.
    channel.send_bytes(&[0x81, 0xfe, 0x10]).await.unwrap();
    drop(channel);
    assert_eq!(plugin.http().health().await.unwrap(), 200);
}

#[tokio::test]
async fn a_plugin_that_never_reads_loses_its_channel() {
    let place = Place::new();
    let plugin = place.fixture("deaf").dialect(Dialect::Two).start().await.unwrap();
    let channel = plugin.dial_channel(Arc::new(MemoryPlatform::sample())).await.unwrap();
    let mut large = event("project.created");
    large.data = json!({"much": "x".repeat(1024 * 1024)});
    // Time goes on by itself now, as soon as everybody waits.
    tokio::time::pause();
    let error = channel.emit(large).await.unwrap_err();
    assert!(matches!(error, ChannelError::Ended(_)), "{error:?}");
    let ChannelEnd::Lost { reason } = channel.closed().await else { panic!("it ended in peace") };
    assert_eq!(reason, "the plugin has not read from it for 30 s");
}
