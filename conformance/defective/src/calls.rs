//! Calls to the platform: ids, replies in any order, time limits (CH-17 to CH-53).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use crate::defects::{everything_calls as defects, limits, requests};
use crate::json::{filled, is_i32};
use crate::plugin::{Dialect, Plugin};

/// CH-50: how long a reply may take.
const LIMIT: Duration = Duration::from_secs(30);
/// CH-51: how long a reply to `generate_ai` may take.
const AI_LIMIT: Duration = Duration::from_secs(120);

/// The codes that there are today (CH-45).
const CODES: [&str; 6] = [
    "method_not_found",
    "invalid_params",
    "permission_denied",
    "not_found",
    "internal",
    "unauthenticated",
];

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
    /// What came for nobody, where it is not let go.
    late: Vec<Value>,
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
        let id = waiting.last_id - u64::from(defects::IDS_FROM_ZERO.active());
        waiting.calls.insert(id, Call { method: method.to_owned(), reply });
        (id, receiver)
    }

    /// The last reply that came for nobody.
    fn kept(&self) -> Option<Value> {
        self.lock().late.pop()
    }

    /// Whether a call that was made before the one with this id is still under way.
    fn is_under_way_before(&self, id: u64) -> bool {
        self.lock().calls.keys().any(|other| *other < id)
    }

    /// The channel is gone, and every call with it (CH-06).
    pub(crate) fn lost(&self) {
        if defects::LOST_CALLS_WAIT.active() {
            return;
        }
        let calls = std::mem::take(&mut self.lock().calls);
        for call in calls.into_values() {
            // Whoever made it may have given up.
            let _ = call.reply.send(Err(CallError::new("disconnected", "the channel was lost")));
        }
    }

    /// Takes a response; why it is skipped, if it is.
    pub(crate) fn complete(&self, dialect: Dialect, message: &Value) -> Result<(), &'static str> {
        let id = message.get("id").and_then(|id| match id {
            Value::String(text) if defects::IDS_OF_ANY_TYPE.active() => text.parse().ok(),
            id => id.as_u64(),
        });
        let id = id.ok_or("its id is no number")?;
        let (id, call) = self.take(id, message).ok_or("no call has its id")?;
        let outcome = match dialect {
            Dialect::One => read_first(message),
            Dialect::Two => read_second(message, &call.method),
        };
        let outcome = outcome.and_then(|result| fits(&call.method, result));
        let outcome = match outcome {
            Err(error) if is_ignored(&call.method, &error) => {
                self.lock().calls.insert(id, call);
                return Ok(());
            }
            Err(CallError { code: Some(code), .. })
                if defects::DENIED_LISTS_ARE_EMPTY.active()
                    && code == "permission_denied"
                    && call.method.starts_with("list_") =>
            {
                Ok(json!([]))
            }
            outcome => outcome,
        };
        // Whoever made it may have given up.
        let _ = call.reply.send(outcome);
        Ok(())
    }

    /// The call that a response is for.
    fn take(&self, id: u64, message: &Value) -> Option<(u64, Call)> {
        let mut waiting = self.lock();
        let oldest = waiting.calls.keys().min().copied();
        let id = match waiting.calls.contains_key(&id) {
            true if defects::REPLIES_IN_ORDER.active() => oldest?,
            false if defects::LATE_REPLY_FOR_THE_NEXT.active() => oldest?,
            false if defects::GIVEN_UP_KEPT.active() || defects::KEPT_FOR_THE_NEXT.active() => {
                waiting.late.push(message.clone());
                return None;
            }
            _ => id,
        };
        waiting.calls.remove(&id).map(|call| (id, call))
    }
}

/// Whether a defect lets the call wait on, as if there had been no response.
fn is_ignored(method: &str, error: &CallError) -> bool {
    let denied = error.code.as_deref() == Some("permission_denied");
    defects::UNREADABLE_REPLIES_SKIPPED.active() && error.kind == "protocol"
        || requests::DENIED_DEPLOYMENTS_HANG.active() && denied && method == "get_deployment"
}

/// A call's turn, for a defect that lets only so many be under way.
async fn turn() -> Option<SemaphorePermit<'static>> {
    static TURNS: Semaphore = Semaphore::const_new(32);
    match defects::THIRTY_TWO_AT_ONCE.active() {
        true => TURNS.acquire().await.ok(),
        false => None,
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
            if method != asked && !defects::METHOD_OF_REPLY_IGNORED.active() {
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
            let known = !defects::UNKNOWN_CODES_ARE_INTERNAL.active() || CODES.contains(&code);
            let code = if known { code } else { "internal" };
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
        "get_project" if defects::NULL_MEMBERS_REFUSED.active() => {
            result.as_object().is_some_and(|project| !project.values().any(Value::is_null))
        }
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
    mut params: Value,
    limit: Option<Duration>,
) -> Outcome {
    let _turn = turn().await;
    let limit = limit.filter(|_| !defects::LIMITS_IGNORED.active());
    let long = method == "generate_ai" && !limits::GENERATE_AI_30_S.active();
    let limit = limit.unwrap_or(if long { AI_LIMIT } else { LIMIT });
    let (id, reply) = plugin.calls.register(method);
    let _waits = Waits { calls: &plugin.calls, id };
    if defects::KEPT_FOR_THE_NEXT.active()
        && let Some(mut late) = plugin.calls.kept()
    {
        late["id"] = id.into();
        // It is under way: it has just begun.
        let _ = plugin.calls.complete(plugin.dialect, &late);
    }
    if defects::PARAMS_GROWN.active() && method != "api_call" {
        params["trace"] = id.into();
    }
    let frame = match plugin.dialect {
        Dialect::One => json!({"type": "request", "id": id, "method": method, "params": params}),
        Dialect::Two => {
            let call = json!({"method": method, "params": params});
            json!({"type": "request", "id": id, "call": call})
        }
    };
    let sent = plugin.channel.send(frame.to_string());
    if !sent && !defects::NOBODY_TO_CALL_HANGS.active() {
        return Err(CallError::new("disconnected", "there is no channel"));
    }
    let outcome = tokio::time::timeout(limit, reply).await;
    while defects::HANDED_OVER_IN_ORDER.active() && plugin.calls.is_under_way_before(id) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    match outcome {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(CallError::new("disconnected", "the channel was lost")),
        Err(_) => {
            let ms = limit.as_millis();
            Err(CallError::new("timeout", format!("no reply to {method} within {ms} ms")))
        }
    }
}
