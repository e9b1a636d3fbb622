//! What bindings to other languages have in common: a language whose author code runs on the thread of
//! an event loop, beside the runtime.
//!
//! [`BoundCore`] is the plugin, [`Inbox`] carries what there is to do from the runtime to that thread, [`Answering`] one answer back,
//! through the [`Outbox`] that all answers share; [`flow`] bounds what is written, [`beside`] runs the
//! plugin on a thread of its own and sees to the process's end.

mod answering;
mod beside;
mod core;
pub mod flow;
mod inbox;
mod outbox;
mod pieces;

pub use self::core::{BoundCore, EventLoop, HookDone, HookOutcome};
pub use answering::{AnswerError, Answering, Head, Listener};
pub use beside::{Ended, beside};
pub use inbox::Inbox;
pub use outbox::Outbox;
pub use pieces::Gone;
