//! What a plugin's processes take of the machine.

use serde::Serialize;

use crate::process::{Stat, members};

/// What the processes of a plugin take, as far as the system tells. On Linux only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, utoipa::ToSchema)]
#[non_exhaustive]
pub struct Usage {
    /// How many there are.
    pub processes: usize,
    /// Resident memory, in bytes. What processes share is counted for each.
    pub memory_bytes: u64,
    /// Processor time since they were started, in seconds.
    pub cpu_seconds: f64,
}

impl Usage {
    /// Of the group that this process leads. Reads every entry of `/proc`.
    pub(super) fn of_group(leader: u32) -> Self {
        let page = rustix::param::page_size() as u64;
        let tick = rustix::param::clock_ticks_per_second();
        let mut usage = Self::default();
        for stat in members(leader).into_iter().filter_map(Stat::of) {
            usage.processes += 1;
            usage.memory_bytes += stat.resident_pages * page;
            usage.cpu_seconds += stat.cpu_ticks as f64 / tick as f64;
        }
        usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_takes_something() {
        let group = rustix::process::getpgrp().as_raw_nonzero().get().unsigned_abs();
        let usage = Usage::of_group(group);
        assert!(usage.processes > 0 && usage.memory_bytes > 100_000, "{usage:?}");
    }
}
