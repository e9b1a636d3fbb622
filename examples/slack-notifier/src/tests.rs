//! The whole plugin under the SDK's test host, with a fake Slack.

mod delivering;
mod fake_slack;
mod settings;

use std::time::Duration;

use backon::ExponentialBuilder;
use serde_json::{Value, json};
use temps_plugin_sdk::PluginEvent;
use temps_plugin_sdk::schema::http::Role;
use temps_plugin_sdk::testing::{self, TestPlatform, TestPlugin, TestPluginBuilder, TestUser};
use tokio::time::timeout;

use self::fake_slack::DEADLINE;
use crate::SlackNotifier;
use crate::courier::Pacing;

/// Pauses that cost a test nothing.
fn brisk() -> Pacing {
    Pacing {
        backoff: ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(1))
            .with_max_times(2),
        stop: Duration::from_millis(50),
        ..Pacing::default()
    }
}

/// The plugin on a platform that has project 7, "shop".
fn plugin(pacing: Pacing) -> TestPluginBuilder {
    let notifier = SlackNotifier { pacing, ..SlackNotifier::default() };
    let platform = TestPlatform::new().with_project(testing::project(7, "shop"));
    TestPlugin::builder(notifier).platform(platform)
}

/// The plugin, told to post to `webhook`.
async fn started(pacing: Pacing, webhook: &str) -> TestPlugin {
    let plugin = plugin(pacing).start().await.unwrap();
    configure(&plugin, json!({ "webhook_url": webhook })).await;
    plugin
}

fn user(role: Role) -> TestUser {
    TestUser::new("7", "ada@example.org").role(role)
}

/// Changes settings that must be fine, and answers with what they are then.
async fn configure(plugin: &TestPlugin, change: Value) -> Value {
    let answer =
        plugin.patch("/settings").signed_in(&user(Role::Admin)).json(&change).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json().unwrap()
}

fn deployment(event_type: &str) -> PluginEvent {
    let data = json!({
        "deployment_id": 100, "project_id": 7, "environment_id": 3,
        "environment_name": "production", "commit_sha": "a1b2c3d",
        "url": "https://shop.example.org", "error_message": "out of memory",
    });
    testing::event(event_type, data)
}

async fn succeed(plugin: &TestPlugin) {
    let event = deployment("deployment.succeeded");
    plugin.emit(event).await.unwrap();
}

async fn deliveries(plugin: &TestPlugin) -> Vec<Value> {
    let answer = plugin.get("/deliveries").signed_in(&user(Role::Reader)).send().await.unwrap();
    let mut body: Value = answer.json().unwrap();
    serde_json::from_value(body["deliveries"].take()).unwrap()
}

/// The newest delivery, once it has this status.
async fn newest(plugin: &TestPlugin, status: &str) -> Value {
    let reached = async {
        loop {
            let all = deliveries(plugin).await;
            if let Some(newest) = all.first().filter(|entry| entry["status"] == status) {
                return newest.clone();
            }
        }
    };
    timeout(DEADLINE, reached).await.unwrap()
}
