//! Who is asking: the signature, `/_events`, and callers (AU-02 to AU-33).

use subtle::ConstantTimeEq as _;

use crate::http::Request;
use crate::plugin::{Dialect, Plugin};

const SIGNATURE: &str = "x-temps-auth-signature";
const EVENT_AUTH: &str = "x-temps-auth";
const ACTOR_TOKEN: &str = "x-temps-actor-token";

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
    let signatures = request.take_headers(SIGNATURE);
    let event_auth = request.take_headers(EVENT_AUTH);
    let tokens = request.take_headers(ACTOR_TOKEN);
    let right = |given: &[Vec<u8>]| {
        !given.is_empty()
            && given.iter().all(|text| bool::from(text.ct_eq(plugin.secret.as_bytes())))
    };
    let signed = right(&signatures);
    let holds = match plugin.dialect {
        Dialect::Two => signed,
        // A signature is checked where there is one (AU-10, AU-11).
        Dialect::One if !signatures.is_empty() && !signed => false,
        Dialect::One if request.method == "POST" && request.path() == "/_events" => {
            if event_auth.is_empty() { signed } else { right(&event_auth) }
        }
        Dialect::One => true,
    };
    if !holds {
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

/// A signed-in caller.
pub(crate) struct Caller {
    pub(crate) user_id: String,
    pub(crate) email: String,
    pub(crate) role: String,
    pub(crate) permissions: Vec<String>,
}

/// The caller, if all three headers are there and the host vouches for them (AU-23 to AU-25).
pub(crate) fn caller(request: &Request) -> Option<Caller> {
    if !request.proof.signed {
        return None;
    }
    let text = |name: &str| request.text(name);
    Some(Caller {
        user_id: text("x-temps-user-id")?,
        email: text("x-temps-user-email")?,
        role: text("x-temps-user-role")?,
        permissions: text("x-temps-user-permissions")
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|permission| !permission.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}
