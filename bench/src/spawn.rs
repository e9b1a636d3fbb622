//! From `spawn` to `ready`: the smallest plugin beside the smallest server.

use temps_plugin_schema::Dialect;

use crate::BenchError;
use crate::process::{Binary, Process};
use crate::report::{Goal, Row, Unit};
use crate::rounds::Series;

/// Times a start in each dialect, `rounds` times.
///
/// # Errors
/// When something does not start.
pub fn measure(rounds: usize) -> Result<[Row; 2], BenchError> {
    let mut bare = Series::default();
    let mut plugins = [Series::default(), Series::default()];
    // One round more than asked for: the first brings the files into memory and does not count.
    for round in 0..=rounds {
        if round % 10 == 1 {
            eprintln!("spawn: round {round} of {rounds}");
        }
        let started_in = Process::bare(Binary::Bare, &[])?.started_in;
        let ready_in = [
            Process::plugin(Binary::Minimal, Dialect::One, &[])?.started_in,
            Process::plugin(Binary::Minimal, Dialect::Two, &[])?.started_in,
        ];
        if round == 0 {
            continue;
        }
        bare.push(started_in.as_secs_f64());
        for (series, time) in plugins.iter_mut().zip(ready_in) {
            series.push(time.as_secs_f64());
        }
    }
    let [one, two] = &plugins;
    Ok([
        Row::compare("spawn-1", "start to ready, dialect 1", Unit::Seconds)
            .between(one, &bare)
            .goal(Goal::RatioAtMost(1.3)),
        Row::compare("spawn-2", "start to ready, dialect 2", Unit::Seconds)
            .between(two, &bare)
            .goal(Goal::RatioAtMost(1.3)),
    ])
}
