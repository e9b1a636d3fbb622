//! How long is waited before what is lost is tried again, and when it is given up.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Pauses that double from the first to the longest, each a little shorter or longer by chance, so that
/// what failed together is not tried again together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The first pause.
    pub first: Duration,
    /// The longest.
    pub most: Duration,
    /// By how much of itself a pause is shortened or lengthened at most, from 0 to 1.
    pub jitter: f64,
}

impl Backoff {
    /// The pause before try `number`, counted from 0.
    #[must_use]
    pub fn pause(&self, number: u32) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(number)).min(self.most);
        doubled.mul_f64(1.0 + self.jitter.clamp(0.0, 1.0) * chance())
    }
}

/// A number from -1 to 1. Without a random source every pause is the middle one.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX) * 2.0 - 1.0,
        Err(_) => 0.0,
    }
}

/// When a plugin that was lost is started again, and when no more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RestartPolicy {
    /// The pauses.
    pub backoff: Backoff,
    /// How often it may be lost within [`RestartPolicy::within`]; once more, and it has failed.
    pub losses: usize,
    /// Losses of longer ago than this count no more.
    pub within: Duration,
}

impl Default for RestartPolicy {
    /// Pauses from 0.5 s to 60 s, give or take a fifth; failed at the sixth loss within ten minutes.
    fn default() -> Self {
        Self {
            backoff: Backoff {
                first: Duration::from_millis(500),
                most: Duration::from_secs(60),
                jitter: 0.2,
            },
            losses: 5,
            within: Duration::from_secs(600),
        }
    }
}

/// How a plugin's health is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthPolicy {
    /// From one question to the next.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// So many questions in a row without 200, and the plugin is degraded.
    pub degraded_after: u32,
    /// So many, and it is stopped and started again.
    pub restart_after: u32,
}

impl Default for HealthPolicy {
    /// Every 10 s, answered within 5 s; degraded after 3, restarted after 6.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
            degraded_after: 3,
            restart_after: 6,
        }
    }
}

/// The losses of a plugin that still count.
#[derive(Debug, Default)]
pub(super) struct Losses(VecDeque<Instant>);

impl Losses {
    /// Counts a loss, and says how long to wait before the next start; `None` when there is to be none.
    pub(super) fn pause(&mut self, policy: &RestartPolicy, now: Instant) -> Option<Duration> {
        self.0.retain(|lost| now.duration_since(*lost) <= policy.within);
        self.0.push_back(now);
        let number = u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX);
        (self.0.len() <= policy.losses).then(|| policy.backoff.pause(number))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Forgets all, as when somebody starts the plugin by hand.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RestartPolicy = RestartPolicy {
        backoff: Backoff {
            first: Duration::from_secs(1),
            most: Duration::from_secs(5),
            jitter: 0.0,
        },
        losses: 4,
        within: Duration::from_secs(60),
    };

    #[test]
    fn pauses_double_up_to_the_longest_and_then_it_is_given_up() {
        let now = Instant::now();
        let mut losses = Losses::default();
        let pauses = [(); 5].map(|()| losses.pause(&POLICY, now).map(|pause| pause.as_secs()));
        assert_eq!(pauses, [Some(1), Some(2), Some(4), Some(5), None]);
    }

    #[test]
    fn old_losses_count_no_more() {
        let now = Instant::now();
        let mut losses = Losses::default();
        for _ in 0..4 {
            losses.pause(&POLICY, now);
        }
        let later = now + Duration::from_secs(61);
        assert_eq!(losses.pause(&POLICY, later), Some(Duration::from_secs(1)));
        losses.forget();
        assert_eq!(losses.count(), 0);
    }

    #[test]
    fn jitter_stays_within_its_share_and_differs() {
        let backoff = Backoff { jitter: 0.5, ..POLICY.backoff };
        let pauses = [(); 64].map(|()| backoff.pause(0));
        assert!(
            pauses.iter().all(|pause| (0.5..=1.5).contains(&pause.as_secs_f64())),
            "{pauses:?}"
        );
        assert!(pauses.iter().any(|pause| *pause != pauses[0]), "no chance in {pauses:?}");
    }

    #[test]
    fn no_number_of_tries_is_too_large() {
        assert_eq!(POLICY.backoff.pause(u32::MAX), Duration::from_secs(5));
    }
}
