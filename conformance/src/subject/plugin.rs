//! A plugin whose handshake is done.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Method;
use temps_plugin_host::{
    ChannelError, Dial, Ended, PluginHttp, RawChannel, RunningPlugin, Signal, Signature,
};
use temps_plugin_schema::Dialect;

use super::attach::{Attached, OUT_OF_SIGHT};
use super::{Channel, Cx, Plan, Raw, RawResponse, Request, Response};
use crate::model::Stop;
use crate::transcript::Tape;

/// Largest response that a check reads whole.
const RESPONSE_BYTES: usize = 64 * 1024 * 1024;
/// How long the end of a killed process is waited for.
const AFTER_KILL: Duration = Duration::from_secs(5);
/// How long a socket that says "another channel is live" is asked again.
const CHANNEL_FREE: u64 = 15;
const RETRY: Duration = Duration::from_millis(1);

/// How long the steps of a start took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timing {
    /// From the start of the process to the first line.
    pub first_line: Duration,
    /// From there to `ready`.
    pub ready: Duration,
}

/// A running plugin. Clones are the same process; the check's context ends it.
#[derive(Clone)]
pub struct Plugin {
    life: Life,
    http: PluginHttp,
    health_path: String,
    plan: Plan,
    timing: Timing,
    tape: Tape,
    timeout_scale: f64,
}

/// Who has the process in hand.
#[derive(Clone)]
enum Life {
    /// This suite, which started it.
    Started(Arc<RunningPlugin>),
    /// Somebody else: there is a socket and nothing besides.
    Attached {
        plugin: Arc<Attached>,
        /// Set once a check has asked for what only whoever started the process can see.
        out_of_sight: Arc<AtomicBool>,
    },
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.life {
            Life::Started(running) => running.fmt(f),
            Life::Attached { .. } => self.http.fmt(f),
        }
    }
}

impl Plugin {
    pub(super) fn new(running: RunningPlugin, plan: &Plan, timing: Timing, cx: &Cx) -> Self {
        Self {
            http: running.http().clone(),
            health_path: running.manifest().health_path.clone(),
            life: Life::Started(Arc::new(running)),
            plan: plan.clone(),
            timing,
            tape: cx.tape.clone(),
            timeout_scale: cx.subject.timeout_scale(),
        }
    }

    /// A plugin that somebody else has started, as one check sees it.
    pub(super) fn attached(plugin: &Arc<Attached>, cx: &Cx) -> Self {
        Self {
            http: plugin.http.clone(),
            health_path: cx.health_path().to_owned(),
            life: Life::Attached {
                plugin: Arc::clone(plugin),
                out_of_sight: Arc::clone(&cx.out_of_sight),
            },
            plan: plugin.plan.clone(),
            timing: Timing::default(),
            tape: cx.subject.shared_tape.clone(),
            timeout_scale: cx.subject.timeout_scale(),
        }
    }

    fn limit(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds).mul_f64(self.timeout_scale)
    }

    /// The host library's handle.
    ///
    /// # Errors
    /// [`Stop::Skipped`] when the suite has not started this process.
    pub fn running(&self) -> Result<&RunningPlugin, Stop> {
        self.process().ok_or_else(|| Stop::skip(OUT_OF_SIGHT))
    }

    /// The process, if it is this suite's. That it was asked for and is not there makes the check one
    /// that was not made, whatever it concludes.
    fn process(&self) -> Option<&RunningPlugin> {
        match &self.life {
            Life::Started(running) => Some(running),
            Life::Attached { out_of_sight, .. } => {
                out_of_sight.store(true, Ordering::Relaxed);
                None
            }
        }
    }

    /// The host library's client.
    #[must_use]
    pub fn http(&self) -> &PluginHttp {
        &self.http
    }

    /// The dialect spoken.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match &self.life {
            Life::Started(running) => running.dialect(),
            Life::Attached { plugin, .. } => plugin.dialect,
        }
    }

    /// How it was started.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        // Where it is, what is in its data directory: others' business in one that was attached to.
        self.process();
        &self.plan
    }

    /// The secret of this start.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.plan.secret()
    }

    /// How long the steps of its start took.
    #[must_use]
    pub fn timing(&self) -> Timing {
        self.timing
    }

    /// The first line as it was written.
    #[must_use]
    pub fn first_line(&self) -> &str {
        self.process().map_or("", |running| &running.handshake().announce_line)
    }

    /// The second line as it was written.
    #[must_use]
    pub fn ready_line(&self) -> &str {
        self.process().map_or("", |running| &running.handshake().ready_line)
    }

    /// Whether it has not ended, as far as that can be seen.
    #[must_use]
    pub fn lives(&self) -> bool {
        match &self.life {
            Life::Started(running) => running.ended().is_none(),
            Life::Attached { .. } => true,
        }
    }

    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    /// [`Stop::Failed`] when there is none.
    pub async fn send(&self, request: Request) -> Result<Response, Stop> {
        self.send_within(request, self.limit(15)).await
    }

    /// Sends a request whose response may take `limit` to begin, and a third of it more to end.
    ///
    /// # Errors
    /// As [`Plugin::send`].
    pub async fn send_within(&self, request: Request, limit: Duration) -> Result<Response, Stop> {
        let what = request.to_string();
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|e| Stop::fault("a method", e))?;
        let mut builder = self
            .http()
            .request(method, &request.target)
            .signature(request.signature)
            .timeout(limit);
        if let Some(identity) = &request.identity {
            builder = builder.identity(identity);
        }
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        let exchange = async {
            let mut response = builder.send().await?;
            let body = response.collect(RESPONSE_BYTES).await?;
            Ok(Response {
                status: response.status().as_u16(),
                headers: response.headers().clone(),
                body,
            })
        };
        let failed = |seen: String| Stop::failed(format!("a response to {what}"), seen);
        match tokio::time::timeout(limit + limit / 3, exchange).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(temps_plugin_host::HttpError::Request(reason))) => {
                Err(Stop::fault(&what, reason))
            }
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed("a response whose body does not end".into())),
        }
    }

    /// A signed GET.
    ///
    /// # Errors
    /// As [`Plugin::send`].
    pub async fn get(&self, target: &str) -> Result<Response, Stop> {
        self.send(Request::get(target)).await
    }

    /// A `HEAD` with this signature, or none, over a connection of its own. All that follows the head is
    /// taken for the body that there must not be; HTTP clients pass one over.
    ///
    /// # Errors
    /// [`Stop::Failed`] when there is no response, or the connection is not closed after it.
    pub async fn head(&self, target: &str, signature: Option<&str>) -> Result<RawResponse, Stop> {
        let signature =
            signature.map(|text| format!("x-temps-auth-signature: {text}\r\n")).unwrap_or_default();
        let head = format!(
            "HEAD {target} HTTP/1.1\r\nhost: plugin\r\n{signature}connection: close\r\n\r\n"
        );
        let mut raw = self.raw().await?;
        raw.write(head.as_bytes()).await?;
        let response = raw.response_to_head().await?;
        Ok(RawResponse { body: raw.end().await?, ..response })
    }

    /// Asks for health, unsigned.
    ///
    /// # Errors
    /// As [`Plugin::send`].
    pub async fn health(&self) -> Result<Response, Stop> {
        self.send(Request::get(&self.health_path)).await
    }

    /// Where what passes is written down.
    pub(crate) fn tape(&self) -> &Tape {
        &self.tape
    }

    /// A connection for bytes that no client would send.
    ///
    /// # Errors
    /// [`Stop::Failed`] when the socket does not accept.
    pub async fn raw(&self) -> Result<Raw, Stop> {
        let stream = self.http().connect_raw().await;
        let stream =
            stream.map_err(|e| Stop::failed("a socket that accepts connections", e.to_string()))?;
        Ok(Raw::new(stream, self.limit(15), self.tape.clone()))
    }

    /// Dials the channel.
    ///
    /// # Errors
    /// [`Stop::Failed`] when the plugin does not accept.
    pub async fn dial(&self) -> Result<Channel, Stop> {
        self.dial_with(Dial::channel())
            .await
            .map_err(|error| Stop::failed("the channel opens", error.to_string()))
    }

    /// Dials the channel, again and again while the former one is still taken for live.
    ///
    /// # Errors
    /// [`Stop::Failed`] when the plugin goes on refusing.
    pub async fn dial_until_accepted(&self) -> Result<Channel, Stop> {
        self.until_accepted(|| self.dial_with(Dial::channel())).await
    }

    /// The same, dialled in another way.
    pub(crate) async fn until_accepted<T, F>(&self, dial: impl Fn() -> F) -> Result<T, Stop>
    where
        F: Future<Output = Result<T, ChannelError>>,
    {
        let deadline = tokio::time::Instant::now() + self.limit(CHANNEL_FREE);
        loop {
            match dial().await {
                Ok(channel) => return Ok(channel),
                Err(ChannelError::Refused { status: 409, .. })
                    if tokio::time::Instant::now() < deadline =>
                {
                    tokio::time::sleep(RETRY).await;
                }
                Err(error) => {
                    return Err(Stop::failed(
                        "a new channel opens after the former one has ended",
                        error.to_string(),
                    ));
                }
            }
        }
    }

    /// Dials the channel with this signature, or none, and returns the status; 101 when it opened.
    ///
    /// # Errors
    /// [`Stop::Failed`] when there is no answer.
    pub async fn dial_refused(&self, signature: Option<&str>) -> Result<u16, Stop> {
        let signature =
            signature.map_or(Signature::Absent, |text| Signature::Other(text.to_owned()));
        match self.dial_with(Dial { signature, ..Dial::channel() }).await {
            Ok(_) => Ok(101),
            Err(ChannelError::Refused { status, .. }) => Ok(status),
            Err(error) => Err(Stop::failed("an answer to the upgrade", error.to_string())),
        }
    }

    /// Dials any WebSocket of the plugin.
    pub(crate) async fn dial_with(&self, dial: Dial) -> Result<Channel, ChannelError> {
        let dial = Dial { timeout: self.limit(15), ..dial };
        let raw = RawChannel::dial_with(self.http(), dial).await?;
        Ok(Channel::new(raw, self.dialect(), self.limit(15)))
    }

    /// What came over standard error, redacted.
    #[must_use]
    pub fn stderr(&self) -> Vec<String> {
        self.process().map_or_else(Vec::new, RunningPlugin::stderr_tail)
    }

    /// How many lines came over standard error.
    #[must_use]
    pub fn stderr_lines(&self) -> u64 {
        self.process().map_or(0, |running| running.stderr_totals().lines)
    }

    /// Waits until more than `before` lines have come over standard error.
    pub async fn stderr_grows(&self, before: u64, limit: Duration) -> bool {
        if self.process().is_none() {
            return false;
        }
        let deadline = tokio::time::Instant::now() + limit;
        while self.stderr_lines() <= before {
            if tokio::time::Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(RETRY).await;
        }
        true
    }

    /// Waits for a line on standard error.
    pub async fn stderr_line(
        &self,
        limit: Duration,
        wanted: impl Fn(&str) -> bool,
    ) -> Option<String> {
        self.process()?.wait_stderr(limit, wanted).await
    }

    /// What came over standard output after `ready`. Waits for the end of a process that has been
    /// told to stop.
    pub async fn stray_stdout(&self) -> Vec<String> {
        let Some(running) = self.process() else { return Vec::new() };
        running.wait_stray_stdout(self.limit(1), |_| false).await;
        running.stray_stdout()
    }

    /// How many lines of standard output and standard error had the secret in them.
    #[must_use]
    pub fn leaks(&self) -> u64 {
        let Some(running) = self.process() else { return 0 };
        let handshake = [self.first_line(), self.ready_line()];
        let said = handshake.iter().filter(|line| line.contains(self.secret())).count();
        said as u64 + running.stderr_totals().leaks + running.stray_stdout_totals().leaks
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// [`Stop::Failed`] when the plugin has ended, [`Stop::Skipped`] when it is somebody else's.
    pub fn signal(&self, signal: Signal) -> Result<(), Stop> {
        self.running()?
            .signal(signal)
            .map_err(|e| Stop::failed("a plugin that lives until it is signalled", e.to_string()))
    }

    /// Waits for it to end by itself.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it does not.
    pub async fn exit(&self, limit: Duration) -> Result<Ended, Stop> {
        let running = self.running()?;
        let ended = running.wait_exit(limit).await.ok_or_else(|| {
            Stop::failed(
                format!("the plugin ends within {} s", limit.as_secs_f64()),
                "it still runs",
            )
        })?;
        // What it wrote last may still be on its way.
        running.wait_stderr(self.limit(1), |_| false).await;
        Ok(ended)
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it does not end.
    pub async fn stop(&self, limit: Duration) -> Result<Ended, Stop> {
        self.signal(Signal::TERM)?;
        self.exit(limit).await
    }

    /// Kills it and removes what it leaves at its socket path, so that the next start in the same place
    /// is one over nothing.
    pub async fn discard(&self) {
        self.kill().await;
        if self.process().is_some() {
            // There may be none.
            let _ = std::fs::remove_file(&self.plan.socket);
        }
    }

    /// Kills it and waits for its end. One that somebody else has started is left alone.
    pub async fn kill(&self) {
        if let Life::Started(running) = &self.life {
            running.kill();
            running.wait_exit(AFTER_KILL).await;
        }
    }
}
