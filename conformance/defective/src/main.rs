//! A plugin of the everything profile (PROTOCOL.md, appendix A) written by hand from PROTOCOL.md: no
//! SDK, no HTTP server library, no WebSocket library, so that every byte of it can be made wrong.
//!
//! Without `--defect` it is sound. With `--defect <id>` it is wrong in one way, the one that
//! [`defects`] describes; the conformance suite is proven by catching each of them.

mod arguments;
mod auth;
mod calls;
mod channel;
mod defects;
mod events;
mod handshake;
mod hooks;
mod http;
mod json;
mod launch_line;
mod life;
mod log;
mod manifest;
mod platform_api;
mod plugin;
mod routes;
mod server;
mod socket;
mod stdio;
mod stop;
mod ui;
mod websocket;
mod workers;

use std::process::ExitCode;

use arguments::{Arguments, Task};

fn main() -> ExitCode {
    log::panics_too();
    match Arguments::parse(std::env::args_os()) {
        Ok(Task::ListDefects) => {
            println!("{}", defects::list());
            ExitCode::SUCCESS
        }
        Ok(Task::Run(arguments)) => life::run(*arguments),
        Err(refusal) => {
            if let Some(message) = &refusal.message {
                log::error(message);
            }
            ExitCode::from(refusal.status)
        }
    }
}
