//! What JavaScript drives: the SDK on threads of its own, and author code on the event loop's.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use napi::bindgen_prelude::{Env, Error, Result, Uint8ArraySlice};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;
use temps_plugin_sdk::binding::{BoundCore, Ended, HookDone, HookOutcome, Outbox, beside};
use temps_plugin_sdk::schema::Wire;
use temps_plugin_sdk::{PluginContext, PluginManifest, PluginOptions, UiAssets};
use tokio::runtime::{EnterGuard, Handle};
use tokio::task::AbortHandle;

use crate::batch::Batch;
use crate::bridge::{Bridge, Command, Wake};
use crate::core::{Loop, milliseconds};
use crate::exchange::Exchange;
use crate::invalid;

/// The plugin as the SDK drives it.
pub(crate) type NodeCore = BoundCore<Loop>;

/// What a plugin is, besides its manifest and its handlers.
#[napi(object, object_to_js = false)]
pub struct NativeOptions<'env> {
    /// A folder with a user interface.
    pub ui_folder: Option<String>,
    /// The same as the bytes of a `.tar.gz`.
    pub ui_bundle: Option<Uint8ArraySlice<'env>>,
    /// How long the first channel may take, in milliseconds; infinity: for ever.
    pub channel_deadline_ms: Option<f64>,
    /// Whether requests without the host's signature are refused in dialect 1 too.
    pub require_signature: bool,
    /// How long what is in flight may take at the plugin's end, in milliseconds.
    pub drain_ms: Option<f64>,
}

/// A plugin that runs, or is about to.
#[napi]
pub struct NativeRuntime {
    bridge: Arc<Bridge>,
    core: Mutex<Option<NodeCore>>,
    started: OnceLock<(PluginContext, Handle)>,
    outbox: Arc<Outbox>,
    /// Used on the event loop's thread only.
    exchanges: Mutex<HashMap<u64, Exchange>>,
    hooks: Mutex<Numbered<HookDone>>,
    pub(crate) calls: Mutex<Numbered<AbortHandle>>,
    ended: Mutex<Option<Ended>>,
}

#[napi]
impl NativeRuntime {
    /// Checks what the author says of the plugin; an error names every bad field.
    #[napi(constructor)]
    pub fn new(manifest: String, options: NativeOptions<'_>) -> Result<Self> {
        let manifest = PluginManifest::from_json(manifest.as_bytes()).map_err(invalid)?;
        let mut plugin_options =
            PluginOptions::default().require_signature(options.require_signature);
        if let Some(deadline) = options.channel_deadline_ms {
            let deadline =
                (deadline != f64::INFINITY).then(|| milliseconds(deadline)).transpose()?;
            plugin_options = plugin_options.channel_deadline(deadline);
        }
        if let Some(drain) = options.drain_ms {
            plugin_options = plugin_options.drain(milliseconds(drain)?);
        }
        let ui = match (options.ui_folder, options.ui_bundle) {
            (Some(folder), _) => Some(UiAssets::folder(PathBuf::from(folder))),
            (None, Some(bundle)) => Some(UiAssets::from(bundle.to_vec())),
            (None, None) => None,
        };
        let bridge = Arc::new(Bridge::default());
        let core = BoundCore::new(Loop(Arc::clone(&bridge)), manifest, plugin_options, ui);
        Ok(Self {
            bridge,
            core: Mutex::new(Some(core)),
            started: OnceLock::new(),
            outbox: Arc::default(),
            exchanges: Mutex::default(),
            hooks: Mutex::default(),
            calls: Mutex::default(),
            ended: Mutex::default(),
        })
    }

    /// Starts the plugin. `wake` is called when there is something to take; the last of it is the
    /// plugin's end.
    #[napi]
    pub fn launch(&self, arguments: Vec<String>, wake: Wake) -> Result<()> {
        temps_plugin_sdk::claim_stdout()?;
        let core = Arc::new(self.take_core()?);
        // A loop that has ended takes nothing any more, and neither does the process.
        self.bridge.attach(move || {
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
            true
        });
        let bridge = Arc::clone(&self.bridge);
        let arguments = arguments.into_iter().map(OsString::from).collect();
        let ended = beside(
            move || temps_plugin_sdk::run_core(core, arguments),
            move |code| bridge.push(Command::Ended(code)),
        )?;
        *lock(&self.ended) = Some(ended);
        Ok(())
    }

    /// All that is queued, as one flat array: first whether to come again without being woken, then each
    /// command as its kind and what belongs to that.
    #[napi]
    pub fn take<'env>(&self, env: &'env Env) -> Result<napi::bindgen_prelude::Array<'env>> {
        let (commands, again) = self.bridge.inbox.take();
        // Before the start there are no answers.
        if let Some((_, tokio)) = self.started.get() {
            self.outbox.flush(again, tokio);
        }
        let mut batch = Batch::new(env, again)?;
        for command in commands {
            batch.add(self, command)?;
        }
        Ok(batch.array)
    }

    /// A hook has succeeded; the start hook gives the `OpenAPI` document as JSON text, if any.
    #[napi]
    pub fn succeed(&self, token: u32, value: Option<String>) {
        self.end_hook(token, Ok(value));
    }

    /// A hook has failed, for this reason.
    #[napi]
    pub fn fail(&self, token: u32, reason: String) {
        self.end_hook(token, Err(reason));
    }

    /// The event loop is about to end, and the process with it.
    #[napi]
    pub fn loop_ended(&self) {
        if let Some(ended) = lock(&self.ended).take() {
            ended.tell();
        }
    }
}

impl NativeRuntime {
    pub(crate) fn take_core(&self) -> Result<NodeCore> {
        lock(&self.core).take().ok_or_else(|| invalid("the plugin was run before"))
    }

    pub(crate) fn bridge(&self) -> &Arc<Bridge> {
        &self.bridge
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    pub(crate) fn exchanges(&self) -> MutexGuard<'_, HashMap<u64, Exchange>> {
        lock(&self.exchanges)
    }

    /// The SDK's runtime is there, and so is the socket.
    pub(crate) fn started(&self, ctx: PluginContext, tokio: Handle) {
        drop(self.started.set((ctx, tokio)));
    }

    pub(crate) fn ctx(&self) -> Result<&PluginContext> {
        self.started.get().map(|(ctx, _)| ctx).ok_or_else(not_started)
    }

    pub(crate) fn tokio(&self) -> Result<&Handle> {
        self.started.get().map(|(_, tokio)| tokio).ok_or_else(not_started)
    }

    /// Within this, things may be dropped that spawn a task.
    pub(crate) fn enter(&self) -> Option<EnterGuard<'_>> {
        self.started.get().map(|(_, tokio)| tokio.enter())
    }

    pub(crate) fn hook(&self, done: HookDone) -> u32 {
        lock(&self.hooks).add(done)
    }

    fn end_hook(&self, token: u32, outcome: HookOutcome) {
        if let Some(done) = lock(&self.hooks).remove(token) {
            // A hook that took too long is waited for no more.
            drop(done.send(outcome));
        }
    }
}

impl Drop for NativeRuntime {
    /// A plugin under test may be gone before its requests are.
    fn drop(&mut self) {
        let _runtime = self.enter();
        self.exchanges().clear();
    }
}

fn not_started() -> Error {
    invalid("the plugin has not started")
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Things that JavaScript knows by number.
pub(crate) struct Numbered<T> {
    last: u32,
    things: HashMap<u32, T>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { last: 0, things: HashMap::new() }
    }
}

impl<T> Numbered<T> {
    /// The number that the next thing gets.
    pub(crate) fn next(&mut self) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.last
    }

    pub(crate) fn put(&mut self, number: u32, thing: T) {
        self.things.insert(number, thing);
    }

    pub(crate) fn add(&mut self, thing: T) -> u32 {
        let number = self.next();
        self.put(number, thing);
        number
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<T> {
        self.things.remove(&number)
    }
}
