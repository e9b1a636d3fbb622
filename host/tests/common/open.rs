//! A channel to the fixture, which sends what a test orders it to by HTTP and shows by HTTP what came.

use std::sync::Arc;

use serde_json::{Value, json};
use temps_plugin_host::{Channel, MemoryPlatform, Platform, RunningPlugin};
use temps_plugin_schema::{Dialect, PluginEvent};

use super::Place;

/// A running fixture with an open channel.
pub struct Open {
    pub plugin: RunningPlugin,
    pub channel: Channel,
    pub platform: MemoryPlatform,
    pub dialect: Dialect,
    _place: Place,
}

impl Open {
    pub async fn new(dialect: Dialect) -> Self {
        let platform = MemoryPlatform::sample();
        Self::on(dialect, platform.clone(), Arc::new(platform)).await
    }

    pub async fn on(dialect: Dialect, memory: MemoryPlatform, platform: Arc<dyn Platform>) -> Self {
        let place = Place::new();
        let plugin = place.fixture("").dialect(dialect).start().await.unwrap();
        let channel = plugin.dial_channel(platform).await.unwrap();
        Self { plugin, channel, platform: memory, dialect, _place: place }
    }

    /// Has the plugin send a text message.
    pub async fn send(&self, text: impl Into<String>) {
        let request = self.plugin.http().post("/frame").body(text.into());
        assert_eq!(request.send().await.unwrap().status(), 202);
    }

    /// Has the plugin make a call.
    pub async fn call(&self, id: u64, method: &str, params: Value) {
        let frame = match self.dialect {
            Dialect::One => {
                json!({"type": "request", "id": id, "method": method, "params": params})
            }
            Dialect::Two => {
                let call = json!({"method": method, "params": params});
                json!({"type": "request", "id": id, "call": call})
            }
        };
        self.send(frame.to_string()).await;
    }

    /// The next frame that the plugin got.
    pub async fn frame(&self) -> Value {
        self.plugin.http().get("/frame").send().await.unwrap().json().await.unwrap()
    }

    /// Makes a call and returns `(id, Ok(result) | Err((code, message)))`.
    pub async fn ask(&self, id: u64, method: &str, params: Value) -> Result<Value, String> {
        self.call(id, method, params).await;
        let frame = self.frame().await;
        assert_eq!((frame["type"].as_str(), frame["id"].as_u64()), (Some("response"), Some(id)));
        outcome(self.dialect, method, &frame)
    }

    pub async fn order(&self, path: &str) {
        assert_eq!(self.plugin.http().post(path).send().await.unwrap().status(), 202);
    }
}

/// What came of a call: its result, or its error code.
pub fn outcome(dialect: Dialect, method: &str, frame: &Value) -> Result<Value, String> {
    let (ok, err) = match dialect {
        Dialect::One => (frame.get("result").cloned(), &frame["error"]),
        Dialect::Two => {
            let ok = frame["outcome"].get("ok");
            if let Some(ok) = ok {
                assert_eq!(ok["method"], method, "{frame}");
            }
            (ok.map(|ok| ok["result"].clone()), &frame["outcome"]["err"])
        }
    };
    match (ok, err["code"].as_str()) {
        (Some(result), None) => Ok(result),
        (None, Some(code)) => {
            assert!(!err["message"].as_str().unwrap().is_empty(), "{frame}");
            Err(code.to_owned())
        }
        _ => panic!("neither or both: {frame}"),
    }
}

pub fn event(event_type: &str) -> PluginEvent {
    PluginEvent {
        id: "6f1c2f0e-6a3e-4a53-9f0c-0c9f3f1e7a11".to_owned(),
        event_type: event_type.to_owned(),
        timestamp: "2026-06-06T12:00:00Z".to_owned(),
        project_id: Some(42),
        data: json!({"project_id": 42, "project_name": "Shop"}),
    }
}
