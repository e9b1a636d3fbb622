//! Who takes a connection's next step.
//!
//! A step is hyper's: read a head, ask for the answer, write it. The runtime's task takes it when the
//! socket has something to tell. When an answer comes from a thread of author code's, that thread can
//! take the step right there ([`Steps::advance`]): to wake the runtime for it would cost more than the
//! step itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;

use crate::runtime::core::BoxFuture;

/// The steps of one connection.
pub(crate) struct Steps {
    runtime: Handle,
    /// What a step is a poll of, until the connection ends.
    serving: Mutex<Option<BoxFuture<'static, ()>>>,
    /// The runtime's task. Whoever takes a step, it is this one that waits for the socket.
    task: OnceLock<Waker>,
    /// Another thread wanted to take a step.
    asked: AtomicBool,
}

impl Steps {
    /// Steps that nobody takes yet, of a connection of this runtime.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            runtime: Handle::current(),
            serving: Mutex::default(),
            task: OnceLock::new(),
            asked: AtomicBool::new(false),
        })
    }

    /// The task that takes the steps until the end of `serving`, which may hold these steps: it is
    /// dropped with the task. To be spawned as it is.
    pub(crate) fn drive(self: Arc<Self>, serving: BoxFuture<'static, ()>) -> Driving {
        *self.lock() = Some(serving);
        Driving(self)
    }

    /// Takes a step on this thread, unless another thread is at it: then that one takes it.
    pub(crate) fn advance(&self) {
        let Some(task) = self.task.get() else { return };
        let _runtime = self.runtime.enter();
        // The end is the task's to tell, which finds the lock free by then.
        if self.step(&mut Context::from_waker(task)).is_ready() {
            task.wake_by_ref();
        }
    }

    /// Takes a step, and those that other threads ask for meanwhile. Nobody waits for the lock: it is
    /// held while a peer is woken, who may send its next request before the lock is free again.
    fn step(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut locked = self.try_lock().or_else(|| {
            // Whoever holds the lock looks here once it has let go. It may just have: then it is free.
            self.asked.store(true, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            self.try_lock()
        });
        while let Some(mut serving) = locked {
            self.asked.swap(false, Ordering::SeqCst);
            let polled = serving.as_mut().map_or(Poll::Ready(()), |it| it.as_mut().poll(cx));
            if polled.is_ready() {
                *serving = None;
                return Poll::Ready(());
            }
            drop(serving);
            fence(Ordering::SeqCst);
            locked = self.asked.load(Ordering::SeqCst).then(|| self.try_lock()).flatten();
        }
        Poll::Pending
    }

    fn try_lock(&self) -> Option<MutexGuard<'_, Option<BoxFuture<'static, ()>>>> {
        match self.serving.try_lock() {
            Ok(serving) => Some(serving),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<BoxFuture<'static, ()>>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The runtime's task of a connection.
pub(crate) struct Driving(Arc<Steps>);

impl Future for Driving {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // A task has one waker for all its life.
        self.0.task.get_or_init(|| cx.waker().clone());
        self.0.step(cx)
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        let rest = self.0.lock().take();
        drop(rest);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::task::AtomicWaker;
    use tokio::time::{Duration, timeout};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A connection that ends once this many steps found something to do.
    #[derive(Default)]
    struct Work {
        to_do: AtomicUsize,
        done: AtomicUsize,
        socket: AtomicWaker,
        /// Who is at it now: two at once would break hyper.
        busy: AtomicBool,
    }

    impl Work {
        async fn serve(self: Arc<Self>, all: usize) {
            std::future::poll_fn(|cx| {
                assert!(!self.busy.swap(true, Ordering::SeqCst), "two threads take a step at once");
                self.socket.register(cx.waker());
                self.done.fetch_add(self.to_do.swap(0, Ordering::SeqCst), Ordering::SeqCst);
                self.busy.store(false, Ordering::SeqCst);
                if self.done.load(Ordering::SeqCst) == all {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
    }

    #[tokio::test]
    async fn a_step_is_taken_on_the_thread_that_asks_for_it() {
        let (steps, work) = (Steps::new(), Arc::new(Work::default()));
        let task = tokio::spawn(Arc::clone(&steps).drive(Box::pin(Arc::clone(&work).serve(2))));
        // Lets the task take its first step; this runtime has no other thread.
        tokio::task::yield_now().await;
        for done in 1..=2 {
            work.to_do.store(1, Ordering::SeqCst);
            assert_eq!(work.done.load(Ordering::SeqCst), done - 1);
            steps.advance();
            assert_eq!(work.done.load(Ordering::SeqCst), done);
        }
        timeout(PATIENCE, task).await.expect("the task learns of the end").unwrap();
        steps.advance();
    }

    /// Every round ends the connection, so a step that is lost at any moment is seen.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_step_is_lost_between_two_threads() {
        const EACH: usize = 40;
        for _ in 0..2_000 {
            let (steps, work) = (Steps::new(), Arc::new(Work::default()));
            let serving = Arc::clone(&work).serve(2 * EACH);
            let task = tokio::spawn(Arc::clone(&steps).drive(Box::pin(serving)));
            let by_socket = {
                let work = Arc::clone(&work);
                std::thread::spawn(move || {
                    for _ in 0..EACH {
                        work.to_do.fetch_add(1, Ordering::SeqCst);
                        work.socket.wake();
                    }
                })
            };
            let by_answer = std::thread::spawn(move || {
                for _ in 0..EACH {
                    work.to_do.fetch_add(1, Ordering::SeqCst);
                    steps.advance();
                }
            });
            timeout(PATIENCE, task).await.expect("a step was lost").unwrap();
            by_socket.join().unwrap();
            by_answer.join().unwrap();
        }
    }

    #[tokio::test]
    async fn a_task_that_is_dropped_leaves_nothing_behind() {
        let (steps, work) = (Steps::new(), Arc::new(Work::default()));
        let held = Arc::clone(&steps);
        let serving = Arc::clone(&work).serve(1);
        let task = tokio::spawn(Arc::clone(&steps).drive(Box::pin(async move {
            serving.await;
            drop(held);
        })));
        tokio::task::yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert_eq!(Arc::strong_count(&steps), 1, "the future held the steps, and they the future");
        assert_eq!(Arc::strong_count(&work), 1);
    }
}
