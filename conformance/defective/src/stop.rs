//! Stopping in an order that loses nothing (LC-01 to LC-16).

use std::io;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use crate::defects::{everything_life as defects, limits, stop as defect};
use crate::plugin::Plugin;
use crate::{hooks, log, socket};

/// LC-05: how long requests under way are waited for.
const DRAIN: Duration = Duration::from_secs(10);

/// The two signals that end a plugin.
pub(crate) struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv(), if !defect::SIGTERM_IGNORED.active() => {}
            _ = self.int.recv(), if !defect::SIGINT_IGNORED.active() => {}
        }
    }
}

/// Everything between the first signal and the exit.
pub(crate) async fn in_order(
    plugin: &Arc<Plugin>,
    serving: Option<JoinHandle<()>>,
    socket_path: &Path,
) {
    plugin.stopping.send_replace(true);
    let refuse = async {
        if let Some(serving) = serving {
            // The listener goes with the task: from here on nobody is let in (LC-03).
            serving.abort();
            let _ = serving.await;
        }
    };
    if !defect::ACCEPTS_WHILE_DRAINING.active() {
        refuse.await;
        drain(plugin).await;
    } else {
        drain(plugin).await;
        refuse.await;
    }
    let initialised =
        plugin.initialised.load(Ordering::Acquire) || defects::SHUTDOWN_HOOK_ALWAYS.active();
    let needs_channel = defects::SHUTDOWN_HOOK_NEEDS_A_CHANNEL.active();
    if initialised && (!needs_channel || *plugin.had_channel.borrow()) {
        run_hook(plugin).await;
    }
    if !defect::SOCKET_LEFT.active() {
        socket::remove(socket_path);
    }
    plugin.channel.close().await;
}

/// Waits for what is under way, within the limit (LC-04, LC-05).
async fn drain(plugin: &Plugin) {
    if defects::WAITS_FOR_WEBSOCKETS.active() {
        plugin.idle().await;
    }
    let limit = if defect::NOT_DRAINED.active() {
        Duration::ZERO
    } else if limits::DRAIN_5_S.active() {
        DRAIN / 2
    } else if limits::DRAIN_FOR_EVER.active() {
        Duration::MAX
    } else {
        DRAIN
    };
    if tokio::time::timeout(limit, plugin.idle()).await.is_err() {
        log::warn("breaking off what is still under way");
    }
}

/// LC-08: whatever becomes of the hook, stopping goes on.
async fn run_hook(plugin: &Plugin) {
    match AssertUnwindSafe(hooks::stop(&plugin.data_dir)).catch_unwind().await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::error(&format!("the shutdown hook failed: {error}")),
        Err(_) if defects::SHUTDOWN_PANIC_IS_FATAL.active() => std::process::exit(101),
        Err(_) => log::error("the shutdown hook panicked"),
    }
}
