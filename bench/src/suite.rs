//! Which measurements there are, and how much of each.

use std::time::{Duration, Instant};

use clap::ValueEnum;
use temps_plugin_schema::Dialect;

use crate::host::Channel;
use crate::process::{Binary, Process};
use crate::report::{Report, Row};
use crate::{BenchError, channel, load, memory, size, spawn};

/// One kind of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Measurement {
    /// Requests per second at 32 connections.
    Throughput,
    /// The time of a request at one connection.
    Latency,
    /// From start to `ready`.
    Spawn,
    /// Channel calls and events.
    Channel,
    /// Memory of an idle plugin.
    Idle,
    /// Memory over many requests, events and reconnects.
    Growth,
    /// The size of the binary.
    Size,
}

/// How much to do.
#[derive(Debug, Clone, Copy)]
struct Effort {
    throughput: load::Effort,
    latency: load::Effort,
    spawns: usize,
    channel: channel::Effort,
    idle: usize,
    growth: memory::Effort,
}

const FULL: Effort = Effort {
    throughput: load::Effort { rounds: 21, load: Duration::from_millis(800), requests: 0 },
    latency: load::Effort { rounds: 31, load: Duration::ZERO, requests: 2_000 },
    spawns: 60,
    channel: channel::Effort { rounds: 31, trips: 1_000 },
    idle: 5,
    growth: memory::Effort { requests: 1_000_000, events: 100_000, reconnects: 1_000 },
};

const QUICK: Effort = Effort {
    throughput: load::Effort { rounds: 5, load: Duration::from_millis(300), requests: 0 },
    latency: load::Effort { rounds: 9, load: Duration::ZERO, requests: 1_000 },
    spawns: 15,
    channel: channel::Effort { rounds: 7, trips: 500 },
    idle: 1,
    growth: memory::Effort { requests: 50_000, events: 5_000, reconnects: 50 },
};

/// Makes every measurement, or those in `only`.
///
/// # Errors
/// When something under measure does not do its part; a missed goal is no error.
pub fn run(quick: bool, only: &[Measurement]) -> Result<Report, BenchError> {
    let start = Instant::now();
    let effort = if quick { QUICK } else { FULL };
    let mut rows = Vec::new();
    for measurement in Measurement::value_variants() {
        if only.is_empty() || only.contains(measurement) {
            rows.extend(measurement.run(&effort)?);
        }
    }
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        quick,
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        seconds: start.elapsed().as_secs_f64(),
        rows,
    })
}

impl Measurement {
    fn run(self, effort: &Effort) -> Result<Vec<Row>, BenchError> {
        Ok(match self {
            Self::Throughput => {
                let servers = Servers::start()?;
                load::throughput(effort.throughput, &servers.plugin, &servers.bare)?.into()
            }
            Self::Latency => {
                let servers = Servers::start()?;
                load::latency(effort.latency, &servers.plugin, &servers.bare)?
            }
            Self::Spawn => spawn::measure(effort.spawns)?.into(),
            Self::Channel => channel::measure(effort.channel)?,
            Self::Idle => memory::idle(effort.idle)?.into(),
            Self::Growth => memory::growth(effort.growth)?.into(),
            Self::Size => vec![size::measure()?],
        })
    }
}

/// The two servers that answer requests.
struct Servers {
    plugin: Process,
    bare: Process,
    /// A plugin without a channel would give up after a while.
    _channel: Channel,
}

impl Servers {
    fn start() -> Result<Self, BenchError> {
        let plugin = Process::plugin(Binary::Plugin, Dialect::Two, &[])?;
        let channel = Channel::open(&plugin.socket())?;
        Ok(Self { plugin, bare: Process::bare(Binary::Bare, &[])?, _channel: channel })
    }
}
