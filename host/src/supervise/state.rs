//! Where a supervised plugin is, and what takes it from there to where: one table.

use std::fmt;

use serde::Serialize;

/// Where a supervised plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It does not run and is not meant to.
    Stopped,
    /// Its process is there, or about to be, and the handshake is not over.
    Starting,
    /// It serves: its process lives, its health answers.
    Running,
    /// Its process lives and serves, and its health does not answer.
    Degraded,
    /// It has ended against its will and is started again after a pause.
    BackingOff,
    /// It has ended too often, or may not serve, and stays down until somebody starts it again.
    Failed,
}

/// What can happen to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Happening {
    /// Somebody, or the end of a pause, starts it.
    Start,
    /// The handshake is over.
    Ready,
    /// It did not answer for health as often as is put up with.
    Unhealthy,
    /// It answers for health again.
    Healthy,
    /// It did not start, it ended, or it was given up.
    Lost,
    /// It was lost too often.
    GiveUp,
    /// It may not serve, however well it runs.
    Refuse,
    /// Somebody stops it.
    Stop,
}

/// All that may follow on each other; nothing else does.
const TABLE: &[(State, Happening, State)] = {
    use Happening::{GiveUp, Healthy, Lost, Ready, Refuse, Start, Stop, Unhealthy};
    use State::{BackingOff, Degraded, Failed, Running, Starting, Stopped};
    &[
        (Stopped, Start, Starting),
        (Starting, Ready, Running),
        (Starting, Lost, BackingOff),
        (Starting, Refuse, Failed),
        (Starting, Stop, Stopped),
        (Running, Unhealthy, Degraded),
        (Running, Lost, BackingOff),
        (Running, Refuse, Failed),
        (Running, Stop, Stopped),
        (Degraded, Healthy, Running),
        (Degraded, Lost, BackingOff),
        (Degraded, Refuse, Failed),
        (Degraded, Stop, Stopped),
        (BackingOff, Start, Starting),
        (BackingOff, GiveUp, Failed),
        (BackingOff, Refuse, Failed),
        (BackingOff, Stop, Stopped),
        (Failed, Start, Starting),
        (Failed, Stop, Stopped),
    ]
};

impl State {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Stopped,
        Self::Starting,
        Self::Running,
        Self::Degraded,
        Self::BackingOff,
        Self::Failed,
    ];

    /// Where `happening` takes it; `None` where it cannot happen.
    pub(super) fn after(self, happening: Happening) -> Option<Self> {
        let mut rows = TABLE.iter().filter(|(from, what, _)| *from == self && *what == happening);
        rows.next().map(|(_, _, to)| *to)
    }

    /// Its name, such as `backing-off`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::BackingOff => "backing-off",
            Self::Failed => "failed",
        }
    }

    /// Whether requests reach it.
    #[must_use]
    pub fn serves(self) -> bool {
        matches!(self, Self::Running | Self::Degraded)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nothing_leads_two_ways() {
        for (from, happening, to) in TABLE {
            assert_eq!(from.after(*happening), Some(*to), "{from} {happening:?}");
            assert_ne!(from, to);
        }
    }

    #[test]
    fn every_state_is_reached_and_left_and_can_be_stopped() {
        for state in State::ALL {
            assert!(TABLE.iter().any(|(_, _, to)| *to == state), "{state} is never reached");
            assert!(TABLE.iter().any(|(from, _, _)| *from == state), "{state} is never left");
            let stopped = state == State::Stopped || state.after(Happening::Stop).is_some();
            assert!(stopped, "{state} cannot be stopped");
        }
    }

    #[test]
    fn names_are_those_on_the_wire() {
        let names: BTreeSet<_> = State::ALL.map(State::name).into();
        assert_eq!(names.len(), State::ALL.len());
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }
}
