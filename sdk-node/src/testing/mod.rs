//! `temps-plugin/testing`: the SDK's own test harness, for a plugin whose author writes JavaScript.
//!
//! Values cross as JSON text, so that the types of the wire are known to the schema alone. Nothing here
//! blocks the event loop: the host's side has threads of its own, and what is asked of it comes back as
//! CALLED, like calls to the platform.

mod platform;
pub mod samples;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use napi::Status;
use napi::bindgen_prelude::Result;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use serde_json::{Value, json};
use temps_plugin_sdk::schema::Wire;
use temps_plugin_sdk::testing::TestPlugin;
use temps_plugin_sdk::{Dialect, ErrorKind, PluginEvent, PluginSdkError};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{RwLock, watch};

use self::platform::NativeTestPlatform;
use crate::bridge::Bridge;
use crate::invalid;
use crate::runtime::{NativeRuntime, lock};

/// As `bridge::Wake`, but a test that forgets to stop its plugin is not kept from ending.
type TestWake = ThreadsafeFunction<(), (), (), Status, false, true, 1>;

/// How a plugin under test is started.
#[napi(object, object_to_js = false)]
pub struct NativeTestStart {
    /// 1 or 2.
    pub dialect: u32,
    /// Where the plugin keeps its data; temporary otherwise.
    pub data_dir: Option<String>,
    /// Where its socket goes; temporary otherwise.
    pub socket_path: Option<String>,
    /// For a plugin with `requires_db`.
    pub database_url: Option<String>,
    /// More of the command line.
    pub arguments: Vec<String>,
    /// Whether the host opens the channel.
    pub channel: bool,
}

/// A plugin that runs inside a test: a host for a `NativeRuntime`.
#[napi]
pub struct NativeTestRun {
    plugin: Arc<RwLock<Option<TestPlugin>>>,
    /// A delivery that still waits gives up, so that the plugin can be told to stop.
    stopping: Arc<watch::Sender<bool>>,
    wake: Arc<Mutex<Option<TestWake>>>,
    bridge: Arc<Bridge>,
}

#[napi]
impl NativeTestRun {
    /// A host for a plugin that was not started yet. `wake` is called when there is something to take.
    #[napi(constructor)]
    pub fn new(runtime: &NativeRuntime, wake: TestWake) -> Self {
        let bridge = Arc::clone(runtime.bridge());
        let wake = Arc::new(Mutex::new(Some(wake)));
        let woken = Arc::clone(&wake);
        bridge.attach(move || match lock(&woken).as_ref() {
            Some(wake) => wake.call((), ThreadsafeFunctionCallMode::NonBlocking) != Status::Closing,
            None => false,
        });
        Self { plugin: Arc::default(), stopping: Arc::default(), wake, bridge }
    }

    /// Starts the plugin and opens its channel; gives `{"socketPath", "dataDir", "manifest", "ready"}`.
    #[napi]
    pub fn start(
        &self,
        runtime: &NativeRuntime,
        platform: &NativeTestPlatform,
        start: NativeTestStart,
    ) -> Result<u32> {
        let dialect = match start.dialect {
            1 => Dialect::One,
            2 => Dialect::Two,
            other => return Err(invalid(format!("dialect is {other}; allowed: 1, 2"))),
        };
        let core = Arc::new(runtime.take_core()?);
        let mut builder = TestPlugin::core(core).dialect(dialect).platform(platform.shared());
        if let Some(path) = start.data_dir {
            builder = builder.data_dir(path);
        }
        if let Some(path) = start.socket_path {
            builder = builder.socket_path(path);
        }
        if let Some(url) = start.database_url {
            builder = builder.database_url(url);
        }
        for argument in start.arguments {
            builder = builder.argument(argument);
        }
        if !start.channel {
            builder = builder.without_channel();
        }
        let place = Arc::clone(&self.plugin);
        Ok(runtime.ask_on(host()?.handle(), async move {
            let plugin = builder.start().await?;
            let told = json!({
                "socketPath": text(plugin.socket_path().to_owned())?,
                "dataDir": text(plugin.data_dir().to_owned())?,
                "manifest": plugin.manifest(),
                "ready": plugin.ready(),
            });
            *place.write().await = Some(plugin);
            Ok(told)
        }))
    }

    /// Delivers an event, given as JSON text, and waits until the handlers are through with it.
    #[napi]
    pub fn deliver(&self, runtime: &NativeRuntime, event: String) -> Result<u32> {
        let event = PluginEvent::from_json(event.as_bytes()).map_err(invalid)?;
        let (place, mut stopping) = (Arc::clone(&self.plugin), self.stopping.subscribe());
        Ok(runtime.ask_on(host()?.handle(), async move {
            let plugin = place.read().await;
            let plugin = plugin.as_ref().ok_or_else(stopped)?;
            tokio::select! {
                delivered = plugin.emit(event) => delivered.map(|()| Value::Null),
                _ = stopping.wait_for(|stopping| *stopping) => Err(PluginSdkError::new(
                    ErrorKind::Disconnected,
                    "the plugin was stopped before its handlers were through with the event",
                )),
            }
        }))
    }

    /// Cuts the channel.
    #[napi]
    pub fn drop_channel(&self, runtime: &NativeRuntime) -> Result<u32> {
        let place = Arc::clone(&self.plugin);
        Ok(runtime.ask_on(host()?.handle(), async move {
            let mut plugin = place.write().await;
            plugin.as_mut().ok_or_else(stopped)?.drop_channel().await;
            Ok(Value::Null)
        }))
    }

    /// Opens the channel again.
    #[napi]
    pub fn open_channel(&self, runtime: &NativeRuntime) -> Result<u32> {
        let place = Arc::clone(&self.plugin);
        Ok(runtime.ask_on(host()?.handle(), async move {
            let mut plugin = place.write().await;
            plugin.as_mut().ok_or_else(stopped)?.open_channel().await?;
            Ok(Value::Null)
        }))
    }

    /// Asks the plugin to stop, and waits until it has.
    #[napi]
    pub fn stop(&self, runtime: &NativeRuntime) -> Result<u32> {
        self.stopping.send_replace(true);
        let place = Arc::clone(&self.plugin);
        Ok(runtime.ask_on(host()?.handle(), async move {
            let plugin = place.write().await.take();
            if let Some(plugin) = plugin {
                plugin.stop().await?;
            }
            Ok(Value::Null)
        }))
    }

    /// Lets go of the function that wakes the event loop: the plugin has ended.
    #[napi]
    pub fn close(&self) {
        *lock(&self.wake) = None;
    }
}

impl Drop for NativeTestRun {
    /// A plugin that nobody has stopped ends with the test, or with the thread that ran it.
    fn drop(&mut self) {
        self.close();
        // What is left of requests is let go where tasks can be spawned.
        let _runtime = host().ok().map(Runtime::enter);
        self.bridge.empty();
    }
}

/// Carries the host's side of every plugin under test.
fn host() -> Result<&'static Runtime> {
    static HOST: OnceLock<io::Result<Runtime>> = OnceLock::new();
    let host = HOST.get_or_init(|| {
        Builder::new_multi_thread().worker_threads(1).thread_name("test-host").enable_all().build()
    });
    host.as_ref().map_err(invalid)
}

fn text(path: PathBuf) -> std::result::Result<String, PluginSdkError> {
    path.into_os_string().into_string().map_err(|path| {
        let message = format!("{} is no text in UTF-8", path.display());
        PluginSdkError::new(ErrorKind::Arguments, message)
    })
}

fn stopped() -> PluginSdkError {
    PluginSdkError::new(ErrorKind::Disconnected, "the plugin was stopped")
}
