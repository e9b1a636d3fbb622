use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Text that must not be seen: the shared secret, a database URL, an actor token.
///
/// `Debug` shows no character of it and there is no `Display`; [`Secret::expose`] is the one way to
/// the text, so a reader can find every use. It has no `PartialEq` either: comparing secrets is the
/// business of whoever can do it in constant time.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that must send or compare it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}
