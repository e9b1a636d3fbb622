//! From tokio to the event loop: a queue, and a thread-safe function that wakes the loop.

use std::sync::OnceLock;

use axum::body::Body;
use bytes::Bytes;
use http_body::Frame;
use napi::Status;
use napi::threadsafe_function::ThreadsafeFunction;
use temps_plugin_sdk::binding::{HookDone, Inbox};
use temps_plugin_sdk::{PluginContext, PluginSdkError};
use tokio::runtime::Handle;

use crate::exchange::Incoming;

/// Wakes the event loop. It holds one call at most: a loop that is about to be woken need not be woken
/// twice.
pub(crate) type Wake = ThreadsafeFunction<(), (), (), Status, false, false, 1>;

/// What the next piece of a body was.
pub(crate) type Pulled = Option<Result<Frame<Bytes>, axum::Error>>;

/// Something for the event loop's thread.
pub(crate) enum Command {
    /// A request for author code.
    Request(Box<Incoming>),
    /// A piece of a request's body that was asked for, and the rest of it.
    Pulled(u64, Body, Pulled),
    /// What came in on a connection that author code has taken over; nothing at its end.
    Raw(u64, Option<Bytes>),
    /// There is room for more of an answer.
    Drain(u64),
    /// Nobody waits for an answer any more.
    Gone(u64),
    Start(Box<(PluginContext, Handle)>, HookDone),
    Event(String, HookDone),
    Shutdown(HookDone),
    /// What a call to the platform gave.
    Called(u32, Result<String, PluginSdkError>),
    /// The plugin was told to stop.
    Stopping,
    /// The plugin has ended, with this exit code.
    Ended(u8),
}

/// Wakes the event loop; false when there is none any more.
type WakeUp = Box<dyn Fn() -> bool + Send + Sync>;

/// The queue and who takes from it.
#[derive(Default)]
pub(crate) struct Bridge {
    pub(crate) inbox: Inbox<Command>,
    wake: OnceLock<WakeUp>,
}

impl Bridge {
    /// Says how the event loop is woken; what is given there says whether it still can be.
    pub(crate) fn attach(&self, wake: impl Fn() -> bool + Send + Sync + 'static) {
        drop(self.wake.set(Box::new(wake)));
    }

    /// Queues a command; wakes the loop unless it is awake.
    pub(crate) fn push(&self, command: Command) {
        if self.inbox.put(command)
            && let Some(wake) = self.wake.get()
            && !wake()
        {
            self.empty();
        }
    }

    /// Lets go of what nobody will take: whoever waits for it is told so.
    pub(crate) fn empty(&self) {
        while !self.inbox.take().0.is_empty() {}
    }
}
