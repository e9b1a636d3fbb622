//! Answers on their way to the runtime.
//!
//! Waking a thread of the runtime costs the event loop's thread more than making an answer does. So an
//! answer is written right here as long as requests come one by one, and when they come in numbers,
//! answers are handed over in numbers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Reply;
use axum::body::Body;
use http::Response;
use tokio::runtime::Handle;

/// Answers handed over at once, at most: who waits for the first of them should not wait for many.
const BATCH: usize = 8;
/// How long an answer is held at most when the next handler blocks the event loop.
const HOLD: Duration = Duration::from_millis(2);

/// Where the answers of an event loop go.
#[derive(Default)]
pub struct Outbox(Mutex<Held>);

#[derive(Default)]
struct Held {
    answers: Vec<(Reply, Response<Body>)>,
    /// Requests come in numbers: the event loop will flush.
    busy: bool,
    /// The runtime flushes as well, every now and then.
    swept: bool,
}

impl Outbox {
    /// Hands over what is held. `busy` says whether this will be called again after what the event loop
    /// has to do now.
    pub fn flush(self: &Arc<Self>, busy: bool, runtime: &Handle) {
        let mut held = self.lock();
        held.busy = busy;
        let to_sweep = busy && !std::mem::replace(&mut held.swept, true);
        hand_over(held);
        if to_sweep {
            runtime.spawn(Arc::clone(self).sweep());
        }
    }

    /// Gives an answer: here and now, or with the others.
    pub fn give(&self, reply: Reply, answer: Response<Body>) {
        let mut held = self.lock();
        if !held.busy {
            drop(held);
            reply.send_here(answer);
            return;
        }
        held.answers.push((reply, answer));
        if held.answers.len() >= BATCH {
            hand_over(held);
        }
    }

    /// Hands over what the event loop does not come to: a handler may block it.
    async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(HOLD).await;
            let mut held = self.lock();
            held.swept = held.busy;
            let done = !held.busy;
            hand_over(held);
            if done {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hand_over(mut held: MutexGuard<'_, Held>) {
    for (reply, answer) in held.answers.drain(..) {
        reply.send(answer);
    }
}
