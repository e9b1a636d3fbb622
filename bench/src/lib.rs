//! What the SDK costs: each row measures a plugin beside the same thing without the SDK, in one run. The
//! host's rows ([`hosting`]) measure its proxy beside a plugin's own socket.
//!
//! The machine this runs on is shared and noisy, so nothing here is an absolute number that must
//! hold. Two sides take turns, round after round ([`rounds`]), and the ratio of each pair of rounds
//! is what a goal is about. Nothing is asserted: a goal is met or missed, and the report says which
//! ([`report`]).
//!
//! - [`load`] makes requests: throughput and latency.
//! - [`spawn`] times a start.
//! - [`channel`] times calls and events.
//! - [`memory`] looks at resident memory, idle and over a million requests.
//! - [`size`] looks at files.
//! - [`python`] does all of this with the Python package, beside servers that Python programs run in.
//! - [`node`] does so with the Node package, beside `node:http`.
//!
//! Around them, [`process`] starts what is measured, [`placement`] says on which processors it runs,
//! [`host`] is the smallest host there can be, and [`app`] is the route that both sides serve.

pub mod app;
pub mod channel;
mod error;
pub mod host;
pub mod hosting;
pub mod load;
pub mod memory;
pub mod node;
pub mod placement;
pub mod process;
pub mod python;
pub mod report;
pub mod rounds;
pub mod size;
pub mod spawn;
pub mod suite;

pub use error::BenchError;
