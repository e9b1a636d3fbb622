//! A Slack that answers as it is told and remembers what it was sent.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use serde_json::Value;
use temps_plugin_sdk::prelude::axum::extract::State;
use temps_plugin_sdk::prelude::axum::response::{IntoResponse, Response};
use temps_plugin_sdk::prelude::axum::{self, Json, Router};
use temps_plugin_sdk::prelude::post;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Far more than a test needs, so that a slow machine fails none.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// How one request is answered.
pub(super) enum Answer {
    Refuse(u16, &'static str),
    RetryAfter(&'static str),
    Never,
}

#[derive(Clone)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    received: watch::Sender<Vec<Value>>,
}

pub(super) struct FakeSlack {
    address: String,
    received: watch::Receiver<Vec<Value>>,
    /// Ends the server with this value.
    _server: JoinSet<()>,
}

impl FakeSlack {
    /// A Slack that gives `answers` one after the other, and takes every message from then on.
    pub(super) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let (sender, received) = watch::channel(Vec::new());
        let script = Script {
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            received: sender,
        };
        let app = Router::new().route("/services/SECRET", post(answer)).with_state(script);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut server = JoinSet::new();
        server.spawn(async { axum::serve(listener, app).await.unwrap() });
        Self { address, received, _server: server }
    }

    pub(super) fn webhook(&self) -> String {
        format!("http://{}/services/SECRET", self.address)
    }

    pub(super) fn masked(&self) -> String {
        format!("http://{}/…", self.address)
    }

    /// The first `count` messages, once they are here.
    pub(super) async fn received(&self, count: usize) -> Vec<Value> {
        let mut received = self.received.clone();
        let all = timeout(DEADLINE, received.wait_for(|all| all.len() >= count)).await;
        all.unwrap().unwrap().clone()
    }
}

async fn answer(State(script): State<Script>, Json(message): Json<Value>) -> Response {
    let answer = script.answers.lock().unwrap().pop_front();
    script.received.send_modify(|all| all.push(message));
    match answer {
        None => "ok".into_response(),
        Some(Answer::Refuse(status, reason)) => {
            (StatusCode::from_u16(status).unwrap(), reason).into_response()
        }
        Some(Answer::RetryAfter(wait)) => {
            (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, wait)]).into_response()
        }
        Some(Answer::Never) => std::future::pending().await,
    }
}
