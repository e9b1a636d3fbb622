//! The answer to one request, given on another thread than the runtime's.
//!
//! Bindings run author code on the thread of an event loop. An answer may be handed back from there as
//! over any channel ([`Reply::send`]), which wakes a thread of the runtime just to write it to the
//! socket; or whoever gives it writes it ([`Reply::send_here`]).

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use axum::body::Body;
use http::Response;

use super::steps::Steps;

/// Where an answer may be given later: see [`App::call`](crate::App::call).
#[derive(Clone, Copy)]
pub struct ReplyTo<'a>(pub(crate) Option<&'a Arc<Steps>>);

impl ReplyTo<'_> {
    /// The two ends of an answer that another thread gives: what gives it, and what waits for it. The
    /// future gives `None` when the other end is dropped without an answer.
    #[must_use]
    pub fn later(self) -> (Reply, Replied) {
        let place = Arc::new(Mutex::new(Place::Empty(None)));
        let steps = self.0.map(Arc::downgrade).unwrap_or_default();
        let reply = Reply { place: Arc::clone(&place), steps };
        (reply, Replied(place))
    }
}

/// Where the two halves meet.
enum Place {
    /// Nothing yet, and who waits.
    Empty(Option<Waker>),
    Given(Response<Body>),
    /// There will be none, or nobody waits for it.
    Closed,
}

/// The end of an answer that gives it.
pub struct Reply {
    place: Arc<Mutex<Place>>,
    /// Not held: an answer that takes long must not keep what has ended.
    steps: Weak<Steps>,
}

/// The end of an answer that waits for it.
pub struct Replied(Arc<Mutex<Place>>);

impl Reply {
    /// Gives the answer: a thread of the runtime sends it. Does nothing when nobody waits any more.
    pub fn send(self, answer: Response<Body>) {
        if let Some(waiting) = self.put(answer) {
            waiting.wake();
        }
    }

    /// Gives the answer and sends what the socket takes of it from this thread, which is busy with that
    /// for some microseconds. No thread of the runtime has to be woken for it. Like
    /// [`send`](Self::send) unless [`PluginCore::answers_elsewhere`](crate::PluginCore::answers_elsewhere).
    pub fn send_here(self, answer: Response<Body>) {
        let Some(waiting) = self.put(answer) else { return };
        if let Some(steps) = self.steps.upgrade() {
            steps.advance();
        }
        // Another thread may have been at it, and looked just too early.
        if matches!(*lock(&self.place), Place::Given(_)) {
            waiting.wake();
        }
    }

    /// Puts the answer in its place; who waits for it, if anyone does yet.
    fn put(&self, answer: Response<Body>) -> Option<Waker> {
        let mut place = lock(&self.place);
        match std::mem::replace(&mut *place, Place::Given(answer)) {
            Place::Empty(waiting) => waiting,
            closed => {
                let answer = std::mem::replace(&mut *place, closed);
                // What an answer drops may be anything.
                drop(place);
                drop(answer);
                None
            }
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        let mut place = lock(&self.place);
        if let Place::Empty(waiting) = &mut *place {
            let waiting = waiting.take();
            *place = Place::Closed;
            drop(place);
            if let Some(waiting) = waiting {
                waiting.wake();
            }
        }
    }
}

impl Future for Replied {
    type Output = Option<Response<Body>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut place = lock(&self.0);
        match &mut *place {
            Place::Empty(waiting) => {
                *waiting = Some(cx.waker().clone());
                Poll::Pending
            }
            _ => match std::mem::replace(&mut *place, Place::Closed) {
                Place::Given(response) => Poll::Ready(Some(response)),
                _ => Poll::Ready(None),
            },
        }
    }
}

impl Drop for Replied {
    fn drop(&mut self) {
        let left = std::mem::replace(&mut *lock(&self.0), Place::Closed);
        drop(left);
    }
}

fn lock(place: &Mutex<Place>) -> MutexGuard<'_, Place> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}
