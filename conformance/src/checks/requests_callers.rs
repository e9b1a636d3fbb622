//! The requests profile: who may make a sample request, and who only pretends to.

use temps_plugin_host::Identity;
use temps_plugin_schema::http::path::is_under;

use super::prelude::*;
use crate::requests::config::{ANONYMOUS, in_dialect};
use crate::requests::file::Sample;
use crate::requests::session::{Findings, Session};

/// A request that must be refused, and what is wrong with it.
type Impostor = (String, Request);

/// Sends what must be refused, then the sample itself as the witness that a caller who is let in is
/// answered. Samples that `impostors` has nothing against are made for the sake of those that follow.
async fn refuses(
    cx: &Cx,
    refusals: &[u16],
    impostors: impl Fn(&Session, &Sample) -> Vec<Impostor>,
) -> Result<Findings, Stop> {
    let session = Session::start(cx).await?;
    let mut findings = Findings::default();
    for sample in session.samples()? {
        let impostors = impostors(&session, &sample.value);
        let count = impostors.len();
        let mut outcome = Ok(());
        for (what, request) in impostors {
            outcome = refused(&session, &sample.value, refusals, &what, request).await;
            if outcome.is_err() {
                break;
            }
        }
        let witness = session.ask(&sample.value).await;
        if count == 0 {
            continue;
        }
        let outcome = outcome.and_then(|()| {
            let seen = witness?.status;
            let expected = format!("the caller {:?} is let in", sample.value.caller);
            ensure(!refusals.contains(&seen), expected, || seen.to_string())?;
            Ok(format!("{count} refused, and {seen} for {:?}", sample.value.caller))
        });
        findings.add(session.config(), sample, outcome)?;
    }
    Ok(findings)
}

async fn refused(
    session: &Session,
    sample: &Sample,
    refusals: &[u16],
    what: &str,
    request: Request,
) -> Result<(), Stop> {
    let status = session.send(sample, request).await?.status;
    let named: Vec<_> = refusals.iter().map(u16::to_string).collect();
    let expected = format!("{} to {what}", named.join(" or "));
    ensure(refusals.contains(&status), expected, || status.to_string())
}

/// The headers of the sample's own caller, for a sample that is private.
fn private_identity(session: &Session, sample: &Sample) -> Option<Vec<(&'static str, String)>> {
    let identity = session.identity(&sample.caller).filter(|_| sample.private)?;
    Some(Identity::headers(&Identity { actor_token: None, ..identity }))
}

fn nothing_private(findings: Findings) -> Result<Findings, Stop> {
    if findings.is_empty() {
        return Err(Stop::skip("conformance.toml has no [[request]] with private = true"));
    }
    Ok(findings)
}

async fn private(cx: Cx) -> Verdict {
    let findings = refuses(&cx, &[401, 403], |session, sample| {
        let Some(headers) = private_identity(session, sample) else {
            return Vec::new();
        };
        let mut impostors = vec![("nobody".to_owned(), session.bare_request(sample))];
        // The first three make an identity; the last are permissions.
        for (left_out, _) in headers.iter().take(3) {
            let mut request = session.bare_request(sample);
            for (name, value) in headers.iter().filter(|(name, _)| name != left_out) {
                request = request.header(name, value);
            }
            impostors.push((format!("a caller without {left_out}"), request));
        }
        impostors
    });
    nothing_private(findings.await?)?
        .verdict("a private request needs all three headers of a signed-in caller")
}

async fn underscores(cx: Cx) -> Verdict {
    let findings = refuses(&cx, &[401, 403], |session, sample| {
        let Some(headers) = private_identity(session, sample) else {
            return Vec::new();
        };
        let request =
            headers.iter().fold(session.bare_request(sample), |request, (name, value)| {
                request.header(&name.replace('-', "_"), value)
            });
        vec![("identity headers written with underscores".to_owned(), request)]
    });
    nothing_private(findings.await?)?
        .verdict("headers with underscores sign nobody in for a private request")
}

async fn unverified(cx: Cx) -> Verdict {
    let findings = refuses(&cx, &[401, 403], |session, sample| {
        if private_identity(session, sample).is_none() {
            return Vec::new();
        }
        let unsigned = session.request(sample).unsigned();
        vec![("identity headers without the signature".to_owned(), unsigned)]
    });
    nothing_private(findings.await?)?
        .verdict("identity headers without the signature sign nobody in for a private request")
}

async fn unsigned(cx: Cx) -> Verdict {
    let dialect = cx.dialect();
    let health = cx.health_path().to_owned();
    let findings = refuses(&cx, &[401], |session, sample| {
        // What answers 401 to a proper request tells nothing, and health is exempt.
        if sample.expect.status.contain(401) || sample.path == health {
            return Vec::new();
        }
        let request = session.request(sample);
        let wrong = request.clone().signature("conformance-wrong-signature-0123456789");
        let mut impostors = vec![("a wrong signature".to_owned(), wrong)];
        if dialect == Dialect::Two {
            impostors.push(("no signature".to_owned(), request.unsigned()));
        }
        impostors
    });
    findings.await?.verdict("a sample request without the right signature is answered with 401")
}

async fn anonymous_only_public(cx: Cx) -> Verdict {
    let Some(config) = cx.config() else {
        return Err(Stop::skip("there is no conformance.toml"));
    };
    let listed = cx.manifest()["public_paths"].as_array().into_iter().flatten();
    let public: Vec<_> = listed.filter_map(Value::as_str).collect();
    let mut findings = Findings::default();
    let samples = config.requests.iter().filter(|sample| {
        sample.value.caller == ANONYMOUS
            && in_dialect(sample.value.dialect, cx.dialect())
            && sample.value.expect.status.mean_success()
    });
    for sample in samples {
        let path = &sample.value.path;
        let outcome = match public.iter().find(|prefix| is_under(path, prefix)) {
            Some(prefix) => Ok(format!("{path} is within the public path {prefix}")),
            None => Err(Stop::failed(
                format!("{path} within one of `public_paths`: a host lets nobody else get there"),
                format!("the manifest's `public_paths` {public:?}"),
            )),
        };
        findings.add(config, sample, outcome)?;
    }
    if findings.is_empty() {
        let reason = "conformance.toml has no [[request]] that succeeds as \"anonymous\"";
        return Err(Stop::skip(reason));
    }
    findings.verdict("a caller who is not signed in gets where conformance.toml says")
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::promise(
        "requests/private",
        "a private request is refused to nobody and to half an identity",
        &["AU-23", "AU-24"],
        |cx| Box::pin(private(cx)),
    ),
    Check::promise(
        "requests/underscores",
        "headers with underscores are no identity",
        &["AU-14"],
        |cx| Box::pin(underscores(cx)),
    ),
    Check::promise(
        "requests/unverified",
        "an identity without the signature is none",
        &["AU-25"],
        |cx| Box::pin(unverified(cx)),
    )
    .only(Dialect::One),
    Check::promise(
        "requests/unsigned",
        "a sample request without the right signature is 401",
        &["AU-02", "AU-03", "AU-11"],
        |cx| Box::pin(unsigned(cx)),
    ),
    Check::promise(
        "requests/anonymous-only-public",
        "what nobody signed in may do lies within `public_paths`",
        &[],
        |cx| Box::pin(anonymous_only_public(cx)),
    )
    .only(Dialect::Two),
];
