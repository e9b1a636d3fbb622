//! Who is asking: the signature, `/_events`, and callers (AU-02 to AU-33).

use subtle::ConstantTimeEq as _;

use crate::defects::{auth as wrong, everything_http, requests};
use crate::http::Request;
use crate::plugin::{Dialect, Plugin};
use crate::server::HEALTH;
use crate::{routes, websocket};

pub(crate) const SIGNATURE: &str = "x-temps-auth-signature";
const EVENT_AUTH: &str = "x-temps-auth";
const ACTOR_TOKEN: &str = "x-temps-actor-token";

/// The roles that there are today (AU-26).
const ROLES: [&str; 7] =
    ["admin", "platform_admin", "user", "reader", "api_reader", "custom", "metrics_ingest"];

/// The request is owed a 401.
pub(crate) struct Refused;

/// What was proven about a request, with the credentials that author code does not see.
#[derive(Default)]
pub(crate) struct Proof {
    /// The host has signed.
    pub(crate) signed: bool,
    /// The token to act as the caller.
    pub(crate) actor_token: Option<String>,
}

/// Compares what the request proves itself with, and takes it out of the headers (AU-33).
pub(crate) fn admit(plugin: &Plugin, request: &mut Request) -> Result<(), Refused> {
    let signatures = signatures(plugin, request);
    let event_auth = request.take_headers(EVENT_AUTH);
    let tokens = request.take_headers(ACTOR_TOKEN);
    for (name, values, shown) in [
        (EVENT_AUTH, &event_auth, everything_http::EVENT_AUTH_SHOWN.active()),
        (ACTOR_TOKEN, &tokens, everything_http::ACTOR_TOKEN_SHOWN.active()),
    ] {
        if shown {
            request.headers.extend(values.iter().map(|value| (name.to_owned(), value.clone())));
        }
    }
    let right = |given: &[Vec<u8>]| {
        !given.is_empty() && given.iter().all(|text| is_secret(text, plugin.secret.as_bytes()))
    };
    let any = everything_http::EVENT_AUTH_SIGNS.active();
    let signed = right(&signatures) || (any && right(&event_auth));
    let is_event = request.method == "POST" && request.path() == "/_events";
    let holds = match plugin.dialect {
        Dialect::Two if signatures.is_empty() && wrong::UNSIGNED_TAKEN.active() => true,
        Dialect::Two if is_event && wrong::EVENT_PROOF_OF_DIALECT_1.active() => {
            signed || right(&event_auth)
        }
        Dialect::Two => signed,
        // A signature is checked where there is one (AU-10, AU-11).
        Dialect::One if !signatures.is_empty() && !signed && !wrong::SIGNATURE_IGNORED.active() => {
            false
        }
        Dialect::One if is_event => {
            let given = !event_auth.is_empty();
            is_event_proven(signed, given.then(|| right(&event_auth)))
        }
        Dialect::One => true,
    };
    let open = requests::PRINT_UNSIGNED.active() && request.path() == "/print";
    if !holds && !open && !is_exempt(request) {
        return Err(Refused);
    }
    let actor_token = tokens
        .into_iter()
        .next()
        .and_then(|token| String::from_utf8(token).ok())
        .filter(|t| !t.is_empty());
    request.proof = Proof { signed, actor_token };
    Ok(())
}

/// The signatures of a request.
fn signatures(plugin: &Plugin, request: &mut Request) -> Vec<Vec<u8>> {
    let mut signatures = request.take_headers(SIGNATURE);
    if wrong::EMPTY_IS_NONE.active() && plugin.dialect == Dialect::One {
        signatures.retain(|signature| !signature.is_empty());
    }
    if wrong::UNDERSCORES_WIN.active() {
        let underscored =
            request.headers.iter().filter(|(name, _)| name.replace('_', "-") == SIGNATURE);
        let underscored: Vec<Vec<u8>> = underscored.map(|(_, value)| value.clone()).collect();
        if !underscored.is_empty() {
            return underscored;
        }
    }
    signatures
}

/// Whether a text is the secret (AU-04).
fn is_secret(text: &[u8], secret: &[u8]) -> bool {
    (wrong::BEGINNING_TAKEN.active() && secret.starts_with(text))
        || (wrong::LONGER_TAKEN.active() && text.starts_with(secret))
        || (wrong::CASE_IGNORED.active() && text.eq_ignore_ascii_case(secret))
        || bool::from(text.ct_eq(secret))
}

/// Whether dialect 1 takes an event: `signed` by a right signature, or with an `x-temps-auth` that is
/// right or wrong (AU-16 to AU-19).
fn is_event_proven(signed: bool, event_auth: Option<bool>) -> bool {
    if wrong::EVENTS_ON_TRUST.active() {
        return true;
    }
    if wrong::EVENT_PROOF_UNKNOWN.active() {
        return signed;
    }
    if wrong::EVENT_PROOF_NEEDED.active() {
        return event_auth == Some(true);
    }
    if wrong::EVENT_PROOF_UNREAD.active() {
        return signed || event_auth.is_some();
    }
    event_auth.unwrap_or(signed)
}

/// Whether a defect lets a request in that proves nothing.
fn is_exempt(request: &Request) -> bool {
    let path = request.path();
    let is_upgrade = path == "/_temps/channel" && websocket::key(request).is_some();
    let is_ui = path == "/ui" || path.starts_with("/ui/");
    let is_reserved = is_ui || path == HEALTH || path == "/_events" || path.starts_with("/_temps");
    (is_ui && wrong::UI_FOR_ALL.active())
        || (is_upgrade && wrong::CHANNEL_FOR_ALL.active())
        || (!is_reserved && !routes::has(path) && wrong::TELLS_ROUTES.active())
        || (path == HEALTH && wrong::HEALTH_EXEMPT_TO_ALL_METHODS.active())
        || (path != HEALTH && path.starts_with(HEALTH) && wrong::BELOW_HEALTH_EXEMPT.active())
        || (path != HEALTH && path.ends_with(HEALTH) && wrong::ABOVE_HEALTH_EXEMPT.active())
}

/// A signed-in caller.
pub(crate) struct Caller {
    pub(crate) user_id: String,
    pub(crate) email: String,
    pub(crate) role: String,
    pub(crate) permissions: Vec<String>,
}

/// The caller, if all three headers are there and the host vouches for them (AU-23 to AU-25).
pub(crate) fn caller(request: &Request) -> Option<Caller> {
    if !request.proof.signed && !everything_http::UNSIGNED_CALLERS_BELIEVED.active() {
        return None;
    }
    let text = |name: &str| match request.text(name) {
        None if everything_http::UNDERSCORES_ARE_HYPHENS.active() => {
            request.text(&name.replace('-', "_"))
        }
        text => text,
    };
    let role = text("x-temps-user-role")?;
    if everything_http::UNKNOWN_ROLES_REFUSED.active() && !ROLES.contains(&role.as_str()) {
        return None;
    }
    let email = match text("x-temps-user-email") {
        None if everything_http::EMAIL_OPTIONAL.active() => String::new(),
        email => email?,
    };
    let mut permissions: Vec<String> = text("x-temps-user-permissions")
        .unwrap_or_default()
        .split(',')
        .map(
            |name| if everything_http::PERMISSIONS_UNTRIMMED.active() { name } else { name.trim() },
        )
        .filter(|permission| !permission.is_empty())
        .map(str::to_owned)
        .collect();
    if requests::PERMISSIONS_SORTED.active() {
        permissions.sort();
    }
    Some(Caller { user_id: text("x-temps-user-id")?, email, role, permissions })
}
