//! The requests profile: what sample events bring about.

use temps_plugin_schema::EventPattern;

use super::prelude::*;
use crate::requests::Config;
use crate::requests::config::{Placed, in_dialect};
use crate::requests::file::SampleEvent;
use crate::requests::session::{Findings, Session};

/// How an event reaches the plugin.
#[derive(Clone, Copy)]
enum Way {
    Channel,
    Post,
}

fn events<'a>(cx: &Cx, config: &'a Config) -> Result<Vec<&'a Placed<SampleEvent>>, Stop> {
    let spoken = config.events.iter().filter(|event| in_dialect(event.value.dialect, cx.dialect()));
    let events: Vec<_> = spoken.collect();
    if events.is_empty() {
        return Err(Stop::skip("conformance.toml has no [[event]]"));
    }
    Ok(events)
}

async fn delivered(cx: &Cx, way: Way) -> Result<Findings, Stop> {
    let config = cx.config().cloned().unwrap_or_default();
    let mut findings = Findings::default();
    // Each on a start of its own: what one has brought about must not pass for another's effect.
    for event in events(cx, &config)? {
        let session = Session::start(cx).await?;
        let outcome = effects(&session, &event.value, way).await;
        session.plugin().kill().await;
        findings.add(&config, event, outcome)?;
    }
    Ok(findings)
}

async fn effects(session: &Session, event: &SampleEvent, way: Way) -> Result<String, Stop> {
    for name in &event.after {
        if let Some(sample) = session.config().request(name) {
            let response = session.ask(&sample.value).await?;
            let unmet = sample.value.expect.unmet(&response);
            let label = session.config().label(sample);
            ensure(unmet.is_empty(), format!("{label} answered first"), || unmet.join("; "))?;
        }
    }
    not_yet(session, event).await?;
    session.platform().forget_calls();
    match way {
        Way::Channel => session.emit(event).await?,
        Way::Post => {
            let answer = session.post(event).await?;
            ensure(answer.status == 200, "200 to POST /_events", || {
                format!("{} {}", answer.status, answer.text())
            })?;
        }
    }
    let mut seen = Vec::new();
    if !event.calls.is_empty() {
        seen.push(session.wait_for_calls(&event.calls, event.within).await?);
    }
    for then in &event.then {
        if let Some(sample) = session.config().request(&then.request) {
            seen.push(session.wait_for_answer(sample, &then.expect, event.within).await?);
        }
    }
    for wanted in &event.logs.0 {
        let within = session.limit(event.within);
        let line = session.plugin().stderr_line(within, |line| line.contains(wanted)).await;
        let Some(line) = line else {
            let seen = session.plugin().stderr().last().cloned().unwrap_or_default();
            let expected = format!("{wanted:?} on standard error within {} s", event.within);
            return Err(Stop::failed(expected, format!("last {seen:?}")));
        };
        seen.push(format!("stderr: {line}"));
    }
    Ok(seen.join("; "))
}

/// An effect that is there before its cause would be seen whatever the plugin does.
async fn not_yet(session: &Session, event: &SampleEvent) -> Result<(), Stop> {
    // Calls are counted from the event on, so that none can be there before.
    let mut all_there = event.calls.is_empty();
    let said = session.plugin().stderr();
    for wanted in &event.logs.0 {
        all_there &= said.iter().any(|line| line.contains(wanted));
    }
    for then in &event.then {
        if let Some(sample) = session.config().request(&then.request) {
            let response = session.ask(&sample.value).await?;
            all_there &= then.expect.unmet(&response).is_empty();
        }
    }
    let expected = "an effect that is not there before the event";
    ensure(!all_there, expected, || {
        "what `then` and `logs` expect, before the event was sent".into()
    })
}

/// Sends the first sample event over the channel of `session` and waits for its effects.
pub(super) async fn first_event(
    cx: &Cx,
    session: &Session,
    findings: &mut Findings,
) -> Result<(), Stop> {
    let Some(event) = events(cx, session.config())?.into_iter().next() else {
        return Ok(());
    };
    let outcome = effects(session, &event.value, Way::Channel).await;
    findings.add(session.config(), event, outcome)
}

async fn by_channel(cx: Cx) -> Verdict {
    delivered(&cx, Way::Channel)
        .await?
        .verdict("each sample event over the channel has its effects")
}

async fn posted(cx: Cx) -> Verdict {
    delivered(&cx, Way::Post)
        .await?
        .verdict("each sample event by POST /_events is taken and has its effects")
}

async fn wanted(cx: Cx) -> Verdict {
    let config = cx.config().cloned().unwrap_or_default();
    let listed = cx.manifest()["events"].as_array().into_iter().flatten();
    let texts: Vec<_> = listed.filter_map(Value::as_str).collect();
    let patterns: Vec<EventPattern> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    let mut findings = Findings::default();
    for event in events(&cx, &config)? {
        let name = &event.value.event_type;
        let outcome = match patterns.iter().any(|pattern| pattern.matches(name)) {
            true => Ok(format!("{name} is among {texts:?}")),
            false => Err(Stop::failed(
                format!("{name} among the manifest's `events`: a host delivers no others"),
                format!("`events` {texts:?}"),
            )),
        };
        findings.add(&config, event, outcome)?;
    }
    findings.verdict("the manifest asks for each sample event")
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::promise(
        "requests/events-wanted",
        "the manifest asks for the sample events",
        &[],
        |cx| Box::pin(wanted(cx)),
    ),
    Check::promise(
        "requests/events-by-channel",
        "a sample event over the channel has its effects",
        &["EV-21"],
        |cx| Box::pin(by_channel(cx)),
    ),
    Check::promise(
        "requests/events-posted",
        "a sample event by POST has its effects",
        &["EV-32", "EV-35"],
        |cx| Box::pin(posted(cx)),
    ),
];
