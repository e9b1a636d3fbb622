//! The host: what its proxy carries and adds, and how many plugins it has up how soon, in how much
//! memory.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::BenchError;
use crate::host::Channel;
use crate::load::{self, Effort};
use crate::memory::{MB, Resident, SETTLE};
use crate::placement::Placement;
use crate::process::{Binary, Process, directory};
use crate::report::{Goal, Row, Unit};
use crate::rounds::Series;

/// How many plugins are started at the same time.
const PLUGINS: usize = 100;
/// How long they may take, in seconds, on two processors.
const START: f64 = 2.0;
/// What a host of so many may hold.
const MEMORY: f64 = 60.0 * MB;
/// What a proxied request may take longer than a direct one, in seconds: this, or the share below.
const ADDED: f64 = 60e-6;
const ADDED_SHARE: f64 = 0.8;

/// A host, and the directories that it needs.
struct Host {
    process: Process,
    _dir: TempDir,
}

impl Host {
    /// Of plugins that this puts into its directory.
    fn start(
        install: impl FnOnce(&Path) -> Result<(), BenchError>,
        more: &[&str],
    ) -> Result<Self, BenchError> {
        let dir = directory()?;
        let plugins = dir.path().join("plugins");
        std::fs::create_dir(&plugins).map_err(BenchError::system("make a plugins directory"))?;
        install(&plugins)?;
        let mut command = Command::new(Binary::Host.path()?);
        command.arg("--plugins").arg(&plugins).arg("--data").arg(dir.path().join("data"));
        command.args(more);
        Ok(Self { process: Process::bare_by(command)?, _dir: dir })
    }

    /// Of the plugin under load, to which every request goes.
    fn of_plugin(more: &[&str]) -> Result<Self, BenchError> {
        let install = |dir: &Path| link(Binary::Plugin, &dir.join("bench-plugin"));
        Self::start(install, &[&["--to", "bench-plugin"], more].concat())
    }
}

fn link(binary: Binary, to: &Path) -> Result<(), BenchError> {
    let file = binary.path()?;
    std::fs::hard_link(&file, to)
        .or_else(|_| std::fs::copy(&file, to).map(drop))
        .map_err(BenchError::system("put a plugin into a directory"))
}

/// Requests per second through the proxy, beside the same proxy with a connection for each request.
///
/// # Errors
/// When a side fails to answer.
pub fn throughput(effort: Effort) -> Result<Vec<Row>, BenchError> {
    let kept = Host::of_plugin(&[])?;
    let anew = Host::of_plugin(&["--connection-a-request"])?;
    let [kept, anew] = load::rates("host-throughput", effort, [&kept.process, &anew.process])?;
    let what = "proxied requests, 32 connections, beside a connection each";
    Ok(vec![
        Row::compare("host-throughput", what, Unit::PerSecond)
            .between(&kept.requests, &anew.requests)
            .goal(Goal::RatioAtLeast(2.0)),
    ])
}

/// The time of a proxied request, beside one that goes to the plugin's socket.
///
/// # Errors
/// When a side fails to answer.
pub fn latency(effort: Effort) -> Result<Vec<Row>, BenchError> {
    let host = Host::of_plugin(&[])?;
    let direct = Process::plugin(Binary::Plugin, temps_plugin_schema::Dialect::Two, &[])?;
    let _channel = Channel::open(&direct.socket())?;
    let sides = [&host.process, &direct];
    let [[proxied, direct]] = load::medians("host-latency", effort, [Placement::Free], sides)?;
    let goal = ADDED.max(ADDED_SHARE * direct.median());
    let what = "proxied request p50, 1 connection, beside a direct one";
    Ok(vec![
        Row::compare("host-latency", what, Unit::Seconds)
            .between(&proxied, &direct)
            .goal(Goal::MoreByAtMost(goal)),
    ])
}

/// From the start of a host to all its plugins running, and what it then holds.
///
/// # Errors
/// When one of them does not start.
pub fn start(rounds: usize) -> Result<Vec<Row>, BenchError> {
    // A minimal plugin is named like its file.
    let install = |dir: &Path| {
        (0..PLUGINS)
            .try_for_each(|number| link(Binary::Minimal, &dir.join(format!("plugin-{number}"))))
    };
    let none = Host::start(|_| Ok(()), &[])?;
    let (mut times, mut alone, mut memory) =
        (Series::default(), Series::default(), Series::default());
    for round in 0..rounds {
        eprintln!("host-start: round {} of {rounds}", round + 1);
        let host = Host::start(install, &[])?;
        times.push(host.process.started_in.as_secs_f64());
        alone.push(none.process.started_in.as_secs_f64());
        std::thread::sleep(SETTLE);
        memory.push(Resident::of(&host.process)?.all as f64);
    }
    let empty = Resident::of(&none.process)?.all as f64;
    Ok(vec![
        Row::compare("host-start", "100 plugins, start to all running", Unit::Seconds)
            .between(&times, &alone)
            .goal(Goal::AtMost(START))
            .note("beside a host without plugins"),
        Row::compare("host-memory", "memory of a host of 100 idle plugins", Unit::Bytes)
            .values(memory.median(), empty)
            .goal(Goal::AtMost(MEMORY))
            .note("of the host alone, beside one without plugins"),
    ])
}
