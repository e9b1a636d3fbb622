//! A login for a host at home: one token, and whoever has it chooses who to be.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use subtle::ConstantTimeEq as _;
use temps_plugin_schema::Secret;
use temps_plugin_schema::http::Role;

use crate::authenticator::{AuthenticateFuture, Authenticator};
use crate::http::Identity;

/// The name of the cookie that says who one is.
pub const SESSION_COOKIE: &str = "temps_session";

/// Signs in whoever has its token: as a development user of the role in the session cookie, which is
/// `{role}.{token}`, or with `authorization: Bearer {token}` as an administrator. Not for hosts that
/// others can reach.
#[derive(Clone)]
pub struct DevelopmentLogin {
    token: Secret,
}

impl fmt::Debug for DevelopmentLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DevelopmentLogin")
    }
}

impl DevelopmentLogin {
    /// With a fresh random token.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn new() -> std::io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        Ok(Self { token: Secret::new(URL_SAFE_NO_PAD.encode(bytes)) })
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// The session cookie for a role, as `set-cookie` has it: sent along by pages of this host only, and
    /// seen by no script.
    ///
    /// # Errors
    /// When the token is not the right one.
    pub fn session(&self, token: &str, role: &Role) -> Result<String, WrongToken> {
        if !self.is_token(token) {
            return Err(WrongToken);
        }
        let (role, token) = (role.as_str(), self.token.expose());
        Ok(format!("{SESSION_COOKIE}={role}.{token}; Path=/; HttpOnly; SameSite=Strict"))
    }

    fn is_token(&self, given: &str) -> bool {
        self.token.expose().as_bytes().ct_eq(given.as_bytes()).into()
    }

    fn caller(&self, headers: &HeaderMap) -> Option<Identity> {
        let texts = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let bearer = texts(AUTHORIZATION).find_map(|value| value.strip_prefix("Bearer "));
        if bearer.is_some_and(|token| self.is_token(token)) {
            return Some(user(Role::Admin));
        }
        let cookies = texts(COOKIE).flat_map(|cookies| cookies.split(';'));
        let session = cookies.filter_map(|cookie| cookie.trim().split_once('='));
        let mut session = session.filter(|(name, _)| *name == SESSION_COOKIE);
        let (role, token) = session.next()?.1.split_once('.')?;
        let role = Role::from(role);
        (self.is_token(token) && role.is_known()).then(|| user(role))
    }
}

/// The token is not the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the token of this host; it prints a new one each time it starts")]
pub struct WrongToken;

/// The development user of a role.
fn user(role: Role) -> Identity {
    let permissions: &[&str] = match role {
        Role::Admin | Role::PlatformAdmin | Role::User => {
            &["projects:read", "projects:write", "deployments:read", "deployments:write"]
        }
        Role::Reader | Role::ApiReader => &["projects:read", "deployments:read"],
        _ => &[],
    };
    let known = Role::KNOWN.iter().position(|name| *name == role.as_str()).unwrap_or_default();
    let email = format!("{}@localhost", role.as_str().replace('_', "-"));
    Identity::new((known + 1).to_string(), email, role).permissions(permissions.iter().copied())
}

impl Authenticator for DevelopmentLogin {
    fn authenticate<'a>(&'a self, request: &'a Parts) -> AuthenticateFuture<'a> {
        Box::pin(std::future::ready(Ok(self.caller(&request.headers))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn the_token_signs_in_and_nothing_else_does() {
        let login = DevelopmentLogin::new().unwrap();
        let token = login.token().expose().to_owned();
        let admin = login.caller(&headers(AUTHORIZATION, &format!("Bearer {token}"))).unwrap();
        assert_eq!((admin.role, admin.email.as_str()), (Role::Admin, "admin@localhost"));

        let set = login.session(&token, &Role::Reader).unwrap();
        assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{set}");
        let cookie = set.split(';').next().unwrap();
        let cookies = format!("theme=dark; {cookie}; other=1");
        assert_eq!(login.caller(&headers(COOKIE, &cookies)).unwrap().role, Role::Reader);

        let short = &token[..token.len() - 1];
        for wrong in ["", short, &format!("{token}x")] {
            assert_eq!(login.session(wrong, &Role::Admin), Err(WrongToken));
            assert!(login.caller(&headers(AUTHORIZATION, &format!("Bearer {wrong}"))).is_none());
            let cookie = format!("{SESSION_COOKIE}=admin.{wrong}");
            assert!(login.caller(&headers(COOKIE, &cookie)).is_none());
        }
        assert!(
            login.caller(&headers(COOKIE, &format!("{SESSION_COOKIE}=king.{token}"))).is_none()
        );
        assert!(!format!("{login:?}").contains(&token));
    }
}
