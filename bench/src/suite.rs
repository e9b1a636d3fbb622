//! Which measurements there are, and how much of each.

use std::time::{Duration, Instant};

use clap::ValueEnum;
use temps_plugin_schema::Dialect;

use crate::host::Channel;
use crate::process::{Binary, Process};
use crate::python::{self, Python};
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
    /// Requests per second to an ASGI application, beside granian and uvicorn.
    PythonThroughput,
    /// The time of a request to it at one connection.
    PythonLatency,
    /// Requests per second to a route of `FastAPI`'s.
    PythonFastapi,
    /// From start to `ready` of a Python plugin.
    PythonSpawn,
    /// Memory of an idle Python plugin.
    PythonIdle,
    /// Events in Python.
    PythonEvent,
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

/// Makes every measurement, or those in `only`. `python` is an interpreter, or why there is none.
///
/// # Errors
/// When something under measure does not do its part; a missed goal is no error.
pub fn run(
    quick: bool,
    only: &[Measurement],
    python: Result<&Python, &str>,
) -> Result<Report, BenchError> {
    let start = Instant::now();
    let effort = if quick { QUICK } else { FULL };
    let mut rows = Vec::new();
    for measurement in Measurement::value_variants() {
        if only.is_empty() || only.contains(measurement) {
            rows.extend(measurement.run(&effort, python)?);
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
    fn run(self, effort: &Effort, python: Result<&Python, &str>) -> Result<Vec<Row>, BenchError> {
        let in_python = |measure: &dyn Fn(&Python) -> Result<Vec<Row>, BenchError>| match python {
            Ok(python) => measure(python),
            Err(why) => Ok(vec![Row::not_measured(&self.name(), why)]),
        };
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
            Self::PythonThroughput => {
                in_python(&|python| python::throughput(python, effort.throughput))?
            }
            Self::PythonLatency => in_python(&|python| python::latency(python, effort.latency))?,
            Self::PythonFastapi => in_python(&|python| python::fastapi(python, effort.throughput))?,
            Self::PythonSpawn => in_python(&|python| python::spawn(python, effort.spawns))?,
            Self::PythonIdle => in_python(&|python| python::idle(python, effort.idle))?,
            Self::PythonEvent => in_python(&|python| python::events(python, effort.channel))?,
        })
    }

    /// What `--only` calls it.
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
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
