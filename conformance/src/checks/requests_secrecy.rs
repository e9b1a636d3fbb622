//! The requests profile: what a plugin leaves behind after its author's code has really been at work.

use super::prelude::*;
use super::stdio::Files;
use super::stop::{DRAINED, orderly};
use crate::requests::config::in_dialect;
use crate::requests::session::Session;

/// How long author code is given for the calls that an event brings about, in seconds.
const BUSY: f64 = 1.0;

/// Makes all sample requests and sends all sample events, and hands each answer to `see`.
async fn busy(
    cx: &Cx,
    session: &Session,
    mut see: impl FnMut(&str, &Response) -> Result<(), Stop>,
) -> Result<String, Stop> {
    let samples = session.samples()?;
    let count = samples.len();
    for sample in samples {
        let response = session.ask(&sample.value).await?;
        see(&session.config().label(sample), &response)?;
    }
    let events = session.config().events.iter();
    let mut sent = 0;
    for event in events.filter(|event| in_dialect(event.value.dialect, cx.dialect())) {
        session.emit(&event.value).await?;
        if !event.value.calls.is_empty() {
            // Whether they come is another check's business; waiting gives author code its time.
            let within = event.value.within.min(BUSY);
            let _ = session.wait_for_calls(&event.value.calls, within).await;
        }
        sent += 1;
    }
    Ok(format!("{count} requests answered and {sent} events sent"))
}

async fn no_secret(cx: Cx) -> Verdict {
    let session = Session::start(&cx).await?;
    let mut searched = 0;
    let done = busy(&cx, &session, |label, response| {
        searched += 1;
        let text = format!("{:?} {}", response.headers, response.text());
        match session.betrays(&text) {
            None => Ok(()),
            Some(what) => Err(Stop::failed(
                "answers without the secret and without the caller's token",
                format!("the answer to {label} has {what} in it"),
            )),
        }
    });
    let done = done.await?;
    let plugin = session.plugin();
    plugin.stop(cx.limit(DRAINED)).await?;
    let leaks = plugin.leaks();
    ensure(leaks == 0, "no line of output with the secret or the caller's token", || {
        format!("{leaks} lines with one of them")
    })?;
    let mut files = Files::default();
    for secret in session.secrets() {
        files.search(plugin.plan().dir(), secret.as_bytes());
    }
    let seen = || files.with_secret.join(", ");
    ensure(files.with_secret.is_empty(), "no file with the secret or the token", seen)?;
    Ok(Evidence(vec![
        done,
        format!(
            "{searched} answers, {} lines of stderr and all files: none has the secret or the caller's token",
            plugin.stderr_lines()
        ),
    ]))
}

async fn stdout(cx: Cx) -> Verdict {
    let session = Session::start(&cx).await?;
    let done = busy(&cx, &session, |_, _| Ok(())).await?;
    session.plugin().stop(cx.limit(DRAINED)).await?;
    let stray = session.plugin().stray_stdout().await;
    ensure(stray.is_empty(), "nothing on standard output after `ready`", || {
        format!("{:?}", stray.join("\n"))
    })?;
    Ok(Evidence(vec![done, "nothing on standard output after `ready`".into()]))
}

async fn stops_after_use(cx: Cx) -> Verdict {
    let session = Session::start(&cx).await?;
    let done = busy(&cx, &session, |_, _| Ok(())).await?;
    let plugin = session.plugin();
    let ended = plugin.stop(cx.limit(DRAINED)).await?;
    ensure(ended.left_behind.is_empty(), "no process left of the plugin's group", || {
        format!("processes {:?}", ended.left_behind)
    })?;
    Ok(Evidence(vec![done, orderly(plugin.plan(), &ended)?]))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::promise(
        "requests/no-secret",
        "neither the secret nor a caller's token gets out",
        &["IO-08", "IO-09", "IO-10", "IO-11", "AU-32"],
        |cx| Box::pin(no_secret(cx)),
    ),
    Check::promise(
        "requests/stdout",
        "author code at work writes nothing to standard output",
        &["IO-01"],
        |cx| Box::pin(stdout(cx)),
    ),
    Check::promise(
        "requests/stops-after-use",
        "a plugin that has been at work stops in order",
        &["LC-01", "LC-09", "LC-11", "LC-12"],
        |cx| Box::pin(stops_after_use(cx)),
    ),
];
