//! Tells a Slack channel about deployments: the plugin from the article "How to build a plugin
//! system", made real.
//!
//! An event takes this way: [`SlackNotifier::on_event`] makes a [`notice`] of it and hands it to the
//! [`courier`], whose one task posts it through [`slack`]; [`deliveries`] keeps what became of it.
//! [`settings`] says where to post and [`routes`] is how people see and change all this.

mod courier;
mod deliveries;
mod file;
mod notice;
mod notifier;
mod openapi;
mod routes;
mod settings;
mod slack;
#[cfg(test)]
mod tests;
mod webhook;

use std::sync::OnceLock;

use temps_plugin_sdk::prelude::*;

use crate::courier::Pacing;
use crate::notice::Notice;
use crate::notifier::{Notifier, OpenError};

/// The plugin.
#[derive(Default)]
struct SlackNotifier {
    pacing: Pacing,
    opened: OnceLock<Result<Notifier, OpenError>>,
}

impl SlackNotifier {
    /// What the plugin works with, opened at the first call. `router` comes first and cannot fail, so
    /// an error waits here for `on_start`, which can.
    fn notifier(&self, ctx: &PluginContext) -> Result<&Notifier, &OpenError> {
        self.opened.get_or_init(|| Notifier::open(ctx, &self.pacing)).as_ref()
    }
}

impl ExternalPlugin for SlackNotifier {
    fn manifest(&self) -> PluginManifest {
        PluginManifest::builder("slack-notifier", env!("CARGO_PKG_VERSION"))
            .display_name("Slack Notifier")
            .description("Tells a Slack channel about deployments")
            .events(["deployment.succeeded", "deployment.failed"])
            .request_permissions([HostPermission::EventsRead, HostPermission::ProjectsRead])
            .nav(NavEntry {
                label: "Slack".into(),
                icon: "message-square".into(),
                section: NavSection::Settings,
                path: "/slack".into(),
                order: 60,
            })
            .build()
    }

    fn router(&self, ctx: PluginContext) -> axum::Router {
        match self.notifier(&ctx) {
            Ok(notifier) => routes::router(notifier.clone()),
            Err(_) => axum::Router::new(),
        }
    }

    fn openapi_schema(&self) -> Option<utoipa::openapi::OpenApi> {
        Some(openapi::document())
    }

    fn on_start(&self, ctx: &PluginContext) -> Result<(), PluginSdkError> {
        match self.notifier(ctx) {
            Ok(_) => Ok(()),
            Err(error) => Err(PluginSdkError::other(error.to_string())),
        }
    }

    fn on_event(&self, ctx: &PluginContext, event: PluginEvent) {
        let Ok(notifier) = self.notifier(ctx) else {
            return;
        };
        match Notice::of(&event) {
            Ok(Some(notice)) if notifier.settings.get().webhook_for(&notice).is_some() => {
                notifier.courier.hand_over(notice);
            }
            Ok(_) => tracing::debug!(event.id, event.event_type, "nothing to tell Slack"),
            Err(error) => tracing::warn!(event.id, event.event_type, %error, "skipped an event"),
        }
    }

    async fn on_shutdown_async(&self, ctx: &PluginContext) {
        if let Ok(notifier) = self.notifier(ctx) {
            notifier.courier.stop().await;
        }
    }
}

temps_plugin_sdk::main!(SlackNotifier::default());
