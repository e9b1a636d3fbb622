//! The task that keeps a plugin running.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::policy::Losses;
use super::{
    Goal, Happening, Serving, Shared, State, Supervision, Transition, Wanted, needs_channel,
};
use crate::channel::Channel;
use crate::launch::Launcher;
use crate::platform::Platform;
use crate::plugin::RunningPlugin;

pub(super) struct Life {
    launcher: Launcher,
    platform: Arc<dyn Platform>,
    how: Supervision,
    shared: Arc<Shared>,
    losses: Losses,
}

/// Why a plugin serves no more, or does not begin to.
enum Over {
    /// Something else is wanted of it.
    Revoked,
    /// It was lost, and why.
    Lost(String),
    /// It may not serve, and why.
    Refused(String),
}

impl Life {
    pub(super) fn new(
        launcher: Launcher,
        platform: Arc<dyn Platform>,
        how: Supervision,
        shared: Arc<Shared>,
    ) -> Self {
        Self { launcher, platform, how, shared, losses: Losses::default() }
    }

    /// Does what is wanted until nobody wants anything.
    pub(super) async fn run(mut self, mut wanted: watch::Receiver<Wanted>) {
        loop {
            let order = wanted.borrow_and_update().clone();
            let lives = matches!(self.state(), State::Starting | State::Running | State::Degraded);
            let happening = match order.goal {
                Goal::Run | Goal::Refuse if self.state() == State::Stopped => None,
                Goal::Run => lives.then_some(Happening::Stop),
                Goal::Stop => (self.state() != State::Stopped).then_some(Happening::Stop),
                Goal::Refuse => (self.state() != State::Failed).then_some(Happening::Refuse),
            };
            if let Some(happening) = happening {
                self.happens(happening, &order.reason);
            }
            self.shared.taken_up.send_replace(order.number);
            if order.goal == Goal::Run {
                self.losses.forget();
                self.keep_running(&order.reason, &mut wanted).await;
            } else {
                revoked(&mut wanted).await;
            }
            if wanted.has_changed().is_err() {
                return;
            }
        }
    }

    /// Starts it again and again, until something else is wanted. Nothing of it is left then.
    async fn keep_running(&mut self, reason: &str, wanted: &mut watch::Receiver<Wanted>) {
        let mut reason = reason.to_owned();
        loop {
            self.happens(Happening::Start, &reason);
            // Dropped half-way, a start leaves no process behind.
            let started = tokio::select! {
                started = self.start() => started,
                _ = revoked(wanted) => return,
            };
            let over = match started {
                Ok(serving) => self.serve(serving, wanted).await,
                Err(over) => over,
            };
            let why = match over {
                Over::Lost(why) => why,
                Over::Revoked => return,
                Over::Refused(why) => {
                    self.happens(Happening::Refuse, &why);
                    return revoked(wanted).await;
                }
            };
            self.happens(Happening::Lost, &why);
            let Some(pause) = self.losses.pause(&self.how.restart, Instant::now()) else {
                let (count, within) = (self.losses.count(), self.how.restart.within);
                let why = format!("lost {count} times within {within:?}, at last because {why}");
                self.happens(Happening::GiveUp, &why);
                return revoked(wanted).await;
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = revoked(wanted) => return,
            }
            reason = format!("started again after a pause of {:.1} s", pause.as_secs_f64());
            self.shared.status.send_modify(|status| status.restarts += 1);
        }
    }

    /// Starts it, has it admitted and opens its channel.
    async fn start(&self) -> Result<Serving, Over> {
        let started = self.launcher.start().await;
        let plugin = started.map_err(|error| Over::Lost(error.to_string()))?;
        // Somebody else's code: what goes wrong in it is no leave to serve.
        let admitted = std::panic::catch_unwind(AssertUnwindSafe(|| (self.how.admit)(&plugin)));
        if let Err(why) = admitted.unwrap_or_else(|_| Err("nobody can tell whether it may".into()))
        {
            plugin.stop(self.how.grace).await;
            return Err(Over::Refused(why));
        }
        match plugin.dial_channel(Arc::clone(&self.platform)).await {
            Ok(channel) => {
                Ok(Serving { plugin: Arc::new(plugin), channel: Some(Arc::new(channel)) })
            }
            Err(_) if !needs_channel(plugin.dialect()) => {
                Ok(Serving { plugin: Arc::new(plugin), channel: None })
            }
            Err(error) => {
                plugin.stop(self.how.grace).await;
                Err(Over::Lost(format!("its channel cannot be opened: {error}")))
            }
        }
    }

    /// Watches what serves. Whatever ends it, its process is gone at the end.
    async fn serve(&self, serving: Serving, wanted: &mut watch::Receiver<Wanted>) -> Over {
        let Serving { plugin, channel } = serving;
        self.shared.serving().replace(Serving { plugin: Arc::clone(&plugin), channel: None });
        if let Some(channel) = &channel {
            self.opened(channel);
        }
        self.happens(Happening::Ready, "its handshake is over");
        let over = tokio::select! {
            ended = plugin.wait_exit(Duration::MAX) => match ended {
                Some(ended) => Over::Lost(format!("it {}", ended.exit)),
                None => Over::Lost("nobody can tell how it ended".to_owned()),
            },
            why = self.watch_health(&plugin) => Over::Lost(why),
            why = self.keep_channel(&plugin, channel) => Over::Lost(why),
            () = revoked(wanted) => Over::Revoked,
        };
        self.shared.serving().take();
        plugin.stop(self.how.grace).await;
        over
    }

    /// Asks for health for ever, and returns why it is asked no more.
    async fn watch_health(&self, plugin: &RunningPlugin) -> String {
        let policy = &self.how.health;
        let mut questions = tokio::time::interval(policy.interval);
        questions.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The handshake has asked already (HS-38).
        questions.tick().await;
        let mut failures = 0;
        loop {
            questions.tick().await;
            let answer = tokio::time::timeout(policy.timeout, plugin.http().health()).await;
            let what = match answer {
                Ok(Ok(StatusCode::OK)) => {
                    failures = 0;
                    if self.state() == State::Degraded {
                        self.happens(Happening::Healthy, "it answers for health again");
                    }
                    continue;
                }
                Ok(Ok(status)) => format!("status {}", status.as_u16()),
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {} s", policy.timeout.as_secs_f64()),
            };
            failures += 1;
            let why = format!("not healthy {failures} times in a row: {what}");
            if failures >= policy.restart_after {
                return why;
            }
            if failures >= policy.degraded_after && self.state() == State::Running {
                self.happens(Happening::Unhealthy, &why);
            }
        }
    }

    /// Opens the channel whenever there is none (CH-12), and returns why that is given up (CH-13).
    async fn keep_channel(&self, plugin: &RunningPlugin, channel: Option<Arc<Channel>>) -> String {
        let mut channel = channel;
        let mut tries = 0;
        loop {
            if let Some(open) = channel.take() {
                let opened = Instant::now();
                open.closed().await;
                self.set_channel(None);
                // One that breaks off as soon as it is open is no better than none.
                if opened.elapsed() > self.how.redial.most {
                    tries = 0;
                }
            }
            tokio::time::sleep(self.how.redial.pause(tries)).await;
            match plugin.dial_channel(Arc::clone(&self.platform)).await {
                Ok(open) => {
                    let open = Arc::new(open);
                    self.opened(&open);
                    channel = Some(open);
                }
                Err(error) if needs_channel(plugin.dialect()) && tries + 1 >= self.how.redials => {
                    return format!("its channel cannot be opened again: {error}");
                }
                Err(_) => {}
            }
            tries = tries.saturating_add(1);
        }
    }

    fn opened(&self, channel: &Arc<Channel>) {
        self.set_channel(Some(Arc::clone(channel)));
        self.shared.status.send_modify(|status| status.channels += 1);
    }

    fn set_channel(&self, channel: Option<Arc<Channel>>) {
        if let Some(serving) = self.shared.serving().as_mut() {
            serving.channel = channel;
        }
    }

    fn state(&self) -> State {
        self.shared.status.borrow().state
    }

    /// Changes the state, and tells everybody.
    fn happens(&self, happening: Happening, reason: &str) {
        let from = self.state();
        let Some(to) = from.after(happening) else {
            debug_assert!(false, "{happening:?} cannot happen while it is {from}");
            return;
        };
        let pid = self.shared.serving().as_ref().map(|serving| serving.plugin.pid());
        let transition = Transition { from, to, at: SystemTime::now(), reason: reason.into() };
        // Somebody else's code: what goes wrong in it does not end this plugin.
        let told = AssertUnwindSafe(|| (self.how.on_transition)(&transition));
        let _ = std::panic::catch_unwind(told);
        self.shared.status.send_modify(|status| {
            status.state = to;
            status.since = transition.at;
            status.reason = transition.reason;
            status.pid = pid.filter(|_| to.serves());
        });
    }
}

/// Waits until something else is wanted, or nothing any more.
async fn revoked(wanted: &mut watch::Receiver<Wanted>) {
    // An error says that the handle is gone, which is as good.
    let _ = wanted.changed().await;
}
