//! What a check is and what comes of one: plain values, no I/O.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use schemars::JsonSchema;
use serde::Serialize;
use temps_plugin_schema::Dialect;

use crate::rules::Level;
use crate::subject::Cx;
use crate::transcript::Transcript;

/// The async function behind a check.
pub type CheckFn = fn(Cx) -> BoxFuture<'static, Verdict>;

/// What a check needs before it can say anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Needs {
    /// A process whose handshake it takes step by step. It is made even when the plugin does not start,
    /// and can then only fail.
    Process,
    /// A plugin it starts itself, perhaps several times.
    Start,
    /// The running plugin that all read-only checks share.
    Running,
    /// A plugin that serves a user interface.
    Ui,
    /// What the plugin's author has written down in `conformance.toml`, or the plugin's own `OpenAPI`
    /// document.
    Requests,
    /// A plugin of the everything profile (PROTOCOL.md, appendix A).
    Everything,
}

/// How much a check has to know of the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Nothing: it holds for any binary.
    Plugin,
    /// Sample requests and data that its author has written down.
    Requests,
    /// That it has the routes of the everything profile (PROTOCOL.md, appendix A).
    Everything,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plugin => "plugin",
            Self::Requests => "requests",
            Self::Everything => "everything",
        })
    }
}

/// The dialects a check is made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialects {
    /// Once in each.
    Both,
    /// In this one.
    Only(Dialect),
}

impl Dialects {
    /// Whether `dialect` is among them.
    #[must_use]
    pub fn contains(self, dialect: Dialect) -> bool {
        match self {
            Self::Both => true,
            Self::Only(only) => only == dialect,
        }
    }
}

impl fmt::Display for Dialects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Both => "1, 2",
            Self::Only(Dialect::One) => "1",
            Self::Only(Dialect::Two) => "2",
        })
    }
}

/// One check: data that says what it proves, and the function that does.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// Area and name, such as `handshake/ready-after-health`.
    pub id: &'static str,
    /// What holds when the check passes, as a sentence about the plugin.
    pub title: &'static str,
    /// Ids of the rules it proves. Only a check of the requests profile may have none: what it holds
    /// the plugin to is then its author's own word.
    pub rules: &'static [&'static str],
    /// What a failure means for the verdict.
    pub severity: Level,
    /// The dialects it is made in.
    pub dialects: Dialects,
    /// What it needs.
    pub needs: Needs,
    /// Whether it has to wait for a limit of the protocol, and is made on demand only.
    pub slow: bool,
    /// How it is done.
    pub run: CheckFn,
}

impl Check {
    /// A check whose failure makes a plugin not conformant, made in both dialects on fresh starts.
    #[must_use]
    pub const fn must(
        id: &'static str,
        title: &'static str,
        rules: &'static [&'static str],
        run: CheckFn,
    ) -> Self {
        let (severity, dialects) = (Level::Must, Dialects::Both);
        Self { id, title, rules, severity, dialects, needs: Needs::Start, slow: false, run }
    }

    /// A check of what the plugin's author, or the plugin itself, has promised of its own routes. It
    /// fails the plugin whatever the level of the rules it touches, of which there may be none.
    #[must_use]
    pub const fn promise(
        id: &'static str,
        title: &'static str,
        rules: &'static [&'static str],
        run: CheckFn,
    ) -> Self {
        Self::must(id, title, rules, run).needs(Needs::Requests)
    }

    /// The same check with a failure that only warns.
    #[must_use]
    pub const fn should(mut self) -> Self {
        self.severity = Level::Should;
        self
    }

    /// The same check about a permission, whose misuse only warns.
    #[must_use]
    pub const fn may(mut self) -> Self {
        self.severity = Level::May;
        self
    }

    /// The same check, made in one dialect only.
    #[must_use]
    pub const fn only(mut self, dialect: Dialect) -> Self {
        self.dialects = Dialects::Only(dialect);
        self
    }

    /// The same check with other needs.
    #[must_use]
    pub const fn needs(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    /// The same check, made only when the caller asks for slow ones.
    #[must_use]
    pub const fn slow(mut self) -> Self {
        self.slow = true;
        self
    }

    /// The profile it belongs to.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        match self.needs {
            Needs::Process | Needs::Start | Needs::Running | Needs::Ui => Profile::Plugin,
            Needs::Requests => Profile::Requests,
            Needs::Everything => Profile::Everything,
        }
    }

    /// The part of the id before the slash.
    #[must_use]
    pub fn area(&self) -> &'static str {
        self.id.split('/').next().unwrap_or(self.id)
    }
}

/// What was seen that makes a check pass, in lines of text. Never empty in a pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Evidence(pub Vec<String>);

impl Evidence {
    /// Evidence of one line.
    pub fn saw(line: impl Into<String>) -> Self {
        Self(vec![line.into()])
    }

    /// Adds a line.
    pub fn add(&mut self, line: impl Into<String>) {
        self.0.push(line.into());
    }
}

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failure {
    /// What the rule asks for.
    pub expected: String,
    /// What happened instead.
    pub seen: String,
}

/// Why a check ended without evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The plugin broke a rule.
    Failed(Failure),
    /// The check says nothing about this plugin.
    Skipped(String),
    /// The runner could not do its work. Never the plugin's fault.
    Fault(String),
}

impl Stop {
    /// The plugin did `seen` where `expected` was due.
    pub fn failed(expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self::Failed(Failure { expected: expected.into(), seen: seen.into() })
    }

    /// The check does not apply.
    pub fn skip(reason: impl Into<String>) -> Self {
        Self::Skipped(reason.into())
    }

    /// The runner's own trouble.
    pub fn fault(context: &str, error: impl fmt::Display) -> Self {
        Self::Fault(format!("{context}: {error}"))
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => write!(f, "{}, not {}", failure.seen, failure.expected),
            Self::Skipped(reason) | Self::Fault(reason) => f.write_str(reason),
        }
    }
}

/// What a check answers.
pub type Verdict = Result<Evidence, Stop>;

/// Fails the check unless `holds`. `seen` is made only when it does not.
///
/// # Errors
/// [`Stop::Failed`] when it does not hold.
pub fn ensure(
    holds: bool,
    expected: impl Into<String>,
    seen: impl FnOnce() -> String,
) -> Result<(), Stop> {
    if holds { Ok(()) } else { Err(Stop::failed(expected, seen())) }
}

/// What became of one check in one dialect.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Status {
    /// It holds, because of this.
    Passed {
        /// What was seen.
        evidence: Evidence,
    },
    /// It does not hold.
    Failed {
        /// Expected and seen.
        #[serde(flatten)]
        failure: Failure,
    },
    /// It could not be said.
    Skipped {
        /// Why.
        reason: String,
    },
    /// The runner failed, not the plugin.
    Fault {
        /// How.
        message: String,
    },
}

impl From<Verdict> for Status {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            // Nothing seen proves nothing: a check that returns no evidence is wrong itself.
            Ok(evidence) if evidence.0.is_empty() => {
                Self::Fault { message: "the check passed without evidence".into() }
            }
            Ok(evidence) => Self::Passed { evidence },
            Err(Stop::Failed(failure)) => Self::Failed { failure },
            Err(Stop::Skipped(reason)) => Self::Skipped { reason },
            Err(Stop::Fault(message)) => Self::Fault { message },
        }
    }
}

/// A failure that the plugin's author knows of, and until when it is put up with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Known {
    /// Why the check fails.
    pub reason: String,
    /// The last day on which it may.
    #[schemars(with = "String", extend("format" = "date"))]
    pub expires: jiff::civil::Date,
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "until {}: {}", self.expires, self.reason)
    }
}

/// The result of one check in one dialect.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CheckResult {
    /// The check's id.
    pub check: &'static str,
    /// Its title.
    pub title: &'static str,
    /// The rules it is about.
    pub rules: &'static [&'static str],
    /// What a failure means.
    pub severity: Level,
    /// How much it has to know of the plugin.
    pub profile: Profile,
    /// The dialect it was made in.
    pub dialect: Dialect,
    /// What became of it.
    #[serde(flatten)]
    pub status: Status,
    /// Why a failure is put up with, when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<Known>,
    /// How long it took, in milliseconds.
    #[serde(rename = "duration_ms", serialize_with = "as_millis")]
    #[schemars(with = "u64")]
    pub duration: Duration,
    /// What went over the wire, for a check that did not pass or when all transcripts are kept.
    #[serde(skip_serializing_if = "Transcript::is_empty")]
    pub transcript: Transcript,
}

/// Writes a duration as whole milliseconds.
pub(crate) fn as_millis<S: serde::Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
