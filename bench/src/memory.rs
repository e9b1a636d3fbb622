//! Resident memory: idle, and whether it grows with what a plugin has seen.

use temps_plugin_schema::Dialect;

use crate::channel::{Answering, Hook};
use crate::host::Channel;
use crate::load::{self, CONNECTIONS, Until};
use crate::process::{Binary, Process};
use crate::report::{Goal, Row, Unit};
use crate::rounds::Series;
use crate::{BenchError, app};

/// What an idle plugin may hold.
const IDLE_BYTES: f64 = 6.0 * MB;
/// Growth up to this is noise: the kernel counts pages in batches, allocators keep some.
const NOISE_BYTES: f64 = MB;
/// Over its last half a run must be flatter than that.
const FLAT_BYTES: f64 = 0.25 * MB;
pub(crate) const MB: f64 = 1e6;
/// How often memory is looked at over a run, the warm-up's end included.
const LOOKS: usize = 21;
/// The share of a run that counts as warm-up: one in this many.
const WARM_UP: u64 = 10;
/// Events under way at once: their answers fit a socket's buffer.
const EVENTS_AT_ONCE: usize = 50;
/// How long a plugin is left alone before it counts as idle.
pub(crate) const SETTLE: std::time::Duration = std::time::Duration::from_millis(500);

/// What a plugin sees while its memory is watched.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// HTTP requests.
    pub requests: u64,
    /// Events.
    pub events: u64,
    /// Channels opened and closed again.
    pub reconnects: u64,
}

/// What `/proc/<id>/status` says of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resident {
    /// Everything resident, the program's own pages included.
    pub all: u64,
    /// What the process allocated.
    pub anonymous: u64,
}

impl Resident {
    /// Of a process.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn of(process: &Process) -> Result<Self, BenchError> {
        let path = format!("/proc/{}/status", process.id());
        let status = std::fs::read_to_string(&path).map_err(BenchError::system(path))?;
        Self::read(&status).ok_or_else(|| BenchError::unexpected("the process has ended"))
    }

    fn read(status: &str) -> Option<Self> {
        let field = |name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
            Some(kib * 1024)
        };
        Some(Self { all: field("VmRSS:")?, anonymous: field("RssAnon:")? })
    }
}

/// The rounds of one process.
#[derive(Debug, Default)]
pub(crate) struct Residents {
    /// Everything resident.
    pub(crate) all: Series,
    /// What the process allocated.
    pub(crate) allocated: Series,
}

impl Residents {
    /// Looks at the process once more.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn look(&mut self, process: &Process) -> Result<(), BenchError> {
        let resident = Resident::of(process)?;
        self.all.push(resident.all as f64);
        self.allocated.push(resident.anonymous as f64);
        Ok(())
    }
}

/// The minimal plugin with its channel open and nothing to do, beside the bare server.
///
/// # Errors
/// When it does not start.
pub fn idle(rounds: usize) -> Result<[Row; 2], BenchError> {
    let (mut ours, mut theirs) = (Residents::default(), Residents::default());
    for round in 0..rounds {
        eprintln!("idle memory: round {} of {rounds}", round + 1);
        let plugin = Process::plugin(Binary::Minimal, Dialect::Two, &[])?;
        let channel = Channel::open(&plugin.socket())?;
        let bare = Process::bare(Binary::Bare, &[])?;
        std::thread::sleep(SETTLE);
        ours.look(&plugin)?;
        theirs.look(&bare)?;
        drop(channel);
    }
    Ok([
        Row::compare("idle-memory", "idle memory, channel open", Unit::Bytes)
            .between(&ours.all, &theirs.all)
            .goal(Goal::AtMost(IDLE_BYTES)),
        Row::compare("idle-allocated", "of it, allocated (RssAnon)", Unit::Bytes)
            .between(&ours.allocated, &theirs.allocated),
    ])
}

/// Whether memory grows over requests, events and reconnects, each on a plugin of its own.
///
/// # Errors
/// When the plugin stops doing its part.
pub fn growth(effort: Effort) -> Result<[Row; 3], BenchError> {
    let request = app::signed_get(app::JSON_PATH);
    Ok([
        watch("requests", effort.requests, |plugin, count| {
            let each = Until::Each(count.div_ceil(CONNECTIONS as u64));
            load::run(&plugin.process.socket(), &request, each).map(drop)
        })?,
        watch("events", effort.events, |plugin, count| {
            let batches = count.div_ceil(EVENTS_AT_ONCE as u64);
            (0..batches).try_for_each(|_| plugin.events(EVENTS_AT_ONCE))
        })?,
        watch("reconnects", effort.reconnects, |plugin, count| {
            (0..count).try_for_each(|_| plugin.reconnect())
        })?,
    ])
}

/// Looks at a plugin's memory while `work` is done on it, in as many pieces as there are looks.
fn watch(
    what: &str,
    total: u64,
    mut work: impl FnMut(&mut Answering, u64) -> Result<(), BenchError>,
) -> Result<Row, BenchError> {
    eprintln!("memory: {total} {what}");
    let mut plugin = Answering::start(Hook::Async)?;
    work(&mut plugin, total / WARM_UP)?;
    let mut looks = vec![Resident::of(&plugin.process)?.all as f64];
    while looks.len() < LOOKS {
        work(&mut plugin, total / (LOOKS as u64 - 1))?;
        looks.push(Resident::of(&plugin.process)?.all as f64);
    }
    Ok(growth_row(what, total, &looks))
}

fn growth_row(what: &str, total: u64, looks: &[f64]) -> Row {
    let middle = |part: &[f64]| part.iter().copied().collect::<Series>().median();
    let (first, last) = (looks[0], looks[looks.len() - 1]);
    let (half, quarter) = (looks.len() / 2, looks.len() / 4);
    let late = middle(&looks[looks.len() - quarter..]) - middle(&looks[half..half + quarter]);
    let growth = last - first;
    let shown = |bytes: f64| format!("{:+.2} MB", bytes / MB);
    Row::compare(&format!("growth-{what}"), &format!("memory over {total} {what}"), Unit::Bytes)
        .values(last, first)
        .rounds(looks)
        .verdict(
            &format!("{} at most, flat at the end", shown(NOISE_BYTES)),
            growth <= NOISE_BYTES && late <= FLAT_BYTES,
        )
        .note(&format!("{} since the warm-up, {} in the last half", shown(growth), shown(late)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_from_status() {
        let status = "Name:\tx\nVmRSS:\t    2048 kB\nRssAnon:\t     512 kB\n";
        let resident = Resident::read(status).unwrap();
        assert_eq!((resident.all, resident.anonymous), (2_097_152, 524_288));
        assert_eq!(Resident::read("Name:\tzombie\n"), None);
    }

    #[test]
    fn growth_is_none_when_little_and_flat_at_the_end() {
        let steady: Vec<_> = (0..LOOKS).map(|look| 8.0 * MB + (look % 2) as f64).collect();
        assert_eq!(growth_row("x", 1, &steady).met(), Some(true));
        let leaking: Vec<_> = (0..LOOKS).map(|look| (8.0 + 0.04 * look as f64) * MB).collect();
        assert_eq!(growth_row("x", 1, &leaking).met(), Some(true), "0.8 MB in all");
        let leaking: Vec<_> = (0..LOOKS).map(|look| (8.0 + 0.06 * look as f64) * MB).collect();
        assert_eq!(growth_row("x", 1, &leaking).met(), Some(false));
        let late: Vec<_> = (0..LOOKS).map(|look| if look < 16 { 0.0 } else { 0.5 * MB }).collect();
        assert_eq!(growth_row("x", 1, &late).met(), Some(false));
    }
}
