//! What arrived so far: events, what came of their handlers' calls, and requests whose caller went away.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};
use temps_plugin_sdk::PluginEvent;

use crate::AppState;

#[derive(Clone, Default)]
pub(crate) struct Recorded(Arc<Inner>);

#[derive(Default)]
struct Inner {
    events: Mutex<Vec<PluginEvent>>,
    calls: Mutex<Vec<Value>>,
    cancelled: AtomicU64,
}

impl Recorded {
    pub(crate) fn add(&self, event: PluginEvent) {
        lock(&self.0.events).push(event);
    }

    pub(crate) fn add_call(&self, outcome: Value) {
        lock(&self.0.calls).push(outcome);
    }

    pub(crate) fn count_cancelled(&self) {
        self.0.cancelled.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn cancelled(&self) -> u64 {
        self.0.cancelled.load(Ordering::Relaxed)
    }
}

fn lock<T>(kept: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn routes() -> Router<AppState> {
    Router::new().route("/events", get(events).delete(forget)).route("/event-calls", get(calls))
}

async fn events(State(state): State<AppState>) -> Json<Value> {
    Json(json!({ "events": *lock(&state.recorded.0.events) }))
}

async fn calls(State(state): State<AppState>) -> Json<Value> {
    Json(json!({ "calls": *lock(&state.recorded.0.calls) }))
}

async fn forget(State(state): State<AppState>) -> StatusCode {
    lock(&state.recorded.0.events).clear();
    StatusCode::NO_CONTENT
}
