//! The everything profile: who is asking, and when that is believed.

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
    Check::must("everything/private", "a private route wants a caller", &["EP-30"], |cx| {
        Box::pin(private(cx))
    })
    .needs(Needs::Everything),
    Check::must("everything/public", "a public route wants none", &["EP-31"], |cx| {
        Box::pin(public(cx))
    })
    .needs(Needs::Everything),
];
