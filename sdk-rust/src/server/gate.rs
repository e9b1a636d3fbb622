//! Who may talk to the plugin: the host, proved by the secret (PROTOCOL.md, section
//! "Authentication").

use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, HeaderName, Request};
use subtle::ConstantTimeEq;
use temps_plugin_schema::http::header;
use temps_plugin_schema::{Dialect, Secret};

use crate::caller::Proof;

// Parsed once: these are looked up in every request.
static SIGNATURE: HeaderName = HeaderName::from_static(header::AUTH_SIGNATURE);
static AUTH: HeaderName = HeaderName::from_static(header::AUTH);
static ACTOR_TOKEN: HeaderName = HeaderName::from_static(header::ACTOR_TOKEN);
static USER_ID: HeaderName = HeaderName::from_static(header::USER_ID);

/// Checks requests against the secret of this start.
pub(crate) struct Gate {
    secret: Secret,
    dialect: Dialect,
    /// Whether a request without signature is refused.
    required: bool,
    /// Whether the log has said already that this host signs nothing.
    warned: AtomicBool,
}

/// The request is refused with 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

impl Gate {
    pub(crate) fn new(secret: Secret, dialect: Dialect, required_in_dialect_1: bool) -> Self {
        let required = dialect == Dialect::Two || required_in_dialect_1;
        Self { secret, dialect, required, warned: AtomicBool::new(false) }
    }

    /// Checks a request to anything but health and `/_events`; leaves what author code may know of
    /// it in the request's extensions and takes the credentials out of its headers (AU-33).
    pub(crate) fn admit<B>(&self, request: &mut Request<B>) -> Result<(), Refused> {
        let signed = self.carries_secret(request.headers(), &SIGNATURE)?;
        if self.required && !signed {
            return Err(Refused);
        }
        if !signed && request.headers().contains_key(&USER_ID) {
            self.warn_once();
        }
        let headers = request.headers_mut();
        let actor_token = headers
            .remove(&ACTOR_TOKEN)
            .and_then(|token| token.to_str().ok().filter(|t| !t.is_empty()).map(Secret::new));
        headers.remove(&SIGNATURE);
        headers.remove(&AUTH);
        if signed || actor_token.is_some() {
            request.extensions_mut().insert(Proof { signed, actor_token });
        }
        Ok(())
    }

    /// An author who wonders why nobody is ever signed in finds the answer in the log.
    fn warn_once(&self) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "this host names callers but signs nothing: VerifiedCaller and Caller take them for \
                 not signed in; TempsAuth trusts the socket instead"
            );
        }
    }

    /// Checks a request to `/_events`, which always needs a proof: in dialect 1 `x-temps-auth` or
    /// the signature, in dialect 2 the signature (AU-15 to AU-20).
    pub(crate) fn admit_event(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let signed = self.carries_secret(headers, &SIGNATURE)?;
        let proved = match self.dialect {
            Dialect::One => self.carries_secret(headers, &AUTH)? || signed,
            Dialect::Two => signed,
        };
        if proved { Ok(()) } else { Err(Refused) }
    }

    /// Whether the header is there and right; refused when it is there and wrong.
    fn carries_secret(&self, headers: &HeaderMap, name: &HeaderName) -> Result<bool, Refused> {
        let mut present = false;
        for value in headers.get_all(name) {
            // The length of the secret is no secret; its characters are compared in constant time.
            if !bool::from(value.as_bytes().ct_eq(self.secret.expose().as_bytes())) {
                return Err(Refused);
            }
            present = true;
        }
        Ok(present)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdefghijklmnopqrstuvwxyz";
    const WRONG: &str = "0123456789abcdefghijklmnopqrstuvwxyZ";

    fn request(headers: &[(&'static str, &'static str)]) -> Request<()> {
        let mut request = Request::new(());
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        request
    }

    fn gate(dialect: Dialect) -> Gate {
        Gate::new(Secret::new(SECRET), dialect, false)
    }

    #[test]
    fn dialect_2_asks_for_the_signature_and_dialect_1_for_none_or_the_right_one() {
        for (dialect, unsigned) in [(Dialect::One, Ok(())), (Dialect::Two, Err(Refused))] {
            let gate = gate(dialect);
            assert_eq!(gate.admit(&mut request(&[])), unsigned);
            assert_eq!(gate.admit(&mut request(&[(header::AUTH_SIGNATURE, SECRET)])), Ok(()));
            for wrong in [WRONG, "", "0123"] {
                let mut request = request(&[(header::AUTH_SIGNATURE, wrong)]);
                assert_eq!(gate.admit(&mut request), Err(Refused));
            }
            let both = [(header::AUTH_SIGNATURE, SECRET), (header::AUTH_SIGNATURE, WRONG)];
            assert_eq!(gate.admit(&mut request(&both)), Err(Refused));
        }
    }

    #[test]
    fn an_author_may_require_the_signature_in_dialect_1() {
        let gate = Gate::new(Secret::new(SECRET), Dialect::One, true);
        assert_eq!(gate.admit(&mut request(&[])), Err(Refused));
    }

    #[test]
    fn credentials_do_not_reach_author_code() {
        let mut request = request(&[
            (header::AUTH_SIGNATURE, SECRET),
            (header::AUTH, SECRET),
            (header::ACTOR_TOKEN, "token"),
            (header::USER_ID, "7"),
        ]);
        gate(Dialect::Two).admit(&mut request).unwrap();
        let left: Vec<_> = request.headers().keys().map(http::HeaderName::as_str).collect();
        assert_eq!(left, [header::USER_ID]);
        let proof = request.extensions().get::<Proof>().unwrap();
        assert_eq!(proof.actor_token.as_ref().unwrap().expose(), "token");
        assert!(!format!("{proof:?}").contains("token\""));
    }

    #[test]
    fn an_event_always_needs_a_proof() {
        let one = gate(Dialect::One);
        assert_eq!(one.admit_event(request(&[]).headers()), Err(Refused));
        assert_eq!(one.admit_event(request(&[(header::AUTH, SECRET)]).headers()), Ok(()));
        assert_eq!(one.admit_event(request(&[(header::AUTH_SIGNATURE, SECRET)]).headers()), Ok(()));
        let mixed = [(header::AUTH_SIGNATURE, SECRET), (header::AUTH, WRONG)];
        assert_eq!(one.admit_event(request(&mixed).headers()), Err(Refused));
        let two = gate(Dialect::Two);
        assert_eq!(two.admit_event(request(&[(header::AUTH, SECRET)]).headers()), Err(Refused));
        assert_eq!(two.admit_event(request(&[(header::AUTH_SIGNATURE, SECRET)]).headers()), Ok(()));
    }
}
