//! Starting a plugin: what it is given, and the handshake that follows.
//!
//! A [`Launcher`] says everything about a start. [`Launcher::start`] goes all the way to a
//! [`RunningPlugin`](crate::RunningPlugin); [`Launcher::spawn_in`] stops after the process has begun and
//! leaves the steps to the caller, who may also take them wrongly.

mod handshake;
mod lines;
mod options;
mod spawn;
mod start;

pub use handshake::Starting;
pub use options::{DialectChoice, FlagStyle, LaunchLine, Launcher};
pub use start::Handshake;
