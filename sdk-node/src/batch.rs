//! Commands as one flat array: making an object for each would cost more than all the rest.
//!
//! Each command is its kind and then what belongs to it; `ts/driver.ts` reads them.

use bytes::Bytes;
use http_body::Body as _;
use napi::bindgen_prelude::{
    Array, BufferSlice, Env, JavaScriptClassExt, Null, Result, ToNapiValue,
};
use serde_json::json;
use temps_plugin_sdk::binding::Answering;
use temps_plugin_sdk::{PluginContext, PluginSdkError};

use crate::bridge::{Command, Pulled};
use crate::caller::NativeCaller;
use crate::exchange::{Exchange, Incoming};
use crate::headers;
use crate::invalid;
use crate::runtime::{NativeRuntime, lock};

/// id, head (`method\ntarget\nname\nvalue…`), flags, whole body or null, caller or null
const REQUEST: u32 = 0;
/// id, bytes or null at the end, trailers
const BODY: u32 = 1;
/// id, reason
const BODY_FAILED: u32 = 2;
/// id
const DRAIN: u32 = 3;
/// id
const GONE: u32 = 4;
/// hook, context as JSON
const START: u32 = 5;
/// hook, event as JSON
const EVENT: u32 = 6;
/// hook
const SHUTDOWN: u32 = 7;
/// call, result as JSON or null, kind, message, code or null
const CALLED: u32 = 8;
/// nothing
const STOPPING: u32 = 9;
/// exit code
const ENDED: u32 = 10;

/// Flags of a request: it has a body; it asks for an upgrade.
const HAS_BODY: u32 = 1;
const UPGRADING: u32 = 2;

/// An array that is being filled.
pub(crate) struct Batch<'env> {
    env: &'env Env,
    pub(crate) array: Array<'env>,
}

impl<'env> Batch<'env> {
    pub(crate) fn new(env: &'env Env, again: bool) -> Result<Self> {
        let mut batch = Self { env, array: env.create_array(0)? };
        batch.put(again)?;
        Ok(batch)
    }

    /// Adds a command, and does what it means for what is known of requests.
    pub(crate) fn add(&mut self, runtime: &NativeRuntime, command: Command) -> Result<()> {
        match command {
            Command::Request(incoming) => self.request(runtime, *incoming),
            Command::Pulled(id, body, pulled) => self.pulled(runtime, id, body, pulled),
            Command::Raw(id, piece) => {
                self.numbers(BODY, id)?;
                self.bytes(piece.as_ref())?;
                self.put("")
            }
            Command::Drain(id) => self.numbers(DRAIN, id),
            Command::Gone(id) => {
                let gone = runtime.exchanges().remove(&id);
                if let Some(mut exchange) = gone {
                    let _runtime = runtime.enter();
                    exchange.answering.abandon();
                }
                self.numbers(GONE, id)
            }
            Command::Start(begin, done) => {
                let (ctx, tokio) = *begin;
                let context = match context(&ctx) {
                    Ok(context) => context,
                    Err(error) => {
                        drop(done.send(Err(error.reason.to_string())));
                        return Ok(());
                    }
                };
                runtime.started(ctx, tokio);
                self.put(START)?;
                self.put(runtime.hook(done))?;
                self.put(context)
            }
            Command::Event(event, done) => {
                self.put(EVENT)?;
                self.put(runtime.hook(done))?;
                self.put(event)
            }
            Command::Shutdown(done) => {
                self.put(SHUTDOWN)?;
                self.put(runtime.hook(done))
            }
            Command::Called(number, result) => self.called(runtime, number, result),
            Command::Stopping => self.put(STOPPING),
            Command::Ended(code) => {
                self.put(ENDED)?;
                self.put(u32::from(code))
            }
        }
    }

    fn request(&mut self, runtime: &NativeRuntime, incoming: Incoming) -> Result<()> {
        let Incoming { id, parts, body, inline, caller, answer, upgrade } = incoming;
        let mut head = Vec::with_capacity(512);
        head.extend_from_slice(parts.method.as_str().as_bytes());
        head.push(b'\n');
        let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        head.extend_from_slice(target.as_bytes());
        headers::write(&mut head, &parts.headers);
        let has_body = inline.is_some() || !body.is_end_stream();
        let flags =
            if has_body { HAS_BODY } else { 0 } | if upgrade.is_some() { UPGRADING } else { 0 };
        self.numbers(REQUEST, id)?;
        self.put(self.env.create_string_latin1(&head)?)?;
        self.put(flags)?;
        self.bytes(inline.as_ref())?;
        match caller {
            Some(caller) => {
                let caller = NativeCaller(caller).into_instance(self.env)?;
                self.put(caller)?;
            }
            None => self.put(Null)?,
        }
        let answering = Answering::new(&parts.method, answer, runtime.outbox().clone());
        let exchange = Exchange::new(id, runtime.bridge().clone(), body, answering, upgrade);
        runtime.exchanges().insert(id, exchange);
        Ok(())
    }

    fn pulled(
        &mut self,
        runtime: &NativeRuntime,
        id: u64,
        body: axum::body::Body,
        pulled: Pulled,
    ) -> Result<()> {
        // If nobody wants it, what is left of the body is read and thrown away on the runtime.
        let _runtime = runtime.enter();
        let mut exchanges = runtime.exchanges();
        let Some(exchange) = exchanges.get_mut(&id) else { return Ok(()) };
        let frame = match pulled {
            Some(Ok(frame)) => frame,
            outcome => {
                exchange.pulled(None);
                if exchange.is_over() {
                    exchanges.remove(&id);
                }
                drop(exchanges);
                return match outcome {
                    Some(Err(error)) => {
                        self.numbers(BODY_FAILED, id)?;
                        self.put(error.to_string())
                    }
                    _ => self.end_of_body(id, Vec::new()),
                };
            }
        };
        exchange.pulled(frame.is_data().then_some(body));
        drop(exchanges);
        match frame.into_data() {
            Ok(data) => {
                self.numbers(BODY, id)?;
                self.bytes(Some(&data))?;
                self.put("")
            }
            Err(frame) => {
                let mut trailers = Vec::new();
                if let Some(map) = frame.trailers_ref() {
                    headers::write(&mut trailers, map);
                }
                self.end_of_body(id, trailers)
            }
        }
    }

    fn end_of_body(&mut self, id: u64, trailers: Vec<u8>) -> Result<()> {
        self.numbers(BODY, id)?;
        self.put(Null)?;
        self.put(self.env.create_string_latin1(&trailers)?)
    }

    fn called(
        &mut self,
        runtime: &NativeRuntime,
        number: u32,
        result: std::result::Result<String, PluginSdkError>,
    ) -> Result<()> {
        // A call that was forgotten gives nothing.
        if lock(&runtime.calls).remove(number).is_none() {
            return Ok(());
        }
        self.put(CALLED)?;
        self.put(number)?;
        match result {
            Ok(text) => {
                self.put(text)?;
                self.put("")?;
                self.put("")?;
                self.put(Null)
            }
            Err(error) => {
                let remote = error.remote();
                self.put(Null)?;
                self.put(error.kind().as_str())?;
                self.put(remote.map_or_else(|| error.to_string(), |body| body.message.clone()))?;
                self.put(remote.map(|body| body.code.to_string()))
            }
        }
    }

    /// A kind and an id.
    #[expect(clippy::cast_precision_loss, reason = "ids are small")]
    fn numbers(&mut self, kind: u32, id: u64) -> Result<()> {
        self.put(kind)?;
        self.put(id as f64)
    }

    fn bytes(&mut self, bytes: Option<&Bytes>) -> Result<()> {
        match bytes {
            Some(bytes) => self.put(BufferSlice::copy_from(self.env, bytes)?),
            None => self.put(Null),
        }
    }

    fn put(&mut self, value: impl ToNapiValue) -> Result<()> {
        self.array.insert(value)
    }
}

/// What a plugin knows of its start, as JSON.
fn context(ctx: &PluginContext) -> Result<String> {
    let path = |path: &std::path::Path| {
        let text = path.to_str().map(str::to_owned);
        text.ok_or_else(|| invalid(format!("{} is no text in UTF-8", path.display())))
    };
    let context = json!({
        "pluginName": ctx.plugin_name(),
        "dataDir": path(ctx.data_dir())?,
        "dialect": ctx.dialect().number(),
        "authSecret": ctx.auth_secret(),
        "databaseUrl": ctx.database_url(),
        "hostApiUrl": ctx.host_api_url(),
        "hostDataDir": ctx.host_data_dir().map(path).transpose()?,
    });
    Ok(context.to_string())
}
