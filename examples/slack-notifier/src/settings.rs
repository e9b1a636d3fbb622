//! Where to post, and about what.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::file::{self, FileError};
use crate::notice::{Notice, Outcome};
use crate::webhook::Webhook;

/// What an administrator has chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    webhook_url: Option<Webhook>,
    enabled: bool,
    notify_failures: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { webhook_url: None, enabled: true, notify_failures: true }
    }
}

impl Settings {
    /// Where a notice goes, if anywhere.
    pub(crate) fn webhook_for(&self, notice: &Notice) -> Option<&Webhook> {
        let wanted = match notice.outcome {
            Outcome::Succeeded { .. } => true,
            Outcome::Failed { .. } => self.notify_failures,
        };
        self.webhook_url.as_ref().filter(|_| self.enabled && wanted)
    }

    /// The settings as people may see them.
    pub(crate) fn view(&self) -> SettingsView {
        SettingsView {
            webhook_url: self.webhook_url.as_ref().map(Webhook::masked),
            enabled: self.enabled,
            notify_failures: self.notify_failures,
        }
    }

    fn apply(&mut self, change: SettingsChange) {
        if let Some(webhook_url) = change.webhook_url {
            self.webhook_url = webhook_url;
        }
        self.enabled = change.enabled.unwrap_or(self.enabled);
        self.notify_failures = change.notify_failures.unwrap_or(self.notify_failures);
    }
}

/// The settings, as they are shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SettingsView {
    /// The Slack webhook, of which only the host is shown; null when there is none.
    #[schema(example = "https://hooks.slack.com/…")]
    webhook_url: Option<String>,
    /// Whether anything is posted.
    enabled: bool,
    /// Whether failed deployments are posted too.
    notify_failures: bool,
}

/// A change of settings: what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsChange {
    /// A Slack incoming webhook, https or http; null removes it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "https://hooks.slack.com/services/T0/B0/XXXX")]
    webhook_url: Option<Option<Webhook>>,
    /// Whether anything is posted.
    #[serde(default)]
    enabled: Option<bool>,
    /// Whether failed deployments are posted too.
    #[serde(default)]
    notify_failures: Option<bool>,
}

/// Tells a null that was given from a field that was left out.
fn given<'de, D: Deserializer<'de>>(field: D) -> Result<Option<Option<Webhook>>, D::Error> {
    Option::deserialize(field).map(Some)
}

/// The settings and the file they live in.
pub(crate) struct SettingsStore {
    path: PathBuf,
    current: RwLock<Settings>,
}

impl SettingsStore {
    /// Reads the settings, or takes the defaults when there is no file yet.
    pub(crate) fn open(path: PathBuf) -> Result<Self, FileError> {
        let current = file::load(&path)?.unwrap_or_default();
        Ok(Self { path, current: RwLock::new(current) })
    }

    /// The settings at this moment.
    pub(crate) fn get(&self) -> Settings {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the settings in the file, then here. Blocks, and makes readers wait: changes are rare
    /// and the file is small.
    pub(crate) fn change(&self, change: SettingsChange) -> Result<Settings, FileError> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = current.clone();
        changed.apply(change);
        file::save(&self.path, &changed)?;
        current.clone_from(&changed);
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_leaves_alone_what_it_does_not_name() {
        let mut settings = Settings::default();
        for (change, webhook_url, enabled) in [
            (r#"{"webhook_url": "http://a/b"}"#, Some("http://a/…"), true),
            (r#"{"enabled": false}"#, Some("http://a/…"), false),
            (r#"{"webhook_url": null}"#, None, false),
        ] {
            settings.apply(serde_json::from_str(change).unwrap());
            let view = settings.view();
            assert_eq!(view.webhook_url.as_deref(), webhook_url, "{change}");
            assert_eq!(view.enabled, enabled, "{change}");
        }
        assert!(serde_json::from_str::<SettingsChange>(r#"{"webhook": "http://a/b"}"#).is_err());
    }
}
