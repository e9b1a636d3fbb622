//! From an event to Slack, and what the log says of it.

use temps_plugin_sdk::schema::calls::Method;
use temps_plugin_sdk::schema::channel::{ErrorBody, ErrorCode};
use temps_plugin_sdk::testing::TestPlatform;
use tokio::net::TcpListener;

use super::fake_slack::{Answer, FakeSlack};
use super::*;

#[tokio::test]
async fn a_deployment_is_told_with_its_projects_name() {
    let slack = FakeSlack::start([]).await;
    let plugin = started(brisk(), &slack.webhook()).await;
    succeed(&plugin).await;
    let text = ":white_check_mark: *shop* was deployed to *production* at `a1b2c3d`\n\
                https://shop.example.org";
    assert_eq!(slack.received(1).await, [json!({ "text": text })]);

    let delivery = newest(&plugin, "delivered").await;
    assert_eq!(delivery["project"], "shop");
    assert_eq!(delivery["environment"], "production");
    assert_eq!(delivery["attempts"], 1);
    assert_eq!(delivery["last_error"], Value::Null);
}

#[tokio::test]
async fn a_name_the_platform_keeps_to_itself_holds_nothing_up() {
    let slack = FakeSlack::start([]).await;
    let platform = TestPlatform::new();
    platform.on(Method::GetProject, |_| {
        Err(ErrorBody::new(ErrorCode::PermissionDenied, "not for you"))
    });
    let plugin = plugin(brisk()).platform(platform).start().await.unwrap();
    configure(&plugin, json!({ "webhook_url": slack.webhook() })).await;
    plugin.emit(deployment("deployment.failed")).await.unwrap();
    let text = ":x: deploying *project 7* to *production* failed\n> out of memory";
    assert_eq!(slack.received(1).await, [json!({ "text": text })]);
}

#[tokio::test]
async fn a_server_error_is_tried_again() {
    let slack = FakeSlack::start([Answer::Refuse(500, ""), Answer::RetryAfter("0")]).await;
    let plugin = started(brisk(), &slack.webhook()).await;
    succeed(&plugin).await;
    let delivery = newest(&plugin, "delivered").await;
    assert_eq!(delivery["attempts"], 3);
    assert_eq!(delivery["last_error"], "the webhook answered 429 Too Many Requests");
}

#[tokio::test]
async fn a_refusal_is_final_and_its_reason_is_kept() {
    let slack = FakeSlack::start([Answer::Refuse(404, "no_service")]).await;
    let plugin = started(brisk(), &slack.webhook()).await;
    succeed(&plugin).await;
    let delivery = newest(&plugin, "failed").await;
    assert_eq!(delivery["attempts"], 1);
    assert_eq!(delivery["last_error"], "the webhook answered 404 Not Found (no_service)");
}

#[tokio::test]
async fn a_wait_longer_than_anyone_would_have_is_a_failure() {
    let slack = FakeSlack::start([Answer::RetryAfter("3600")]).await;
    let plugin = started(brisk(), &slack.webhook()).await;
    succeed(&plugin).await;
    assert_eq!(newest(&plugin, "failed").await["attempts"], 1);
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_given_up_in_the_end() {
    // A port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhook = format!("http://{}/services/SECRET", listener.local_addr().unwrap());
    drop(listener);
    let plugin = started(brisk(), &webhook).await;
    succeed(&plugin).await;
    let delivery = newest(&plugin, "failed").await;
    assert_eq!(delivery["attempts"], 3);
    let error = delivery["last_error"].as_str().unwrap();
    assert!(error.contains("cannot reach") && !error.contains("SECRET"), "{error}");
}

#[tokio::test]
async fn a_full_queue_drops_and_a_stop_records_what_was_left() {
    let slack = FakeSlack::start([Answer::Never]).await;
    let data_dir = tempfile::tempdir().unwrap();
    let pacing = Pacing { queue: 1, ..brisk() };
    let first = plugin(pacing).data_dir(data_dir.path()).start().await.unwrap();
    configure(&first, json!({ "webhook_url": slack.webhook() })).await;
    succeed(&first).await;
    // Only now is the queue empty again.
    slack.received(1).await;
    succeed(&first).await;
    succeed(&first).await;
    let newest = newest(&first, "dropped").await;
    assert_eq!(newest["last_error"], "too many messages wait already");
    assert_eq!(deliveries(&first).await[1]["status"], "queued");
    first.stop().await.unwrap();

    let second = plugin(brisk()).data_dir(data_dir.path()).start().await.unwrap();
    let left = deliveries(&second).await;
    assert_eq!(left.len(), 3);
    for delivery in &left {
        assert_eq!(delivery["status"], "dropped");
    }
    assert_eq!(left[0], newest);
    assert_eq!(left[2]["last_error"], "the plugin stopped before Slack had taken the message");
}

#[tokio::test]
async fn an_event_that_the_host_delivers_twice_is_told_once() {
    let slack = FakeSlack::start([]).await;
    let plugin = started(brisk(), &slack.webhook()).await;
    let event = deployment("deployment.succeeded");
    plugin.emit(event.clone()).await.unwrap();
    plugin.emit(event).await.unwrap();
    newest(&plugin, "delivered").await;
    assert_eq!(deliveries(&plugin).await.len(), 1);
}

#[tokio::test]
async fn nothing_is_told_without_being_asked_to() {
    let slack = FakeSlack::start([]).await;
    let plugin = plugin(brisk()).start().await.unwrap();
    succeed(&plugin).await;
    let on_failure = json!({ "webhook_url": slack.webhook(), "notify_failures": false });
    configure(&plugin, on_failure).await;
    plugin.emit(deployment("deployment.failed")).await.unwrap();
    configure(&plugin, json!({ "enabled": false })).await;
    succeed(&plugin).await;
    // `emit` has waited for the hook: what it does not record, nobody will post.
    assert!(deliveries(&plugin).await.is_empty());
}
