//! The everything profile: who is asking, and when that is believed.

use std::collections::BTreeSet;

use super::prelude::*;

const ID: &str = "conf-7";
const EMAIL: &str = "caller@example.org";

fn whoami() -> Request {
    Request::get("/whoami")
}

/// Asks with `request` and expects this caller.
async fn expect(
    plugin: &Plugin,
    what: &str,
    request: Request,
    caller: &Value,
) -> Result<String, Stop> {
    let seen = plugin.send(request).await?.json(200)?;
    ensure(seen == *caller, format!("{caller} for {what}"), || seen.to_string())?;
    Ok(format!("{what}: {seen}"))
}

fn nobody() -> Value {
    json!({"signed_in": false})
}

fn somebody(role: &str, permissions: &[&str]) -> Value {
    json!({"signed_in": true, "user_id": ID, "email": EMAIL, "role": role, "permissions": permissions})
}

async fn signed_in(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let caller = |role: &str| whoami().caller(ID, EMAIL, role);
    let mut evidence = Evidence::default();
    for role in
        ["admin", "platform_admin", "user", "reader", "api_reader", "custom", "metrics_ingest"]
    {
        evidence.add(expect(&plugin, role, caller(role), &somebody(role, &[])).await?);
    }
    let listed =
        caller("user").header("x-temps-user-permissions", " projects:read , ,deployments:read,");
    let expected = somebody("user", &["projects:read", "deployments:read"]);
    evidence.add(expect(&plugin, "permissions with blanks and gaps", listed, &expected).await?);
    let unknown = caller("conformance_role");
    evidence.add(
        expect(&plugin, "an unknown role", unknown, &somebody("conformance_role", &[])).await?,
    );
    Ok(evidence)
}

async fn half_an_identity(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let whole = whoami().caller(ID, EMAIL, "user");
    let mut evidence =
        Evidence::saw(expect(&plugin, "all three headers", whole, &somebody("user", &[])).await?);
    let headers =
        [("x-temps-user-id", ID), ("x-temps-user-email", EMAIL), ("x-temps-user-role", "admin")];
    evidence.add(expect(&plugin, "no header", whoami(), &nobody()).await?);
    for (left_out, _) in headers {
        let mut request = whoami();
        for (name, value) in headers.iter().filter(|(name, _)| *name != left_out) {
            request = request.header(name, value);
        }
        evidence.add(expect(&plugin, &format!("no {left_out}"), request, &nobody()).await?);
    }
    Ok(evidence)
}

async fn underscores(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let whole = whoami().caller(ID, EMAIL, "user");
    let mut evidence =
        Evidence::saw(expect(&plugin, "hyphens", whole, &somebody("user", &[])).await?);
    let spoofed = whoami()
        .header("x_temps_user_id", "root")
        .header("x_temps_user_email", "root@example.org")
        .header("x_temps_user_role", "admin");
    evidence.add(expect(&plugin, "underscores alone", spoofed.clone(), &nobody()).await?);
    let both = spoofed.caller(ID, EMAIL, "user");
    evidence
        .add(expect(&plugin, "underscores beside hyphens", both, &somebody("user", &[])).await?);
    Ok(evidence)
}

async fn unverified(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let caller = whoami().caller(ID, EMAIL, "admin");
    let mut evidence =
        Evidence::saw(expect(&plugin, "signed", caller.clone(), &somebody("admin", &[])).await?);
    let response = plugin.send(caller.unsigned()).await?;
    if response.status == 401 {
        evidence.add("unsigned: 401, the plugin requires the signature (AU-12)");
        return Ok(evidence);
    }
    let seen = response.json(200)?;
    ensure(
        seen == nobody(),
        "{\"signed_in\":false} for identity headers without a signature",
        || seen.to_string(),
    )?;
    evidence.add("the same headers unsigned: not signed in");
    let private =
        plugin.send(Request::get("/private").caller(ID, EMAIL, "admin").unsigned()).await?.status;
    ensure(private == 401, "401 to /private for identity headers without a signature", || {
        private.to_string()
    })?;
    evidence.add("/private unsigned: 401");
    Ok(evidence)
}

/// The three identity headers that bit by bit make up `subset`.
fn identity(subset: usize) -> Vec<(&'static str, &'static str)> {
    let headers =
        [("x-temps-user-id", ID), ("x-temps-user-email", EMAIL), ("x-temps-user-role", "admin")];
    headers
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| subset >> bit & 1 == 1)
        .map(|(_, h)| h)
        .collect()
}

async fn spoofing(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let secret = plugin.secret().to_owned();
    let proofs = [
        ("the signature", whoami()),
        ("no signature", whoami().unsigned()),
        ("a wrong signature", whoami().signature("conformance-wrong-signature-0123456789")),
        ("the secret as x-temps-auth", whoami().unsigned().header("x-temps-auth", &secret)),
        (
            "the secret with underscores",
            whoami().unsigned().header("x_temps_auth_signature", &secret),
        ),
    ];
    let mut evidence = Evidence::default();
    for (proof, request) in proofs {
        let mut seen = BTreeSet::new();
        for subset in 0..8 {
            let headers = identity(subset);
            let asked = headers
                .iter()
                .fold(request.clone(), |request, (name, value)| request.header(name, value));
            let response = plugin.send(asked).await?;
            let what = format!("{} of 3 identity headers with {proof}", headers.len());
            if proof == "the signature" {
                let all = headers.len() == 3;
                let caller = if all { somebody("admin", &[]) } else { nobody() };
                let got = response.json(200)?;
                ensure(got == caller, format!("{caller} for {what}"), || got.to_string())?;
                seen.insert(if all { "signed in" } else { "nobody" });
                continue;
            }
            // Dialect 1 serves who proves nothing, as nobody, unless its author wants a signature.
            let may_serve = cx.dialect() == Dialect::One && proof != "a wrong signature";
            if response.status == 401 || !may_serve {
                ensure(response.status == 401, format!("401 to {what}"), || response.text())?;
                seen.insert("401");
            } else {
                let got = response.json(200)?;
                ensure(got == nobody(), format!("{} for {what}", nobody()), || got.to_string())?;
                seen.insert("nobody");
            }
        }
        evidence.add(format!("8 subsets of the identity headers with {proof}: {seen:?}"));
    }
    Ok(evidence)
}

async fn in_trailers(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let whole = whoami().caller(ID, EMAIL, "user");
    let mut evidence =
        Evidence::saw(expect(&plugin, "headers", whole, &somebody("user", &[])).await?);
    let lines: String =
        identity(7).iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let text = format!(
        "GET /whoami HTTP/1.1\r\nhost: plugin\r\nx-temps-auth-signature: {}\r\n\
         transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n{lines}\r\n",
        plugin.secret()
    );
    let response = plugin.raw().await?.request(&text).await?;
    let seen: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    ensure(seen == nobody(), format!("{} for an identity in trailers", nobody()), || {
        format!("{} {seen}", response.status)
    })?;
    evidence.add("the same in trailers: nobody");
    Ok(evidence)
}

async fn private(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let caller = Request::get("/private").caller(ID, EMAIL, "reader");
    let mut evidence =
        Evidence::saw(expect(&plugin, "a caller", caller, &somebody("reader", &[])).await?);
    let anonymous = plugin.get("/private").await?.status;
    ensure(anonymous == 401, "401 to nobody", || anonymous.to_string())?;
    let half = plugin.send(Request::get("/private").header("x-temps-user-id", ID)).await?.status;
    ensure(half == 401, "401 to half an identity", || half.to_string())?;
    evidence.add("nobody, and half an identity: 401");
    Ok(evidence)
}

async fn public(cx: Cx) -> Verdict {
    let plugin = cx.running().await?;
    let seen = plugin.get("/public/hello").await?.json(200)?;
    ensure(seen == json!({"hello": "world"}), "{\"hello\":\"world\"}", || seen.to_string())?;
    Ok(Evidence::saw(seen.to_string()))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "everything/caller-signed-in",
        "a signed-in caller is known in all detail",
        &["EP-28", "AU-23", "AU-26", "AU-29"],
        |cx| Box::pin(signed_in(cx)),
    )
    .needs(Needs::Everything),
    Check::must("everything/caller-half", "half an identity is none", &["EP-29", "AU-24"], |cx| {
        Box::pin(half_an_identity(cx))
    })
    .needs(Needs::Everything),
    Check::must(
        "everything/caller-underscores",
        "headers with underscores are no identity",
        &["AU-14"],
        |cx| Box::pin(underscores(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/caller-unverified",
        "an identity without the signature is none",
        &["AU-25", "EP-29", "EP-30"],
        |cx| Box::pin(unverified(cx)),
    )
    .only(Dialect::One)
    .needs(Needs::Everything),
    Check::must(
        "everything/caller-spoofing",
        "no part of an identity and no half proof makes a caller",
        &["AU-02", "AU-03", "AU-11", "AU-14", "AU-23", "AU-24", "AU-25", "EP-29"],
        |cx| Box::pin(spoofing(cx)),
    )
    .needs(Needs::Everything),
    Check::must(
        "everything/caller-in-trailers",
        "an identity in trailers is none",
        &["AU-23", "EP-29"],
        |cx| Box::pin(in_trailers(cx)),
    )
    .needs(Needs::Everything),
    Check::must("everything/private", "a private route wants a caller", &["EP-30"], |cx| {
        Box::pin(private(cx))
    })
    .needs(Needs::Everything),
    Check::must("everything/public", "a public route wants none", &["EP-31"], |cx| {
        Box::pin(public(cx))
    })
    .needs(Needs::Everything),
];
