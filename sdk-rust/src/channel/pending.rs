//! Calls that wait for an answer. Whoever gives up waiting leaves nothing behind (CH-52).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use temps_plugin_schema::calls::Method;
use temps_plugin_schema::channel::Reply;
use tokio::sync::oneshot;

use crate::{ErrorKind, PluginSdkError};

/// What became of a call.
type Answer = Result<Value, PluginSdkError>;

/// The calls of one channel that are under way.
#[derive(Clone, Default)]
pub(crate) struct Pending(Arc<Mutex<Calls>>);

#[derive(Default)]
struct Calls {
    last_id: u64,
    waiting: HashMap<u64, Waiting>,
    /// The channel is gone: nothing more will be answered.
    closed: bool,
}

struct Waiting {
    method: Method,
    answer: oneshot::Sender<Answer>,
}

/// One call under way. Dropping it forgets the call.
pub(crate) struct PendingCall {
    pub(crate) id: u64,
    answer: oneshot::Receiver<Answer>,
    pending: Pending,
}

impl Pending {
    /// Notes a call; `None` when the channel is gone.
    pub(crate) fn register(&self, method: Method) -> Option<PendingCall> {
        let (sender, answer) = oneshot::channel();
        let mut calls = self.lock();
        if calls.closed {
            return None;
        }
        // Ids count up from 1, where every JSON library is exact (CH-21).
        calls.last_id += 1;
        let id = calls.last_id;
        calls.waiting.insert(id, Waiting { method, answer: sender });
        Some(PendingCall { id, answer, pending: self.clone() })
    }

    /// Hands a reply to the call it answers. False when no call has that id (any more).
    pub(crate) fn complete(&self, reply: Reply) -> bool {
        let Some(waiting) = self.lock().waiting.remove(&reply.id) else {
            return false;
        };
        let asked = waiting.method.as_str();
        let answer = match (reply.method, reply.outcome) {
            (Some(answered), Ok(_)) if answered != asked => Err(PluginSdkError::new(
                ErrorKind::Protocol,
                format!("{asked}: the host answered {answered:?} instead"),
            )),
            (_, Ok(result)) => Ok(result),
            (_, Err(body)) => Err(PluginSdkError::remote_error(asked, body)),
        };
        // A call whose future was dropped a moment ago no longer listens; that is its right.
        drop(waiting.answer.send(answer));
        true
    }

    /// Fails a call whose reply cannot be read (CH-34). False when no call has that id.
    pub(crate) fn fail(&self, id: u64, reason: &str) -> bool {
        let Some(waiting) = self.lock().waiting.remove(&id) else {
            return false;
        };
        let error = PluginSdkError::new(
            ErrorKind::Protocol,
            format!("{}: the host's reply cannot be read: {reason}", waiting.method),
        );
        drop(waiting.answer.send(Err(error)));
        true
    }

    /// Fails every call: the channel is gone (CH-06).
    pub(crate) fn close(&self) {
        let mut calls = self.lock();
        calls.closed = true;
        calls.waiting.clear();
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PendingCall {
    /// Waits for the answer.
    pub(crate) async fn answer(mut self, method: Method) -> Answer {
        (&mut self.answer).await.unwrap_or_else(|_| {
            Err(PluginSdkError::new(
                ErrorKind::Disconnected,
                format!("{method}: the channel to the platform was lost before the answer came"),
            ))
        })
    }
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        self.pending.lock().waiting.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(id: u64, method: Option<&str>) -> Reply {
        Reply { id, method: method.map(str::to_owned), outcome: Ok(json!(1)) }
    }

    #[tokio::test]
    async fn replies_find_their_calls_in_any_order() {
        let pending = Pending::default();
        let first = pending.register(Method::GetProject).unwrap();
        let second = pending.register(Method::GetProject).unwrap();
        assert_ne!(first.id, second.id);
        assert!(pending.complete(reply(second.id, None)));
        assert!(pending.complete(reply(first.id, Some("get_project"))));
        assert!(first.answer(Method::GetProject).await.is_ok());
        assert!(second.answer(Method::GetProject).await.is_ok());
        assert!(!pending.complete(reply(99, None)));
    }

    #[tokio::test]
    async fn an_answer_to_another_method_names_both() {
        let pending = Pending::default();
        let call = pending.register(Method::GetProject).unwrap();
        pending.complete(reply(call.id, Some("get_deployment")));
        let error = call.answer(Method::GetProject).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        let text = error.to_string();
        assert!(text.contains("get_project") && text.contains("get_deployment"), "{text}");
    }

    #[test]
    fn a_dropped_call_leaves_nothing_behind() {
        let pending = Pending::default();
        let call = pending.register(Method::GetProject).unwrap();
        assert_eq!(pending.len(), 1);
        drop(call);
        assert_eq!(pending.len(), 0);
    }

    #[tokio::test]
    async fn a_lost_channel_fails_what_waits_and_takes_nothing_new() {
        let pending = Pending::default();
        let call = pending.register(Method::GetProject).unwrap();
        pending.close();
        let error = call.answer(Method::GetProject).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected);
        assert!(pending.register(Method::GetProject).is_none());
    }
}
