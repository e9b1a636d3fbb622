//! The host's own API: who may use it, and what it tells and does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use bytes::Bytes;
use common::PATIENCE;
use common::front::{Answer, Front, by_name};
use common::hosting::{Hosting, is, of_file, settled, until};
use http::Method;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};
use temps_plugin_host::{PluginHost, State};

/// `one`, which runs, and `broken`, which does not.
async fn two() -> (Hosting, PluginHost, Front) {
    let hosting = Hosting::new();
    hosting.install("one", &["--name", "one"]);
    hosting.install("broken", &["--fault", "exit-early"]);
    let host = hosting.builder().authenticator(by_name()).build().await.unwrap();
    settled(&host).await;
    is(&of_file(&host, "broken"), State::Failed).await;
    let front = Front::of(&host).await;
    (hosting, host, front)
}

async fn post(front: &Front, target: &str, body: Value) -> Answer {
    let body = Full::new(Bytes::from(body.to_string()));
    let request = front.request(Method::POST, "ada", target).body(body).unwrap();
    Answer::of(front.send(request).await).await
}

#[tokio::test]
async fn only_administrators_get_more_than_the_list() {
    let (_hosting, _host, front) = two().await;
    let list = front.get("bob", "/api/x/plugins").await.json();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!((&list[0]["name"], &list[0]["version"]), (&json!("one"), &json!("1.0.0")));
    front.get("", "/api/x/plugins").await.is_problem(401, "signed-in");
    let guarded = [
        (Method::GET, "/api/x/_status"),
        (Method::GET, "/api/x/_metrics"),
        (Method::GET, "/api/x/plugins/one"),
        (Method::GET, "/api/x/plugins/one/logs"),
        (Method::POST, "/api/x/plugins/one/restart"),
        (Method::POST, "/api/x/plugins/reload"),
        (Method::POST, "/api/x/events"),
    ];
    for (method, target) in guarded {
        front.ask(method.clone(), "", target).await.is_problem(401, "signed-in");
        front.ask(method, "bob", target).await.is_problem(403, "you are reader");
    }
    front.ask(Method::DELETE, "ada", "/api/x/plugins").await.is_problem(405, "another method");
}

#[tokio::test]
async fn a_page_of_another_site_cannot_restart_a_plugin() {
    let (_hosting, host, front) = two().await;
    let before = host.plugin("one").unwrap().status();
    let request = front
        .request(Method::POST, "ada", "/api/x/plugins/one/restart")
        .header("sec-fetch-site", "cross-site")
        .body(Full::<Bytes>::default())
        .unwrap();
    Answer::of(front.send(request).await).await.is_problem(403, "another site");
    assert_eq!(host.plugin("one").unwrap().status(), before);
}

#[tokio::test]
async fn a_detail_tells_everything_about_a_plugin() {
    let (_hosting, host, front) = two().await;
    let one = front.get("ada", "/api/x/plugins/one").await.json();
    assert_eq!((&one["state"], &one["dialect"]), (&json!("running"), &json!(2)));
    assert_eq!(one["pid"], host.plugin("one").unwrap().status().pid.unwrap());
    assert_eq!(one["manifest"]["name"], "one");
    assert_eq!(one["usage"]["processes"], 1);
    assert!(one["usage"]["memory_bytes"].as_u64().unwrap() > 100_000);
    assert_eq!(one["stderr"][0]["text"], "fixture started");
    assert!(one["since"].as_str().unwrap().ends_with('Z'));

    // What has never said its name goes by its file.
    let broken = front.get("ada", "/api/x/plugins/broken").await.json();
    assert_eq!((&broken["state"], &broken["name"]), (&json!("failed"), &Value::Null));
    assert!(broken["reason"].as_str().unwrap().contains("lost 4 times"), "{broken}");
    let said = broken["stderr"].as_array().unwrap();
    assert!(said.iter().any(|line| line["text"] == "cannot read my settings"), "{said:?}");

    let status = front.get("ada", "/api/x/_status").await.json();
    let files = status["plugins"].as_array().unwrap().iter().map(|plugin| &plugin["state"]);
    assert_eq!(files.collect::<Vec<_>>(), ["failed", "running"]);
    front.get("ada", "/api/x/plugins/two").await.is_problem(404, "no plugin");
    let secret = host.plugin("one").unwrap().running().unwrap().secret().expose().to_owned();
    assert!(!status.to_string().contains(&secret) && !one.to_string().contains(&secret));
}

#[tokio::test]
async fn a_plugin_is_restarted_and_says_by_whom() {
    let (hosting, host, front) = two().await;
    let one = host.plugin("one").unwrap();
    let pid = one.status().pid.unwrap();
    assert_eq!(post(&front, "/api/x/plugins/one/restart", Value::Null).await.status, 202);
    until(&one, |status| status.pid.is_some_and(|now| now != pid)).await;
    let log = hosting.log.lock().unwrap().clone();
    let stopped = "one running -> stopped: ada@example.com asked for it";
    assert!(log.iter().any(|line| line == stopped), "{log:#?}");
}

#[tokio::test]
async fn a_reload_tells_what_has_changed() {
    let (hosting, _host, front) = two().await;
    hosting.install("one", &["--name", "one", "--version", "2.0.0"]);
    std::fs::remove_file(hosting.file("broken")).unwrap();
    let reload = post(&front, "/api/x/plugins/reload", Value::Null).await.json();
    let told: Vec<_> =
        reload["changes"].as_array().unwrap().iter().map(|c| &c["outcome"]).collect();
    assert_eq!(told, ["removed", "replaced"]);
    assert_eq!(front.get("ada", "/api/x/plugins").await.json()[0]["version"], "2.0.0");
}

#[tokio::test]
async fn an_event_is_fired_and_answered_with_how_it_went() {
    let (_hosting, host, front) = two().await;
    let event = json!({"event_type": "project.created", "project_id": 7, "data": {
        "project_id": 7, "project_name": "shop",
    }});
    let fired = post(&front, "/api/x/events", event).await.json();
    assert_eq!(fired["deliveries"], json!([{"plugin": "one", "result": "channel"}]));
    let one = host.plugin("one").unwrap().running().unwrap();
    let frame = one.http().get("/frame").send().await.unwrap().json::<Value>().await.unwrap();
    assert_eq!((&frame["type"], &frame["event"]["id"]), (&json!("event"), &fired["id"]));
    assert_eq!(frame["event"]["data"]["project_name"], "shop");

    let bad = post(&front, "/api/x/events", json!({"type": "project.created"})).await;
    bad.is_problem(400, "unknown field `type`");
    let bad =
        post(&front, "/api/x/events", json!({"event_type": "project.created", "data": 3})).await;
    assert_eq!(bad.status, 400, "{bad:?}");
}

/// The events of a stream until one of them has this number.
async fn until_number(body: &mut Incoming, number: u64) -> String {
    let mut text = String::new();
    let last = format!("id: {number}\n");
    while !(text.contains(&last) && text.ends_with("\n\n")) {
        let frame = tokio::time::timeout(PATIENCE, body.frame()).await.unwrap();
        text.push_str(&String::from_utf8_lossy(frame.unwrap().unwrap().data_ref().unwrap()));
    }
    text
}

#[tokio::test]
async fn logs_come_as_they_are_written_and_go_on_where_they_broke_off() {
    let (hosting, host, front) = two().await;
    let follow = |from: &str| {
        let request = front
            .request(Method::GET, "ada", "/api/x/plugins/one/logs")
            .header("last-event-id", from)
            .body(Full::<Bytes>::default());
        front.send(request.unwrap())
    };
    let mut body = follow("0").await.into_body();
    let first = until_number(&mut body, 1).await;
    assert!(first.contains(r#""text":"fixture started""#), "{first}");
    // Every start writes a line; a new version goes on with the same log.
    post(&front, "/api/x/plugins/one/restart", Value::Null).await;
    until_number(&mut body, 2).await;
    is(&host.plugin("one").unwrap(), State::Running).await;
    hosting.install("one", &["--name", "one", "--version", "2.0.0"]);
    host.reload().await.unwrap();
    until_number(&mut body, 3).await;

    let mut again = follow("2").await.into_body();
    let rest = until_number(&mut again, 3).await;
    assert!(!rest.contains("id: 2\n"), "{rest}");
    let now = front.get("ada", "/api/x/plugins/one/logs?follow=false").await;
    assert_eq!(String::from_utf8_lossy(&now.body).matches("id: ").count(), 3);
    let graver = front.get("ada", "/api/x/plugins/one/logs?follow=false&level=error").await;
    assert_eq!(graver.body, "");
    front.get("ada", "/api/x/plugins/one/logs?level=loud").await.is_problem(400, "level");

    // A plugin that is removed writes no more.
    std::fs::remove_file(hosting.file("one")).unwrap();
    host.reload().await.unwrap();
    tokio::time::timeout(PATIENCE, body.collect()).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_plugins_documents_come_and_go_with_them() {
    let (hosting, host, front) = two().await;
    let own = front.get("bob", "/api/x/openapi.json").await.json();
    assert_eq!(own["servers"], json!([{"url": "/api"}]));
    assert!(own["paths"]["/x/plugins/{name}/logs"]["get"].is_object());
    assert!(own["components"]["schemas"]["PluginDetail"].is_object(), "{own}");

    let openapi = json!({"openapi": "3.1.0", "paths": {"/items": {"get": {}}}}).to_string();
    hosting.install("items", &["--name", "items", "--openapi", &openapi]);
    host.reload().await.unwrap();
    let with = front.get("bob", "/api/x/openapi.json").await.json();
    assert_eq!(with["paths"]["/x/items/items"]["get"]["tags"], json!(["items"]));
    std::fs::remove_file(hosting.file("items")).unwrap();
    host.reload().await.unwrap();
    assert_eq!(front.get("bob", "/api/x/openapi.json").await.json(), own);
}

#[tokio::test]
async fn what_happens_is_counted() {
    let (_hosting, host, front) = two().await;
    for target in ["/version", "/version", "/no-such-route", "/_events"] {
        front.get("ada", &format!("/api/x/one{target}")).await;
    }
    front.get("ada", "/api/x/made-up/version").await;
    post(&front, "/api/x/events", json!({"event_type": "shop.opened"})).await;
    let answer = front.get("ada", "/api/x/_metrics").await;
    let text = String::from_utf8_lossy(&answer.body);
    let lines = [
        r#"temps_plugin_requests_total{plugin="one",status="2xx"} 2"#,
        r#"temps_plugin_requests_total{plugin="one",status="4xx"} 2"#,
        r#"temps_plugin_request_duration_seconds_count{plugin="one"} 4"#,
        r#"temps_plugin_events_total{plugin="one",result="channel"} 1"#,
        r#"temps_plugin_up{plugin="one"} 1.0"#,
        r#"temps_plugin_up{plugin="broken"} 0.0"#,
        r#"temps_plugin_restarts{plugin="broken"} 3.0"#,
        r#"temps_plugin_state{plugin="broken",state="failed"} 1"#,
        r#"temps_plugin_processes{plugin="one"} 1.0"#,
        "# EOF",
    ];
    for line in lines {
        assert!(text.lines().any(|found| found == line), "{line} is missing in:\n{text}");
    }
    assert!(!text.contains("made-up"), "{text}");
    drop(host);
}
