//! A plugin that runs beside an event loop: on a thread of its own, as the process's main thread is the
//! loop's.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

/// How long the event loop may take to end once the plugin has: author code may hold it for ever.
const LOOP_END: Duration = Duration::from_secs(2);

/// Says that the event loop has ended, and with it all that could be waited for.
#[derive(Debug)]
pub struct Ended(Mutex<Option<oneshot::Sender<()>>>);

impl Ended {
    /// The event loop has ended: the process is about to.
    pub fn tell(&self) {
        if let Some(ended) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // The thread that waits may have given up already.
            let _ = ended.send(());
        }
    }
}

/// Runs a plugin on a thread of its own: `run` gives its exit code, `tell` hands it to the event loop,
/// which then has 2 s to end; after that the process ends without it.
///
/// # Errors
/// When there can be no more threads.
pub fn beside(
    run: impl FnOnce() -> u8 + Send + 'static,
    tell: impl FnOnce(u8) + Send + 'static,
) -> io::Result<Ended> {
    let (ended, loop_ended) = oneshot::channel();
    std::thread::Builder::new().name("temps-plugin".to_owned()).spawn(move || {
        let code = run();
        tell(code);
        end_for_sure(loop_ended, code);
    })?;
    Ok(Ended(Mutex::new(Some(ended))))
}

fn end_for_sure(loop_ended: oneshot::Receiver<()>, code: u8) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let in_time = runtime.is_ok_and(|runtime| {
        runtime.block_on(async { tokio::time::timeout(LOOP_END, loop_ended).await.is_ok() })
    });
    if !in_time {
        tracing::error!(
            "author code holds the event loop after the plugin's end; ending without it"
        );
        // What libraries do at a process's end is left out: the event loop's thread may be in the middle
        // of them.
        signal_hook::low_level::exit(code.into());
    }
}
