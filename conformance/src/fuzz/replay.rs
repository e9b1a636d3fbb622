//! Playing a script from the beginning, on a fresh start.

use std::sync::Arc;

use tokio::time::Instant;

use super::arena::{Arena, Patience};
use super::breach::{Breach, Invariant, Trouble};
use super::case::Script;
use super::resources::Usage;
use super::shrink::Trial;
use crate::subject::Subject;
use crate::transcript::Transcript;

/// Descriptors that a script may leave open in the second half of its rounds.
const SPARE_DESCRIPTORS: usize = 8;
/// Bytes by which memory may grow in the second half of its rounds.
const SPARE_MEMORY: u64 = 32 * 1024 * 1024;

/// What came of a script.
pub(super) struct Played {
    /// What did not hold, if something did not.
    pub(super) breach: Option<Breach>,
    /// What went over the wire.
    pub(super) transcript: Transcript,
}

/// Plays a script.
///
/// # Errors
/// What the runner itself could not do.
pub(super) async fn replay(
    subject: &Arc<Subject>,
    script: &Script,
    patience: Patience,
) -> Result<Played, String> {
    let mut arena = Arena::new(subject, patience);
    let outcome = play(&mut arena, script).await;
    let transcript = arena.close().await;
    match outcome {
        Ok(()) => Ok(Played { breach: None, transcript }),
        Err(Trouble::Breach(breach)) => Ok(Played { breach: Some(breach), transcript }),
        Err(Trouble::Fault(reason)) => Err(reason),
    }
}

async fn play(arena: &mut Arena, script: &Script) -> Result<(), Trouble> {
    let mut half = None;
    for round in 0..script.rounds {
        if round > 0 && round == script.rounds / 2 {
            half = arena.settled(|_| true).await;
        }
        for case in &script.cases {
            arena.play(case).await?;
        }
    }
    if let Some(half) = half {
        let allowed = Usage {
            descriptors: half.descriptors + SPARE_DESCRIPTORS,
            memory: half.memory + SPARE_MEMORY,
        };
        not_more(arena, half, allowed).await?;
    }
    arena.no_zombies().await
}

/// Sees that the plugin holds no more than is allowed once it has settled.
///
/// # Errors
/// When it does.
pub(super) async fn not_more(
    arena: &mut Arena,
    before: Usage,
    allowed: Usage,
) -> Result<(), Trouble> {
    let enough =
        |now: Usage| now.descriptors <= allowed.descriptors && now.memory <= allowed.memory;
    let Some(now) = arena.settled(enough).await else {
        return Ok(());
    };
    if now.descriptors > allowed.descriptors {
        let seen = format!("{} descriptors after {} before", now.descriptors, before.descriptors);
        return Err(Trouble::late(Invariant::Descriptors, seen));
    }
    if now.memory > allowed.memory {
        let mib = |bytes: u64| bytes / (1024 * 1024);
        let seen = format!("{} MiB after {} MiB before", mib(now.memory), mib(before.memory));
        return Err(Trouble::late(Invariant::Memory, seen));
    }
    Ok(())
}

/// Asks whether a script still breaks one invariant.
pub(super) struct Breaks<'a> {
    pub(super) subject: &'a Arc<Subject>,
    pub(super) invariant: Invariant,
    pub(super) patience: Patience,
    pub(super) until: Instant,
    /// How many cases are to be played in all, where something has to grow.
    pub(super) growth: Option<usize>,
}

impl Breaks<'_> {
    /// The script with as many rounds as the invariant takes.
    pub(super) fn rounded(&self, script: &Script) -> Script {
        const FEWEST: usize = 4;
        const MOST: usize = 40;
        let rounds =
            self.growth.map_or(1, |cases| (cases / script.cases.len().max(1)).clamp(FEWEST, MOST));
        Script { rounds: rounds as u32, cases: script.cases.clone() }
    }
}

impl Trial for Breaks<'_> {
    async fn still(&mut self, script: &Script) -> Option<bool> {
        if Instant::now() >= self.until {
            return None;
        }
        let played = replay(self.subject, &self.rounded(script), self.patience).await;
        // What the runner could not do says nothing about the script.
        Some(played.is_ok_and(|played| {
            played.breach.is_some_and(|breach| breach.invariant == self.invariant)
        }))
    }
}
