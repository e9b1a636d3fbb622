//! The requests profile: sample requests that the plugin's author has written down.

use temps_plugin_schema::calls::Method;
use temps_plugin_schema::channel::{ErrorBody, ErrorCode};

use super::prelude::*;
use super::requests_events::first_event;
use crate::requests::expect::{excerpt, is_json};
use crate::requests::file::Sample;
use crate::requests::session::{Findings, Session, is_safe};

async fn samples(cx: Cx) -> Verdict {
    let session = Session::start(&cx).await?;
    let mut findings = Findings::default();
    for sample in session.samples()? {
        let outcome = session.ask(&sample.value).await.and_then(|response| {
            let unmet = sample.value.expect.unmet(&response);
            let wanted = format!("{} {}", sample.value.method, sample.value.path);
            ensure(unmet.is_empty(), wanted, || unmet.join("; "))?;
            let details = sample.value.expect.details();
            Ok(format!("{} as expected, and {details} further expectations", response.status))
        });
        findings.add(session.config(), sample, outcome)?;
    }
    findings.verdict("each sample request is answered as conformance.toml says")
}

/// Makes all samples and looks for the calls of those that expect some.
async fn calls_of_samples(session: &Session, findings: &mut Findings) -> Result<(), Stop> {
    session.samples_where(" that expects calls", |sample| !sample.expect.calls.is_empty())?;
    for sample in session.samples()? {
        session.platform().forget_calls();
        let answered = session.ask(&sample.value).await;
        let expected = &sample.value.expect.calls;
        if expected.is_empty() {
            continue;
        }
        let outcome = match answered {
            Ok(_) => session.wait_for_calls(expected, sample.value.within).await,
            Err(stop) => Err(stop),
        };
        findings.add(session.config(), sample, outcome)?;
    }
    Ok(())
}

async fn calls(cx: Cx) -> Verdict {
    let session = Session::start(&cx).await?;
    let mut findings = Findings::default();
    calls_of_samples(&session, &mut findings).await?;
    findings.verdict("each sample request makes the calls that conformance.toml says")
}

async fn next_channel(cx: Cx) -> Verdict {
    let mut findings = Findings::default();
    let mut missing = Vec::new();
    for part in ["events", "calls"] {
        let mut session = Session::start(&cx).await?;
        session.renew_channel().await?;
        let done = match part {
            "events" => first_event(&cx, &session, &mut findings).await,
            _ => calls_of_samples(&session, &mut findings).await,
        };
        match done {
            Err(Stop::Skipped(reason)) => missing.push(reason),
            done => done?,
        }
    }
    if findings.is_empty() {
        return Err(Stop::skip(missing.join("; ")));
    }
    findings.verdict("calls and events go over the channel that follows a lost one")
}

async fn denied_calls(cx: Cx) -> Verdict {
    let session = Session::start(&cx).await?;
    let samples = session.samples()?;
    for method in Method::ALL {
        let error = ErrorBody::new(ErrorCode::PermissionDenied, "the grant was taken back");
        session.platform().refuse(*method, error);
    }
    let mut findings = Findings::default();
    for sample in samples {
        session.platform().forget_calls();
        let answer = session.send(&sample.value, session.request(&sample.value)).await;
        let calls = session.platform().calls().len();
        let outcome = match answer {
            Ok(_) if calls == 0 => Err(Stop::skip("it made no call")),
            Ok(response) => Ok(format!("{} with {calls} calls denied", response.status)),
            Err(stop) => Err(stop),
        };
        findings.add(session.config(), sample, outcome)?;
    }
    let health = session.plugin().health().await?.status;
    ensure(health == 200, "health 200 afterwards", || health.to_string())?;
    findings.verdict("a request whose calls are denied is answered all the same")
}

async fn without_channel(cx: Cx) -> Verdict {
    let session = Session::without_channel(&cx, &cx.plan()?).await?;
    let mut findings = Findings::default();
    for sample in session.samples_where(" with a safe method", is_safe)? {
        let request = session.request(&sample.value);
        let answer = session.plugin().send_within(request, cx.limit(60)).await;
        let outcome = answer.map(|response| format!("{} without a channel", response.status));
        findings.add(session.config(), sample, outcome)?;
    }
    findings.verdict("a request is answered although there is no channel to make calls on")
}

async fn json_is_json(cx: Cx) -> Verdict {
    let session = Session::start(&cx).await?;
    let mut findings = Findings::default();
    for sample in session.samples()? {
        let outcome = session
            .ask(&sample.value)
            .await
            .and_then(|response| called_json(&sample.value, &response));
        findings.add(session.config(), sample, outcome)?;
    }
    findings.verdict("an answer whose content-type is JSON is JSON")
}

fn called_json(sample: &Sample, response: &Response) -> Result<String, Stop> {
    if !is_json(&response.header("content-type")) {
        return Err(Stop::skip("its answer is no JSON"));
    }
    if response.body.is_empty() && (sample.method == "HEAD" || response.status == 204) {
        return Err(Stop::skip("its answer has no body"));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(&response.body) {
        Ok(_) => Ok(format!("{} bytes of JSON that are called so", response.body.len())),
        Err(error) => Err(Stop::failed(
            "JSON, as its content-type says",
            format!("{error} in {}", excerpt(response)),
        )),
    }
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::promise(
        "requests/samples",
        "each sample request is answered as its author says",
        &[],
        |cx| Box::pin(samples(cx)),
    ),
    Check::promise("requests/json", "an answer that is called JSON is JSON", &[], |cx| {
        Box::pin(json_is_json(cx))
    }),
    Check::promise(
        "requests/calls",
        "a sample request makes the calls that its author says",
        &["CH-53"],
        |cx| Box::pin(calls(cx)),
    ),
    Check::promise(
        "requests/next-channel",
        "the next channel carries the calls of samples and a sample event",
        &["CH-08"],
        |cx| Box::pin(next_channel(cx)),
    ),
    Check::promise(
        "requests/denied-calls",
        "a request whose calls are denied is answered",
        &["MF-32"],
        |cx| Box::pin(denied_calls(cx)),
    ),
    Check::promise(
        "requests/without-channel",
        "a request is answered without a channel",
        &["CH-07", "HT-07"],
        |cx| Box::pin(without_channel(cx)),
    )
    .slow(),
];
