//! Which measurements there are, and how much of each.

use std::str::FromStr;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use temps_plugin_schema::Dialect;

use crate::host::Channel;
use crate::node::{self, Node};
use crate::process::{Binary, Process};
use crate::python::{self, Python};
use crate::report::{Report, Row};
use crate::{BenchError, channel, hosting, load, memory, size, spawn};

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
    /// Requests per second through the host's proxy.
    HostThroughput,
    /// The time of a request through it.
    HostLatency,
    /// A host of many plugins: how soon they run, and in how much memory.
    HostStart,
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
    /// Requests per second to a fetch handler, beside `node:http`.
    NodeThroughput,
    /// The time of a request to it at one connection.
    NodeLatency,
    /// Requests per second to a route of Express's.
    NodeExpress,
    /// Requests per second to a route of Fastify's.
    NodeFastify,
    /// From start to `ready` of a Node plugin.
    NodeSpawn,
    /// Memory of an idle Node plugin.
    NodeIdle,
    /// Events in Node.
    NodeEvent,
}

/// One measurement by its name, or all of the host's or a language's by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection(Vec<Measurement>);

impl FromStr for Selection {
    type Err = String;

    fn from_str(wanted: &str) -> Result<Self, Self::Err> {
        let all = Measurement::value_variants();
        let of_language = |name: &str| {
            name.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        let chosen: Vec<_> = all.iter().copied().filter(|one| of_language(&one.name())).collect();
        if !chosen.is_empty() {
            return Ok(Self(chosen));
        }
        let names: Vec<_> = all.iter().map(|one| one.name()).collect();
        Err(format!("there are {}; host, python and node are all of theirs", names.join(", ")))
    }
}

/// What the rows of other languages run on: each is there, or the reason why not.
#[derive(Debug, Clone, Copy)]
pub struct Languages<'a> {
    /// For the Python rows.
    pub python: Result<&'a Python, &'a str>,
    /// For the Node rows.
    pub node: Result<&'a Node, &'a str>,
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
pub fn run(
    quick: bool,
    only: &[Selection],
    languages: Languages<'_>,
) -> Result<Report, BenchError> {
    let start = Instant::now();
    let effort = if quick { QUICK } else { FULL };
    let mut rows = Vec::new();
    for measurement in Measurement::value_variants() {
        if only.is_empty() || only.iter().any(|chosen| chosen.0.contains(measurement)) {
            rows.extend(measurement.run(&effort, languages)?);
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
    fn run(self, effort: &Effort, languages: Languages<'_>) -> Result<Vec<Row>, BenchError> {
        let Languages { python, node } = languages;
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
            Self::HostThroughput => hosting::throughput(effort.throughput)?,
            Self::HostLatency => hosting::latency(effort.latency)?,
            Self::HostStart => hosting::start(effort.idle)?,
            Self::PythonThroughput => {
                self.on(python, |python| python::throughput(python, effort.throughput))?
            }
            Self::PythonLatency => {
                self.on(python, |python| python::latency(python, effort.latency))?
            }
            Self::PythonFastapi => {
                self.on(python, |python| python::fastapi(python, effort.throughput))?
            }
            Self::PythonSpawn => self.on(python, |python| python::spawn(python, effort.spawns))?,
            Self::PythonIdle => self.on(python, |python| python::idle(python, effort.idle))?,
            Self::PythonEvent => {
                self.on(python, |python| python::events(python, effort.channel))?
            }
            Self::NodeThroughput => {
                self.on(node, |node| node::throughput(node, effort.throughput))?
            }
            Self::NodeLatency => self.on(node, |node| node::latency(node, effort.latency))?,
            Self::NodeExpress => self.on(node, |node| node::express(node, effort.throughput))?,
            Self::NodeFastify => self.on(node, |node| node::fastify(node, effort.throughput))?,
            Self::NodeSpawn => self.on(node, |node| node::spawn(node, effort.spawns))?,
            Self::NodeIdle => self.on(node, |node| node::idle(node, effort.idle))?,
            Self::NodeEvent => self.on(node, |node| node::events(node, effort.channel))?,
        })
    }

    /// Makes a measurement on a language, or says why not.
    fn on<L>(
        self,
        language: Result<&L, &str>,
        measure: impl FnOnce(&L) -> Result<Vec<Row>, BenchError>,
    ) -> Result<Vec<Row>, BenchError> {
        match language {
            Ok(language) => measure(language),
            Err(why) => Ok(vec![Row::not_measured(&self.name(), why)]),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_selects_one_measurement_and_a_language_all_of_its_own() {
        let selected = |name: &str| name.parse::<Selection>().unwrap().0;
        assert_eq!(selected("spawn"), [Measurement::Spawn]);
        assert_eq!(selected("node-spawn"), [Measurement::NodeSpawn]);
        let node = selected("node");
        assert!(node.contains(&Measurement::NodeIdle), "{node:?}");
        assert!(node.iter().all(|one| one.name().starts_with("node-")), "{node:?}");
    }

    #[test]
    fn a_name_that_selects_nothing_is_told_what_there_is() {
        for wrong in ["", "nod", "node-", "speed"] {
            let error = wrong.parse::<Selection>().unwrap_err();
            assert!(error.contains("node-throughput") && error.contains("size"), "{error}");
        }
    }
}
