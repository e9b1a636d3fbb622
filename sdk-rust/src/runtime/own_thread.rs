//! Author code that may block runs on the thread that started the plugin: a process's own.
//!
//! That thread first carries the plugin's life itself. When the life comes to such code, it moves to a
//! worker and the thread runs the code, for as long as it likes, while the life goes on obeying
//! signals. Making a thread instead would take a tenth of a small plugin's start.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinError;
use tokio::time::timeout;

use super::core::BoxFuture;
use crate::{ErrorKind, PluginSdkError};

/// How long this thread may take to learn that the plugin's life has ended. Code that awaits lets go at
/// once; code that blocks may never.
const LETTING_GO: Duration = Duration::from_millis(100);

type Job = BoxFuture<'static, ()>;

/// Where a plugin's life sends author code.
pub(crate) struct OwnThread(mpsc::UnboundedSender<Job>);

/// The other end, for [`live`].
pub(crate) struct Jobs(mpsc::UnboundedReceiver<Job>);

pub(crate) fn own_thread() -> (OwnThread, Jobs) {
    let (jobs, queue) = mpsc::unbounded_channel();
    (OwnThread(jobs), Jobs(queue))
}

impl OwnThread {
    /// Runs author code; a panic is an error. Code that nobody waits for any more ends with the
    /// process.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        what: &str,
        code: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, PluginSdkError> {
        let failed = |how: &str| PluginSdkError::new(ErrorKind::Start, format!("{what} {how}"));
        let (sender, outcome) = oneshot::channel();
        let job = async move {
            let outcome = AssertUnwindSafe(code).catch_unwind().await;
            // What comes too late is waited for no more.
            drop(sender.send(outcome));
        };
        self.0.send(Box::pin(job)).map_err(|_| failed("was not run: the plugin has ended"))?;
        match outcome.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_panic)) => Err(failed("panicked; the log line before says where")),
            Err(_) => Err(failed("was not run: the plugin has ended")),
        }
    }
}

/// Carries a plugin's life on this thread, and runs here what the life sends.
///
/// A life that ends while author code awaits something takes the thread back. One that ends while that
/// code blocks the thread is handed to `stranded`, on a worker; there is nothing to return then, should
/// that code ever let go.
pub(crate) fn live<T: Send + 'static>(
    runtime: &Runtime,
    life: impl Future<Output = T> + Send + 'static,
    mut jobs: Jobs,
    stranded: impl FnOnce(T) + Send + 'static,
) -> Option<T> {
    let mut life = Box::pin(life);
    let mut job = match runtime.block_on(until_job(&mut life, &mut jobs)) {
        Next::Ended(ended) => return Some(ended),
        Next::Job(job) => job,
    };
    let end = Arc::new(End::default());
    let life = runtime.spawn(life);
    runtime.spawn({
        let end = Arc::clone(&end);
        async move {
            end.put(life.await);
            if timeout(LETTING_GO, end.taken.notified()).await.is_err()
                && let Some(Ok(ended)) = end.take()
            {
                stranded(ended);
            }
        }
    });
    let ended = runtime.block_on(async {
        loop {
            tokio::select! {
                () = end.put.notified() => return end.take(),
                () = &mut job => {}
            }
            tokio::select! {
                () = end.put.notified() => return end.take(),
                Some(next) = jobs.0.recv() => job = next,
            }
        }
    });
    match ended? {
        Ok(ended) => Some(ended),
        // The life itself panicked, as it would have here.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// How a life has ended, for whoever is the first to take it.
struct End<T> {
    ended: Mutex<Option<Result<T, JoinError>>>,
    put: Notify,
    taken: Notify,
}

impl<T> Default for End<T> {
    fn default() -> Self {
        Self { ended: Mutex::new(None), put: Notify::new(), taken: Notify::new() }
    }
}

impl<T> End<T> {
    fn put(&self, ended: Result<T, JoinError>) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        self.put.notify_one();
    }

    fn take(&self) -> Option<Result<T, JoinError>> {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.taken.notify_one();
        ended
    }
}

enum Next<T> {
    Ended(T),
    Job(Job),
}

async fn until_job<F: Future + Unpin>(life: &mut F, jobs: &mut Jobs) -> Next<F::Output> {
    tokio::select! {
        ended = life => Next::Ended(ended),
        Some(job) = jobs.0.recv() => Next::Job(job),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as blocking;
    use std::thread;

    use super::*;

    fn runtime() -> Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    }

    #[test]
    fn code_blocks_this_thread_and_not_the_life() {
        let (own_thread, jobs) = own_thread();
        let here = thread::current().id();
        let life = async move {
            let (release, released) = blocking::channel();
            let code = async move {
                tokio::task::block_in_place(|| released.recv().unwrap());
                thread::current().id()
            };
            let ran_on = own_thread.run("code", code);
            // Released by the life itself, so it goes on while the code blocks.
            let (ran_on, sent) = tokio::join!(ran_on, async { release.send(()) });
            sent.unwrap();
            let second = own_thread.run("more code", async { thread::current().id() });
            (ran_on.unwrap(), second.await.unwrap())
        };
        let ended = live(&runtime(), life, jobs, |_| panic!("nothing was stranded"));
        assert_eq!(ended, Some((here, here)));
    }

    #[test]
    fn a_panic_is_an_error_that_names_the_code() {
        let (own_thread, jobs) = own_thread();
        let life =
            async move { own_thread.run("router()", async { panic!("by the author") }).await };
        let ended: Option<Result<(), _>> = live(&runtime(), life, jobs, drop);
        let error = ended.unwrap().unwrap_err().to_string();
        assert!(error.starts_with("router() panicked"), "{error}");
    }

    #[test]
    fn a_life_that_ends_takes_the_thread_back_from_code_that_awaits() {
        let (own_thread, jobs) = own_thread();
        let life = async move {
            let (running, runs) = oneshot::channel();
            let code = async move {
                running.send(()).unwrap();
                std::future::pending::<()>().await;
            };
            tokio::select! {
                _ = own_thread.run("code", code) => panic!("the code never ends"),
                running = runs => running.unwrap(),
            }
            "life"
        };
        let ended = live(&runtime(), life, jobs, |_| panic!("nothing was stranded"));
        assert_eq!(ended, Some("life"));
    }

    #[test]
    fn a_life_ends_though_code_holds_the_thread() {
        let (own_thread, jobs) = own_thread();
        let (stranded, ended) = blocking::channel();
        let life = async move {
            let (running, runs) = oneshot::channel();
            let code = async move {
                running.send(()).unwrap();
                tokio::task::block_in_place(|| ended.recv().unwrap())
            };
            tokio::select! {
                _ = own_thread.run("code", code) => panic!("nothing has released the code yet"),
                running = runs => running.unwrap(),
            }
            "life"
        };
        // Its end is what releases the code.
        let returned = live(&runtime(), life, jobs, move |life| stranded.send(life).unwrap());
        assert_eq!(returned, None);
    }
}
