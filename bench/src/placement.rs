//! Where the two ends of a round trip run.
//!
//! Waking a process on another processor takes several times as long as waking one on the same, and
//! the scheduler chooses anew every now and then: a round trip of 128 bytes takes 10 µs or 30 µs.
//! A ratio of two such numbers says nothing unless both had the same luck, so each placement is
//! measured by itself.

use std::io;

use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

use crate::BenchError;
use crate::process::Process;

/// Where the two ends of a round trip run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Both on one processor: what is measured is the work done.
    Together,
    /// Each on a processor of its own.
    Apart,
    /// Wherever the scheduler wants, as in the field.
    Free,
}

/// The processors this process may use.
#[derive(Debug, Clone, Copy)]
pub struct Processors(CpuSet);

impl Placement {
    /// Every placement.
    pub const ALL: [Self; 3] = [Self::Together, Self::Apart, Self::Free];

    /// For the name of a row.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::Apart => "apart",
            Self::Free => "free",
        }
    }

    /// For the line below the table.
    #[must_use]
    pub fn explain(self) -> &'static str {
        match self {
            Self::Together => "both ends on one processor, so the ratio is that of the work done",
            Self::Apart => "each end on a processor of its own",
            Self::Free => "where the scheduler wants; luck decides more than code, so no goal",
        }
    }
}

impl Processors {
    /// Those of this process, before anything was placed.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn all() -> Result<Self, BenchError> {
        sched_getaffinity(None).map(Self).map_err(refused)
    }

    /// Places this thread, and every thread of `processes`, which are the other end.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn place(&self, placement: Placement, processes: &[&Process]) -> Result<(), BenchError> {
        let (first, last) = (self.only(self.numbers().next()), self.only(self.numbers().last()));
        let (own, other) = match placement {
            Placement::Together => (first, first),
            Placement::Apart => (first, last),
            Placement::Free => (self.0, self.0),
        };
        sched_setaffinity(None, &own).map_err(refused)?;
        processes.iter().try_for_each(|process| pin(process, &other))
    }

    fn numbers(&self) -> impl Iterator<Item = usize> {
        (0..CpuSet::MAX_CPU).filter(|number| self.0.is_set(*number))
    }

    fn only(&self, number: Option<usize>) -> CpuSet {
        let mut set = CpuSet::new();
        match number {
            Some(number) => set.set(number),
            None => return self.0,
        }
        set
    }
}

/// Threads that are made later inherit the place of the one that makes them.
fn pin(process: &Process, set: &CpuSet) -> Result<(), BenchError> {
    for thread in process.threads() {
        let id = thread.file_name().and_then(|name| name.to_string_lossy().parse().ok());
        match sched_setaffinity(id.and_then(Pid::from_raw), set) {
            // The thread has ended since it was listed.
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(refused(error)),
        }
    }
    Ok(())
}

fn refused(error: rustix::io::Errno) -> BenchError {
    BenchError::system("choose processors")(io::Error::from(error))
}
