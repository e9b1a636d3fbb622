//! Actor tokens: what lets a plugin act as the caller whose request it serves (AU-30, CH-59, CH-60).
//!
//! A token is what it says, as base64url of JSON, and behind a dot the HMAC-SHA256 of that. It names the
//! one plugin that may use it, and nothing of it is kept: the key dies with the host.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::digest::Key;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use temps_plugin_schema::Secret;
use temps_plugin_schema::http::Role;

use crate::http::Identity;

/// How long a token is good for.
pub(super) const LIFETIME: Duration = Duration::from_secs(300);

/// Issues tokens and checks them.
pub(super) struct ActorTokens {
    key: Key<Hmac<Sha256>>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    plugin: String,
    /// In seconds since 1970.
    expires: u64,
    user_id: String,
    email: String,
    role: Role,
    permissions: Vec<String>,
}

impl ActorTokens {
    /// With a fresh key.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut key = Key::<Hmac<Sha256>>::default();
        getrandom::fill(&mut key)?;
        Ok(Self { key })
    }

    /// A token that lets `plugin` act as `caller`.
    pub(super) fn issue(&self, plugin: &str, caller: &Identity) -> Secret {
        self.issue_at(plugin, caller, SystemTime::now())
    }

    fn issue_at(&self, plugin: &str, caller: &Identity, now: SystemTime) -> Secret {
        let claims = Claims {
            plugin: plugin.to_owned(),
            expires: seconds(now + LIFETIME),
            user_id: caller.user_id.clone(),
            email: caller.email.clone(),
            role: caller.role.clone(),
            permissions: caller.permissions.clone(),
        };
        // Strings and a number are always JSON.
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        let claims = URL_SAFE_NO_PAD.encode(claims);
        let mac = URL_SAFE_NO_PAD.encode(self.mac(&claims).finalize().into_bytes());
        Secret::new(format!("{claims}.{mac}"))
    }

    /// The caller for whom `token` was issued to `plugin`, or why it is none.
    pub(super) fn check(&self, token: &Secret, plugin: &str) -> Result<Identity, &'static str> {
        self.check_at(token, plugin, SystemTime::now())
    }

    fn check_at(
        &self,
        token: &Secret,
        plugin: &str,
        now: SystemTime,
    ) -> Result<Identity, &'static str> {
        const UNKNOWN: &str = "the actor token is not one that this host has issued";
        let (claims, mac) = token.expose().split_once('.').ok_or(UNKNOWN)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| UNKNOWN)?;
        // In constant time, and before anything of what it says is read.
        self.mac(claims).verify_slice(&mac).map_err(|_| UNKNOWN)?;
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| UNKNOWN)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| UNKNOWN)?;
        if claims.plugin != plugin {
            return Err("the actor token was issued to another plugin");
        }
        if claims.expires < seconds(now) {
            return Err("the actor token has expired: it is good for the request it came with");
        }
        let caller = Identity::new(claims.user_id, claims.email, claims.role);
        Ok(caller.permissions(claims.permissions))
    }

    fn mac(&self, claims: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.key);
        mac.update(claims.as_bytes());
        mac
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Identity {
        Identity::new("7", "ada@example.com", Role::Reader).permissions(["projects:read"])
    }

    #[test]
    fn a_token_is_good_for_its_caller_its_plugin_and_its_time() {
        let tokens = ActorTokens::new().unwrap();
        let now = SystemTime::now();
        let token = tokens.issue_at("notifier", &caller(), now);
        let found = tokens.check_at(&token, "notifier", now + LIFETIME).unwrap();
        assert_eq!((found.user_id.as_str(), found.email.as_str()), ("7", "ada@example.com"));
        assert_eq!((found.role, found.permissions), (Role::Reader, vec!["projects:read".into()]));

        let other = tokens.check_at(&token, "other", now).unwrap_err();
        assert!(other.contains("another plugin"), "{other}");
        let late = now + LIFETIME + Duration::from_secs(1);
        let late = tokens.check_at(&token, "notifier", late).unwrap_err();
        assert!(late.contains("expired"), "{late}");
    }

    #[test]
    fn nothing_of_a_token_can_be_changed_and_no_other_host_takes_it() {
        let tokens = ActorTokens::new().unwrap();
        let token = tokens.issue("notifier", &caller());
        let text = token.expose();
        let (claims, mac) = text.split_once('.').unwrap();
        let said = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        let promoted = URL_SAFE_NO_PAD.encode(said.replace("reader", "admin"));
        let forged = [
            format!("{promoted}.{mac}"),
            format!("{claims}.{}", &mac[..mac.len() - 4]),
            format!("{claims}."),
            claims.to_owned(),
            String::new(),
        ];
        for forged in forged {
            let refused = tokens.check(&Secret::new(forged.clone()), "notifier").unwrap_err();
            assert!(refused.contains("not one that this host"), "{forged}: {refused}");
        }
        assert!(ActorTokens::new().unwrap().check(&token, "notifier").is_err());
    }
}
