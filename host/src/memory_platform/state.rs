//! What every call goes through first: recording, refusals, permissions, holds.

use serde::Serialize;
use serde_json::Value;
use temps_plugin_schema::Dialect;
use temps_plugin_schema::api_call::{ApiCall, ApiMethod};
use temps_plugin_schema::calls::{CallParams, Method};
use temps_plugin_schema::channel::{ErrorBody, ErrorCode};
use temps_plugin_schema::manifest::HostPermission;

use super::{CALLS_KEPT, MemoryPlatform, RecordedCall};
use crate::platform::CallOrigin;
use crate::redact::REDACTED;

impl MemoryPlatform {
    /// Records a call, and lets it through once nothing stands against it.
    pub(super) async fn admit<P: CallParams>(
        &self,
        origin: &CallOrigin,
        params: &P,
        needs: Option<HostPermission>,
    ) -> Result<(), ErrorBody> {
        let method = P::METHOD;
        self.record(origin, method, shown(params));
        self.until(|state| state.held.get(&method).is_none_or(|holds| *holds == 0)).await;
        let state = self.lock();
        if let Some(error) = state.refusals.get(&method) {
            return Err(error.clone());
        }
        match needs {
            Some(permission)
                if origin.dialect == Dialect::Two
                    && !state.capabilities.permissions.contains(&permission) =>
            {
                let message = format!("{method} needs the permission {permission}");
                Err(ErrorBody::new(ErrorCode::PermissionDenied, message))
            }
            _ => Ok(()),
        }
    }

    fn record(&self, origin: &CallOrigin, method: Method, params: Value) {
        let mut state = self.lock();
        if state.calls.len() == CALLS_KEPT {
            state.calls.pop_front();
        }
        state.calls.push_back(RecordedCall {
            plugin: origin.manifest.name.clone(),
            dialect: origin.dialect,
            method,
            params,
        });
        drop(state);
        self.tell();
    }
}

/// Parameters as they are recorded: without an actor token.
fn shown<P: Serialize>(params: &P) -> Value {
    let mut shown = serde_json::to_value(params).unwrap_or_default();
    if let Some(actor) = shown.get_mut("actor") {
        *actor = REDACTED.into();
    }
    shown
}

/// The permission that an `api_call` needs (dialect 2).
pub(super) fn api_permission(call: &ApiCall) -> HostPermission {
    match call.method {
        ApiMethod::Get => HostPermission::ApiRead,
        ApiMethod::Post | ApiMethod::Put | ApiMethod::Patch | ApiMethod::Delete => {
            HostPermission::ApiWrite
        }
    }
}

/// The part of a path below `/api`.
pub(super) fn below_api(path: &str) -> &str {
    match path.strip_prefix("/api") {
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}
