//! From the runtime to an event loop's thread: a queue that knows whether the loop has to be woken.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The queue. Any thread puts items in, the event loop's thread takes them out.
#[derive(Debug)]
pub struct Inbox<T>(Mutex<Queue<T>>);

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<T>,
    /// The loop will come without being woken.
    awake: bool,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Self(Mutex::new(Queue { items: VecDeque::new(), awake: false }))
    }
}

impl<T> Inbox<T> {
    /// Queues an item. True when the loop has to be woken for it.
    #[must_use]
    pub fn put(&self, item: T) -> bool {
        let mut queue = self.lock();
        queue.items.push_back(item);
        !std::mem::replace(&mut queue.awake, true)
    }

    /// All that is queued, and whether the loop stays awake: then it has to come again without being
    /// woken. It does when several items came, as more will have come by then.
    pub fn take(&self) -> (VecDeque<T>, bool) {
        let mut queue = self.lock();
        let items = std::mem::take(&mut queue.items);
        queue.awake = items.len() > 1;
        (items, queue.awake)
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Inbox;

    #[test]
    fn a_loop_is_woken_once_and_stays_awake_while_items_come_in_numbers() {
        let inbox = Inbox::default();
        assert!(inbox.put(1));
        assert!(!inbox.put(2));
        assert_eq!(inbox.take(), ([1, 2].into(), true));
        assert!(!inbox.put(3));
        assert_eq!(inbox.take(), ([3].into(), false));
        assert!(inbox.put(4));
    }
}
