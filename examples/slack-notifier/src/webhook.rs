//! The address a message is posted to.

use std::fmt;

use http::Uri;
use serde::{Deserialize, Serialize};

/// An incoming webhook's URL. Whoever knows it can post, so only its host is ever shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Webhook(Uri);

/// Why a text is no webhook. It is read behind the field's name and never quotes the text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WebhookError {
    #[error("must be a URL such as https://hooks.slack.com/services/…")]
    NoUrl,
    #[error("must begin with https:// or http://")]
    Scheme,
    #[error("must not hold a user name or password")]
    Credentials,
}

impl Webhook {
    /// The URL itself, for the one place that posts to it.
    pub(crate) fn expose(&self) -> &Uri {
        &self.0
    }

    /// The URL as people may see it.
    pub(crate) fn masked(&self) -> String {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        format!("{scheme}://{authority}/…")
    }
}

impl TryFrom<String> for Webhook {
    type Error = WebhookError;

    fn try_from(text: String) -> Result<Self, WebhookError> {
        // `Uri` lets other characters pass, and with them the masked form that we show.
        let text = Some(text.trim()).filter(|text| text.is_ascii());
        let uri: Uri = text.and_then(|text| text.parse().ok()).ok_or(WebhookError::NoUrl)?;
        if !matches!(uri.scheme_str(), Some("https" | "http")) {
            return Err(WebhookError::Scheme);
        }
        let authority = uri.authority().ok_or(WebhookError::NoUrl)?;
        if authority.as_str().contains('@') {
            return Err(WebhookError::Credentials);
        }
        if authority.host().is_empty() {
            return Err(WebhookError::NoUrl);
        }
        Ok(Self(uri))
    }
}

impl From<Webhook> for String {
    fn from(webhook: Webhook) -> Self {
        webhook.0.to_string()
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(text: &str) -> Result<Webhook, WebhookError> {
        text.to_owned().try_into()
    }

    #[test]
    fn a_webhook_is_a_plain_web_address() {
        for text in ["https://hooks.slack.com/services/T0/B0/x", "http://127.0.0.1:9/hook"] {
            assert_eq!(String::from(webhook(text).unwrap()), text);
        }
        for (text, error) in [
            ("", WebhookError::NoUrl),
            ("hooks.slack.com", WebhookError::Scheme),
            ("/services/T0", WebhookError::Scheme),
            ("https://", WebhookError::NoUrl),
            ("https://:80/x", WebhookError::NoUrl),
            ("https://hooks.slack.com/…", WebhookError::NoUrl),
            ("ftp://example.org/x", WebhookError::Scheme),
            ("https://ada:pw@example.org/x", WebhookError::Credentials),
        ] {
            assert_eq!(webhook(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn no_form_for_people_shows_more_than_the_host() {
        let webhook = webhook("https://hooks.slack.com:444/services/T0?token=x").unwrap();
        assert_eq!(webhook.masked(), "https://hooks.slack.com:444/…");
        assert_eq!(format!("{webhook:?}"), webhook.masked());
    }
}
