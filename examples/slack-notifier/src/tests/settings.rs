//! The settings: who may see and change them, what is refused, and where they are kept.

use super::fake_slack::FakeSlack;
use super::*;

#[tokio::test]
async fn settings_survive_a_restart_and_show_no_secret() {
    let slack = FakeSlack::start([]).await;
    let data_dir = tempfile::tempdir().unwrap();
    let first = plugin(brisk()).data_dir(data_dir.path()).start().await.unwrap();
    let change = json!({ "webhook_url": slack.webhook(), "notify_failures": false });
    let shown = json!({
        "webhook_url": slack.masked(), "enabled": true, "notify_failures": false,
    });
    assert_eq!(configure(&first, change).await, shown);
    first.stop().await.unwrap();

    let second = plugin(brisk()).data_dir(data_dir.path()).start().await.unwrap();
    let reader = user(Role::Reader);
    let answer = second.get("/settings").signed_in(&reader).send().await.unwrap();
    assert_eq!(answer.json::<Value>().unwrap(), shown);
    succeed(&second).await;
    slack.received(1).await;
}

#[tokio::test]
async fn strangers_see_nothing() {
    let plugin = plugin(brisk()).start().await.unwrap();
    for request in [
        plugin.get("/settings"),
        plugin.get("/deliveries"),
        plugin.patch("/settings").json(&json!({ "enabled": false })),
    ] {
        assert_eq!(request.send().await.unwrap().status(), 401);
    }
}

#[tokio::test]
async fn only_administrators_change_settings() {
    let plugin = plugin(brisk()).start().await.unwrap();
    for (role, status) in [
        (Role::Reader, 403),
        (Role::User, 403),
        (Role::Other("emperor".into()), 403),
        (Role::PlatformAdmin, 200),
    ] {
        let answer = plugin
            .patch("/settings")
            .signed_in(&user(role.clone()))
            .json(&json!({ "enabled": false }))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{role}");
        if status == 403 {
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
            assert_eq!(answer.json::<Value>().unwrap()["status"], 403);
        }
    }
}

#[tokio::test]
async fn a_wrong_change_is_refused_and_the_field_named() {
    let plugin = plugin(brisk()).start().await.unwrap();
    for (body, status, detail) in [
        (r#"{"webhook_url": "hooks.slack.com"}"#, 422, "webhook_url: must begin with https"),
        (r#"{"webhook_url": "https://hooks.slack.com/…"}"#, 422, "webhook_url: must be a URL"),
        (r#"{"webhook_url": 7}"#, 422, "webhook_url: "),
        (r#"{"enabled": "yes"}"#, 422, "enabled: "),
        (r#"{"webhook": "https://a/b"}"#, 422, "webhook"),
        (r#"{"enabled": "#, 400, "parse"),
    ] {
        let answer = plugin
            .patch("/settings")
            .signed_in(&user(Role::Admin))
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{body}");
        let problem: Value = answer.json().unwrap();
        let found = problem["detail"].as_str().unwrap();
        assert!(found.contains(detail), "{body}: {found}");
    }
    let untouched = json!({ "webhook_url": null, "enabled": true, "notify_failures": true });
    assert_eq!(configure(&plugin, json!({})).await, untouched);
}

#[tokio::test]
async fn damaged_settings_end_the_start_and_stay_as_they_are() {
    let data_dir = tempfile::tempdir().unwrap();
    let path = data_dir.path().join("settings.json");
    std::fs::write(&path, "{ half").unwrap();
    let started = plugin(brisk()).data_dir(data_dir.path()).start().await;
    let error = started.err().unwrap().to_string();
    assert!(error.contains("settings.json is damaged at line 1"), "{error}");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "{ half");
}

#[tokio::test]
async fn the_host_gets_the_routes_as_openapi() {
    let plugin = plugin(brisk()).start().await.unwrap();
    let document = plugin.ready().openapi.clone().unwrap();
    assert!(document["paths"]["/settings"]["patch"].is_object());
    assert!(document["paths"]["/deliveries"]["get"].is_object());
    assert_eq!(plugin.manifest().nav.len(), 1);
}
