//! Who is asking: what a host says of a signed-in caller (PROTOCOL.md, AU-21 to AU-30).

use temps_plugin_schema::Secret;
use temps_plugin_schema::http::{Role, header};

/// A signed-in caller.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The caller's id.
    pub user_id: String,
    /// The caller's mail address.
    pub email: String,
    /// What the caller is on the platform.
    pub role: Role,
    /// What the caller may do, such as `projects:read`.
    pub permissions: Vec<String>,
    /// What lets the plugin act as the caller (dialect 2, AU-30).
    pub actor_token: Option<Secret>,
}

impl Identity {
    /// A caller without permissions and without a token.
    pub fn new(user_id: impl Into<String>, email: impl Into<String>, role: Role) -> Self {
        Self {
            user_id: user_id.into(),
            email: email.into(),
            role,
            permissions: Vec::new(),
            actor_token: None,
        }
    }

    /// Adds permissions.
    #[must_use]
    pub fn permissions<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.permissions.extend(names.into_iter().map(Into::into));
        self
    }

    /// Adds a token.
    #[must_use]
    pub fn actor_token(mut self, token: Secret) -> Self {
        self.actor_token = Some(token);
        self
    }

    /// The headers that say so.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            (header::USER_ID, self.user_id.clone()),
            (header::USER_EMAIL, self.email.clone()),
            (header::USER_ROLE, self.role.as_str().to_owned()),
            (header::USER_PERMISSIONS, self.permissions.join(",")),
        ];
        if let Some(token) = &self.actor_token {
            headers.push((header::ACTOR_TOKEN, token.expose().to_owned()));
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_a_header_and_not_in_debug() {
        let identity = Identity::new("7", "a@b.c", Role::User)
            .permissions(["projects:read", "deployments:read"])
            .actor_token(Secret::new("the-token"));
        let headers = identity.headers();
        assert!(
            headers
                .contains(&("x-temps-user-permissions", "projects:read,deployments:read".into()))
        );
        assert!(headers.contains(&("x-temps-actor-token", "the-token".into())));
        assert!(!format!("{identity:?}").contains("the-token"));
    }
}
