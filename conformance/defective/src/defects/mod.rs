//! The catalogue: every way in which this plugin can be wrong, one file an area.
//!
//! A defect is a constant that the code asks for where it misbehaves:
//!
//! ```ignore
//! let mode = if socket::MODE_0644.active() { 0o644 } else { 0o600 };
//! ```
//!
//! A misspelt one does not compile, and neither does one that nobody asks for.

mod catalogue;

pub(crate) mod auth;
pub(crate) mod author;
pub(crate) mod channel;
pub(crate) mod events;
pub(crate) mod everything_calls;
pub(crate) mod everything_events;
pub(crate) mod everything_http;
pub(crate) mod everything_life;
pub(crate) mod faults;
pub(crate) mod handshake;
pub(crate) mod health;
pub(crate) mod http;
pub(crate) mod launch;
pub(crate) mod launch_line;
pub(crate) mod limits;
pub(crate) mod manifest;
pub(crate) mod requests;
pub(crate) mod socket;
pub(crate) mod stdio;
pub(crate) mod stop;
pub(crate) mod ui;

pub(crate) use catalogue::{Defect, activate, defect, list};

/// Declares the defects of an area: constants for the code, and the table `DEFECTS`.
///
/// The constants are not in the table, so that the compiler finds those that nobody asks for.
macro_rules! defects {
    ($( $(#[$meta:meta])* $name:ident = $defect:expr; )*) => {
        $(
            $(#[$meta])*
            #[deny(dead_code)]
            pub(crate) const $name: $crate::defects::Defect = $defect;
        )*

        /// Every defect of this area.
        pub(crate) const DEFECTS: &[$crate::defects::Defect] = &[$($defect),*];
    };
}
pub(crate) use defects;

/// The tables, in the order of the checks' areas.
const TABLES: [&[Defect]; 21] = [
    handshake::DEFECTS,
    launch_line::DEFECTS,
    manifest::DEFECTS,
    launch::DEFECTS,
    stdio::DEFECTS,
    socket::DEFECTS,
    health::DEFECTS,
    http::DEFECTS,
    auth::DEFECTS,
    channel::DEFECTS,
    events::DEFECTS,
    ui::DEFECTS,
    stop::DEFECTS,
    everything_http::DEFECTS,
    everything_calls::DEFECTS,
    everything_events::DEFECTS,
    everything_life::DEFECTS,
    faults::DEFECTS,
    limits::DEFECTS,
    author::DEFECTS,
    requests::DEFECTS,
];
