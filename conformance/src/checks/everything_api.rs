//! The everything profile: the platform's API in the name of the caller (dialect 2).

use super::everything_calls::{call, ok, post};
use super::prelude::*;
use temps_plugin_schema::limits::API_CALL_BODY_BYTES;

const TOKEN: &str = "conformance-actor-token-0123456789";

fn api(body: &Value) -> Request {
    post("/api", body).header("x-temps-actor-token", TOKEN).caller(
        "7",
        "caller@example.org",
        "user",
    )
}

async fn acts_as_the_caller(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let multipart = json!({"kind": "multipart", "body": [
        {"name": "note", "content": {"kind": "text", "value": "hello"}},
        {"name": "file", "filename": "a.bin", "content_type": "application/octet-stream",
         "content": {"kind": "binary", "value": "AAEC"}},
    ]});
    let asks = [
        json!({"method": "GET", "path": "/api/projects", "query": "page=1"}),
        json!({"method": "POST", "path": "/api/projects", "body": {"kind": "json", "body": "{\"name\":\"shop\"}"}}),
        json!({"method": "PUT", "path": "/api/projects/1/files", "body": multipart}),
        json!({"method": "PATCH", "path": "/api/projects/1"}),
        json!({"method": "DELETE", "path": "/api/projects/1"}),
    ];
    let mut evidence = Evidence::default();
    for ask in asks {
        let result = json!({"status": 201, "body": "[1]"});
        let (sent, seen) =
            call(&plugin, &mut channel, api(&ask), ok(cx.dialect(), result.clone())).await?;
        ensure(sent.method == "api_call", "an api_call", || sent.method.clone())?;
        let mut expected = ask.clone();
        expected["actor"] = json!(TOKEN);
        let params = without_nulls(&sent.params);
        ensure(params == expected, expected.to_string(), || params.to_string())?;
        ensure(seen == json!({"ok": result}), "the reply as it came", || seen.to_string())?;
        evidence.add(format!("{} {}: sent with the caller's token", ask["method"], ask["path"]));
    }
    Ok(evidence)
}

/// A member that is null means the same as one that is missing.
fn without_nulls(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, member| !member.is_null());
    }
    value
}

/// Sends `request` and expects an error of this kind and not a frame on the channel.
async fn refused(
    plugin: &Plugin,
    channel: &mut Channel,
    request: Request,
    kind: &str,
) -> Result<String, Stop> {
    let seen = plugin.send(request).await?.json(200)?;
    ensure(seen["err"]["kind"] == kind, format!("an error of kind {kind}"), || seen.to_string())?;
    // A pong comes after every frame that was sent before it.
    channel.ping().await?;
    ensure(!channel.has_text(), "nothing on the channel", || "a frame".into())?;
    Ok(format!("{kind}: {}", seen["err"]["message"]))
}

/// The witness of refusals: the same route with a token works.
async fn works(cx: &Cx, plugin: &Plugin, channel: &mut Channel) -> Result<(), Stop> {
    let ask = json!({"method": "GET", "path": "/api/projects"});
    let result = json!({"status": 200, "body": "[]"});
    call(plugin, channel, api(&ask), ok(cx.dialect(), result)).await.map(|_| ())
}

async fn no_actor(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    works(&cx, &plugin, &mut channel).await?;
    let request = post("/api", &json!({"method": "GET", "path": "/api/projects"})).caller(
        "7",
        "a@example.org",
        "user",
    );
    Ok(Evidence::saw(refused(&plugin, &mut channel, request, "no_actor").await?))
}

async fn errors(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let mut evidence = Evidence::default();
    for code in [
        "method_not_found",
        "invalid_params",
        "permission_denied",
        "not_found",
        "internal",
        "unauthenticated",
        "conformance_code",
    ] {
        let ask = json!({"method": "GET", "path": "/api/projects"});
        let answer = |call: &temps_plugin_schema::channel::Request| {
            crate::subject::reply(cx.dialect(), call.id, &call.method, Err((code, "no")))
        };
        let (_, seen) = call(&plugin, &mut channel, api(&ask), answer).await?;
        let right = seen["err"]["kind"] == "remote" && seen["err"]["code"] == code;
        ensure(right, format!("kind remote and code {code}"), || seen.to_string())?;
        evidence.add(format!("{code} is told"));
    }
    Ok(evidence)
}

async fn refuses_methods(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    works(&cx, &plugin, &mut channel).await?;
    let mut evidence = Evidence::default();
    for method in ["TRACE", "HEAD", "get"] {
        let request = api(&json!({"method": method, "path": "/api/projects"}));
        evidence.add(refused(&plugin, &mut channel, request, "invalid_request").await?);
    }
    Ok(evidence)
}

async fn refuses_too_much(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    works(&cx, &plugin, &mut channel).await?;
    let text = format!("\"{}\"", "x".repeat(API_CALL_BODY_BYTES));
    let request = api(
        &json!({"method": "POST", "path": "/api/projects", "body": {"kind": "json", "body": text}}),
    );
    let json = refused(&plugin, &mut channel, request, "invalid_request").await?;
    // Two halves that are too much together. Every part by itself is small enough.
    let half = "A".repeat(API_CALL_BODY_BYTES / 2 + 4);
    let part = |name: &str| json!({"name": name, "content": {"kind": "text", "value": half}});
    let body = json!({"kind": "multipart", "body": [part("a"), part("b")]});
    let request = api(&json!({"method": "POST", "path": "/api/projects", "body": body}));
    let multipart = refused(&plugin, &mut channel, request, "invalid_request").await?;
    Ok(Evidence(vec![json, multipart]))
}

async fn token_not_logged(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    works(&cx, &plugin, &mut channel).await?;
    let request = api(&json!({"method": "TRACE", "path": "/api/projects"}));
    refused(&plugin, &mut channel, request, "invalid_request").await?;
    plugin.stop(cx.limit(super::stop::DRAINED)).await?;
    let logged = plugin.stderr().iter().any(|line| line.contains(TOKEN));
    ensure(!logged, "no line of stderr with the actor token", || "one".into())?;
    let mut kept = Vec::new();
    for entry in std::fs::read_dir(&plugin.plan().data_dir).into_iter().flatten().flatten() {
        if std::fs::read(entry.path())
            .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(TOKEN))
        {
            kept.push(entry.path().display().to_string());
        }
    }
    ensure(kept.is_empty(), "no file with the actor token", || kept.join(", "))?;
    Ok(Evidence::saw("a token was used, and is neither on stderr nor in the data directory"))
}

macro_rules! api_check {
    ($id:literal, $title:literal, $rules:expr, $run:ident) => {
        Check::must(concat!("everything/api-", $id), $title, $rules, |cx| Box::pin($run(cx)))
            .only(Dialect::Two)
            .needs(Needs::Everything)
    };
}

/// The table.
pub const CHECKS: &[Check] = &[
    api_check!(
        "as-caller",
        "api_call carries the caller's token and all that was asked",
        &["EP-34", "CH-55", "CH-56", "CH-58"],
        acts_as_the_caller
    ),
    api_check!("no-actor", "without a token nothing is sent", &["EP-36", "AU-31"], no_actor),
    api_check!("errors", "errors of api_call are told", &["EP-35"], errors),
    api_check!("methods", "methods out of five only", &["CH-54"], refuses_methods),
    api_check!(
        "too-much",
        "more than 32 MiB are refused before they are sent",
        &["CH-57"],
        refuses_too_much
    ),
    api_check!(
        "token-not-logged",
        "the actor token is written nowhere",
        &["AU-32"],
        token_not_logged
    ),
];
