//! From the wire to the author's event hook: one queue, one event at a time, in order.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use temps_plugin_schema::PluginEvent;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::runtime::core::PluginCore;
use crate::{PluginContext, PluginSdkError};

/// What the queue may hold, in KiB: a burst of ten thousand events fits, a host that never stops
/// sending does not. Each event counts its own size, rounded up to whole KiB.
const QUEUE_KIB: u32 = 64 * 1024;

/// Where events go in, from the channel and from `POST /_events` alike.
#[derive(Clone)]
pub(crate) struct EventIntake {
    room: Arc<Semaphore>,
    queue: mpsc::UnboundedSender<Queued>,
}

/// Where they come out. Made with its intake; runs once the plugin is initialised (EV-27).
pub(crate) struct EventDelivery {
    queue: mpsc::UnboundedReceiver<Queued>,
}

enum Queued {
    /// An event, with its share of the queue's room.
    Event(PluginEvent, OwnedSemaphorePermit),
    /// No event follows.
    End,
}

/// The plugin takes no more events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IntakeClosed;

/// A queue for events.
pub(crate) fn queue() -> (EventIntake, EventDelivery) {
    let room = Arc::new(Semaphore::new(QUEUE_KIB as usize));
    // Bounded by `room`: every queued event holds its share of it.
    let (sender, receiver) = mpsc::unbounded_channel();
    (EventIntake { room, queue: sender }, EventDelivery { queue: receiver })
}

impl EventIntake {
    /// Takes an event over if there is room for it at once; hands it back if not.
    pub(crate) fn try_put(&self, event: PluginEvent, bytes: usize) -> Result<(), PluginEvent> {
        let Ok(permit) = Arc::clone(&self.room).try_acquire_many_owned(share(bytes)) else {
            return Err(event);
        };
        match self.queue.send(Queued::Event(event, permit)) {
            Err(mpsc::error::SendError(Queued::Event(event, _))) => Err(event),
            _ => Ok(()),
        }
    }

    /// Takes an event over. Waits for room, so that a host that sends faster than the author's hook
    /// works is slowed down by its own socket.
    pub(crate) async fn put(&self, event: PluginEvent, bytes: usize) -> Result<(), IntakeClosed> {
        let room = Arc::clone(&self.room);
        let permit = room.acquire_many_owned(share(bytes)).await.map_err(|_| IntakeClosed)?;
        self.queue.send(Queued::Event(event, permit)).map_err(|_| IntakeClosed)
    }

    /// Takes no more. What is queued is still delivered.
    pub(crate) fn close(&self) {
        self.room.close();
        // Delivery may have ended already; then there is nothing to end.
        drop(self.queue.send(Queued::End));
    }
}

/// The part of the queue that an event of this size takes; the largest takes all of it.
fn share(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(QUEUE_KIB).clamp(1, QUEUE_KIB)
}

impl EventDelivery {
    /// Delivers until the intake is closed and the queue is empty.
    pub(crate) async fn run(mut self, core: Arc<dyn PluginCore>, ctx: PluginContext) {
        while let Some(queued) = self.queue.recv().await {
            match queued {
                Queued::Event(event, _room) => deliver(core.as_ref(), &ctx, event).await,
                // From here on `put` fails instead of queueing what nobody would deliver.
                Queued::End => self.queue.close(),
            }
        }
    }
}

/// Runs the hook on one event. Whatever it does, the next one follows (EV-23).
async fn deliver(core: &dyn PluginCore, ctx: &PluginContext, event: PluginEvent) {
    let (id, event_type) = (event.id.clone(), event.event_type.clone());
    let outcome: Result<Result<(), PluginSdkError>, _> =
        AssertUnwindSafe(async { core.on_event(ctx, event).await }).catch_unwind().await;
    let plugin = ctx.plugin_name();
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::error!(plugin, event_type, id, %error, "the event hook failed");
        }
        Err(_panic) => tracing::error!(plugin, event_type, id, "the event hook panicked"),
    }
}
