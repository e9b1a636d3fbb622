//! What the smallest plugin costs before it does anything: its start beside the interpreter's own, and
//! its idle memory beside a server on `node:http`.

use temps_plugin_schema::Dialect;

use crate::BenchError;
use crate::host::Channel;
use crate::memory::{MB, Residents, SETTLE};
use crate::process::{self, Process};
use crate::report::{Goal, Row, Unit};
use crate::rounds::Series;

use super::Node;

const PROGRAM: &str = "minimal.cjs";
/// The same one, imported instead of required.
const AS_MODULE: &str = "minimal.mjs";
/// The same one as `temps-plugin build` makes it.
const AS_FILE: &str = "minimal";

/// From `spawn` to `ready` in both dialects, beside `node -e 0` from `spawn` to exit.
///
/// # Errors
/// When something does not start.
pub fn spawn(node: &Node, rounds: usize) -> Result<Vec<Row>, BenchError> {
    let mut bare = Series::default();
    let mut plugins: [Series; 4] = std::array::from_fn(|_| Series::default());
    // One round more than asked for: the first brings the files into memory and does not count.
    for round in 0..=rounds {
        if round % 10 == 1 {
            eprintln!("node-spawn: round {round} of {rounds}");
        }
        let exited_in = process::to_exit(node.command(&["-e", "0"]))?;
        let ready_in = [
            node.plugin(PROGRAM, Dialect::One, &[])?.started_in,
            node.plugin(PROGRAM, Dialect::Two, &[])?.started_in,
            node.plugin(AS_MODULE, Dialect::Two, &[])?.started_in,
            Process::plugin_by(node.file(AS_FILE), Dialect::Two, &[])?.started_in,
        ];
        if round == 0 {
            continue;
        }
        bare.push(exited_in.as_secs_f64());
        for (series, time) in plugins.iter_mut().zip(ready_in) {
            series.push(time.as_secs_f64());
        }
    }
    let [one, two, as_module, as_file] = &plugins;
    let row = |name: &str, what: &str, series: &Series| {
        Row::compare(name, &format!("Node: start to ready, {what}"), Unit::Seconds)
            .between(series, &bare)
    };
    let goal = Goal::RatioAtMost(1.25);
    Ok(vec![
        row("node-spawn-1", "dialect 1", one).goal(goal),
        row("node-spawn-2", "dialect 2", two).goal(goal),
        row("node-spawn-file", "dialect 2, built into one file", as_file).goal(goal),
        row("node-spawn-module", "dialect 2, as a module", as_module)
            .note("no goal: Node takes that much longer for any module, an empty one too"),
    ])
}

/// With its channel open and nothing to do.
///
/// # Errors
/// When something does not start.
pub fn idle(node: &Node, rounds: usize) -> Result<Vec<Row>, BenchError> {
    let (mut ours, mut theirs) = (Residents::default(), Residents::default());
    for round in 0..rounds {
        eprintln!("node-idle: round {} of {rounds}", round + 1);
        let plugin = node.plugin(PROGRAM, Dialect::Two, &[])?;
        let channel = Channel::open(&plugin.socket())?;
        let bare = Process::bare_by(node.command(&["bare.cjs"]))?;
        std::thread::sleep(SETTLE);
        ours.look(&plugin)?;
        theirs.look(&bare)?;
        drop(channel);
    }
    Ok(vec![
        Row::compare("node-idle", "Node: idle memory, channel open", Unit::Bytes)
            .between(&ours.all, &theirs.all)
            .goal(Goal::MoreByAtMost(10.0 * MB)),
        Row::compare("node-idle-allocated", "Node: of it, allocated (RssAnon)", Unit::Bytes)
            .between(&ours.allocated, &theirs.allocated),
    ])
}
