//! Requests to a handler: through the package and on `node:http`, on the same kind of socket.

use temps_plugin_schema::Dialect;

use crate::BenchError;
use crate::host::Channel;
use crate::load::{self, Effort};
use crate::placement::Placement;
use crate::process::Process;
use crate::report::{Goal, Row, Unit};

use super::Node;

/// The same answer from two servers.
struct Servers {
    plugin: Process,
    bare: Process,
    /// A plugin without a channel would give up after a while.
    _channel: Channel,
}

impl Servers {
    /// A fetch handler, and the least a program for `node:http` does.
    fn fetching(node: &Node) -> Result<Self, BenchError> {
        let plugin = node.plugin("fetching.mjs", Dialect::Two, &[])?;
        Self::around(plugin, node.listening("plain")?)
    }

    /// One application for `node:http`, in both.
    fn of(node: &Node, app: &str) -> Result<Self, BenchError> {
        let flag = format!("--bench-app={app}");
        let plugin = node.plugin("serving.mjs", Dialect::Two, &[&flag])?;
        Self::around(plugin, node.listening(app)?)
    }

    fn around(plugin: Process, bare: Process) -> Result<Self, BenchError> {
        let channel = Channel::open(&plugin.socket())?;
        Ok(Self { plugin, bare, _channel: channel })
    }

    /// Requests per second, and the processor time of each.
    fn rates(
        &self,
        name: &str,
        what: &str,
        goal: Goal,
        effort: Effort,
    ) -> Result<Vec<Row>, BenchError> {
        let [ours, theirs] = load::rates(name, effort, [&self.plugin, &self.bare])?;
        let rate = format!("Node: requests{what}, 32 connections");
        let cost = format!("Node: processor time a request{what}");
        Ok(vec![
            Row::compare(name, &rate, Unit::PerSecond)
                .between(&ours.requests, &theirs.requests)
                .goal(goal),
            Row::compare(&format!("{name}-cpu"), &cost, Unit::Seconds)
                .between(&ours.processor, &theirs.processor),
        ])
    }
}

/// To a fetch handler with a small JSON answer.
///
/// # Errors
/// When a server fails to start or to answer.
pub fn throughput(node: &Node, effort: Effort) -> Result<Vec<Row>, BenchError> {
    let servers = Servers::fetching(node)?;
    servers.rates("node-throughput", ", fetch handler", Goal::RatioAtLeast(1.4), effort)
}

/// To a route of Express's.
///
/// # Errors
/// When a server fails to start or to answer.
pub fn express(node: &Node, effort: Effort) -> Result<Vec<Row>, BenchError> {
    let servers = Servers::of(node, "with_express")?;
    servers.rates("node-express", " to Express", Goal::RatioAtLeast(0.95), effort)
}

/// To a route of Fastify's.
///
/// # Errors
/// When a server fails to start or to answer.
pub fn fastify(node: &Node, effort: Effort) -> Result<Vec<Row>, BenchError> {
    let servers = Servers::of(node, "with_fastify")?;
    servers.rates("node-fastify", " to Fastify", Goal::RatioAtLeast(0.95), effort)
}

/// The time of one request at a time to a fetch handler, in every placement.
///
/// # Errors
/// When a server fails to start or to answer.
pub fn latency(node: &Node, effort: Effort) -> Result<Vec<Row>, BenchError> {
    let servers = Servers::fetching(node)?;
    let sides = [&servers.plugin, &servers.bare];
    let medians = load::medians("node-latency", effort, Placement::ALL, sides)?;
    let rows = Placement::ALL.into_iter().zip(&medians).map(|(place, [ours, theirs])| {
        let what = format!("Node: request p50, 1 connection, {}", place.name());
        let name = format!("node-latency-{}", place.name());
        let row = Row::compare(&name, &what, Unit::Seconds).between(ours, theirs);
        match place {
            Placement::Together | Placement::Apart => row.goal(Goal::RatioAtMost(0.95)),
            Placement::Free => row,
        }
    });
    Ok(rows.collect())
}
