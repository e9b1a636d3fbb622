//! What a plugin without a framework costs before it does anything: its start and its idle memory,
//! beside an interpreter that has imported asyncio.
//!
//! Goals are about the package by itself. The rows with uvloop show what an author pays who has it.

use temps_plugin_schema::Dialect;

use crate::BenchError;
use crate::host::Channel;
use crate::memory::{MB, Residents, SETTLE};
use crate::process::{self, Process};
use crate::report::{Goal, Row, Unit};
use crate::rounds::Series;

use super::Python;

const PROGRAM: &str = "minimal.py";
const WITH_UVLOOP: &str = "--bench-uvloop";

/// From `spawn` to `ready` in both dialects, beside `python -c "import asyncio"` from `spawn` to exit.
///
/// # Errors
/// When something does not start.
pub fn spawn(python: &Python, rounds: usize) -> Result<Vec<Row>, BenchError> {
    let mut bare = Series::default();
    let mut plugins: [Series; 3] = std::array::from_fn(|_| Series::default());
    // One round more than asked for: the first brings the files into memory and does not count.
    for round in 0..=rounds {
        if round % 10 == 1 {
            eprintln!("python-spawn: round {round} of {rounds}");
        }
        let exited_in = process::to_exit(python.command(&["-c", "import asyncio"]))?;
        let ready_in = [
            python.plugin(PROGRAM, Dialect::One, &[])?.started_in,
            python.plugin(PROGRAM, Dialect::Two, &[])?.started_in,
            python.plugin(PROGRAM, Dialect::Two, &[WITH_UVLOOP])?.started_in,
        ];
        if round == 0 {
            continue;
        }
        bare.push(exited_in.as_secs_f64());
        for (series, time) in plugins.iter_mut().zip(ready_in) {
            series.push(time.as_secs_f64());
        }
    }
    let [one, two, with_uvloop] = &plugins;
    let row = |name: &str, what: &str, series: &Series| {
        Row::compare(name, &format!("Python: start to ready, {what}"), Unit::Seconds)
            .between(series, &bare)
    };
    Ok(vec![
        row("python-spawn-1", "dialect 1", one).goal(Goal::RatioAtMost(1.3)),
        row("python-spawn-2", "dialect 2", two).goal(Goal::RatioAtMost(1.3)),
        row("python-spawn-uvloop", "dialect 2 and uvloop", with_uvloop),
    ])
}

/// With its channel open and nothing to do.
///
/// # Errors
/// When something does not start.
pub fn idle(python: &Python, rounds: usize) -> Result<Vec<Row>, BenchError> {
    let (mut bare, mut plugin, mut with_uvloop) =
        (Residents::default(), Residents::default(), Residents::default());
    for round in 0..rounds {
        eprintln!("python-idle: round {} of {rounds}", round + 1);
        let interpreter = Process::waiting(python.command(&["bare.py"]))?;
        let plain = python.plugin(PROGRAM, Dialect::Two, &[])?;
        let on_uvloop = python.plugin(PROGRAM, Dialect::Two, &[WITH_UVLOOP])?;
        let channels = [Channel::open(&plain.socket())?, Channel::open(&on_uvloop.socket())?];
        std::thread::sleep(SETTLE);
        bare.look(&interpreter)?;
        plugin.look(&plain)?;
        with_uvloop.look(&on_uvloop)?;
        drop(channels);
    }
    let row = |name: &str, what: &str| {
        Row::compare(name, &format!("Python: idle memory{what}"), Unit::Bytes)
    };
    Ok(vec![
        row("python-idle", ", channel open")
            .between(&plugin.all, &bare.all)
            .goal(Goal::MoreByAtMost(8.0 * MB)),
        row("python-idle-allocated", ", of it allocated (RssAnon)")
            .between(&plugin.allocated, &bare.allocated),
        row("python-idle-uvloop", ", with uvloop").between(&with_uvloop.all, &bare.all),
    ])
}
