//! Workers for connections, of which a sound plugin has as many as it needs.

use std::sync::{Arc, LazyLock};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::defects::health::WORKER_PER_CONNECTION;

/// How many there are where there are not enough.
const WORKERS: usize = 40;

static FREE: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(WORKERS)));

/// A worker for as long as it is kept: none when all are busy, unless the connection has to wait.
pub(crate) async fn one() -> Option<OwnedSemaphorePermit> {
    let free = Arc::clone(&FREE);
    if WORKER_PER_CONNECTION.active() {
        return free.acquire_owned().await.ok();
    }
    free.try_acquire_owned().ok()
}

/// Whether so many connections are open that no worker is free.
pub(crate) fn all_busy() -> bool {
    FREE.available_permits() == 0
}
