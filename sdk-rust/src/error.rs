//! One error for everything the SDK does, with its kind, context and source kept apart.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use temps_plugin_schema::Violations;
use temps_plugin_schema::channel::ErrorBody;

/// What went wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The process was started with arguments that the protocol does not allow.
    Arguments,
    /// The author's manifest breaks a rule.
    Manifest,
    /// The handshake failed: stdout is gone, or the host's launch line is refused.
    Handshake,
    /// The socket could not be opened or served.
    Socket,
    /// The data directory could not be made.
    DataDir,
    /// The user interface bundle cannot be read.
    Ui,
    /// Author code failed or panicked while the plugin started.
    Start,
    /// No host opened the channel in time.
    ChannelDeadline,
    /// The host answered a call with an error; [`PluginSdkError::remote`] has its code.
    Remote,
    /// A call got no answer in time.
    Timeout,
    /// The channel is down, or went down during a call.
    Disconnected,
    /// The host's answer to a call cannot be understood.
    Protocol,
    /// A call was refused before anything was sent.
    InvalidRequest,
    /// An `api_call` for a caller whose request carries no actor token.
    NoActor,
    /// Anything else: an error of the author's own.
    Other,
}

impl ErrorKind {
    /// The kind in snake case, such as `no_actor`: the same in every language.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Arguments => "arguments",
            Self::Manifest => "manifest",
            Self::Handshake => "handshake",
            Self::Socket => "socket",
            Self::DataDir => "data_dir",
            Self::Ui => "ui",
            Self::Start => "start",
            Self::ChannelDeadline => "channel_deadline",
            Self::Remote => "remote",
            Self::Timeout => "timeout",
            Self::Disconnected => "disconnected",
            Self::Protocol => "protocol",
            Self::InvalidRequest => "invalid_request",
            Self::NoActor => "no_actor",
            Self::Other => "other",
        }
    }
}

/// Any failure of the SDK or of author code that reports one.
///
/// ```
/// use temps_plugin_sdk::{ErrorKind, PluginSdkError};
///
/// fn open() -> Result<(), PluginSdkError> {
///     Err(std::io::Error::other("disk on fire").into())
/// }
/// let error = open().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Other);
/// assert_eq!(error.to_string(), "disk on fire");
/// ```
pub struct PluginSdkError(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    remote: Option<ErrorBody>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl PluginSdkError {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), remote: None, source: None }))
    }

    /// An author's own error, to return from a hook.
    pub fn other(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source = error.into();
        Self::new(ErrorKind::Other, source.to_string()).with_source(source)
    }

    pub(crate) fn remote_error(method: &str, body: ErrorBody) -> Self {
        let message = format!("{method}: the host answered {}: {}", body.code, body.message);
        let mut error = Self::new(ErrorKind::Remote, message);
        error.0.remote = Some(body);
        error
    }

    pub(crate) fn invalid_request(method: &str, violations: Violations) -> Self {
        Self::new(ErrorKind::InvalidRequest, format!("{method} was not sent: {violations}"))
            .with_source(violations)
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What went wrong, for programs.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The host's own error, code and message, when [`ErrorKind::Remote`].
    #[must_use]
    pub fn remote(&self) -> Option<&ErrorBody> {
        self.0.remote.as_ref()
    }
}

impl fmt::Display for PluginSdkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for PluginSdkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("PluginSdkError");
        debug.field("kind", &self.0.kind).field("message", &self.0.message);
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for PluginSdkError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<std::io::Error> for PluginSdkError {
    fn from(error: std::io::Error) -> Self {
        Self::other(error)
    }
}

impl From<serde_json::Error> for PluginSdkError {
    fn from(error: serde_json::Error) -> Self {
        Self::other(error)
    }
}
