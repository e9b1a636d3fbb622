//! Who is asking: the signature, and `/_events`.

use super::http::NOWHERE;
use super::prelude::*;
use temps_plugin_schema::http::header::{AUTH, AUTH_SIGNATURE};

/// Routes of every kind, health left out.
const ROUTES: [(&str, &str); 6] = [
    ("GET", NOWHERE),
    ("GET", "/"),
    ("POST", NOWHERE),
    ("POST", "/_events"),
    ("GET", "/_temps/channel"),
    ("GET", "/ui/"),
];

/// The witness of every refusal: with the right signature the same request is not answered with 401.
pub(super) async fn signed_is_let_in(plugin: &Plugin) -> Result<String, Stop> {
    let status = plugin.get(NOWHERE).await?.status;
    ensure(status != 401, "no 401 with the right signature", || status.to_string())?;
    Ok(format!("with the right signature: {status}"))
}

async fn expect_401(plugin: &Plugin, request: Request) -> Result<String, Stop> {
    let what = request.to_string();
    let status = plugin.send(request).await?.status;
    ensure(status == 401, format!("401 to {what}"), || status.to_string())?;
    Ok(format!("{what}: 401"))
}

async fn unsigned_refused(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence = Evidence::saw(signed_is_let_in(&plugin).await?);
    for (method, path) in ROUTES {
        evidence.add(expect_401(&plugin, Request::new(method, path).unsigned()).await?);
    }
    Ok(evidence)
}

/// Texts that are nearly the secret.
fn near_misses(secret: &str) -> Vec<String> {
    let swapped: String =
        secret
            .chars()
            .map(|c| {
                if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
            })
            .collect();
    let shorter = secret[..secret.len() - 1].to_owned();
    vec!["x".repeat(secret.len()), shorter, format!("{secret}x"), swapped, String::new()]
}

async fn wrong_refused(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence = Evidence::saw(signed_is_let_in(&plugin).await?);
    for wrong in near_misses(plugin.secret()) {
        expect_401(&plugin, Request::get(NOWHERE).signature(&wrong)).await?;
    }
    evidence.add("five texts that are nearly the secret: 401 each");
    for (method, path) in ROUTES {
        let request =
            Request::new(method, path).signature("conformance-wrong-signature-0123456789");
        evidence.add(expect_401(&plugin, request).await?);
    }
    Ok(evidence)
}

async fn refused_before_the_body(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence = Evidence::saw(signed_is_let_in(&plugin).await?);
    let signature = match cx.dialect() {
        // Dialect 1 owes no 401 to a request without a signature.
        Dialect::One => "x-temps-auth-signature: conformance-wrong-signature\r\n",
        Dialect::Two => "",
    };
    for (what, extra) in [("announced", ""), ("announced with Expect", "expect: 100-continue\r\n")]
    {
        let mut raw = plugin.raw().await?;
        let head = format!(
            "POST {NOWHERE} HTTP/1.1\r\nhost: plugin\r\n{signature}{extra}content-length: 1000000\r\n\r\n"
        );
        raw.write(head.as_bytes()).await?;
        let response = raw.response().await?;
        ensure(response.status == 401, format!("401 while the body is only {what}"), || {
            response.status.to_string()
        })?;
        evidence.add(format!("401 to a body of 1 MB that was {what} and never sent"));
    }
    Ok(evidence)
}

async fn channel_refused(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut evidence = Evidence::default();
    let mut signatures = vec![("a wrong", Some("conformance-wrong-signature-0123456789"))];
    if cx.dialect() == Dialect::Two {
        signatures.push(("no", None));
    }
    for (what, signature) in signatures {
        let status = plugin.dial_refused(signature).await?;
        ensure(status == 401, format!("401 to an upgrade with {what} signature"), || {
            status.to_string()
        })?;
        evidence.add(format!("an upgrade with {what} signature: 401"));
    }
    plugin.dial().await?.ping().await?;
    evidence.add("the right signature opens the channel afterwards");
    Ok(evidence)
}

async fn only_health_is_exempt(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let health = cx.health_path();
    let status = plugin.send(Request::get(health).unsigned()).await?.status;
    ensure(status == 200, "200 to health without a signature", || status.to_string())?;
    let mut evidence = Evidence::saw(format!("GET {health} without a signature: 200"));
    let neighbours =
        [format!("{health}/x"), format!("{health}y"), format!("/x{health}"), format!("{health}/")];
    for path in &neighbours {
        evidence.add(expect_401(&plugin, Request::get(path).unsigned()).await?);
    }
    for method in ["POST", "DELETE"] {
        evidence.add(expect_401(&plugin, Request::new(method, health).unsigned()).await?);
    }
    Ok(evidence)
}

async fn unsigned_is_let_in_or_not(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let signed = plugin.get(NOWHERE).await?.status;
    ensure(signed != 401, "no 401 with the right signature", || signed.to_string())?;
    let unsigned = plugin.send(Request::get(NOWHERE).unsigned()).await?.status;
    if unsigned == 401 {
        return Ok(Evidence::saw("the plugin has chosen to require the signature (AU-12)"));
    }
    ensure(unsigned == signed, "the same answer with and without a signature", || {
        format!("{signed} with, {unsigned} without")
    })?;
    Ok(Evidence::saw(format!("{signed} with and without a signature")))
}

async fn underscores_mean_nothing(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let secret = plugin.secret().to_owned();
    let mut evidence = Evidence::saw(signed_is_let_in(&plugin).await?);
    for name in ["x_temps_auth_signature", "x_temps-auth-signature", "X_TEMPS_AUTH_SIGNATURE"] {
        let mut raw = plugin.raw().await?;
        // In dialect 1 a wrong signature beside it must stay wrong; in dialect 2 there is none.
        let wrong = match cx.dialect() {
            Dialect::One => "x-temps-auth-signature: conformance-wrong-signature\r\n",
            Dialect::Two => "",
        };
        let head =
            format!("GET {NOWHERE} HTTP/1.1\r\nhost: plugin\r\n{wrong}{name}: {secret}\r\n\r\n");
        raw.write(head.as_bytes()).await?;
        let status = raw.response().await?.status;
        // 400 is a server that takes no such header at all.
        ensure(status == 401 || status == 400, format!("401 with the secret in {name}"), || {
            status.to_string()
        })?;
        evidence.add(format!("the secret in {name}: {status}"));
    }
    Ok(evidence)
}

pub(super) fn event() -> Value {
    json!({
        "id": "6f1c2f0e-6a3e-4a53-9f0c-0c9f3f1e7a11", "event_type": "project.created",
        "timestamp": "2026-06-06T12:00:00Z", "project_id": 7,
        "data": {"project_id": 7, "project_name": "shop"},
    })
}

async fn events_take_either_proof(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let mut evidence = Evidence::default();
    for name in [AUTH, AUTH_SIGNATURE] {
        let request =
            Request::post("/_events").unsigned().header(name, plugin.secret()).json(&event());
        let status = plugin.send(request).await?.status;
        ensure(status == 200, format!("200 to an event with the secret in {name}"), || {
            status.to_string()
        })?;
        evidence.add(format!("an event with the secret in {name}: 200"));
    }
    Ok(evidence)
}

async fn events_refuse_wrong_proof(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let right = Request::post("/_events").unsigned().header(AUTH, plugin.secret()).json(&event());
    let status = plugin.send(right).await?.status;
    ensure(status == 200, "200 to an event with the right x-temps-auth", || status.to_string())?;
    let mut evidence = Evidence::saw("an event with the right x-temps-auth: 200");
    let unsigned = || Request::post("/_events").unsigned().json(&event());
    evidence.add(format!("no proof: {}", expect_401(&plugin, unsigned()).await?));
    for wrong in near_misses(plugin.secret()) {
        expect_401(&plugin, unsigned().header(AUTH, &wrong)).await?;
    }
    evidence.add("five texts that are nearly the secret in x-temps-auth: 401 each");
    Ok(evidence)
}

async fn events_take_the_signature_only(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let status = plugin.send(Request::post("/_events").json(&event())).await?.status;
    ensure(status == 200, "200 to a signed event", || status.to_string())?;
    let request = Request::post("/_events").unsigned().header(AUTH, plugin.secret()).json(&event());
    let refused = expect_401(&plugin, request).await?;
    Ok(Evidence(vec![
        "a signed event: 200".into(),
        format!("with x-temps-auth in its place: {refused}"),
    ]))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "auth/unsigned-refused",
        "a request without a signature is 401, wherever it goes",
        &["AU-02", "AU-07"],
        |cx| Box::pin(unsigned_refused(cx)),
    )
    .only(Dialect::Two)
    .needs(Needs::Running),
    Check::must(
        "auth/wrong-signature-refused",
        "a request with a wrong signature is 401, wherever it goes",
        &["AU-03", "AU-07", "AU-11"],
        |cx| Box::pin(wrong_refused(cx)),
    )
    .needs(Needs::Running),
    Check::must("auth/refused-before-body", "401 does not wait for the body", &["AU-05"], |cx| {
        Box::pin(refused_before_the_body(cx))
    })
    .needs(Needs::Running),
    Check::must(
        "auth/channel-refused",
        "an upgrade without proof opens no channel",
        &["AU-06"],
        |cx| Box::pin(channel_refused(cx)),
    ),
    Check::must(
        "auth/only-health-exempt",
        "health is exempt, its neighbours are not",
        &["AU-08"],
        |cx| Box::pin(only_health_is_exempt(cx)),
    )
    .only(Dialect::Two)
    .needs(Needs::Running),
    Check::must(
        "auth/unsigned-accepted",
        "a request without a signature is served, or always refused",
        &["AU-10", "AU-12"],
        |cx| Box::pin(unsigned_is_let_in_or_not(cx)),
    )
    .only(Dialect::One)
    .needs(Needs::Running),
    Check::must(
        "auth/underscores",
        "a header with underscores is another header",
        &["AU-14"],
        |cx| Box::pin(underscores_mean_nothing(cx)),
    )
    .needs(Needs::Running),
    Check::must("auth/events-proofs", "/_events takes either proof", &["AU-16", "AU-17"], |cx| {
        Box::pin(events_take_either_proof(cx))
    })
    .only(Dialect::One)
    .needs(Needs::Running),
    Check::must(
        "auth/events-refused",
        "/_events refuses what proves nothing",
        &["AU-18", "AU-19"],
        |cx| Box::pin(events_refuse_wrong_proof(cx)),
    )
    .only(Dialect::One)
    .needs(Needs::Running),
    Check::must("auth/events-signature", "/_events asks for the signature", &["AU-20"], |cx| {
        Box::pin(events_take_the_signature_only(cx))
    })
    .only(Dialect::Two)
    .needs(Needs::Running),
];
