//! From an event's frame to an `async` handler in Python, beside `on_event_async` of the Rust SDK.

use crate::BenchError;
use crate::channel::{self, Effort};
use crate::report::Row;

use super::Python;

/// Times events, in every placement.
///
/// # Errors
/// When a side fails to answer.
pub fn events(python: &Python, effort: Effort) -> Result<Vec<Row>, BenchError> {
    channel::events_beside_rust("python", "Python", python.answering()?, effort)
}
