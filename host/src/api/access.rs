//! Who may use the host's own API.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{Method, StatusCode};
use temps_plugin_schema::http::Role;

use crate::http::Identity;
use crate::plugin_host::PluginHost;
use crate::proxy::Problem;

/// A caller who is signed in.
pub(super) struct SignedIn(Identity);

/// A caller who may administer plugins.
pub(super) struct Administrator(pub(super) Identity);

impl FromRequestParts<PluginHost> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, host: &PluginHost) -> Result<Self, Problem> {
        let caller = host.caller(parts).await?;
        let nobody = || Problem::new(StatusCode::UNAUTHORIZED, "this takes a signed-in caller");
        Ok(Self(caller.ok_or_else(nobody)?))
    }
}

impl FromRequestParts<PluginHost> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, host: &PluginHost) -> Result<Self, Problem> {
        let SignedIn(caller) = SignedIn::from_request_parts(parts, host).await?;
        if !matches!(caller.role, Role::Admin | Role::PlatformAdmin) {
            let detail = format!("this takes an administrator; you are {}", caller.role.as_str());
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        // A browser sends cookies along with what another site's page makes it ask for, and says so.
        let from = parts.headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
        if parts.method != Method::GET && from == Some("cross-site") {
            let detail = "a page of another site may not ask for this";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        Ok(Self(caller))
    }
}
