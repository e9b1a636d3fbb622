//! From tokio to the event loop: a queue, and a descriptor that wakes the loop.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use pyo3::prelude::*;
use rustix::event::{EventfdFlags, eventfd};
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

/// The queue. Any thread puts commands in, the loop's thread takes them out.
pub(crate) struct Bridge {
    queue: Mutex<Queue>,
    wake: OwnedFd,
}

#[derive(Default)]
struct Queue {
    commands: VecDeque<Command>,
    /// The loop will come without being woken.
    awake: bool,
}

impl Bridge {
    pub(crate) fn new() -> std::io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { queue: Mutex::default(), wake })
    }

    /// The descriptor that is readable while there is something to do.
    pub(crate) fn fileno(&self) -> RawFd {
        self.wake.as_raw_fd()
    }

    /// Queues a command; wakes the loop unless it is awake.
    pub(crate) fn push(&self, command: Command) {
        let mut queue = self.lock();
        queue.commands.push_back(command);
        let was_awake = std::mem::replace(&mut queue.awake, true);
        drop(queue);
        if !was_awake && let Err(error) = rustix::io::write(&self.wake, &1u64.to_ne_bytes()) {
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

    /// All that is queued, and whether the loop stays awake: then it has to come again without being
    /// woken. It does when several commands came, as more will have come by then.
    pub(crate) fn take(&self) -> (VecDeque<Command>, bool) {
        let mut queue = self.lock();
        let commands = std::mem::take(&mut queue.commands);
        queue.awake = commands.len() > 1;
        (commands, queue.awake)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
