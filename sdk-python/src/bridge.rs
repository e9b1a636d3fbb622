//! From tokio to the event loop: a queue, and a descriptor that wakes the loop.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use axum::body::Body;
use pyo3::prelude::*;
use rustix::event::{EventfdFlags, eventfd};
use temps_plugin_sdk::binding::Inbox;
use temps_plugin_sdk::{Reply, VerifiedCaller};

use crate::runtime::Handlers;

/// A request on its way to the event loop.
pub(crate) struct Incoming {
    pub(crate) id: u64,
    pub(crate) parts: http::request::Parts,
    pub(crate) body: Body,
    pub(crate) caller: Option<VerifiedCaller>,
    pub(crate) answer: Reply,
}

/// Something to do on the event loop's thread.
pub(crate) enum Command {
    /// A request for the author's application.
    Request(Box<Incoming>),
    /// Anything else.
    Run(Job),
}

/// Something to do with the author's side of the plugin.
type Job = Box<dyn FnOnce(Python<'_>, &Arc<Handlers>) -> PyResult<()> + Send>;

/// The queue, and what wakes the loop.
pub(crate) struct Bridge {
    inbox: Inbox<Command>,
    wake: OwnedFd,
}

impl Bridge {
    pub(crate) fn new() -> std::io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { inbox: Inbox::default(), wake })
    }

    /// The descriptor that is readable while there is something to do.
    pub(crate) fn fileno(&self) -> RawFd {
        self.wake.as_raw_fd()
    }

    /// Queues a command; wakes the loop unless it is awake.
    pub(crate) fn push(&self, command: Command) {
        if self.inbox.put(command)
            && let Err(error) = rustix::io::write(&self.wake, &1u64.to_ne_bytes())
        {
            tracing::error!(%error, "cannot wake the event loop");
        }
    }

    /// [`push`](Self::push) for anything but a request.
    pub(crate) fn run(
        &self,
        command: impl FnOnce(Python<'_>, &Arc<Handlers>) -> PyResult<()> + Send + 'static,
    ) {
        self.push(Command::Run(Box::new(command)));
    }

    /// Takes the wake-up back. To be called before [`take`](Self::take): a wake-up that comes between the
    /// two is then one too many, and not one that was lost.
    pub(crate) fn woken(&self) {
        // It may have been taken back before: then there is nothing to read.
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }

    /// See [`Inbox::take`].
    pub(crate) fn take(&self) -> (VecDeque<Command>, bool) {
        self.inbox.take()
    }
}
