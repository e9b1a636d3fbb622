//! `POST /_events`: what is taken over and what is refused.

use super::prelude::*;

fn post(plugin: &Plugin, body: impl Into<bytes::Bytes>) -> Request {
    Request::post("/_events").with_event_auth(plugin).body(body)
}

fn event() -> Value {
    json!({
        "id": "6f1c2f0e-6a3e-4a53-9f0c-0c9f3f1e7a11", "event_type": "deployment.succeeded",
        "timestamp": "2026-06-06T12:00:00Z", "project_id": 7,
        "data": {
            "deployment_id": 100, "project_id": 7, "environment_id": 3,
            "environment_name": "production", "commit_sha": "a1b2c3d", "url": "https://shop.example.com",
        },
    })
}

async fn taken(plugin: &Plugin, what: &str, request: Request) -> Result<String, Stop> {
    let response = plugin.send(request).await?;
    ensure(response.status == 200, format!("200 to {what}"), || {
        format!("{} {}", response.status, response.text())
    })?;
    Ok(format!("{what}: 200"))
}

async fn takes_events(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let request = post(&plugin, event().to_string()).header("content-type", "application/json");
    Ok(Evidence::saw(taken(&plugin, "an event", request).await?))
}

async fn any_content_type(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence = Evidence::default();
    for content_type in
        [None, Some("text/plain"), Some("application/octet-stream"), Some("no type at all")]
    {
        let mut request = post(&plugin, event().to_string());
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        evidence.add(
            taken(&plugin, &format!("an event with the content type {content_type:?}"), request)
                .await?,
        );
    }
    Ok(evidence)
}

async fn is_lenient(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let with = |key: &str, value: Value| {
        let mut event = event();
        event[key] = value;
        event
    };
    let without = |key: &str| {
        let mut event = event();
        if let Some(object) = event.as_object_mut() {
            object.remove(key);
        }
        event
    };
    let cases = [
        ("an id that is no UUID", with("id", json!("nr. 7"))),
        ("a timestamp that is no RFC 3339", with("timestamp", json!("yesterday"))),
        ("no project_id", without("project_id")),
        ("a null project_id", with("project_id", Value::Null)),
        ("no data", without("data")),
        ("data that is a list", with("data", json!([1, 2]))),
        ("data that is a text", with("data", json!("x"))),
        ("an unknown type", with("event_type", json!("conformance.unknown"))),
        ("an unknown member", with("conformance", json!({"a": 1}))),
    ];
    let mut evidence = Evidence::default();
    for (what, body) in cases {
        evidence.add(
            taken(&plugin, &format!("an event with {what}"), post(&plugin, body.to_string()))
                .await?,
        );
    }
    Ok(evidence)
}

async fn refuses_what_is_no_event(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence =
        Evidence::saw(taken(&plugin, "an event", post(&plugin, event().to_string())).await?);
    let with = |key: &str, value: Value| {
        let mut event = event();
        event[key] = value;
        event.to_string()
    };
    let cases = [
        ("nothing", String::new()),
        ("no JSON", "conformance".into()),
        ("bytes that are no UTF-8", "\u{fffd}{".into()),
        ("a list", "[]".into()),
        ("an empty object", "{}".into()),
        ("a null id", with("id", Value::Null)),
        ("an empty id", with("id", json!(""))),
        ("an id that is a number", with("id", json!(7))),
        ("a null event_type", with("event_type", Value::Null)),
        ("an empty event_type", with("event_type", json!(""))),
        ("a null timestamp", with("timestamp", Value::Null)),
        (
            "the message of the channel around it",
            json!({"type": "event", "event": event()}).to_string(),
        ),
    ];
    for (what, body) in cases {
        let response = plugin.send(post(&plugin, body)).await?;
        ensure(response.status == 400, format!("400 to {what}"), || response.status.to_string())?;
        ensure(!response.body.is_empty(), format!("a reason in the answer to {what}"), || {
            "an empty body".into()
        })?;
        evidence.add(format!("{what}: 400 with a reason of {} bytes", response.body.len()));
    }
    Ok(evidence)
}

async fn odd_project_ids(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence =
        Evidence::saw(taken(&plugin, "an event", post(&plugin, event().to_string())).await?);
    let odd = [
        ("a text", json!("7")),
        ("a fraction", json!(7.5)),
        ("2^31", json!(1_u64 << 31)),
        ("2^64 - 1", json!(u64::MAX)),
        ("a list", json!([7])),
    ];
    for (what, project_id) in odd {
        let mut event = event();
        event["project_id"] = project_id;
        let status = plugin.send(post(&plugin, event.to_string())).await?.status;
        let decided = status == 200 || status == 400;
        ensure(decided, format!("200 or 400 to an event whose project_id is {what}"), || {
            status.to_string()
        })?;
        evidence.add(format!("an event whose project_id is {what}: {status}"));
    }
    Ok(evidence)
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must("events/taken", "an event is answered with 200", &["EV-32"], |cx| {
        Box::pin(takes_events(cx))
    })
    .needs(Needs::Running),
    Check::must("events/any-content-type", "the body alone decides", &["EV-34"], |cx| {
        Box::pin(any_content_type(cx))
    })
    .needs(Needs::Running),
    Check::must(
        "events/lenient",
        "odd ids, times, types and data are taken",
        &["EV-06", "EV-07", "EV-09", "EV-10", "EV-12", "EV-13"],
        |cx| Box::pin(is_lenient(cx)),
    )
    .needs(Needs::Running),
    Check::must(
        "events/odd-project-ids",
        "an odd project_id is taken or refused",
        &["EV-14"],
        |cx| Box::pin(odd_project_ids(cx)),
    )
    .needs(Needs::Running)
    .may(),
    Check::must(
        "events/refused",
        "what is no event is 400 with a reason",
        &["EV-08", "EV-33"],
        |cx| Box::pin(refuses_what_is_no_event(cx)),
    )
    .needs(Needs::Running),
];
