//! Author code that may block runs on the thread that started the plugin: a process's own.
//!
//! That thread first carries the plugin's life itself. When the life comes to such code, it moves to a
//! worker and the thread runs the code, for as long as it likes, while the life goes on obeying
//! signals. Making a thread instead would take a tenth of a small plugin's start.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

use super::core::BoxFuture;
use crate::{ErrorKind, PluginSdkError};

type Job = BoxFuture<'static, ()>;

/// Where a plugin's life sends author code.
pub(crate) struct OwnThread {
    jobs: mpsc::UnboundedSender<Job>,
    busy: Arc<AtomicBool>,
}

/// The other end, for [`live`].
pub(crate) struct Jobs {
    queue: mpsc::UnboundedReceiver<Job>,
    busy: Arc<AtomicBool>,
}

pub(crate) fn own_thread() -> (OwnThread, Jobs) {
    let (jobs, queue) = mpsc::unbounded_channel();
    let busy = Arc::new(AtomicBool::new(false));
    (OwnThread { jobs, busy: Arc::clone(&busy) }, Jobs { queue, busy })
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
        let busy = Arc::clone(&self.busy);
        let job = async move {
            let outcome = AssertUnwindSafe(code).catch_unwind().await;
            // Before anyone learns of it: a life that ends now is not held up by this code.
            busy.store(false, Ordering::SeqCst);
            // What comes too late is waited for no more.
            drop(sender.send(outcome));
        };
        self.busy.store(true, Ordering::SeqCst);
        self.jobs.send(Box::pin(job)).map_err(|_| failed("was not run: the plugin has ended"))?;
        match outcome.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_panic)) => Err(failed("panicked; the log line before says where")),
            Err(_) => Err(failed("was not run: the plugin has ended")),
        }
    }
}

/// Carries a plugin's life on this thread, and runs here what the life sends.
///
/// A life that ends while author code still holds the thread is handed to `stranded`, on a worker;
/// there is nothing to return then, should that code ever let go.
pub(crate) fn live<T: Send + 'static>(
    runtime: &Runtime,
    life: impl Future<Output = T> + Send + 'static,
    mut jobs: Jobs,
    stranded: impl FnOnce(T) + Send + 'static,
) -> Option<T> {
    let mut life = Box::pin(life);
    let job = match runtime.block_on(until_job(&mut life, &mut jobs)) {
        Next::Ended(ended) => return Some(ended),
        Next::Job(job) => job,
    };
    let busy = Arc::clone(&jobs.busy);
    let mut life = runtime.spawn(async move {
        let ended = life.await;
        if busy.load(Ordering::SeqCst) {
            stranded(ended);
            return None;
        }
        Some(ended)
    });
    runtime.block_on(job);
    loop {
        match runtime.block_on(until_job(&mut life, &mut jobs)) {
            Next::Ended(Ok(ended)) => return ended,
            // The life itself panicked, as it would have here.
            Next::Ended(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            Next::Job(job) => runtime.block_on(job),
        }
    }
}

enum Next<T> {
    Ended(T),
    Job(Job),
}

async fn until_job<F: Future + Unpin>(life: &mut F, jobs: &mut Jobs) -> Next<F::Output> {
    tokio::select! {
        ended = life => Next::Ended(ended),
        Some(job) = jobs.queue.recv() => Next::Job(job),
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
