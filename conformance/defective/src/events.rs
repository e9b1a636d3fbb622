//! Events: read leniently, queued, handed over in order (EV-06 to EV-36).

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use crate::defects::{events as defect, everything_events as defects, http};
use crate::http::{Answered, Exchange, Reply};
use crate::json::{filled, is_i32};
use crate::platform_api;
use crate::plugin::Plugin;

/// Largest body of a `POST /_events`.
const BODY: usize = 16 * 1024 * 1024;

/// An envelope as author code sees it.
pub(crate) struct Event(Value);

impl Event {
    /// Reads an envelope; why it is none, otherwise.
    pub(crate) fn read(value: &Value) -> Result<Self, &'static str> {
        let id = match value.get("id").and_then(Value::as_str) {
            Some("") if defect::EMPTY_ID_TAKEN.active() => Some(""),
            _ => filled(value, "id"),
        };
        let id = id.ok_or("`id` is no text, or empty")?;
        let kind = filled(value, "event_type").ok_or("`event_type` is no text, or empty")?;
        if defects::WORDS_ALONE_REFUSED.active() && !kind.contains('.') {
            return Err("`event_type` is one word");
        }
        let timestamp = value.get("timestamp").and_then(Value::as_str);
        let timestamp = timestamp.ok_or("`timestamp` is no text")?;
        if defect::RFC_3339_REQUIRED.active() && timestamp.len() < "2026-06-06T12:00:00Z".len() {
            return Err("`timestamp` is no RFC 3339");
        }
        let project = value.get("project_id").unwrap_or(&Value::Null);
        if !project.is_null() && !is_i32(project) {
            return Err("`project_id` is no integer of 32 bits");
        }
        if defects::NEEDS_A_PROJECT.active() && project.is_null() {
            return Err("there is no `project_id`");
        }
        let none = if defects::MISSING_DATA_IS_NULL.active() { Value::Null } else { json!({}) };
        let data = value.get("data").cloned().unwrap_or(none);
        Ok(Self(json!({
            "id": id, "event_type": kind, "timestamp": timestamp, "project_id": project, "data": data,
        })))
    }
}

/// The events on their way to author code, and what it has made of them.
pub(crate) struct Events {
    queue: UnboundedSender<Event>,
    waiting: Mutex<Option<UnboundedReceiver<Event>>>,
    recorded: Mutex<Vec<Value>>,
    calls: Mutex<Vec<Value>>,
    /// Events that no handler is done with.
    unhandled: watch::Sender<usize>,
}

impl Default for Events {
    fn default() -> Self {
        let (queue, waiting) = unbounded_channel();
        Self {
            queue,
            waiting: Mutex::new(Some(waiting)),
            recorded: Mutex::default(),
            calls: Mutex::default(),
            unhandled: watch::Sender::new(0),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Events {
    /// Queues an event. It waits there until the plugin is initialised (EV-27).
    pub(crate) fn put(&self, event: Event) {
        self.unhandled.send_modify(|count| *count += 1);
        // The receiver ends with the process only.
        let _ = self.queue.send(event);
    }

    /// Waits until all handlers are done.
    pub(crate) async fn handled(&self) {
        // The sender lives as long as this waits.
        let _ = self.unhandled.subscribe().wait_for(|count| *count == 0).await.is_ok();
    }

    /// The answer to `GET /events`.
    pub(crate) fn recorded(&self) -> Value {
        json!({"events": *lock(&self.recorded)})
    }

    /// `DELETE /events`.
    pub(crate) fn forget(&self) {
        lock(&self.recorded).clear();
    }

    /// The answer to `GET /event-calls`.
    pub(crate) fn calls(&self) -> Value {
        json!({"calls": *lock(&self.calls)})
    }
}

/// Answers a request for `/_events`.
pub(crate) async fn take(plugin: &Plugin, exchange: &mut Exchange<'_>) -> io::Result<Answered> {
    let method = exchange.request.method.as_str();
    if (method == "GET" && http::EVENTS_TO_GET.active())
        || (method == "PUT" && http::EVENTS_BY_PUT.active())
    {
        return exchange.answer(Reply::text(200, "taken over")).await;
    }
    if method != "POST" {
        return exchange.answer(Reply::text(405, "POST only")).await;
    }
    let Some(body) = exchange.body(BODY).await? else {
        return exchange.answer(Reply::text(413, format!("more than {BODY} bytes"))).await;
    };
    if !takes_type(exchange.request.header("content-type")) {
        return exchange.answer(Reply::text(415, "another content type")).await;
    }
    if defect::ODD_PROJECT_ID_500.active() && !has_plain_project(&body) {
        return exchange.answer(Reply::text(500, "the handler failed")).await;
    }
    let event = serde_json::from_slice(&body)
        .map_err(|_| "the body is no JSON")
        .and_then(|value| posted(&value));
    let reply = match event {
        Ok(event) => {
            let fails = event.0["data"]["fail"] == true;
            if !defects::POSTED_DROPPED.active() {
                plugin.events.put(event);
            }
            let status = if defect::ANSWERED_WITH_202.active() { 202 } else { 200 };
            match fails && defects::FAILING_HANDLER_IS_500.active() {
                true => Reply::text(500, "the handler failed"),
                false => Reply::text(status, "taken over"),
            }
        }
        Err(_) if defect::REFUSED_WITHOUT_REASON.active() => Reply::new(400, ""),
        Err(why) => {
            let status = if defect::REFUSED_WITH_422.active() { 422 } else { 400 };
            Reply::text(status, format!("this is no event: {why}"))
        }
    };
    exchange.answer(reply).await
}

/// The body alone decides, in a sound plugin (EV-34).
fn takes_type(given: Option<&[u8]>) -> bool {
    let is = |wanted: &[u8]| given.is_some_and(|given| given.starts_with(wanted));
    !(defect::CONTENT_TYPE_REQUIRED.active() && !is(b"application/json")
        || defect::OCTET_STREAM_REFUSED.active() && is(b"application/octet-stream"))
}

/// Whether the `project_id` in this body, if it is JSON, is one that everybody takes.
fn has_plain_project(body: &[u8]) -> bool {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let project = value.get("project_id").unwrap_or(&Value::Null);
    project.is_null() || is_i32(project)
}

/// Reads an envelope that came by POST.
fn posted(value: &Value) -> Result<Event, &'static str> {
    if defect::PROJECT_ID_REQUIRED.active() && !value["project_id"].is_i64() {
        return Err("there is no `project_id`");
    }
    match value.get("event") {
        Some(inner) if defect::MESSAGE_TAKEN.active() => Event::read(inner),
        _ => Event::read(value),
    }
}

/// Hands over one event after another, for as long as the plugin lives.
pub(crate) async fn deliver(plugin: Arc<Plugin>) {
    let Some(mut waiting) = lock(&plugin.events.waiting).take() else { return };
    let mut put_off = None;
    let mut count = 0_usize;
    while let Some(event) = waiting.recv().await {
        count += 1;
        if count.is_multiple_of(100) && defects::HUNDREDTH_LATE.active() {
            put_off = Some(event);
            continue;
        }
        // A handler that panics has been logged by then; the next event is none of its business.
        let handled = AssertUnwindSafe(handle(&plugin, event)).catch_unwind().await;
        if handled.is_err() && defects::ENDS_WITH_A_PANIC.active() {
            return;
        }
        if let Some(event) = put_off.take() {
            handle(&plugin, event).await;
        }
        plugin.events.unhandled.send_modify(|count| *count -= 1);
    }
}

/// The author's handler (EP-37, EP-40, EP-49).
async fn handle(plugin: &Plugin, event: Event) {
    let fails = event.0["data"]["fail"] == true;
    let call = event.0["data"].get("call").filter(|call| call.is_object()).cloned();
    let full = lock(&plugin.events.recorded).len() >= 5000;
    if full && defects::FIVE_THOUSAND_KEPT.active() {
        return;
    }
    lock(&plugin.events.recorded).push(event.0);
    if let Some(call) = call {
        let outcome = platform_api::shown(platform_api::ask(plugin, &call).await);
        lock(&plugin.events.calls).push(outcome);
    }
    if fails && defects::FAILURES_SWALLOWED.active() {
        return;
    }
    assert!(!fails, "the event asked for a handler that fails");
}
