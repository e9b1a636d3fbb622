//! Asking a plugin to stop: once to drain, twice to end at once (PROTOCOL.md, section "Life cycle").

use std::io::{self, PipeReader};

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How urgently the plugin is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    None,
    Drain,
    Now,
}

/// The side that asks.
#[derive(Debug, Clone)]
pub(crate) struct Stopper(watch::Sender<Urgency>);

/// The side that obeys.
#[derive(Debug, Clone)]
pub(crate) struct StopSignal(watch::Receiver<Urgency>);

pub(crate) fn pair() -> (Stopper, StopSignal) {
    let (sender, receiver) = watch::channel(Urgency::None);
    (Stopper(sender), StopSignal(receiver))
}

impl Stopper {
    /// Asks to drain; asked again, to end at once.
    pub(crate) fn request(&self) {
        self.0.send_modify(|urgency| {
            *urgency = match urgency {
                Urgency::None => Urgency::Drain,
                Urgency::Drain | Urgency::Now => Urgency::Now,
            };
        });
    }
}

impl StopSignal {
    /// Waits until a stop is asked for.
    pub(crate) async fn requested(&self) {
        self.at_least(Urgency::Drain).await;
    }

    /// Waits until a stop is asked for a second time.
    pub(crate) async fn forced(&self) {
        self.at_least(Urgency::Now).await;
    }

    /// A pipe that ends when a stop is asked for, for a thread that waits on descriptors.
    pub(crate) fn pipe(&self) -> io::Result<StopPipe> {
        let (reader, writer) = io::pipe()?;
        let stop = self.clone();
        let closing = tokio::spawn(async move {
            stop.requested().await;
            drop(writer);
        });
        Ok(StopPipe { reader, closing })
    }

    async fn at_least(&self, urgency: Urgency) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|now| *now >= urgency).await.is_err() {
            // Nobody is left who could ask.
            std::future::pending::<()>().await;
        }
    }
}

/// See [`StopSignal::pipe`].
pub(crate) struct StopPipe {
    reader: PipeReader,
    closing: JoinHandle<()>,
}

impl StopPipe {
    /// The end to wait on.
    pub(crate) fn reader(&self) -> &PipeReader {
        &self.reader
    }
}

impl Drop for StopPipe {
    fn drop(&mut self) {
        self.closing.abort();
    }
}

/// Turns SIGTERM and SIGINT into requests to stop, from now on.
pub(crate) fn on_signals(stopper: Stopper) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            stopper.request();
        }
    });
    Ok(())
}
