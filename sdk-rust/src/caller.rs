//! Who sent the request being served (PROTOCOL.md, section "Authentication").

use std::convert::Infallible;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use temps_plugin_schema::Secret;
use temps_plugin_schema::http::{Role, header};

use crate::Problem;

/// The result of the SDK's own check of a request, left for the extractors.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    /// The request carried the secret: its identity headers are the host's.
    pub(crate) signed: bool,
    /// What was in `x-temps-actor-token`.
    pub(crate) actor_token: Option<Secret>,
}

/// Whoever sent the request, as far as the host has vouched for them.
///
/// Extracting it never fails. Someone who is not signed in is another variant, so that a handler
/// cannot take one for the other; identity headers that the host has not signed count for nothing.
///
/// ```
/// use temps_plugin_sdk::prelude::*;
///
/// async fn greet(caller: Caller) -> String {
///     match caller {
///         Caller::SignedIn(caller) => format!("Hello {}", caller.email()),
///         Caller::Anonymous => "Hello stranger".to_owned(),
///     }
/// }
/// # let _: axum::Router = axum::Router::new().route("/", get(greet));
/// ```
#[derive(Debug, Clone)]
pub enum Caller {
    /// Signed in to the platform; the request carried the host's signature.
    SignedIn(VerifiedCaller),
    /// Anyone else.
    Anonymous,
}

/// A signed-in caller whom the host has vouched for.
///
/// As an extractor it answers everyone else with 401, so a handler that takes one runs for signed-in
/// callers only. `Option<VerifiedCaller>` works too.
#[derive(Debug, Clone)]
pub struct VerifiedCaller {
    identity: Identity,
    actor_token: Option<Secret>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    user_id: String,
    email: String,
    role: Role,
    permissions: Vec<String>,
}

impl VerifiedCaller {
    /// The user's id on the platform, as the host wrote it.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.identity.user_id
    }

    /// The user's mail address.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.identity.email
    }

    /// What the user is on the platform. A role this version does not know grants nothing.
    #[must_use]
    pub fn role(&self) -> &Role {
        &self.identity.role
    }

    /// The user's permissions, such as `projects:read`.
    #[must_use]
    pub fn permissions(&self) -> &[String] {
        &self.identity.permissions
    }

    /// Whether the user has exactly this permission.
    #[must_use]
    pub fn has_permission(&self, permission: &str) -> bool {
        self.identity.permissions.iter().any(|have| have == permission)
    }

    /// Whether the user runs the instance or the platform.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        matches!(self.identity.role, Role::Admin | Role::PlatformAdmin)
    }

    pub(crate) fn actor_token(&self) -> Option<&Secret> {
        self.actor_token.as_ref()
    }
}

/// The caller as the request's headers name them, trusting whoever can write to the socket.
///
/// This is the extractor that plugins in the field use. In dialect 2 the headers are always the
/// host's; hosts of dialect 1 may sign nothing, and then anyone who can open the socket (mode 0600:
/// the host's own user) could have written them. Prefer [`VerifiedCaller`], which takes no
/// unsigned word for it. Callers without identity get 401; `Option<TempsAuth>` works too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TempsAuth {
    /// The user's id on the platform, as the host wrote it.
    pub user_id: String,
    /// The user's mail address.
    pub user_email: String,
    /// What the user is on the platform.
    pub user_role: Role,
    /// The user's permissions, such as `projects:read`.
    pub permissions: Vec<String>,
}

impl Caller {
    /// Reads the caller out of a request that the SDK has let through.
    pub fn of<B>(request: &http::Request<B>) -> Self {
        Self::read(request.headers(), request.extensions())
    }

    fn read(headers: &HeaderMap, extensions: &http::Extensions) -> Self {
        let Some(proof) = extensions.get::<Proof>().filter(|proof| proof.signed) else {
            return Self::Anonymous;
        };
        match Identity::read(headers) {
            Some(identity) => {
                Self::SignedIn(VerifiedCaller { identity, actor_token: proof.actor_token.clone() })
            }
            None => Self::Anonymous,
        }
    }

    /// The caller when signed in.
    #[must_use]
    pub fn signed_in(self) -> Option<VerifiedCaller> {
        match self {
            Self::SignedIn(caller) => Some(caller),
            Self::Anonymous => None,
        }
    }
}

impl Identity {
    /// All three identity headers, or nobody (AU-23, AU-24).
    fn read(headers: &HeaderMap) -> Option<Self> {
        let text = |name| {
            let mut values = headers.get_all(name).iter();
            let value = values.next()?.to_str().ok().filter(|value| !value.is_empty())?;
            // A header that comes twice names two people: nobody.
            values.next().is_none().then(|| value.to_owned())
        };
        let permissions = headers
            .get_all(header::USER_PERMISSIONS)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .filter(|permission| !permission.is_empty())
            .map(str::to_owned)
            .collect();
        Some(Self {
            user_id: text(header::USER_ID)?,
            email: text(header::USER_EMAIL)?,
            role: Role::from(text(header::USER_ROLE)?.as_str()),
            permissions,
        })
    }
}

impl From<Identity> for TempsAuth {
    fn from(identity: Identity) -> Self {
        Self {
            user_id: identity.user_id,
            user_email: identity.email,
            user_role: identity.role,
            permissions: identity.permissions,
        }
    }
}

fn sign_in_first() -> Response {
    Problem::new(StatusCode::UNAUTHORIZED, "sign in to Temps first").into_response()
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::read(&parts.headers, &parts.extensions))
    }
}

impl<S: Sync> FromRequestParts<S> for VerifiedCaller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        Caller::read(&parts.headers, &parts.extensions).signed_in().ok_or_else(sign_in_first)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for VerifiedCaller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(Caller::read(&parts.headers, &parts.extensions).signed_in())
    }
}

impl<S: Sync> FromRequestParts<S> for TempsAuth {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        Identity::read(&parts.headers).map(Self::from).ok_or_else(sign_in_first)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for TempsAuth {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(Identity::read(&parts.headers).map(Self::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(signed: bool, headers: &[(&'static str, &'static str)]) -> http::Request<()> {
        let mut request = http::Request::new(());
        request.extensions_mut().insert(Proof { signed, actor_token: None });
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        request
    }

    const ALL: [(&str, &str); 3] = [
        (header::USER_ID, "7"),
        (header::USER_EMAIL, "ada@example.org"),
        (header::USER_ROLE, "user"),
    ];

    #[test]
    fn identity_counts_only_when_whole_and_signed() {
        let caller = Caller::of(&request(true, &ALL)).signed_in().unwrap();
        assert_eq!((caller.user_id(), caller.role()), ("7", &Role::User));
        assert!(Caller::of(&request(false, &ALL)).signed_in().is_none());
        for left_out in 0..ALL.len() {
            let mut some = ALL.to_vec();
            some.remove(left_out);
            assert!(Caller::of(&request(true, &some)).signed_in().is_none());
        }
        let mut twice = ALL.to_vec();
        twice.push((header::USER_ID, "1"));
        assert!(Caller::of(&request(true, &twice)).signed_in().is_none());
    }

    #[test]
    fn permissions_are_a_list_and_an_unknown_role_is_text() {
        let mut headers = ALL.to_vec();
        headers[2].1 = "emperor";
        headers.push((header::USER_PERMISSIONS, "projects:read, ,projects:write "));
        let caller = Caller::of(&request(true, &headers)).signed_in().unwrap();
        assert_eq!(caller.permissions(), ["projects:read", "projects:write"]);
        assert!(caller.has_permission("projects:read") && !caller.has_permission("projects"));
        assert_eq!(caller.role(), &Role::Other("emperor".into()));
    }
}
