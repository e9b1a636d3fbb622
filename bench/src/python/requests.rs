//! Requests to an ASGI application: through the package, granian and uvicorn.

use crate::BenchError;
use crate::host::Channel;
use crate::load::{self, Effort};
use crate::placement::Placement;
use crate::process::Process;
use crate::report::{Goal, Row, Unit};
use crate::rounds::Series;

use super::{App, Python};

const GRANIAN: &str = "granian";
const UVICORN: &str = "uvicorn";

/// The same application in three servers.
struct Servers {
    plugin: Process,
    granian: Process,
    uvicorn: Process,
    /// A plugin without a channel would give up after a while.
    _channel: Channel,
}

impl Servers {
    fn start(python: &Python, app: App) -> Result<Self, BenchError> {
        let plugin = python.serving(app)?;
        let channel = Channel::open(&plugin.socket())?;
        let (granian, uvicorn) = (python.granian(app)?, python.uvicorn(app)?);
        Ok(Self { plugin, granian, uvicorn, _channel: channel })
    }

    fn all(&self) -> [&Process; 3] {
        [&self.plugin, &self.granian, &self.uvicorn]
    }
}

/// Requests per second, and the processor time of each, of a trivial application.
///
/// # Errors
/// When a server fails to start or to answer.
pub fn throughput(python: &Python, effort: Effort) -> Result<Vec<Row>, BenchError> {
    let servers = Servers::start(python, App::Trivial)?;
    let [ours, granian, uvicorn] = load::rates("python-throughput", effort, servers.all())?;
    let rate = |beside: &str, theirs: &Series| {
        let name = format!("python-throughput-{beside}");
        let what = format!("Python: requests, 32 connections, beside {beside}");
        Row::compare(&name, &what, Unit::PerSecond).between(&ours.requests, theirs)
    };
    let cost = |beside: &str, theirs: &Series| {
        let name = format!("python-request-cpu-{beside}");
        let what = format!("Python: processor time a request, beside {beside}");
        Row::compare(&name, &what, Unit::Seconds).between(&ours.processor, theirs)
    };
    Ok(vec![
        rate(GRANIAN, &granian.requests).goal(Goal::RatioAtLeast(1.4)),
        rate(UVICORN, &uvicorn.requests).goal(Goal::RatioAtLeast(1.6)),
        cost(GRANIAN, &granian.processor),
        cost(UVICORN, &uvicorn.processor),
    ])
}

/// Requests per second to a route of `FastAPI`'s, and the processor time of each, beside the better
/// of the two.
///
/// # Errors
/// When a server fails to start or to answer.
pub fn fastapi(python: &Python, effort: Effort) -> Result<Vec<Row>, BenchError> {
    let servers = Servers::start(python, App::Fastapi)?;
    let [ours, granian, uvicorn] = load::rates("python-fastapi", effort, servers.all())?;
    let what = "Python: requests to FastAPI, 32 connections";
    let rate = Theirs { granian: &granian.requests, uvicorn: &uvicorn.requests }
        .beside_better(Row::compare("python-fastapi", what, Unit::PerSecond), &ours.requests);
    let what = "Python: processor time a request to FastAPI";
    let cost = Theirs { granian: &granian.processor, uvicorn: &uvicorn.processor }
        .beside_better(Row::compare("python-fastapi-cpu", what, Unit::Seconds), &ours.processor);
    Ok(vec![rate.goal(Goal::RatioAtLeast(1.1)), cost])
}

/// The time of one request at a time, beside the better of the two, in every placement.
///
/// # Errors
/// When a server fails to start or to answer.
pub fn latency(python: &Python, effort: Effort) -> Result<Vec<Row>, BenchError> {
    let servers = Servers::start(python, App::Trivial)?;
    let medians = load::medians("python-latency", effort, Placement::ALL, servers.all())?;
    let rows = Placement::ALL.into_iter().zip(&medians).map(|(place, [ours, granian, uvicorn])| {
        let what = format!("Python: request p50, 1 connection, {}", place.name());
        let name = format!("python-latency-{}", place.name());
        let row = Row::compare(&name, &what, Unit::Seconds);
        let row = Theirs { granian, uvicorn }.beside_better(row, ours);
        match place {
            Placement::Together | Placement::Apart => row.goal(Goal::RatioAtMost(0.9)),
            Placement::Free => row,
        }
    });
    Ok(rows.collect())
}

/// What the two others did.
struct Theirs<'a> {
    granian: &'a Series,
    uvicorn: &'a Series,
}

impl Theirs<'_> {
    /// A row against the better of the two over the run; the other one goes into the note.
    fn beside_better(&self, row: Row, ours: &Series) -> Row {
        let granian_first = match row.unit() {
            Unit::PerSecond => self.granian.median() >= self.uvicorn.median(),
            Unit::Seconds | Unit::Bytes => self.granian.median() <= self.uvicorn.median(),
        };
        let (better, name, other, other_name) = if granian_first {
            (self.granian, GRANIAN, self.uvicorn, UVICORN)
        } else {
            (self.uvicorn, UVICORN, self.granian, GRANIAN)
        };
        let other_ratio = ours.over(other).median();
        row.between(ours, better)
            .note(&format!("beside {name}, the better one; ×{other_ratio:.2} of {other_name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_one_is_the_quicker_or_the_one_that_serves_more() {
        let series = |value: f64| std::iter::once(value).collect::<Series>();
        let (granian, uvicorn) = (series(2.0), series(4.0));
        let theirs = Theirs { granian: &granian, uvicorn: &uvicorn };
        for (unit, goal, met) in [
            (Unit::Seconds, Goal::RatioAtMost(0.5), true),
            (Unit::Seconds, Goal::RatioAtMost(0.49), false),
            (Unit::PerSecond, Goal::RatioAtLeast(0.25), true),
            (Unit::PerSecond, Goal::RatioAtLeast(0.26), false),
        ] {
            let row = theirs.beside_better(Row::compare("x", "x", unit), &series(1.0));
            assert_eq!(row.goal(goal).met(), Some(met), "{unit:?} {goal:?}");
        }
    }
}
