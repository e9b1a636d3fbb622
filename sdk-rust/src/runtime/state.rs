//! The life of a plugin as one table, to be checked against PROTOCOL.md by eye.

use tokio::sync::watch;

/// Where a plugin is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Nothing was said yet.
    Starting,
    /// The first handshake line is out.
    Announced,
    /// The socket accepts connections and health answers; all else is 503.
    Listening,
    /// All is set for the second handshake line; no channel yet, or none any more.
    Ready,
    /// A channel is live.
    Connected,
    /// A stop was asked for: nothing new is accepted, what is in flight finishes.
    Draining,
    /// Nothing is left.
    Stopped,
}

/// What moves a plugin from one state to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Announce,
    Listen,
    Ready,
    ChannelOpened,
    ChannelLost,
    Stop,
    Finish,
}

/// Every transition there is. What is not here does not happen.
const TRANSITIONS: &[(State, Step, State)] = &[
    (State::Starting, Step::Announce, State::Announced),
    (State::Announced, Step::Listen, State::Listening),
    (State::Listening, Step::Ready, State::Ready),
    (State::Ready, Step::ChannelOpened, State::Connected),
    (State::Connected, Step::ChannelLost, State::Ready),
    // A signal is obeyed at any time of a plugin's life (LC-14).
    (State::Starting, Step::Stop, State::Draining),
    (State::Announced, Step::Stop, State::Draining),
    (State::Listening, Step::Stop, State::Draining),
    (State::Ready, Step::Stop, State::Draining),
    (State::Connected, Step::Stop, State::Draining),
    (State::Draining, Step::Finish, State::Stopped),
];

/// The state of one plugin. Steps that the table does not have are refused.
#[derive(Debug)]
pub(crate) struct Machine(watch::Sender<State>);

impl Machine {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(State::Starting))
    }

    /// Takes a step. False when the table has no such step from here, which leaves the state alone:
    /// a channel that comes or goes while the plugin drains is one.
    pub(crate) fn step(&self, step: Step) -> bool {
        let mut taken = false;
        self.0.send_if_modified(|state| {
            let next = next(*state, step);
            taken = next.is_some();
            *state = next.unwrap_or(*state);
            taken
        });
        let state = *self.0.borrow();
        tracing::trace!(?step, ?state, taken, "life cycle");
        taken
    }

    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn watch(&self) -> watch::Receiver<State> {
        self.0.subscribe()
    }
}

fn next(state: State, step: Step) -> Option<State> {
    TRANSITIONS.iter().find(|(from, by, _)| (*from, *by) == (state, step)).map(|(_, _, to)| *to)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_state_has_two_ways_out_by_one_step() {
        let mut seen = HashSet::new();
        for (from, by, _) in TRANSITIONS {
            assert!(seen.insert((*from, *by)), "{from:?} has two ways by {by:?}");
        }
    }

    #[test]
    fn a_stop_is_obeyed_from_every_state_that_lives() {
        for (from, _, _) in TRANSITIONS {
            if *from != State::Draining {
                assert_eq!(next(*from, Step::Stop), Some(State::Draining), "{from:?}");
            }
        }
        assert_eq!(next(State::Stopped, Step::Stop), None);
    }

    #[test]
    fn a_channel_before_ready_or_while_draining_changes_nothing() {
        let machine = Machine::new();
        assert!(!machine.step(Step::ChannelOpened));
        assert!(machine.step(Step::Stop));
        assert!(!machine.step(Step::ChannelLost));
        assert_eq!(*machine.watch().borrow(), State::Draining);
    }
}
