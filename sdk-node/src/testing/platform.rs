//! A platform in memory whose answers may be JavaScript.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use napi::Status;
use napi::bindgen_prelude::{FnArgs, Result};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use serde_json::{Value, json};
use temps_plugin_sdk::schema::channel::{ErrorBody, ErrorCode};
use temps_plugin_sdk::schema::limits::GENERATE_AI_TIMEOUT;
use temps_plugin_sdk::schema::platform::{Deployment, Environment, Project};
use temps_plugin_sdk::testing::TestPlatform;

use crate::invalid;
use crate::runtime::{Numbered, lock};

type Held = (Vec<Project>, Vec<Environment>, Vec<Deployment>);
type Question = FnArgs<(u32, String, String)>;

/// Asks the event loop: number, method, parameters as JSON text. It keeps no event loop alive.
type Ask = ThreadsafeFunction<Question, (), Question, Status, false, true, 64>;

/// Those who wait for an answer from the event loop.
type Waiting = Arc<Mutex<Numbered<SyncSender<String>>>>;

/// A platform in memory.
#[napi]
pub struct NativeTestPlatform {
    platform: TestPlatform,
    ask: Arc<Ask>,
    waiting: Waiting,
}

#[napi]
impl NativeTestPlatform {
    /// A platform that holds these: a JSON array of projects, environments and deployments. `ask` is
    /// called with what the event loop answers, by `answer`.
    #[napi(constructor)]
    pub fn new(held: String, ask: Ask) -> Result<Self> {
        let (projects, environments, deployments): Held =
            serde_json::from_str(&held).map_err(invalid)?;
        let mut platform = TestPlatform::new();
        for project in projects {
            platform = platform.with_project(project);
        }
        for environment in environments {
            platform = platform.with_environment(environment);
        }
        for deployment in deployments {
            platform = platform.with_deployment(deployment);
        }
        Ok(Self { platform, ask: Arc::new(ask), waiting: Arc::default() })
    }

    /// Has the event loop answer `method` from now on.
    #[napi]
    pub fn on(&self, method: String) -> Result<()> {
        let (ask, waiting) = (Arc::clone(&self.ask), Arc::clone(&self.waiting));
        self.platform.on(method.parse().map_err(invalid)?, move |call| {
            let params = call.params().map_err(internal)?;
            let (sender, receiver) = sync_channel(1);
            let number = lock(&waiting).add(sender);
            let question = (number, method.clone(), params.to_string()).into();
            // A thread may wait for the event loop; the other way round nobody ever does.
            let answer = match ask.call(question, ThreadsafeFunctionCallMode::Blocking) {
                Status::Ok => wait(&receiver),
                _ => Err(ErrorBody::new(ErrorCode::Internal, "the test's event loop has ended")),
            };
            lock(&waiting).remove(number);
            answer
        });
        Ok(())
    }

    /// Answers a question, by `{"Ok": result}` or `{"Err": {"code", "message"}}`.
    #[napi]
    pub fn answer(&self, number: u32, answer: String) {
        if let Some(waiting) = lock(&self.waiting).remove(number) {
            // Who waited too long waits no more.
            drop(waiting.try_send(answer));
        }
    }

    /// Leaves `method` unanswered from now on.
    #[napi]
    pub fn ignore(&self, method: String) -> Result<()> {
        self.platform.ignore(method.parse().map_err(invalid)?);
        Ok(())
    }

    /// What the plugin has asked so far, as a JSON array of `{"method", "params"}`.
    #[napi]
    pub fn calls(&self) -> String {
        let calls = self.platform.calls().into_iter();
        let calls: Vec<_> =
            calls.map(|call| json!({ "method": call.method, "params": call.params })).collect();
        Value::from(calls).to_string()
    }
}

impl NativeTestPlatform {
    /// The same platform, for a host.
    pub(super) fn shared(&self) -> TestPlatform {
        self.platform.clone()
    }
}

impl Drop for NativeTestPlatform {
    /// Nobody is left to answer those who wait.
    fn drop(&mut self) {
        *lock(&self.waiting) = Numbered::default();
    }
}

/// Waits for the event loop's answer, no longer than any caller does.
fn wait(answer: &Receiver<String>) -> std::result::Result<Value, ErrorBody> {
    match answer.recv_timeout(GENERATE_AI_TIMEOUT) {
        Ok(text) => serde_json::from_str(&text).unwrap_or_else(|error| Err(internal(error))),
        Err(RecvTimeoutError::Timeout) => Err(internal("the test gave no answer in time")),
        Err(RecvTimeoutError::Disconnected) => Err(internal("the test's platform is gone")),
    }
}

fn internal(error: impl std::fmt::Display) -> ErrorBody {
    ErrorBody::new(ErrorCode::Internal, error.to_string())
}
