//! From an event's frame to an `async` handler in Python, beside `on_event_async` of the Rust SDK.

use crate::BenchError;
use crate::channel::{self, Answering, Effort, Hook};
use crate::placement::{Placement, Processors};
use crate::report::{Goal, Row, Unit};
use crate::rounds::Series;

use super::Python;

/// Times events, in every placement.
///
/// # Errors
/// When a side fails to answer.
pub fn events(python: &Python, effort: Effort) -> Result<Vec<Row>, BenchError> {
    let mut ours = python.answering()?;
    let mut rust = Answering::start(Hook::Async)?;
    let processors = Processors::all()?;
    let mut series = Placement::ALL.map(|_| [Series::default(), Series::default()]);
    for round in 0..effort.rounds {
        if round % 10 == 0 {
            eprintln!("python-event: round {} of {}", round + 1, effort.rounds);
        }
        for (place, [by_python, by_rust]) in Placement::ALL.into_iter().zip(&mut series) {
            processors.place(place, &[&ours.process, &rust.process])?;
            by_python.push(channel::events_to(&mut ours, effort.trips)?);
            by_rust.push(channel::events_to(&mut rust, effort.trips)?);
        }
    }
    processors.place(Placement::Free, &[])?;
    let rows = Placement::ALL.into_iter().zip(&series).map(|(place, [by_python, by_rust])| {
        let what = format!("Python: event, async handler, {}", place.name());
        let row = Row::compare(&format!("python-event-{}", place.name()), &what, Unit::Seconds)
            .between(by_python, by_rust);
        match place {
            Placement::Together | Placement::Apart => row.goal(Goal::RatioAtMost(3.0)),
            Placement::Free => row,
        }
    });
    Ok(rows.collect())
}
