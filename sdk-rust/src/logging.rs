//! Logs: JSON lines on stderr, filtered by `RUST_LOG` (PROTOCOL.md, section "Standard streams").

use std::panic::PanicHookInfo;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Installs the JSON logger, unless the author has installed one of their own.
///
/// `RUST_LOG` takes a level (`debug`) or targets with levels (`my_plugin=debug,warn`); without it
/// everything from `info` up is written.
pub(crate) fn install() {
    let wanted = std::env::var("RUST_LOG").ok();
    let filter = wanted.as_deref().map(str::parse::<Targets>);
    let bad_filter = matches!(filter, Some(Err(_)));
    let filter = match filter {
        Some(Ok(targets)) => targets,
        _ => Targets::new().with_default(tracing::Level::INFO),
    };
    let lines = tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr);
    let installed = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
    if installed.is_ok() && bad_filter {
        tracing::warn!("RUST_LOG is no list of targets and levels; logging from info up");
    }
}

/// Logs panics as one line that names the plugin, in place of the standard hook's plain text.
pub(crate) fn log_panics(plugin: String) {
    std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        let message = info.payload_as_str().unwrap_or("a value that is no text");
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(plugin, location, "panic: {message}");
    }));
}
