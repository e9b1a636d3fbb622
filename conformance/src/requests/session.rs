//! One plugin, started for the requests and events of `conformance.toml`, and the host around it: it
//! sends what a proxying host would send, and answers calls as the file's platform does.

use std::sync::Arc;
use std::time::Duration;

use temps_plugin_host::{Channel, Identity, MemoryPlatform};
use temps_plugin_schema::channel::ErrorBody;
use temps_plugin_schema::http::{header, path};
use temps_plugin_schema::{Dialect, PluginEvent, Secret};
use uuid::Uuid;

use super::Config;
use super::config::{Named, Placed, in_dialect};
use super::file::{Expected, ExpectedCall, Sample, SampleEvent};
use crate::model::{Evidence, Stop, Verdict};
use crate::subject::{Cx, Plan, Plugin, Request, Response};

/// How long an effect is looked for again.
const AGAIN: Duration = Duration::from_millis(20);

/// A running plugin with an open channel, on which the file's platform answers.
pub(crate) struct Session {
    cx: Cx,
    config: Arc<Config>,
    plugin: Plugin,
    platform: MemoryPlatform,
    channel: Option<Channel>,
    actor: Secret,
}

impl Session {
    /// A fresh start.
    pub(crate) async fn start(cx: &Cx) -> Result<Self, Stop> {
        Self::start_as(cx, &cx.plan()?).await
    }

    /// A fresh start by this plan.
    pub(crate) async fn start_as(cx: &Cx, plan: &Plan) -> Result<Self, Stop> {
        let mut session = Self::without_channel(cx, plan).await?;
        session.open_channel().await?;
        Ok(session)
    }

    /// A fresh start, and no channel yet.
    pub(crate) async fn without_channel(cx: &Cx, plan: &Plan) -> Result<Self, Stop> {
        let config = cx.config().cloned().unwrap_or_default();
        let platform = config.platform();
        let actor = Secret::new(format!("conformance-actor-{}", Uuid::new_v4()));
        platform.issue_actor(&actor);
        let plugin = cx.start(plan).await?;
        Ok(Self { cx: cx.clone(), config, plugin, platform, channel: None, actor })
    }

    /// Opens the channel, once a former one is gone.
    pub(crate) async fn open_channel(&mut self) -> Result<(), Stop> {
        let platform = Arc::new(self.platform.clone());
        let channel = self.plugin.running()?.dial_channel(platform).await;
        self.channel = Some(
            channel.map_err(|e| Stop::failed("the channel opens after `ready`", e.to_string()))?,
        );
        Ok(())
    }

    /// Closes the channel and opens a new one.
    pub(crate) async fn renew_channel(&mut self) -> Result<(), Stop> {
        if let Some(channel) = self.channel.take() {
            channel.close(self.cx.limit(5)).await;
        }
        // The plugin may take the former one for live a moment longer.
        let plugin = self.plugin.running()?;
        let dial = || plugin.dial_channel(Arc::new(self.platform.clone()));
        self.channel = Some(self.plugin.until_accepted(dial).await?);
        Ok(())
    }

    pub(crate) fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    pub(crate) fn platform(&self) -> &MemoryPlatform {
        &self.platform
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Whether `text` has the secret or the actor token of this session in it.
    pub(crate) fn betrays(&self, text: &str) -> Option<&'static str> {
        if text.contains(self.plugin.secret()) {
            return Some("the secret");
        }
        text.contains(self.actor.expose()).then_some("the actor token")
    }

    /// What must not be found in any file.
    pub(crate) fn secrets(&self) -> [&str; 2] {
        [self.plugin.secret(), self.actor.expose()]
    }

    /// The sample as a proxying host sends it for its caller (PX-14 to PX-17).
    pub(crate) fn request(&self, sample: &Sample) -> Request {
        match self.identity(&sample.caller) {
            Some(identity) => self.bare_request(sample).identity(identity),
            None => self.bare_request(sample),
        }
    }

    /// The sample as a proxying host sends it for a caller who is not signed in.
    pub(crate) fn bare_request(&self, sample: &Sample) -> Request {
        let target = match &sample.query {
            Some(query) => format!("{}?{query}", sample.path),
            None => sample.path.clone(),
        };
        let mut request = self.proxied(Request::new(&sample.method, &target));
        for (name, value) in &sample.headers {
            request = request.header(name, value);
        }
        let typed = sample.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
        match (&sample.json, &sample.body) {
            (Some(json), _) if typed => request.body(json.to_string()),
            (Some(json), _) => request.json(json),
            (None, Some(text)) => request.body(text.clone()),
            (None, None) => request,
        }
    }

    /// Adds what a host puts on every request that it passes on.
    pub(crate) fn proxied(&self, request: Request) -> Request {
        let name = self.cx.manifest()["name"].as_str().unwrap_or_default();
        request.header(header::PLUGIN, name).header(header::REQUEST_ID, &Uuid::new_v4().to_string())
    }

    /// Who `as = "…"` is on this platform; none for nobody.
    pub(crate) fn identity(&self, caller: &str) -> Option<Identity> {
        let identity = self.config.caller(caller)?;
        // AU-30: the token goes to plugins that use the platform's API.
        let uses_api = self.cx.manifest()["capabilities"].as_array().is_some_and(|c| !c.is_empty());
        if self.cx.dialect() == Dialect::Two && uses_api {
            return Some(identity.actor_token(self.actor.clone()));
        }
        Some(identity)
    }

    /// The samples made in this dialect, of which there is at least one.
    ///
    /// # Errors
    /// [`Stop::Skipped`] when there is none.
    pub(crate) fn samples(&self) -> Result<Vec<&Placed<Sample>>, Stop> {
        self.samples_where("", |_| true)
    }

    /// Those of the samples that are `wanted`; `which` says in words what is wanted of them.
    ///
    /// # Errors
    /// [`Stop::Skipped`] when there is none.
    pub(crate) fn samples_where(
        &self,
        which: &str,
        wanted: impl Fn(&Sample) -> bool,
    ) -> Result<Vec<&Placed<Sample>>, Stop> {
        let dialect = self.cx.dialect();
        let spoken = self.config.requests.iter().filter(|s| in_dialect(s.value.dialect, dialect));
        let samples: Vec<_> = spoken.filter(|sample| wanted(&sample.value)).collect();
        if samples.is_empty() {
            return Err(Stop::skip(format!("conformance.toml has no [[request]]{which}")));
        }
        Ok(samples)
    }

    /// Sends a sample and reads the whole answer, with its refusals in force.
    pub(crate) async fn ask(&self, sample: &Sample) -> Result<Response, Stop> {
        for (method, code) in &sample.refuse {
            let error = ErrorBody::new(code.clone(), "refused, as conformance.toml asks for");
            self.platform.refuse(*method, error);
        }
        let answer = self.send(sample, self.request(sample)).await;
        for method in sample.refuse.keys() {
            self.config.restore(&self.platform, *method);
        }
        answer
    }

    /// Sends some form of a sample and reads the whole answer.
    pub(crate) async fn send(&self, sample: &Sample, request: Request) -> Result<Response, Stop> {
        self.plugin.send_within(request, self.limit(sample.within)).await
    }

    /// Waits until each of `calls` has been made since the platform last forgot its calls.
    pub(crate) async fn wait_for_calls(
        &self,
        calls: &[ExpectedCall],
        within: f64,
    ) -> Result<String, Stop> {
        let deadline = tokio::time::Instant::now() + self.limit(within);
        loop {
            let made = self.platform.calls();
            let missing = calls.iter().find(|call| !made.iter().any(|made| call.matches(made)));
            let Some(missing) = missing else {
                let made: Vec<_> = calls.iter().map(ToString::to_string).collect();
                return Ok(made.join(", "));
            };
            if tokio::time::Instant::now() >= deadline {
                let made: Vec<_> =
                    made.iter().map(|call| format!("{} {}", call.method, call.params)).collect();
                let seen = if made.is_empty() { "no call".to_owned() } else { made.join(", ") };
                return Err(Stop::failed(format!("the call {missing} within {within} s"), seen));
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Sends a sample again and again until its answer is as expected.
    pub(crate) async fn wait_for_answer(
        &self,
        sample: &Placed<Sample>,
        expected: &Expected,
        within: f64,
    ) -> Result<String, Stop> {
        let deadline = tokio::time::Instant::now() + self.limit(within);
        let label = self.config.label(sample);
        loop {
            let unmet = expected.unmet(&self.ask(&sample.value).await?);
            if unmet.is_empty() {
                return Ok(format!("{label} shows it"));
            }
            if tokio::time::Instant::now() >= deadline {
                let wanted = format!("{label} shows it within {within} s");
                return Err(Stop::failed(wanted, unmet.join("; ")));
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// So many seconds of the file, scaled by `--timeout-scale`.
    pub(crate) fn limit(&self, within: f64) -> Duration {
        // Judged when the file was read: neither negative nor huge.
        self.cx.scaled(Duration::from_secs_f64(within))
    }

    /// Sends an event over the channel.
    pub(crate) async fn emit(&self, event: &SampleEvent) -> Result<(), Stop> {
        let Some(channel) = &self.channel else {
            return Err(Stop::fault("an event", "there is no channel"));
        };
        let emitted = channel.emit(envelope(event)).await;
        emitted.map_err(|e| Stop::failed("a channel that takes the event", e.to_string()))
    }

    /// Sends an event by `POST /_events`.
    pub(crate) async fn post(&self, event: &SampleEvent) -> Result<Response, Stop> {
        let body =
            serde_json::to_string(&envelope(event)).map_err(|e| Stop::fault("an event", e))?;
        let request = Request::post(path::EVENTS).header("content-type", "application/json");
        self.plugin.send(request.with_event_auth(&self.plugin).body(body)).await
    }
}

/// The event as the host sends it, with a fresh id.
fn envelope(event: &SampleEvent) -> PluginEvent {
    PluginEvent {
        id: Uuid::new_v4().to_string(),
        event_type: event.event_type.clone(),
        timestamp: event.timestamp.clone(),
        project_id: event.project_id,
        data: serde_json::Value::Object(event.data.clone()),
    }
}

/// Whether a request of this method may be made as often as one likes (RFC 9110, 9.2.1).
pub(crate) fn is_safe(sample: &Sample) -> bool {
    matches!(sample.method.as_str(), "GET" | "HEAD" | "OPTIONS")
}

/// What came of several samples: all that is wrong is told, not only the first.
#[derive(Default)]
pub(crate) struct Findings {
    right: Vec<String>,
    wrong: Vec<String>,
    /// What, and the reason.
    left_out: Vec<(String, String)>,
}

impl Findings {
    /// Whether nothing was noted.
    pub(crate) fn is_empty(&self) -> bool {
        self.right.is_empty() && self.wrong.is_empty() && self.left_out.is_empty()
    }

    /// Notes what came of one sample. The runner's own trouble ends the check.
    pub(crate) fn add<T: Named>(
        &mut self,
        config: &Config,
        sample: &Placed<T>,
        outcome: Result<String, Stop>,
    ) -> Result<(), Stop> {
        self.note(&config.label(sample), outcome)
    }

    /// As [`Findings::add`], for what has no place in the file.
    pub(crate) fn note(&mut self, what: &str, outcome: Result<String, Stop>) -> Result<(), Stop> {
        match outcome {
            Ok(seen) => self.right.push(format!("{what}: {seen}")),
            Err(Stop::Failed(failure)) => {
                self.wrong
                    .push(format!("{what}: expected {}; saw {}", failure.expected, failure.seen));
            }
            Err(Stop::Skipped(reason)) => self.left_out.push((what.to_owned(), reason)),
            Err(fault @ Stop::Fault(_)) => return Err(fault),
        }
        Ok(())
    }

    /// The verdict: passed if something was right and nothing wrong. What was left out is told too.
    pub(crate) fn verdict(self, expected: &str) -> Verdict {
        if !self.wrong.is_empty() {
            let all = self.wrong.len() + self.right.len();
            let heading = format!("{} of {all} are otherwise", self.wrong.len());
            return Err(Stop::failed(expected, format!("{heading}\n{}", self.wrong.join("\n"))));
        }
        if self.right.is_empty() {
            let mut reasons: Vec<_> = self.left_out.into_iter().map(|(_, reason)| reason).collect();
            reasons.dedup();
            return Err(Stop::skip(match reasons.as_slice() {
                [] => "there is nothing that it could be seen on".to_owned(),
                reasons => reasons.join("; "),
            }));
        }
        let left_out =
            self.left_out.into_iter().map(|(what, reason)| format!("left out: {what}: {reason}"));
        Ok(Evidence(self.right.into_iter().chain(left_out).collect()))
    }
}
