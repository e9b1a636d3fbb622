//! Posting one message to an incoming webhook, once.

use std::error::Error;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde_json::json;

use crate::webhook::Webhook;

/// Longest wait that Slack may ask for; a message that has to wait longer has failed.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(120);
/// Most bytes of an answer that are read.
const ANSWER_BYTES: usize = 1024;
/// Slack explains a refusal by a word such as `channel_is_archived`.
const LONGEST_REASON: usize = 64;

/// A client with the roots of trust compiled in, so that the plugin stays one file.
pub(crate) struct Slack {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

/// Why a message was not taken. No variant holds the webhook's URL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SlackError {
    #[error("the request cannot be built: {0}")]
    Request(#[from] http::Error),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("cannot reach the webhook's host: {0}")]
    Unreachable(String),
    #[error("the webhook answered {status}{}", explained(.reason.as_deref()))]
    Refused { status: StatusCode, reason: Option<String>, retry_after: Option<Duration> },
}

fn explained(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(" ({reason})"))
}

impl SlackError {
    /// Whether the same message may be taken later.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Request(_) => false,
            Self::Timeout(_) | Self::Unreachable(_) => true,
            Self::Refused { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
                    )
            }
        }
    }

    /// How long to wait before the next attempt when the plan is `planned`: never less than Slack
    /// asks for. `None` ends the attempts.
    pub(crate) fn pause(&self, planned: Option<Duration>) -> Option<Duration> {
        let asked = match self {
            Self::Refused { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        planned.filter(|_| asked <= LONGEST_RETRY_AFTER).map(|planned| planned.max(asked))
    }
}

impl Slack {
    /// A client that waits at most `timeout` for an answer.
    pub(crate) fn new(timeout: Duration) -> Result<Self, rustls::Error> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        // Messages are rare: a connection kept for the next one would be dead by then.
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        Ok(Self { client, timeout })
    }

    /// Posts `text`. Dropping the future breaks the attempt off.
    pub(crate) async fn post(&self, webhook: &Webhook, text: &str) -> Result<(), SlackError> {
        tokio::time::timeout(self.timeout, self.attempt(webhook, text))
            .await
            .unwrap_or(Err(SlackError::Timeout(self.timeout)))
    }

    async fn attempt(&self, webhook: &Webhook, text: &str) -> Result<(), SlackError> {
        let request = Request::post(webhook.expose().clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("temps-slack-notifier/", env!("CARGO_PKG_VERSION")))
            .body(Full::from(json!({ "text": text }).to_string()))?;
        let answer = self
            .client
            .request(request)
            .await
            .map_err(|error| SlackError::Unreachable(root_cause(&error)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let retry_after = retry_after(answer.headers(), Timestamp::now());
        let body = Limited::new(answer.into_body(), ANSWER_BYTES);
        let reason = match body.collect().await {
            Ok(body) => reason(&body.to_bytes()),
            Err(_) => None,
        };
        Err(SlackError::Refused { status, reason, retry_after })
    }
}

/// The innermost of nested errors: the outer ones say "client error (Connect)".
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// The one word Slack answers with. Anything else is some other server's, which may well quote the
/// URL that was called.
fn reason(body: &[u8]) -> Option<String> {
    let word = std::str::from_utf8(body).ok()?.trim();
    let is_word = (1..=LONGEST_REASON).contains(&word.len())
        && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    is_word.then(|| word.to_owned())
}

/// `Retry-After`: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    // A date that has passed asks for no wait.
    SystemTime::from(date).duration_since(now.into()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, retry_after: Option<u64>) -> SlackError {
        SlackError::Refused {
            status: StatusCode::from_u16(status).unwrap(),
            reason: None,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for status in [408, 429, 500, 502, 503] {
            assert!(refused(status, None).is_temporary(), "{status}");
        }
        for status in [301, 400, 403, 404, 410] {
            assert!(!refused(status, None).is_temporary(), "{status}");
        }
    }

    #[test]
    fn the_pause_is_never_shorter_than_slack_asks_for() {
        let planned = Some(Duration::from_secs(5));
        assert_eq!(refused(500, None).pause(planned), planned);
        assert_eq!(refused(429, Some(3)).pause(planned), planned);
        assert_eq!(refused(429, Some(30)).pause(planned), Some(Duration::from_secs(30)));
        assert_eq!(refused(429, Some(3600)).pause(planned), None);
        assert_eq!(refused(429, Some(1)).pause(None), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:00Z".parse().unwrap();
        let read = |value: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        assert_eq!(read("30"), Some(30));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(37));
        assert_eq!(read("Sun, 06 Nov 1994 08:40:00 GMT"), None);
        assert_eq!(read("soon"), None);
    }

    #[test]
    fn a_reason_is_one_word_of_slacks_own() {
        assert_eq!(reason(b"no_service\n").as_deref(), Some("no_service"));
        for other in ["", "Not Found: /services/T0/B0/x", "<html>"] {
            assert_eq!(reason(other.as_bytes()), None, "{other}");
        }
    }
}
