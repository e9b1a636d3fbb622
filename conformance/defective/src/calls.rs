//! Calls to the platform: ids, replies in any order, time limits (CH-17 to CH-53).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::defects::limits;
use crate::json::{filled, is_i32};
use crate::plugin::{Dialect, Plugin};

/// CH-50: how long a reply may take.
const LIMIT: Duration = Duration::from_secs(30);
/// CH-51: how long a reply to `generate_ai` may take.
const AI_LIMIT: Duration = Duration::from_secs(120);

/// Why a call failed, as the profile tells it.
#[derive(Debug)]
pub(crate) struct CallError {
    pub(crate) kind: &'static str,
    pub(crate) code: Option<String>,
    pub(crate) message: String,
}

impl CallError {
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code: None, message: message.into() }
    }
}

type Outcome = Result<Value, CallError>;

/// The calls under way.
#[derive(Default)]
pub(crate) struct Calls(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    last_id: u64,
    calls: HashMap<u64, Call>,
}

struct Call {
    method: String,
    reply: oneshot::Sender<Outcome>,
}

impl Calls {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(&self, method: &str) -> (u64, oneshot::Receiver<Outcome>) {
        let (reply, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.last_id += 1;
        let id = waiting.last_id;
        waiting.calls.insert(id, Call { method: method.to_owned(), reply });
        (id, receiver)
    }

    /// The channel is gone, and every call with it (CH-06).
    pub(crate) fn lost(&self) {
        let calls = std::mem::take(&mut self.lock().calls);
        for call in calls.into_values() {
            // Whoever made it may have given up.
            let _ = call.reply.send(Err(CallError::new("disconnected", "the channel was lost")));
        }
    }

    /// Takes a response; why it is skipped, if it is.
    pub(crate) fn complete(&self, dialect: Dialect, message: &Value) -> Result<(), &'static str> {
        let id = message.get("id").and_then(Value::as_u64).ok_or("its id is no number")?;
        let call = self.lock().calls.remove(&id).ok_or("no call has its id")?;
        let outcome = match dialect {
            Dialect::One => read_first(message),
            Dialect::Two => read_second(message, &call.method),
        };
        let outcome = outcome.and_then(|result| fits(&call.method, result));
        // Whoever made it may have given up.
        let _ = call.reply.send(outcome);
        Ok(())
    }
}

fn unreadable(what: &str) -> CallError {
    CallError::new("protocol", format!("the reply has {what}"))
}

/// The outcome in a response of dialect 1.
fn read_first(message: &Value) -> Outcome {
    match (message.get("result"), message.get("error")) {
        (Some(result), None | Some(Value::Null)) => Ok(result.clone()),
        (None | Some(Value::Null), Some(error)) => Err(read_error(error)),
        _ => Err(unreadable("neither a result nor an error, or both")),
    }
}

/// The outcome in a response of dialect 2.
fn read_second(message: &Value, asked: &str) -> Outcome {
    let outcome = message.get("outcome").unwrap_or(&Value::Null);
    match (outcome.get("ok"), outcome.get("err")) {
        (Some(ok), None | Some(Value::Null)) => {
            let method = filled(ok, "method").ok_or_else(|| unreadable("no method"))?;
            if method != asked {
                return Err(unreadable(&format!("the method {method:?}; asked was {asked:?}")));
            }
            ok.get("result").cloned().ok_or_else(|| unreadable("no result"))
        }
        (None | Some(Value::Null), Some(error)) => Err(read_error(error)),
        _ => Err(unreadable("neither ok nor err, or both")),
    }
}

fn read_error(error: &Value) -> CallError {
    let text = |member: &str| error.get(member).and_then(Value::as_str);
    match (text("code"), text("message")) {
        (Some(code), Some(message)) => {
            CallError { kind: "remote", code: Some(code.into()), message: message.into() }
        }
        _ => unreadable("an error without code and message"),
    }
}

/// Whether a result is what the method answers, as far as author code relies on it.
fn fits(method: &str, result: Value) -> Outcome {
    let has_id = |object: &Value| object.get("id").is_some_and(is_i32);
    let text = |member: &str| result.get(member).is_some_and(Value::is_string);
    let fits = match method {
        "get_project" | "get_environment" | "get_deployment" | "get_last_deployment" => {
            has_id(&result)
        }
        "list_projects" | "list_environments" | "list_deployments" => {
            result.as_array().is_some_and(|list| list.iter().all(has_id))
        }
        "get_host_capabilities" => {
            result.get("permissions").is_some_and(Value::is_array)
                && result.get("ai").is_some_and(Value::is_object)
        }
        "generate_ai" => text("text") && text("model"),
        "api_call" => result.get("status").is_some_and(Value::is_u64) && text("body"),
        _ => true,
    };
    if fits { Ok(result) } else { Err(unreadable(&format!("a result that {method} has not"))) }
}

/// A call that is forgotten when nobody waits for it any more (CH-52).
struct Waits<'p> {
    calls: &'p Calls,
    id: u64,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.calls.lock().calls.remove(&self.id);
    }
}

/// Makes a call whose parameters are right, and waits for its reply.
pub(crate) async fn call(
    plugin: &Plugin,
    method: &str,
    params: Value,
    limit: Option<Duration>,
) -> Outcome {
    let long = method == "generate_ai" && !limits::GENERATE_AI_30_S.active();
    let limit = limit.unwrap_or(if long { AI_LIMIT } else { LIMIT });
    let (id, reply) = plugin.calls.register(method);
    let _waits = Waits { calls: &plugin.calls, id };
    let frame = match plugin.dialect {
        Dialect::One => json!({"type": "request", "id": id, "method": method, "params": params}),
        Dialect::Two => {
            let call = json!({"method": method, "params": params});
            json!({"type": "request", "id": id, "call": call})
        }
    };
    if !plugin.channel.send(frame.to_string()) {
        return Err(CallError::new("disconnected", "there is no channel"));
    }
    match tokio::time::timeout(limit, reply).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(CallError::new("disconnected", "the channel was lost")),
        Err(_) => {
            let ms = limit.as_millis();
            Err(CallError::new("timeout", format!("no reply to {method} within {ms} ms")))
        }
    }
}
