//! How many requests are on their way to what serves, and have not been answered at all yet.

use tokio::sync::watch;

/// Counts requests that are on their way.
#[derive(Debug, Default)]
pub(crate) struct InFlight(watch::Sender<usize>);

/// One of them, for as long as this lives.
#[derive(Debug)]
pub(crate) struct OneInFlight(watch::Sender<usize>);

impl InFlight {
    /// One more.
    pub(crate) fn enter(&self) -> OneInFlight {
        self.0.send_modify(|count| *count += 1);
        OneInFlight(self.0.clone())
    }

    /// Waits until there is none.
    pub(super) async fn none(&self) {
        // The sender is here, so it cannot be gone.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for OneInFlight {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
