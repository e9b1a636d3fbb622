//! Keeping secrets out of everything that is kept or shown (PROTOCOL.md, IO-15).
//!
//! One [`Redactor`] belongs to one start of a plugin. It knows that start's secret, its database URL
//! and the actor tokens handed out on its requests, and blanks them wherever text leaves the crate:
//! the stderr tail, stray stdout, errors, the wire tap.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use temps_plugin_schema::Secret;

/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Shorter texts are no secrets: blanking them would only garble what surrounds them.
const SHORTEST_SECRET: usize = 8;
/// How many actor tokens are remembered; the oldest goes first.
const TOKENS_KEPT: usize = 256;

/// The secrets of one start of a plugin.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    launch: Arc<[Secret]>,
    tokens: Arc<RwLock<VecDeque<Secret>>>,
}

impl Redactor {
    pub(crate) fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        Self {
            launch: secrets
                .into_iter()
                .filter(|secret| secret.expose().len() >= SHORTEST_SECRET)
                .collect(),
            tokens: Arc::default(),
        }
    }

    /// Blanks `token` too from now on.
    pub(crate) fn learn(&self, token: &Secret) {
        if token.expose().len() < SHORTEST_SECRET {
            return;
        }
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        if tokens.iter().any(|known| known.expose() == token.expose()) {
            return;
        }
        if tokens.len() == TOKENS_KEPT {
            tokens.pop_front();
        }
        tokens.push_back(token.clone());
    }

    /// Whether `text` shows one of the secrets.
    pub(crate) fn sees_secret(&self, text: &str) -> bool {
        matches!(self.clean(text), Cow::Owned(_))
    }

    /// `text` with every secret blanked.
    pub(crate) fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let mut clean = Cow::Borrowed(text);
        for secret in self.launch.iter().chain(tokens.iter()) {
            if clean.contains(secret.expose()) {
                clean = Cow::Owned(clean.replace(secret.expose(), REDACTED));
            }
        }
        clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_occurrence_of_every_secret_is_blanked() {
        let redactor = Redactor::new([Secret::new("launch-secret"), Secret::new("short")]);
        redactor.learn(&Secret::new("actor-token"));
        let text = "launch-secret, actor-token and launch-secret; short stays";
        assert_eq!(redactor.clean(text), "[redacted], [redacted] and [redacted]; short stays");
        assert!(redactor.sees_secret(text));
        assert!(!redactor.sees_secret("nothing here"));
    }

    #[test]
    fn tokens_are_bounded_and_the_launch_secret_stays() {
        let redactor = Redactor::new([Secret::new("launch-secret")]);
        for i in 0..=TOKENS_KEPT {
            redactor.learn(&Secret::new(format!("token-{i:05}")));
        }
        assert!(!redactor.sees_secret("token-00000"), "the oldest one went");
        assert!(redactor.sees_secret("token-00001"));
        assert!(redactor.sees_secret("launch-secret"));
    }
}
