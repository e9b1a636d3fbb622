//! Running a plugin inside a test: the real runtime on a temporary socket, with a platform in
//! memory. Nothing is spawned but a thread.
//!
//! ```
//! use temps_plugin_sdk::prelude::*;
//! use temps_plugin_sdk::testing::{self, TestPlugin, TestUser};
//!
//! struct Hello;
//!
//! impl ExternalPlugin for Hello {
//!     fn manifest(&self) -> PluginManifest {
//!         PluginManifest::builder("hello", "1.0.0").event("project.*").build()
//!     }
//!     fn router(&self, ctx: PluginContext) -> axum::Router {
//!         axum::Router::new().route("/hello", get(hello)).with_state(ctx)
//!     }
//! }
//!
//! async fn hello(caller: VerifiedCaller) -> String {
//!     format!("Hello {}", caller.email())
//! }
//!
//! # fn main() { tokio::runtime::Runtime::new().unwrap().block_on(test()).unwrap(); }
//! // #[tokio::test]
//! async fn test() -> Result<(), PluginSdkError> {
//!     let plugin = TestPlugin::start(Hello).await?;
//!
//!     let ada = TestUser::new("7", "ada@example.org");
//!     let greeting = plugin.get("/hello").signed_in(&ada).send().await?;
//!     assert_eq!(greeting.text(), "Hello ada@example.org");
//!     assert_eq!(plugin.get("/hello").send().await?.status(), 401);
//!
//!     plugin.emit(testing::event("project.created", serde_json::json!({}))).await?;
//!     assert!(plugin.platform().calls().is_empty());
//!     plugin.stop().await
//! }
//! ```

mod channel;
mod observed;
mod platform;
mod request;
mod samples;

use std::ffi::OsString;
use std::fmt;
use std::io::{BufRead, BufReader, PipeReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use tempfile::TempDir;
use temps_plugin_schema::handshake::{LaunchConfig, PluginLine, Ready};
use temps_plugin_schema::{Dialect, PluginEvent, PluginManifest, Secret, Wire, limits};
use tokio::sync::{oneshot, watch};

use self::channel::HostChannel;
use self::observed::Observed;
pub use self::platform::{RecordedCall, TestPlatform};
pub use self::request::{TestRequest, TestResponse, TestUser};
pub use self::samples::{deployment, environment, event, project};
use crate::runtime::core::{PluginCore, RustPlugin};
use crate::runtime::own_thread::{self, Jobs, own_thread};
use crate::runtime::state::{Machine, State};
use crate::runtime::stop::Stopper;
use crate::runtime::{Beginning, Ended, Launch, run, stop};
use crate::{ErrorKind, ExternalPlugin, PluginSdkError};

const SECRET: &str = "test-secret-test-secret-test-secret-test";

/// Says how a plugin under test is started.
#[must_use = "a builder does nothing until `start` is awaited"]
pub struct TestPluginBuilder {
    core: Arc<dyn PluginCore>,
    dialect: Dialect,
    platform: TestPlatform,
    data_dir: Option<PathBuf>,
    socket_path: Option<PathBuf>,
    database_url: Option<String>,
    arguments: Vec<OsString>,
    channel: bool,
}

impl TestPluginBuilder {
    /// Which dialect the host speaks; 2 unless said otherwise.
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// The platform that answers the plugin's calls; an empty one unless said otherwise.
    pub fn platform(mut self, platform: TestPlatform) -> Self {
        self.platform = platform;
        self
    }

    /// A data directory that outlives the test plugin, to start another one over it.
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// Where the socket goes, to reach it while the plugin is still starting.
    pub fn socket_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.socket_path = Some(path.into());
        self
    }

    /// Leaves the channel closed, as a host that never comes does;
    /// [`TestPlugin::open_channel`] opens it.
    pub fn without_channel(mut self) -> Self {
        self.channel = false;
        self
    }

    /// The database a plugin with `requires_db` is given.
    pub fn database_url(mut self, url: impl Into<String>) -> Self {
        self.database_url = Some(url.into());
        self
    }

    /// Another argument for the plugin.
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Starts the plugin and opens its channel.
    ///
    /// # Errors
    /// Whatever would have ended the process: a bad manifest, a failed start hook, …
    pub async fn start(self) -> Result<TestPlugin, PluginSdkError> {
        let dir = tempfile::Builder::new().prefix("temps-test").tempdir()?;
        let socket_path = self.socket_path.clone().unwrap_or_else(|| dir.path().join("p.sock"));
        let data_dir = self.data_dir.clone().unwrap_or_else(|| dir.path().join("data"));
        let (stdout, plugin_stdout) = std::io::pipe()?;
        let (plugin_stdin, stdin) = std::io::pipe()?;
        let (stopper, stop) = stop::pair();
        let machine = Arc::new(Machine::new());
        let observed = Arc::new(Observed::new(self.core));
        let (own_thread, jobs) = own_thread();
        let launch = Launch {
            beginning: Beginning::Arguments {
                arguments: arguments(self.dialect, &socket_path, &data_dir, self.arguments),
                stdin: plugin_stdin.into(),
                stdout: Box::new(plugin_stdout),
            },
            own_thread,
            stop,
            machine: Arc::clone(&machine),
        };
        let state = machine.watch();
        let ended = spawn(Arc::clone(&observed), launch, jobs)?;
        let config = LaunchConfig {
            protocol_version: Dialect::Two.number(),
            auth_secret: Secret::new(SECRET),
            database_url: self.database_url.map(Secret::new),
            host_data_dir: None,
        };
        let config = (self.dialect == Dialect::Two).then_some(config);
        let handshake = tokio::task::spawn_blocking(move || handshake(stdout, stdin, config));
        let (manifest, ready) = match handshake.await.map_err(PluginSdkError::other)? {
            Ok(announced) => announced,
            // The plugin's own reason says more than the handshake's end.
            Err(handshake_error) => {
                ended.await.map_err(PluginSdkError::other)??;
                return Err(handshake_error);
            }
        };
        let mut plugin = TestPlugin {
            socket_path,
            data_dir,
            dialect: self.dialect,
            platform: self.platform,
            observed,
            stopper,
            state,
            ended: Some(ended),
            manifest,
            ready,
            channel: None,
            _dir: dir,
        };
        if self.channel {
            plugin.open_channel().await?;
        }
        Ok(plugin)
    }
}

/// A plugin that runs inside a test. Dropping it stops it.
pub struct TestPlugin {
    socket_path: PathBuf,
    data_dir: PathBuf,
    dialect: Dialect,
    platform: TestPlatform,
    observed: Arc<Observed>,
    stopper: Stopper,
    state: watch::Receiver<State>,
    ended: Option<oneshot::Receiver<Result<Ended, PluginSdkError>>>,
    manifest: PluginManifest,
    ready: Ready,
    channel: Option<HostChannel>,
    _dir: TempDir,
}

impl TestPlugin {
    /// Starts `plugin` under an empty platform of dialect 2.
    ///
    /// # Errors
    /// Whatever would have ended the process: a bad manifest, a failed start hook, …
    pub async fn start(plugin: impl ExternalPlugin) -> Result<Self, PluginSdkError> {
        Self::builder(plugin).start().await
    }

    /// Says how `plugin` is to be started.
    pub fn builder(plugin: impl ExternalPlugin) -> TestPluginBuilder {
        Self::core(Arc::new(RustPlugin(plugin)))
    }

    /// [`builder`](Self::builder) for whatever drives a plugin in another language.
    pub fn core(core: Arc<dyn PluginCore>) -> TestPluginBuilder {
        TestPluginBuilder {
            core,
            dialect: Dialect::Two,
            platform: TestPlatform::new(),
            data_dir: None,
            socket_path: None,
            database_url: None,
            arguments: Vec::new(),
            channel: true,
        }
    }

    /// What the plugin announced.
    #[must_use]
    pub fn manifest(&self) -> &PluginManifest {
        &self.manifest
    }

    /// What the plugin said when it was ready.
    #[must_use]
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The plugin's socket, for requests that [`request`](Self::request) cannot make.
    #[must_use]
    pub fn socket_path(&self) -> &Path {
        &self.socket_path
    }

    /// The plugin's data directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The platform the plugin talks to: what it was asked, and what it answers.
    #[must_use]
    pub fn platform(&self) -> &TestPlatform {
        &self.platform
    }

    /// A `GET` request.
    pub fn get(&self, path: &str) -> TestRequest {
        self.request(http::Method::GET, path)
    }

    /// A `POST` request.
    pub fn post(&self, path: &str) -> TestRequest {
        self.request(http::Method::POST, path)
    }

    /// A `PUT` request.
    pub fn put(&self, path: &str) -> TestRequest {
        self.request(http::Method::PUT, path)
    }

    /// A `DELETE` request.
    pub fn delete(&self, path: &str) -> TestRequest {
        self.request(http::Method::DELETE, path)
    }

    /// A `PATCH` request.
    pub fn patch(&self, path: &str) -> TestRequest {
        self.request(http::Method::PATCH, path)
    }

    /// A request, signed by the host; nobody is signed in unless said so.
    pub fn request(&self, method: http::Method, path: &str) -> TestRequest {
        TestRequest::new(self.socket_path.clone(), SECRET, method, path)
    }

    /// Delivers an event over the channel and waits until the plugin's hook is through with it,
    /// whether it succeeds, fails or panics.
    ///
    /// Like any host it delivers only what the manifest asks for.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] for an event the manifest does not ask for, and
    /// [`ErrorKind::Disconnected`] without a channel.
    pub async fn emit(&self, event: PluginEvent) -> Result<(), PluginSdkError> {
        if !self.manifest.wants_event(&event.event_type) {
            return Err(PluginSdkError::new(
                ErrorKind::InvalidRequest,
                format!(
                    "the manifest does not ask for {:?}: no host would send it",
                    event.event_type
                ),
            ));
        }
        let Some(channel) = &self.channel else {
            return Err(no_channel());
        };
        let handled = self.observed.handled(&event.id);
        channel.emit(event).await?;
        let mut state = self.state.clone();
        tokio::select! {
            () = handled => Ok(()),
            _ = state.wait_for(|state| *state == State::Stopped) => Err(no_channel()),
        }
    }

    /// Cuts the channel, as a host that dies does.
    pub async fn drop_channel(&mut self) {
        self.channel = None;
        let mut state = self.state.clone();
        drop(state.wait_for(|state| *state != State::Connected).await);
    }

    /// Opens the channel again after [`drop_channel`](Self::drop_channel).
    ///
    /// # Errors
    /// When the plugin refuses, such as with 409 while a channel is live.
    pub async fn open_channel(&mut self) -> Result<(), PluginSdkError> {
        let channel =
            HostChannel::dial(&self.socket_path, self.dialect, SECRET, self.platform.clone())
                .await?;
        let mut state = self.state.clone();
        let connected = state.wait_for(|state| *state >= State::Connected);
        if tokio::time::timeout(limits::HANDSHAKE_STEP, connected).await.is_err() {
            return Err(PluginSdkError::new(
                ErrorKind::Disconnected,
                "the plugin granted the channel and did not take it up",
            ));
        }
        self.channel = Some(channel);
        Ok(())
    }

    /// Asks the plugin to stop, as SIGTERM does, and waits until it has.
    ///
    /// # Errors
    /// Whatever would have made the process exit with another code than 0.
    pub async fn stop(mut self) -> Result<(), PluginSdkError> {
        self.stopper.request();
        self.ended().await
    }

    /// Waits until the plugin has ended, by itself or because it was told to.
    ///
    /// # Errors
    /// Whatever would have made the process exit with another code than 0.
    pub async fn ended(&mut self) -> Result<(), PluginSdkError> {
        match self.ended.take() {
            Some(ended) => ended.await.map_err(PluginSdkError::other)?.map(|_| ()),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for TestPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestPlugin")
            .field("manifest", &self.manifest)
            .field("dialect", &self.dialect)
            .field("state", &*self.state.borrow())
            .finish_non_exhaustive()
    }
}

impl Drop for TestPlugin {
    fn drop(&mut self) {
        // Twice: whoever drops a test plugin does not wait for its requests in flight.
        self.stopper.request();
        self.stopper.request();
    }
}

fn no_channel() -> PluginSdkError {
    PluginSdkError::new(ErrorKind::Disconnected, "the channel was dropped; open_channel() first")
}

fn arguments(
    dialect: Dialect,
    socket_path: &Path,
    data_dir: &Path,
    more: Vec<OsString>,
) -> Vec<OsString> {
    let mut arguments =
        vec!["--socket-path".into(), socket_path.into(), "--data-dir".into(), data_dir.into()];
    if dialect == Dialect::One {
        arguments.extend(["--auth-secret".into(), SECRET.into()]);
    }
    arguments.extend(more);
    arguments
}

/// Runs the plugin on a thread and a runtime of its own, so that its hooks may block in any
/// `#[tokio::test]`.
fn spawn(
    core: Arc<Observed>,
    launch: Launch,
    jobs: Jobs,
) -> Result<oneshot::Receiver<Result<Ended, PluginSdkError>>, PluginSdkError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (sender, ended) = oneshot::channel();
    thread::Builder::new().name("test-plugin".to_owned()).spawn(move || {
        let life = async move {
            let manifest = core.manifest();
            // Sent from wherever the life ends: a hook may hold this thread for ever.
            drop(sender.send(run(core, manifest, launch).await));
        };
        own_thread::live(&runtime, life, jobs, drop);
        runtime.shutdown_background();
    })?;
    Ok(ended)
}

/// The host's side of the handshake.
fn handshake(
    stdout: PipeReader,
    mut stdin: impl Write,
    config: Option<LaunchConfig>,
) -> Result<(PluginManifest, Ready), PluginSdkError> {
    let mut lines = BufReader::new(stdout);
    let manifest = match read_line(&mut lines)? {
        PluginLine::Manifest(manifest) => *manifest,
        PluginLine::Hello(hello) => *hello.manifest,
        PluginLine::Ready(_) => return Err(out_of_turn("ready")),
    };
    if let Some(config) = config {
        let mut line = serde_json::to_vec(&config)?;
        line.push(b'\n');
        stdin.write_all(&line)?;
    }
    drop(stdin);
    match read_line(&mut lines)? {
        PluginLine::Ready(ready) => Ok((manifest, ready)),
        line => Err(out_of_turn(line.kind())),
    }
}

fn read_line(lines: &mut impl BufRead) -> Result<PluginLine, PluginSdkError> {
    let mut line = Vec::new();
    lines.read_until(b'\n', &mut line)?;
    PluginLine::from_json(&line).map_err(|error| {
        let message = format!("the plugin's handshake ended or is invalid: {error}");
        PluginSdkError::new(ErrorKind::Handshake, message)
    })
}

fn out_of_turn(kind: &str) -> PluginSdkError {
    PluginSdkError::new(ErrorKind::Handshake, format!("the plugin wrote {kind:?} out of turn"))
}
