//! Calls to the platform. What they give comes as CALLED, with the number that was returned here.

use std::sync::Arc;

use napi::bindgen_prelude::Result;
use napi_derive::napi;
use serde_json::Value;
use temps_plugin_sdk::{ErrorKind, PluginSdkError, api_json, call_json};
use tokio::runtime::Handle;

use crate::bridge::Command;
use crate::caller::NativeCaller;
use crate::core::milliseconds;
use crate::invalid;
use crate::runtime::{NativeRuntime, lock};

#[napi]
impl NativeRuntime {
    /// Makes a call; parameters and result are JSON text.
    #[napi]
    pub fn call(&self, method: String, params: String, timeout_ms: Option<f64>) -> Result<u32> {
        let params = json(&params)?;
        let mut temps = self.ctx()?.temps().clone();
        if let Some(limit) = timeout_ms {
            temps = temps.with_timeout(milliseconds(limit)?);
        }
        self.ask(async move { call_json(&temps, &method, params).await })
    }

    /// Makes a request to the platform's API in a caller's name; the result is `{"status", "body"}`.
    #[napi]
    pub fn api_call(
        &self,
        caller: &NativeCaller,
        request: String,
        timeout_ms: Option<f64>,
    ) -> Result<u32> {
        let request = json(&request)?;
        let mut api = self.ctx()?.api_for(&caller.0);
        if let Some(limit) = timeout_ms {
            api = api.with_timeout(milliseconds(limit)?);
        }
        self.ask(async move { api_json(&api, request).await })
    }

    /// Forgets a call: nothing comes of it any more.
    #[napi]
    pub fn cancel(&self, number: u32) {
        if let Some(task) = lock(&self.calls).remove(number) {
            task.abort();
        }
    }
}

impl NativeRuntime {
    fn ask(
        &self,
        work: impl Future<Output = std::result::Result<Value, PluginSdkError>> + Send + 'static,
    ) -> Result<u32> {
        Ok(self.ask_on(self.tokio()?, work))
    }

    /// Does something on a runtime; what it gives comes as CALLED.
    pub(crate) fn ask_on(
        &self,
        tokio: &Handle,
        work: impl Future<Output = std::result::Result<Value, PluginSdkError>> + Send + 'static,
    ) -> u32 {
        let bridge = Arc::clone(self.bridge());
        let mut calls = lock(&self.calls);
        let number = calls.next();
        let task = tokio.spawn(async move {
            let result = work.await.and_then(|value| {
                serde_json::to_string(&value)
                    .map_err(|error| PluginSdkError::new(ErrorKind::Protocol, error.to_string()))
            });
            bridge.push(Command::Called(number, result));
        });
        calls.put(number, task.abort_handle());
        number
    }
}

fn json(text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(invalid)
}
