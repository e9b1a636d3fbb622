//! The checks, one file an area. Each file ends in a table named `CHECKS`.

pub mod auth;
pub mod channel;
pub mod channel_frames;
pub mod events;
pub mod everything_api;
pub mod everything_author;
pub mod everything_callers;
pub mod everything_calls;
pub mod everything_events;
pub mod everything_given_up;
pub mod everything_hooks;
pub mod everything_http;
pub mod everything_life;
pub mod everything_limits;
pub mod everything_load;
pub mod everything_profile;
pub mod everything_replies;
pub mod everything_requests;
pub mod faults;
pub mod faults_connections;
pub mod handshake;
pub mod health;
pub mod http;
pub mod launch;
pub mod launch_line;
pub mod limits;
pub mod manifest;
pub mod requests;
pub mod requests_callers;
pub mod requests_events;
pub mod requests_openapi;
pub mod requests_secrecy;
pub mod requests_traffic;
pub mod socket;
pub mod stdio;
pub mod stop;
pub mod ui;

/// What nearly every check needs.
pub(crate) mod prelude {
    pub(crate) use serde_json::{Value, json};
    pub(crate) use temps_plugin_schema::Dialect;

    pub(crate) use crate::model::{Check, Evidence, Needs, Stop, Verdict, ensure};
    pub(crate) use crate::subject::{Channel, Cx, Plan, Plugin, Request, Response};
}
