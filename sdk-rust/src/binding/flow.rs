//! A queue of outgoing data that is bounded by bytes: whoever writes waits once enough is queued.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::mpsc;

/// Bytes that may be queued before the writer waits, as much as a socket takes.
const HIGH_WATER: usize = 64 * 1024;
/// Bytes at which a waiting writer goes on.
const LOW_WATER: usize = 16 * 1024;

/// Called when a waiting writer may go on.
type Resume = Box<dyn Fn() + Send + Sync>;

struct Level {
    queued: AtomicUsize,
    waiting: AtomicBool,
    resume: Resume,
}

/// Where items go in.
pub struct Sender<T> {
    items: mpsc::UnboundedSender<(T, usize)>,
    level: Arc<Level>,
}

/// Where they come out.
pub struct Receiver<T> {
    items: mpsc::UnboundedReceiver<(T, usize)>,
    level: Arc<Level>,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Queued; there is room for more.
    Room,
    /// Queued; wait for `resume` before sending more.
    Full,
    /// The other end is gone.
    Gone,
}

/// A queue; bounded by bytes as long as the sender heeds [`Sent::Full`].
pub fn queue<T>(resume: impl Fn() + Send + Sync + 'static) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let level = Arc::new(Level {
        queued: AtomicUsize::new(0),
        waiting: AtomicBool::new(false),
        resume: Box::new(resume),
    });
    (Sender { items: sender, level: Arc::clone(&level) }, Receiver { items: receiver, level })
}

impl<T> Sender<T> {
    /// Whether the other end is gone.
    pub fn is_gone(&self) -> bool {
        self.items.is_closed()
    }

    /// Queues an item of that many bytes.
    pub fn send(&self, item: T, bytes: usize) -> Sent {
        let level = &self.level;
        level.queued.fetch_add(bytes, Ordering::SeqCst);
        if self.items.send((item, bytes)).is_err() {
            return Sent::Gone;
        }
        if level.queued.load(Ordering::SeqCst) < HIGH_WATER {
            return Sent::Room;
        }
        level.waiting.store(true, Ordering::SeqCst);
        // The other end may have caught up before it could see that somebody waits.
        let caught_up = level.queued.load(Ordering::SeqCst) <= LOW_WATER;
        if caught_up && level.waiting.swap(false, Ordering::SeqCst) {
            return Sent::Room;
        }
        Sent::Full
    }
}

impl<T> Receiver<T> {
    /// The next item; `None` when there will be none.
    pub fn poll(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<T>> {
        self.items.poll_recv(cx).map(|item| item.map(|(item, bytes)| self.taken(item, bytes)))
    }

    /// [`poll`](Self::poll), awaited.
    pub async fn next(&mut self) -> Option<T> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    fn taken(&self, item: T, bytes: usize) -> T {
        let level = &self.level;
        let left = level.queued.fetch_sub(bytes, Ordering::SeqCst) - bytes;
        if left <= LOW_WATER && level.waiting.swap(false, Ordering::SeqCst) {
            (level.resume)();
        }
        item
    }
}
