//! A plugin that runs: what it said, its sockets, its streams, its end.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use temps_plugin_schema::handshake::Ready;
use temps_plugin_schema::{Dialect, PluginManifest, Secret};
use tokio::process::ChildStdin;
use tokio::task::JoinHandle;

use crate::channel::{Channel, ChannelError, RawChannel};
use crate::http::PluginHttp;
use crate::launch::Handshake;
use crate::platform::Platform;
use crate::process::{Ended, KillOnDrop, Signal};
use crate::stdio::{StreamTotals, Tail};
use crate::tap::Tap;

/// A plugin whose handshake is done.
///
/// Dropping it kills the plugin and everything in its process group at once; [`RunningPlugin::stop`]
/// lets it finish first.
pub struct RunningPlugin {
    parts: Parts,
}

/// What a running plugin is made of.
pub(crate) struct Parts {
    pub(crate) group: KillOnDrop,
    pub(crate) handshake: Handshake,
    pub(crate) socket_path: PathBuf,
    pub(crate) secret: Secret,
    pub(crate) http: PluginHttp,
    pub(crate) stderr: Tail,
    pub(crate) stray: Tail,
    pub(crate) drains: Vec<JoinHandle<()>>,
    /// Kept only to keep it open, when the launch line was withheld.
    pub(crate) stdin: Option<ChildStdin>,
    pub(crate) tap: Tap,
}

impl Drop for Parts {
    fn drop(&mut self) {
        // A process that has left the group may hold the pipes open for ever.
        for drain in &self.drains {
            drain.abort();
        }
    }
}

impl fmt::Debug for RunningPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningPlugin")
            .field("pid", &self.pid())
            .field("handshake", self.handshake())
            .field("socket_path", &self.socket_path())
            .field("holds_stdin", &self.parts.stdin.is_some())
            .finish_non_exhaustive()
    }
}

impl RunningPlugin {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts }
    }

    /// The process id, which is also that of its group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.parts.group.0.pid()
    }

    /// All that was said in the handshake.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.parts.handshake
    }

    /// What the plugin says of itself.
    #[must_use]
    pub fn manifest(&self) -> &PluginManifest {
        &self.parts.handshake.manifest
    }

    /// Its `ready` line.
    #[must_use]
    pub fn ready(&self) -> &Ready {
        &self.parts.handshake.ready
    }

    /// The dialect spoken.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.parts.handshake.dialect
    }

    /// Where it listens.
    #[must_use]
    pub fn socket_path(&self) -> &Path {
        &self.parts.socket_path
    }

    /// The secret of this start.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.parts.secret
    }

    /// The client for its socket. Clones share their connections.
    #[must_use]
    pub fn http(&self) -> &PluginHttp {
        &self.parts.http
    }

    /// The last lines of standard error, redacted (IO-14).
    #[must_use]
    pub fn stderr_tail(&self) -> Vec<String> {
        self.parts.stderr.lines()
    }

    /// What came over standard error in all.
    #[must_use]
    pub fn stderr_totals(&self) -> StreamTotals {
        self.parts.stderr.totals()
    }

    /// Waits for a line on standard error that `wanted` accepts, among those kept or to come. `None`
    /// when none came in time.
    pub async fn wait_stderr(
        &self,
        timeout: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<String> {
        tokio::time::timeout(timeout, self.parts.stderr.find(wanted)).await.ok()?
    }

    /// What came over standard output after `ready`, which should be nothing (IO-01, IO-16): the last
    /// lines, redacted.
    #[must_use]
    pub fn stray_stdout(&self) -> Vec<String> {
        self.parts.stray.lines()
    }

    /// What came over standard output after `ready` in all.
    #[must_use]
    pub fn stray_stdout_totals(&self) -> StreamTotals {
        self.parts.stray.totals()
    }

    /// Waits for a line on standard output after `ready`, as [`RunningPlugin::wait_stderr`] does.
    pub async fn wait_stray_stdout(
        &self,
        timeout: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<String> {
        tokio::time::timeout(timeout, self.parts.stray.find(wanted)).await.ok()?
    }

    /// Dials the channel and answers the plugin's calls from `platform` (CH-01).
    ///
    /// # Errors
    /// When the plugin does not accept; [`ChannelError::Refused`] has the status.
    pub async fn dial_channel(&self, platform: Arc<dyn Platform>) -> Result<Channel, ChannelError> {
        let raw = self.dial_raw_channel().await?;
        let manifest = Arc::new(self.manifest().clone());
        Ok(Channel::serve(raw, self.dialect(), manifest, platform))
    }

    /// Dials the channel and leaves every frame to the caller.
    ///
    /// # Errors
    /// As [`RunningPlugin::dial_channel`].
    pub async fn dial_raw_channel(&self) -> Result<RawChannel, ChannelError> {
        RawChannel::dial(self.http()).await
    }

    /// Sends a signal to the plugin, and to no other process of its group.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> std::io::Result<()> {
        self.parts.group.0.signal(signal)
    }

    /// Kills the plugin and its process group at once.
    pub fn kill(&self) {
        self.parts.group.0.kill();
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.parts.group.0.ended()
    }

    /// Waits for it to end by itself, and for the rest of its streams; `None` when it still runs after
    /// `timeout`.
    pub async fn wait_exit(&self, timeout: Duration) -> Option<Ended> {
        let ended = self.parts.group.0.wait_for(timeout).await?;
        self.rest_of_streams().await;
        Some(ended)
    }

    async fn rest_of_streams(&self) {
        tokio::join!(self.parts.stderr.rest(), self.parts.stray.rest());
    }

    /// Stops it: SIGTERM, then SIGKILL to the whole group when it still runs after `grace` (LC-21,
    /// LC-22). Returns once it is reaped and nothing of its group is left (LC-23).
    pub async fn stop(&self, grace: Duration) -> Ended {
        // Fails when it has ended already, which the wait tells.
        let _ = self.signal(Signal::TERM);
        if let Some(ended) = self.wait_exit(grace).await {
            return ended;
        }
        self.kill();
        let ended = self.parts.group.0.wait().await;
        self.rest_of_streams().await;
        ended
    }

    /// Blanks `token` in everything this crate keeps or shows of the plugin from now on. Tokens sent
    /// by [`Identity`](crate::Identity) are known already.
    pub fn redact(&self, token: &Secret) {
        self.parts.tap.redactor.learn(token);
    }
}
