//! The everything profile: calls over the channel, answered well, badly, late, or not at all.

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::join_all;
use temps_plugin_host::sample;
use temps_plugin_schema::channel::Request as Call;

use super::prelude::*;
use crate::subject::reply;

/// How many calls are under way at once in the largest check.
const MANY: u64 = 100;

pub(super) fn post(path: &str, body: &Value) -> Request {
    Request::post(path).json(body)
}

pub(super) fn get_project(id: u64) -> Value {
    json!({"method": "get_project", "params": {"project_id": id}})
}

/// How long a call has no channel before there is one again.
const BEFORE_THE_NEXT: Duration = Duration::from_millis(300);

/// Sends `request` to the plugin, waits for the call that comes of it, answers that with what
/// `answer` makes of it, and returns the call and the plugin's response.
pub(super) async fn call(
    plugin: &Plugin,
    channel: &mut Channel,
    request: Request,
    answer: impl FnOnce(&Call) -> Value,
) -> Result<(Call, Value), Stop> {
    let mut response = pin!(plugin.send(request));
    let call = tokio::select! {
        call = channel.request() => call?,
        early = &mut response => {
            let early = early?;
            return Err(Stop::failed("a call on the channel", format!("{} {}", early.status, early.text())));
        }
    };
    channel.send_text(&answer(&call).to_string()).await?;
    Ok((call, response.await?.json(200)?))
}

/// A reply with a result, as a host of the dialect writes it.
pub(super) fn ok(dialect: Dialect, result: Value) -> impl FnOnce(&Call) -> Value {
    move |call| reply(dialect, call.id, &call.method, Ok(result))
}

/// A project, an environment, a deployment and all lists of them, with every member there is.
fn results(dialect: Dialect) -> Vec<(&'static str, Value, Value)> {
    let time = "2026-06-06T12:00:00Z";
    let project = project(42);
    let environment = json!({
        "id": 3, "project_id": 42, "name": "Production", "slug": "production", "branch": "main",
        "is_preview": false, "current_deployment_id": 100, "created_at": time, "updated_at": time,
    });
    let deployment = json!({
        "id": 100, "project_id": 42, "environment_id": 3, "state": "completed", "branch": "main",
        "tag": "v1", "commit_sha": "a1b2c3d", "commit_message": "first", "commit_author": "somebody",
        "created_at": time, "started_at": time, "finished_at": time,
    });
    let mut calls = vec![
        ("get_project", json!({"project_id": 42}), project.clone()),
        ("list_projects", json!({"limit": 5}), json!([project])),
        ("get_environment", json!({"environment_id": 3}), environment.clone()),
        ("list_environments", json!({"project_id": 42}), json!([environment])),
        ("get_deployment", json!({"deployment_id": 100}), deployment.clone()),
        ("get_last_deployment", json!({"project_id": 42, "environment_id": 3}), deployment.clone()),
        (
            "list_deployments",
            json!({"project_id": 42, "environment_id": 3, "limit": 5}),
            json!([deployment]),
        ),
    ];
    if dialect == Dialect::Two {
        let ai = json!({
            "configured": true, "reason": "none", "setup_path": "/settings/ai", "daily_call_limit": 100,
            "max_output_tokens": 1000, "max_prompt_bytes": 10000,
        });
        let capabilities = json!({
            "actor": {"id": 1, "name": "plugin", "active": true},
            "permissions": ["projects_read", "api_read"], "ai": ai,
        });
        let ask = json!({
            "purpose": "summary", "prompt": "hello", "system": "be brief", "max_tokens": 10, "temperature": 0.5,
        });
        calls.push(("get_host_capabilities", json!({}), capabilities));
        calls.push(("generate_ai", ask, json!({"text": "hi", "model": "m-1"})));
    }
    calls
}

pub(super) fn project(id: u64) -> Value {
    let time = "2026-06-06T12:00:00Z";
    json!({
        "id": id, "name": "Shop", "slug": "shop", "repo_name": "shop", "repo_owner": "acme",
        "main_branch": "main", "preset": "nextjs", "source_type": "git", "created_at": time,
        "updated_at": time, "last_deployment": time, "enable_preview_environments": true,
    })
}

async fn every_method(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let mut evidence = Evidence::default();
    for (method, params, result) in results(cx.dialect()) {
        let request = post("/call", &json!({"method": method, "params": params}));
        let (call, seen) =
            call(&plugin, &mut channel, request, ok(cx.dialect(), result.clone())).await?;
        ensure(call.method == method, format!("a call of {method}"), || call.method.clone())?;
        let empty = params == json!({}) && call.params.is_null();
        ensure(empty || call.params == params, format!("the params {params}"), || {
            call.params.to_string()
        })?;
        let expected = json!({"ok": result});
        ensure(seen == expected, expected.to_string(), || seen.to_string())?;
        evidence.add(format!("{method}: params and result went through unchanged"));
    }
    Ok(evidence)
}

async fn frames(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let mut evidence = Evidence::default();
    for id in 1..=3_u64 {
        let mut response = pin!(plugin.send(post("/call", &get_project(id))));
        let text = tokio::select! {
            text = channel.text() => text?,
            early = &mut response => return Err(Stop::failed("a call on the channel", early?.text())),
        };
        let frame: Value = serde_json::from_str(&text)
            .map_err(|e| Stop::failed("JSON", format!("{text}: {e}")))?;
        ensure(frame["type"] == "request", "`type` \"request\"", || text.clone())?;
        ensure(frame["id"].is_u64(), "an `id` that is an integer from 0", || text.clone())?;
        let call = match cx.dialect() {
            Dialect::One => &frame,
            Dialect::Two => &frame["call"],
        };
        let place = call["method"] == "get_project" && call["params"] == json!({"project_id": id});
        ensure(place, "`method` and `params` in the place that the dialect gives them", || {
            text.clone()
        })?;
        let id = frame["id"].as_u64().unwrap_or_default();
        channel
            .send_text(&reply(cx.dialect(), id, "get_project", Ok(project(id))).to_string())
            .await?;
        response.await?.json(200)?;
        evidence.add(text);
    }
    Ok(evidence)
}

async fn ids_count_up(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let mut ids = Vec::new();
    for id in 1..=3_u64 {
        let request = post("/call", &get_project(id));
        ids.push(call(&plugin, &mut channel, request, ok(cx.dialect(), project(id))).await?.0.id);
    }
    ensure(ids == [1, 2, 3], "the ids 1, 2, 3", || format!("{ids:?}"))?;
    Ok(Evidence::saw(format!("ids {ids:?}")))
}

async fn error_codes(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let mut codes =
        vec!["method_not_found", "invalid_params", "permission_denied", "not_found", "internal"];
    if cx.dialect() == Dialect::Two {
        codes.push("unauthenticated");
    }
    codes.extend(["conformance_code", "quota.exceeded"]);
    let mut evidence = Evidence::default();
    for (method, params, _) in results(cx.dialect()) {
        for code in &codes {
            let answer = |call: &Call| {
                reply(cx.dialect(), call.id, &call.method, Err((code, "conformance says no")))
            };
            let request = post("/call", &json!({"method": method, "params": params}));
            let (_, seen) = call(&plugin, &mut channel, request, answer).await?;
            let error = &seen["err"];
            let right = error["kind"] == "remote" && error["code"] == *code;
            ensure(right, format!("kind remote and code {code} for {method}"), || {
                seen.to_string()
            })?;
            let message = error["message"].as_str().unwrap_or_default();
            ensure(message.contains("conformance says no"), "the host's message", || {
                seen.to_string()
            })?;
        }
        evidence.add(format!("{method}: {} codes with their message", codes.len()));
    }
    let after =
        call(&plugin, &mut channel, post("/call", &get_project(1)), ok(cx.dialect(), project(1)))
            .await?
            .1;
    ensure(after["ok"]["id"] == 1, "a call that works afterwards", || after.to_string())?;
    Ok(evidence)
}

/// Lets `count` calls be under way at once and answers them last in, first out.
async fn reversed(cx: &Cx, count: u64) -> Result<BTreeSet<u64>, Stop> {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let posts = join_all((1..=count).map(|id| plugin.send(post("/call", &get_project(id)))));
    let serve = async {
        let mut calls = Vec::new();
        for _ in 0..count {
            calls.push(channel.request().await?);
        }
        for call in calls.iter().rev() {
            let id = call.params["project_id"].as_u64().unwrap_or_default();
            channel.answer(call, Ok(project(id))).await?;
        }
        Ok::<_, Stop>(calls.iter().map(|call| call.id).collect::<BTreeSet<_>>())
    };
    let (responses, ids) = tokio::join!(posts, serve);
    let ids = ids?;
    for (id, response) in (1..=count).zip(responses) {
        let seen = response?.json(200)?;
        ensure(
            seen["ok"]["id"] == id,
            format!("project {id} for the call that asked for it"),
            || seen.to_string(),
        )?;
    }
    Ok(ids)
}

async fn out_of_order(cx: Cx) -> Verdict {
    let ids = reversed(&cx, 5).await?;
    Ok(Evidence::saw(format!(
        "five calls with the ids {ids:?}, answered in reverse, each got its own reply"
    )))
}

async fn many_at_once(cx: Cx) -> Verdict {
    let ids = reversed(&cx, MANY).await?;
    ensure(ids.len() as u64 == MANY, "an id of its own for each call under way", || {
        format!("{} ids", ids.len())
    })?;
    Ok(Evidence::saw(format!("{MANY} calls under way at once with {} ids", ids.len())))
}

async fn slow_delays_none(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let mut slow = pin!(plugin.send(post("/call", &get_project(1))));
    let waiting = tokio::select! {
        waiting = channel.request() => waiting?,
        early = &mut slow => return Err(Stop::failed("a call on the channel", early?.text())),
    };
    for id in 2..=4 {
        let (_, seen) = call(
            &plugin,
            &mut channel,
            post("/call", &get_project(id)),
            ok(cx.dialect(), project(id)),
        )
        .await?;
        ensure(seen["ok"]["id"] == id, "an answer beside a call that waits", || seen.to_string())?;
    }
    channel.answer(&waiting, Ok(project(1))).await?;
    let seen = slow.await?.json(200)?;
    ensure(seen["ok"]["id"] == 1, "the answer of the call that waited", || seen.to_string())?;
    Ok(Evidence::saw("three calls were answered while a fourth waited"))
}

pub(super) fn expect_kind(seen: &Value, kind: &str) -> Result<(), Stop> {
    ensure(seen["err"]["kind"] == kind, format!("an error of kind {kind}"), || seen.to_string())?;
    ensure(seen["err"]["code"].is_null(), "a null code", || seen.to_string())
}

async fn mismatched_method(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let answer = |call: &Call| reply(Dialect::Two, call.id, "list_environments", Ok(project(1)));
    let (_, seen) = call(&plugin, &mut channel, post("/call", &get_project(1)), answer).await?;
    expect_kind(&seen, "protocol")?;
    let message = seen["err"]["message"].as_str().unwrap_or_default();
    let names = message.contains("get_project") && message.contains("list_environments");
    ensure(names, "a message with both methods", || message.to_owned())?;
    let after =
        call(&plugin, &mut channel, post("/call", &get_project(1)), ok(Dialect::Two, project(1)))
            .await?
            .1;
    ensure(after["ok"]["id"] == 1, "a call that works afterwards", || after.to_string())?;
    Ok(Evidence::saw(message.to_owned()))
}

async fn unreadable_reply(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let mut evidence = Evidence::default();
    let bodies = match cx.dialect() {
        Dialect::One => {
            vec![json!({}), json!({"error": "a text"}), json!({"error": {"message": "no code"}})]
        }
        Dialect::Two => vec![
            json!({}),
            json!({"outcome": {}}),
            json!({"outcome": {"ok": {}}}),
            json!({"outcome": {"err": "a text"}}),
        ],
    };
    for body in bodies {
        let answer = |call: &Call| {
            let mut frame = body.clone();
            frame["type"] = json!("response");
            frame["id"] = json!(call.id);
            frame
        };
        let (_, seen) = call(&plugin, &mut channel, post("/call", &get_project(1)), answer).await?;
        expect_kind(&seen, "protocol")?;
        evidence.add(format!("a response with {body}: protocol"));
    }
    let after =
        call(&plugin, &mut channel, post("/call", &get_project(1)), ok(cx.dialect(), project(1)))
            .await?
            .1;
    ensure(after["ok"]["id"] == 1, "a call that works afterwards", || after.to_string())?;
    Ok(evidence)
}

async fn unknown_members(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let mut grown = project(7);
    grown["conformance"] = json!({"new": true});
    let bare = {
        let mut bare = project(7);
        bare["last_deployment"] = Value::Null;
        bare
    };
    for result in [grown, bare] {
        let (_, seen) =
            call(&plugin, &mut channel, post("/call", &get_project(7)), ok(cx.dialect(), result))
                .await?;
        ensure(seen["ok"]["id"] == 7, "the project", || seen.to_string())?;
    }
    Ok(Evidence::saw("a result with an unknown member, and one with a null, were read"))
}

async fn lost_while_under_way(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let mut response = pin!(plugin.send(post("/call", &get_project(1))));
    tokio::select! {
        call = channel.request() => { call?; }
        early = &mut response => return Err(Stop::failed("a call on the channel", early?.text())),
    }
    drop(channel);
    expect_kind(&response.await?.json(200)?, "disconnected")?;
    let mut next = plugin.dial_until_accepted().await?;
    let after =
        call(&plugin, &mut next, post("/call", &get_project(1)), ok(cx.dialect(), project(1)))
            .await?
            .1;
    ensure(after["ok"]["id"] == 1, "a call that works over the next channel", || {
        after.to_string()
    })?;
    Ok(Evidence::saw(
        "disconnected when the channel was lost; the next channel carried the next call",
    ))
}

async fn made_between_channels(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    plugin.dial().await?.close().await?;
    let mut response = pin!(plugin.send(post("/call", &get_project(1))));
    // The call is to have come before the next channel does. One that is not answered by then waits.
    if let Ok(early) = tokio::time::timeout(BEFORE_THE_NEXT, &mut response).await {
        expect_kind(&early?.json(200)?, "disconnected")?;
        return Ok(Evidence::saw("a call without a channel fails at once"));
    }
    let mut next = tokio::select! {
        early = &mut response => {
            expect_kind(&early?.json(200)?, "disconnected")?;
            return Ok(Evidence::saw("a call without a channel fails soon"));
        }
        next = plugin.dial_until_accepted() => next?,
    };
    tokio::select! {
        early = &mut response => {
            expect_kind(&early?.json(200)?, "disconnected")?;
            Ok(Evidence::saw("a call without a channel fails"))
        }
        call = next.request() => {
            next.answer(&call?, Ok(project(1))).await?;
            let seen = response.await?.json(200)?;
            ensure(seen["ok"]["id"] == 1, "the answer over the next channel", || seen.to_string())?;
            Ok(Evidence::saw("a call without a channel waited for the next one"))
        }
    }
}

async fn denied_is_survived(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    for (method, params, _) in results(cx.dialect()) {
        let answer = |call: &Call| {
            reply(cx.dialect(), call.id, &call.method, Err(("permission_denied", "no")))
        };
        let request = post("/call", &json!({"method": method, "params": params}));
        let (_, seen) = call(&plugin, &mut channel, request, answer).await?;
        ensure(seen["err"]["code"] == "permission_denied", "the code permission_denied", || {
            seen.to_string()
        })?;
    }
    Ok(Evidence::saw("permission_denied for every method, told as such"))
}

/// The sample platform of the host library answers as a real host does.
async fn a_proper_host(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let projects = plugin
        .send(post("/call", &json!({"method": "list_projects", "params": {}})))
        .await?
        .json(200)?;
    let count = projects["ok"].as_array().map(Vec::len);
    ensure(count.is_some(), "a list of projects", || projects.to_string())?;
    let missing = plugin.send(post("/call", &get_project(424_242))).await?.json(200)?;
    ensure(missing["err"]["code"] == "not_found", "not_found", || missing.to_string())?;
    let first = sample::project(1, "conformance");
    let known = serde_json::to_value(first).map_err(|e| Stop::fault("a sample", e))?;
    Ok(Evidence::saw(format!(
        "{count:?} projects of the shape {:?}",
        known.as_object().map(serde_json::Map::len)
    )))
}

macro_rules! call_check {
    ($id:literal, $title:literal, $rules:expr, $run:ident) => {
        Check::must(concat!("everything/call-", $id), $title, $rules, |cx| Box::pin($run(cx)))
            .needs(Needs::Everything)
    };
}

/// The table.
pub const CHECKS: &[Check] = &[
    call_check!(
        "every-method",
        "every method of the dialect works",
        &["EP-32", "CH-53"],
        every_method
    ),
    call_check!("proper-host", "a proper host answers", &["EP-32", "EP-33"], a_proper_host),
    call_check!(
        "frames",
        "requests have the form of the dialect",
        &["CH-16", "CH-17", "CH-18", "CH-19", "CH-22", "CH-23"],
        frames
    ),
    call_check!("ids-count-up", "ids count up from 1", &["CH-21"], ids_count_up).should(),
    call_check!(
        "error-codes",
        "errors keep code and message",
        &["EP-33", "CH-45", "CH-46"],
        error_codes
    ),
    call_check!(
        "denied",
        "permission_denied is an answer like any other",
        &["MF-32"],
        denied_is_survived
    ),
    call_check!("out-of-order", "replies are matched by id", &["CH-29"], out_of_order),
    call_check!(
        "many-at-once",
        "100 calls are under way at once",
        &["CH-20", "CH-48"],
        many_at_once
    ),
    call_check!("slow-delays-none", "a slow call delays no other", &["CH-48"], slow_delays_none),
    call_check!(
        "mismatched-method",
        "a reply for another method is a protocol error",
        &["CH-35"],
        mismatched_method
    )
    .only(Dialect::Two),
    call_check!(
        "unreadable-reply",
        "a reply without meaning fails its call at once",
        &["CH-34"],
        unreadable_reply
    ),
    call_check!(
        "unknown-members",
        "unknown and null members do no harm",
        &["CH-47"],
        unknown_members
    ),
    call_check!(
        "channel-lost",
        "a lost channel fails its calls, the next one carries new ones",
        &["CH-06", "CH-08"],
        lost_while_under_way
    ),
    call_check!(
        "no-channel",
        "a call without a channel fails or waits",
        &["CH-07", "CH-08"],
        made_between_channels
    ),
];
