//! The requests profile: sample requests in other ways than one by one.

use futures_util::future::join_all;

use super::prelude::*;
use crate::requests::config::Placed;
use crate::requests::file::Sample;
use crate::requests::session::{Findings, Session, is_safe};
use crate::subject::RawResponse;

/// How often each safe sample is sent at the same time.
const AT_ONCE: usize = 8;

async fn head(cx: Cx) -> Verdict {
    let session = Session::start(&cx).await?;
    let mut findings = Findings::default();
    for sample in session.samples_where(" with the method GET", |s| s.method == "GET")? {
        let outcome = head_of(&cx, &session, &sample.value).await;
        findings.add(session.config(), sample, outcome)?;
    }
    findings.verdict("HEAD of each sample GET is answered like GET, or refused, without a body")
}

async fn head_of(cx: &Cx, session: &Session, sample: &Sample) -> Result<String, Stop> {
    let plugin = session.plugin();
    let get = session.send(sample, session.request(sample)).await?.status;
    let mut raw = plugin.raw().await?;
    let request = session.request(sample).method("HEAD");
    raw.write(&request.to_bytes(plugin.secret())).await?;
    let head = raw.response_to_head().await?;
    let right = head.status == get || matches!(head.status, 404 | 405 | 501);
    ensure(right, format!("{get} as to GET, or 404, 405 or 501"), || head.status.to_string())?;
    if head.closes() {
        return Ok(format!("{}, and the end of the connection", head.status));
    }
    // A body that was sent all the same would be read as the beginning of this response.
    raw.write(&Request::get(cx.health_path()).to_bytes(plugin.secret())).await?;
    let next = raw.response().await?.status;
    ensure(next == 200, "health 200 on the same connection", || next.to_string())?;
    Ok(format!("{}, and the connection serves the next request", head.status))
}

async fn one_connection(cx: Cx) -> Verdict {
    let session = Session::start(&cx).await?;
    let plugin = session.plugin();
    let mut findings = Findings::default();
    let mut raw = plugin.raw().await?;
    for sample in session.samples_where(" with a safe method", is_safe)? {
        let request = session.request(&sample.value);
        let alone = session.send(&sample.value, request.clone()).await?.status;
        let exchange = async {
            raw.write(&request.to_bytes(plugin.secret())).await?;
            match sample.value.method.as_str() {
                "HEAD" => raw.response_to_head().await,
                _ => raw.response().await,
            }
        };
        let outcome = exchange.await;
        // After what was no response, nothing on this connection can be trusted.
        let is_over = outcome.as_ref().map_or(true, RawResponse::closes);
        let outcome = outcome.and_then(|RawResponse { status, .. }| {
            ensure(status == alone, format!("{alone} as elsewhere"), || status.to_string())?;
            Ok(format!("{status} on the connection of the others"))
        });
        findings.add(session.config(), sample, outcome)?;
        if is_over {
            raw = plugin.raw().await?;
        }
    }
    findings.verdict("sample requests follow each other on one connection")
}

async fn parallel(cx: Cx) -> Verdict {
    let session = Session::start(&cx).await?;
    let samples = session.samples_where(" with a safe method", is_safe)?;
    let mut alone = Vec::new();
    for Placed { value, .. } in &samples {
        alone.push(session.send(value, session.request(value)).await?.status);
    }
    let many = samples.iter().flat_map(|Placed { value, .. }| {
        (0..AT_ONCE).map(|_| session.send(value, session.request(value)))
    });
    let many: Vec<_> = many.collect();
    let (answers, health) = tokio::join!(join_all(many), session.plugin().health());
    let health = health?.status;
    ensure(health == 200, "health 200 meanwhile", || health.to_string())?;
    let mut findings = Findings::default();
    let mut answers = answers.into_iter();
    for (sample, alone) in samples.into_iter().zip(alone) {
        let outcome = answers.by_ref().take(AT_ONCE).collect::<Result<Vec<_>, _>>();
        let outcome = outcome.and_then(|answers| {
            let other = answers.iter().map(|answer| answer.status).find(|status| *status != alone);
            let seen = || format!("{other:?} among others");
            ensure(other.is_none(), format!("{alone} as alone"), seen)?;
            Ok(format!("{AT_ONCE} times {alone} at the same time"))
        });
        findings.add(session.config(), sample, outcome)?;
    }
    findings.verdict("sample requests at the same time are answered as one by one")
}

async fn stdout_closed(cx: Cx) -> Verdict {
    let open = Session::start(&cx).await?;
    let mut plan = cx.plan()?;
    plan.close_stdout = true;
    let closed = Session::start_as(&cx, &plan).await?;
    let mut findings = Findings::default();
    for sample in open.samples()? {
        let as_ever = open.ask(&sample.value).await?.status;
        let outcome = closed.ask(&sample.value).await.and_then(|Response { status, .. }| {
            ensure(status == as_ever, format!("{as_ever} as with standard output open"), || {
                status.to_string()
            })?;
            Ok(format!("{status} with standard output open and closed"))
        });
        findings.add(open.config(), sample, outcome)?;
    }
    findings.verdict("sample requests are answered as ever once the host has closed stdout")
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::promise(
        "requests/head",
        "HEAD of a sample GET has no body and does no harm",
        &["HT-02", "HT-07"],
        |cx| Box::pin(head(cx)),
    ),
    Check::promise(
        "requests/one-connection",
        "sample requests follow each other on one connection",
        &["HT-02"],
        |cx| Box::pin(one_connection(cx)),
    ),
    Check::promise(
        "requests/parallel",
        "sample requests are answered side by side",
        &["HT-01", "HT-05"],
        |cx| Box::pin(parallel(cx)),
    ),
    Check::promise(
        "requests/stdout-closed",
        "sample requests are answered with standard output closed",
        &["IO-03", "IO-04"],
        |cx| Box::pin(stdout_closed(cx)),
    ),
];
