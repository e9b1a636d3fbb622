//! What must hold after every case, whatever was sent.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::Stop;

/// Something that must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Invariant {
    /// The process lives.
    Lives,
    /// Health answers.
    Health,
    /// A signed request is answered.
    Answers,
    /// A channel can be opened once the former one is gone.
    ChannelOpens,
    /// Messages in proper frames do not cost the channel.
    ChannelStays,
    /// The secret is in no response and on no stream.
    Secret,
    /// An odd start is accepted or refused, in time and with a message.
    Start,
    /// Descriptors do not become more and more.
    Descriptors,
    /// Memory does not become more and more.
    Memory,
    /// Processes that the plugin has started are waited for.
    Children,
}

impl Invariant {
    /// What holds.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Self::Lives => "the process lives, whatever comes over its socket",
            Self::Health => "health answers with 200 in time",
            Self::Answers => "a signed request is answered, and not with 401",
            Self::ChannelOpens => "a channel opens once the former one has ended",
            Self::ChannelStays => {
                "the channel stays open and pings are answered, whatever proper frames carry"
            }
            Self::Secret => "the secret is in no response, on no stream and in no frame",
            Self::Start => {
                "an odd start ends in `ready` and health, or in an exit with a status other than 0 \
                 and a message on stderr"
            }
            Self::Descriptors => "open descriptors do not become more and more",
            Self::Memory => "memory does not become more and more",
            Self::Children => "no process that the plugin has started stays a zombie",
        }
    }

    /// The rules of `PROTOCOL.md` that ask for it.
    #[must_use]
    pub fn rules(self) -> &'static [&'static str] {
        match self {
            Self::Lives => &["HT-33", "CH-05", "CH-32", "EV-24"],
            Self::Health => &["HT-03", "HT-04", "HT-05"],
            Self::Answers => &["HT-07", "HT-33"],
            Self::ChannelOpens => &["CH-04"],
            Self::ChannelStays => &["CH-30", "CH-31", "CH-32", "CH-36"],
            Self::Secret => &["IO-08", "IO-09", "IO-10"],
            Self::Start => &["LA-11", "LA-13", "LA-14", "HS-26", "HS-34", "HS-38"],
            Self::Descriptors => &["HT-01", "HT-33"],
            Self::Memory => &["HT-19", "HT-20", "CH-52"],
            Self::Children => &["LC-12"],
        }
    }
}

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Breach {
    pub(super) invariant: Invariant,
    /// What was seen instead.
    pub(super) seen: String,
    /// Whether that is no more than that it did not happen in time, which may be the machine's doing.
    pub(super) late: bool,
}

/// Why a case could not be gone through to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The plugin's doing.
    Breach(Breach),
    /// The runner's own.
    Fault(String),
}

impl Trouble {
    pub(super) fn breach(invariant: Invariant, seen: impl Into<String>) -> Self {
        Self::Breach(Breach { invariant, seen: seen.into(), late: false })
    }

    /// Something that did not happen in time.
    pub(super) fn late(invariant: Invariant, seen: impl Into<String>) -> Self {
        Self::Breach(Breach { invariant, seen: seen.into(), late: true })
    }

    /// What a step of a check says, as a breach of `invariant`.
    pub(super) fn of(stop: Stop, invariant: Invariant) -> Self {
        match stop {
            Stop::Failed(failure) => Self::breach(invariant, failure.seen),
            Stop::Skipped(reason) | Stop::Fault(reason) => Self::Fault(reason),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Breach(breach) => write!(f, "{}: {}", breach.invariant.expected(), breach.seen),
            Self::Fault(reason) => f.write_str(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::rule;

    #[test]
    fn every_invariant_stands_on_rules() {
        use Invariant::*;
        for invariant in [
            Lives,
            Health,
            Answers,
            ChannelOpens,
            ChannelStays,
            Secret,
            Start,
            Descriptors,
            Memory,
            Children,
        ] {
            assert!(!invariant.rules().is_empty());
            for id in invariant.rules() {
                assert!(rule(id).is_some(), "{invariant:?} {id}");
            }
        }
    }
}
