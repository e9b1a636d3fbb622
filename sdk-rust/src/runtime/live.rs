//! A plugin whose socket is open: starting author code, living, stopping.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use temps_plugin_schema::PluginManifest;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::core::{PluginCore, guarded};
use super::handshake::{Handshake, Launched};
use super::own_thread::OwnThread;
use super::state::{Machine, Step};
use super::stop::StopSignal;
use crate::channel::ChannelHub;
use crate::client::TempsClient;
use crate::context::Inner;
use crate::events::{self, EventDelivery, EventIntake};
use crate::server::Dispatch;
use crate::server::gate::Gate;
use crate::server::serve::Server;
use crate::server::socket::{self, SocketFile};
use crate::{ErrorKind, PluginContext, PluginOptions, PluginSdkError};

/// How long the shutdown hook may take after draining.
const SHUTDOWN_HOOK: Duration = Duration::from_secs(5);

/// A plugin whose socket is open. Dropping it removes the socket file.
pub(super) struct Plugin {
    core: Arc<dyn PluginCore>,
    own_thread: OwnThread,
    ctx: PluginContext,
    options: PluginOptions,
    machine: Arc<Machine>,
    dispatch: Arc<Dispatch>,
    hub: Arc<ChannelHub>,
    events: EventIntake,
    server: Option<Server>,
    delivery: Delivery,
    _socket: SocketFile,
}

/// What a plugin's life needs besides the plugin.
pub(super) struct Surroundings {
    pub(super) own_thread: OwnThread,
    pub(super) stop: StopSignal,
    pub(super) machine: Arc<Machine>,
}

/// Events wait until author code is started; from then on there is also something to shut down.
enum Delivery {
    Waiting(EventDelivery),
    Running(JoinHandle<()>),
    Over,
}

impl Plugin {
    /// Opens the socket: health answers, everything else is 503.
    pub(super) fn listen(
        core: Arc<dyn PluginCore>,
        manifest: PluginManifest,
        launched: Launched,
        surroundings: Surroundings,
    ) -> Result<Self, PluginSdkError> {
        let Surroundings { own_thread, stop, machine } = surroundings;
        let options = guarded("options()", || core.options())?;
        let ui = guarded("ui_assets()", || core.ui_assets())?;
        let ui = ui.map(crate::UiAssets::open).transpose()?;
        let dialect = launched.dialect;
        let gate = Gate::new(launched.auth_secret.clone(), dialect, options.require_signature);
        let (events, delivery) = events::queue();
        let hub = Arc::new(ChannelHub::new(dialect, Arc::clone(&machine), events.clone()));
        let dispatch = Arc::new(Dispatch {
            answers_elsewhere: core.answers_elsewhere(),
            plugin_name: manifest.name.clone(),
            health_path: manifest.health_path,
            gate,
            hub: Arc::clone(&hub),
            events: events.clone(),
            ui,
            app: OnceLock::new(),
        });
        let temps = TempsClient::new(dialect, hub.watch());
        make_data_dir(&launched.data_dir)?;
        let (listener, socket) = socket::bind(&launched.socket_path)?;
        let server = Server::start(listener, Arc::clone(&dispatch));
        machine.step(Step::Listen);
        let ctx = PluginContext::new(Inner {
            plugin_name: manifest.name,
            socket_path: launched.socket_path,
            data_dir: launched.data_dir,
            dialect,
            auth_secret: launched.auth_secret,
            database_url: launched.database_url,
            host_api_url: launched.host_api_url,
            host_data_dir: launched.host_data_dir,
            temps,
            stop,
        });
        Ok(Self {
            core,
            own_thread,
            ctx,
            options,
            machine,
            dispatch,
            hub,
            events,
            server: Some(server),
            delivery: Delivery::Waiting(delivery),
            _socket: socket,
        })
    }

    /// Starts author code, says `ready`, and lives until there is a reason not to.
    pub(super) async fn live(&mut self, handshake: &mut Handshake) -> Result<(), PluginSdkError> {
        self.start().await?;
        let openapi =
            guarded("openapi_schema()", || self.core.openapi())?.unwrap_or_else(|error| {
                tracing::warn!(%error, "left out the OpenAPI document");
                None
            });
        // Before the line is out: the host may open the channel the moment it reads it.
        self.machine.step(Step::Ready);
        handshake.ready(self.dispatch.ui.is_some(), openapi)?;
        if let Some(limit) = self.options.channel_deadline {
            tokio::select! {
                // Once a channel was there, the limit never counts again (CH-11).
                () = self.hub.opened() => {}
                () = sleep(limit) => return Err(PluginSdkError::new(
                    ErrorKind::ChannelDeadline,
                    format!("no host opened the channel within {limit:?} of `ready`; giving up"),
                )),
            }
        }
        std::future::pending().await
    }

    /// Runs the author's router and start hook, where blocking ones block nobody.
    async fn start(&mut self) -> Result<(), PluginSdkError> {
        let (core, ctx) = (Arc::clone(&self.core), self.ctx.clone());
        let code = async move { core.start(ctx).await };
        let app = self.own_thread.run("router() or the start hook", code).await??;
        if self.dispatch.app.set(app).is_err() {
            return Err(PluginSdkError::new(ErrorKind::Start, "the plugin was started twice"));
        }
        let delivery = std::mem::replace(&mut self.delivery, Delivery::Over);
        if let Delivery::Waiting(delivery) = delivery {
            let run = delivery.run(Arc::clone(&self.core), self.ctx.clone());
            self.delivery = Delivery::Running(tokio::spawn(run));
        }
        Ok(())
    }

    /// Drains, runs the shutdown hook, closes the channel (LC-03 to LC-11).
    pub(super) async fn stop(&mut self) {
        self.machine.step(Step::Stop);
        let limit = self.options.drain;
        let started = matches!(self.delivery, Delivery::Running(_));
        if timeout(limit, self.drain()).await.is_err() {
            tracing::warn!("broke off what was still in flight after {limit:?}");
        }
        if started {
            let (core, ctx) = (Arc::clone(&self.core), self.ctx.clone());
            let code = async move { core.on_shutdown(&ctx).await };
            let hook = self.own_thread.run("the shutdown hook", code);
            match timeout(SHUTDOWN_HOOK, hook).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!("{error}"),
                Err(_) => tracing::error!("broke off the shutdown hook after {SHUTDOWN_HOOK:?}"),
            }
        }
        self.hub.close().await;
        self.machine.step(Step::Finish);
    }

    /// Waits for requests and then for events that were taken over.
    async fn drain(&mut self) {
        if let Some(server) = self.server.take() {
            server.drain().await;
        }
        self.events.close();
        if let Delivery::Running(delivery) = &mut self.delivery
            && let Err(error) = delivery.await
        {
            tracing::error!(%error, "event delivery failed");
        }
        self.delivery = Delivery::Over;
    }
}

/// Makes the data directory, parents included, for its owner only. One that exists stays as it is.
fn make_data_dir(path: &Path) -> Result<(), PluginSdkError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| {
        let message = format!("cannot make the data directory {}: {error}", path.display());
        PluginSdkError::new(ErrorKind::DataDir, message).with_source(error)
    })
}
