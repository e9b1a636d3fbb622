//! Checking values that have the right shape: which field, what was found, what is allowed.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One field that does not hold what the protocol allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `nav[1].path`.
    pub field: String,
    /// What stood there, shortened when long.
    pub found: String,
    /// What may stand there.
    pub allowed: String,
}

/// Longest excerpt of a bad value in an error, in characters.
const EXCERPT_CHARS: usize = 80;

impl Violation {
    /// A violation of `field`.
    pub fn new(field: impl Into<String>, found: &str, allowed: impl Into<String>) -> Self {
        let found = match found.char_indices().nth(EXCERPT_CHARS) {
            Some((end, _)) => format!("{}…", &found[..end]),
            None => found.to_owned(),
        };
        Self { field: field.into(), found, allowed: allowed.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {:?}; allowed: {}", self.field, self.found, self.allowed)
    }
}

impl std::error::Error for Violation {}

/// Everything wrong with one value, so that an author can mend it in one go. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// `Ok` when `found` is empty.
    pub fn check(found: Vec<Violation>) -> Result<(), Self> {
        if found.is_empty() { Ok(()) } else { Err(Self(found)) }
    }

    /// The violations, in the order of the fields.
    #[must_use]
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }
}

impl From<Violation> for Violations {
    fn from(violation: Violation) -> Self {
        Self(vec![violation])
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, violation) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            violation.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

/// Why bytes are no message of the expected kind.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not JSON, or JSON of another shape. The message names line and column.
    Shape(serde_json::Error),
    /// The right shape with values the protocol forbids.
    Invalid(Violations),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(error) => error.fmt(f),
            Self::Invalid(violations) => violations.fmt(f),
        }
    }
}

impl std::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Shape(error) => Some(error),
            Self::Invalid(violations) => Some(violations),
        }
    }
}

impl From<Violations> for DecodeError {
    fn from(violations: Violations) -> Self {
        Self::Invalid(violations)
    }
}

/// A message of the protocol: JSON of a known shape, with rules on its values.
///
/// [`Wire::from_json`] accepts exactly what the type's JSON Schema accepts; `vectors/` holds both to
/// it. A schema cannot see into two things, both in the body of an `api_call`: whether its text is
/// JSON, and how many bytes it has.
pub trait Wire: Serialize + DeserializeOwned + JsonSchema {
    /// Checks what the shape alone cannot.
    fn validate(&self) -> Result<(), Violations> {
        Ok(())
    }

    /// Reads and validates one message.
    fn from_json(bytes: &[u8]) -> Result<Self, DecodeError> {
        let value: Self = crate::strict::message(bytes)?;
        value.validate()?;
        Ok(value)
    }
}

/// Collects violations while a message is walked.
#[derive(Debug, Default)]
pub(crate) struct Checker(pub(crate) Vec<Violation>);

impl Checker {
    /// Notes a violation unless `holds`.
    pub(crate) fn require(
        &mut self,
        holds: bool,
        field: impl Into<String>,
        found: &str,
        allowed: &str,
    ) {
        if !holds {
            self.0.push(Violation::new(field, found, allowed));
        }
    }

    pub(crate) fn finish(self) -> Result<(), Violations> {
        Violations::check(self.0)
    }
}
