//! A bounded queue of notices and the one task that posts them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use temps_plugin_sdk::TempsClient;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::deliveries::{DeliveryLog, KEPT, Status};
use crate::notice::Notice;
use crate::settings::SettingsStore;
use crate::slack::{Slack, SlackError};

/// How fast, how often and how long.
#[derive(Debug, Clone)]
pub(crate) struct Pacing {
    /// How many notices may wait. Fewer than the log keeps, so that none of them falls out of it.
    pub(crate) queue: usize,
    /// How long one request to Slack may take.
    pub(crate) request_timeout: Duration,
    /// How long the platform may take to tell a project's name.
    pub(crate) lookup_timeout: Duration,
    /// The pauses between attempts, and how many there are.
    pub(crate) backoff: ExponentialBuilder,
    /// How long what is queued may take once the plugin stops. The SDK grants a hook 5 s.
    pub(crate) stop: Duration,
}

const QUEUE: usize = 32;
const _: () = assert!(QUEUE < KEPT);

impl Default for Pacing {
    fn default() -> Self {
        Self {
            queue: QUEUE,
            request_timeout: Duration::from_secs(10),
            lookup_timeout: Duration::from_secs(3),
            // 1, 2, 4, 8 s, each up to twice as long.
            backoff: ExponentialBuilder::new()
                .with_min_delay(Duration::from_secs(1))
                .with_max_times(4)
                .with_jitter(),
            stop: Duration::from_secs(3),
        }
    }
}

/// Takes notices and sees to it that each ends in the log with a final status.
pub(crate) struct Courier {
    deliveries: Arc<DeliveryLog>,
    /// `None` once stopped.
    running: Mutex<Option<Running>>,
    stop: Duration,
}

struct Running {
    queue: mpsc::Sender<Notice>,
    worker: JoinHandle<()>,
}

impl Courier {
    /// Starts the worker's task.
    pub(crate) fn start(worker: Worker, pacing: &Pacing) -> Self {
        let (queue, notices) = mpsc::channel(pacing.queue);
        Self {
            deliveries: Arc::clone(&worker.deliveries),
            running: Mutex::new(Some(Running { queue, worker: tokio::spawn(worker.run(notices)) })),
            stop: pacing.stop,
        }
    }

    /// Takes a notice over, without waiting. One that finds no room is logged and dropped; the file
    /// hears of it when the worker, busy then, next writes it.
    pub(crate) fn hand_over(&self, notice: Notice) {
        if !self.deliveries.add(&notice) {
            return;
        }
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let reason = match running.as_ref().map(|running| running.queue.try_reserve()) {
            Some(Ok(room)) => return room.send(notice),
            Some(Err(TrySendError::Full(()))) => "too many messages wait already",
            Some(Err(TrySendError::Closed(()))) | None => "deliveries have ended",
        };
        tracing::warn!(event_id = notice.event_id, reason, "dropped a notification");
        self.deliveries.settle(&notice.event_id, Status::Dropped, Some(reason.to_owned()));
    }

    /// Gives what is queued a last chance, then records the rest as dropped.
    pub(crate) async fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { queue, mut worker }) = running else {
            return;
        };
        drop(queue);
        if timeout(self.stop, &mut worker).await.is_err() {
            worker.abort();
            // Until it is gone it might still change the log.
            drop(worker.await);
        }
        self.deliveries.drop_unfinished("the plugin stopped before Slack had taken the message");
        save(&self.deliveries).await;
    }
}

/// What posts notices, one after the other.
pub(crate) struct Worker {
    pub(crate) settings: Arc<SettingsStore>,
    pub(crate) deliveries: Arc<DeliveryLog>,
    pub(crate) slack: Slack,
    pub(crate) temps: TempsClient,
    pub(crate) backoff: ExponentialBuilder,
}

impl Worker {
    async fn run(self, mut notices: mpsc::Receiver<Notice>) {
        while let Some(notice) = notices.recv().await {
            let (status, error) = self.deliver(&notice).await;
            let (event_id, reason) = (notice.event_id.as_str(), error.as_deref());
            match status {
                Status::Delivered => tracing::info!(event_id, "notified Slack"),
                _ => tracing::error!(event_id, ?status, reason, "could not notify Slack"),
            }
            self.deliveries.settle(event_id, status, error);
            save(&self.deliveries).await;
        }
    }

    /// Posts a notice until Slack takes it or there is no more hope.
    async fn deliver(&self, notice: &Notice) -> (Status, Option<String>) {
        let settings = self.settings.get();
        let Some(webhook) = settings.webhook_for(notice) else {
            let reason = "notifications were switched off while the message waited";
            return (Status::Dropped, Some(reason.to_owned()));
        };
        let id = notice.event_id.as_str();
        let project = self.project_name(notice).await;
        self.deliveries.update(id, |entry| entry.project.clone_from(&project));
        let text = notice.text(&project);
        let attempt = || async {
            self.deliveries.update(id, |entry| entry.attempts += 1);
            save(&self.deliveries).await;
            self.slack.post(webhook, &text).await
        };
        let posted = attempt
            .retry(self.backoff)
            .when(SlackError::is_temporary)
            .adjust(SlackError::pause)
            .notify(|error, pause| {
                tracing::warn!(event_id = id, %error, ?pause, "will notify Slack again");
                self.deliveries.settle(id, Status::Retrying, Some(error.to_string()));
            })
            .await;
        match posted {
            Ok(()) => (Status::Delivered, None),
            Err(error) => (Status::Failed, Some(error.to_string())),
        }
    }

    /// The project's name. A message without it is better than none, so every failure is survived: a
    /// channel that is down, a permission that was not granted, a project that is gone.
    async fn project_name(&self, notice: &Notice) -> String {
        match self.temps.get_project(notice.project_id).await {
            Ok(project) => project.name,
            Err(error) => {
                tracing::debug!(project_id = notice.project_id, %error, "no project name");
                notice.project_fallback()
            }
        }
    }
}

/// Writes the log off the runtime's threads. A failure is logged: it must not stop deliveries.
async fn save(deliveries: &Arc<DeliveryLog>) {
    let deliveries = Arc::clone(deliveries);
    let saved = tokio::task::spawn_blocking(move || deliveries.save()).await;
    match saved {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "could not write down the deliveries"),
        Err(error) => tracing::error!(%error, "writing down the deliveries broke off"),
    }
}
