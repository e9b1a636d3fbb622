//! The store. The guide uses `SQLite` through sea-orm here; a JSON file serves a test as well.

use std::path::{Path, PathBuf};

use crate::types::{PluginSettings, UpdateSettings};

pub struct YourStore {
    path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("Failed to open the store at {path}: {reason}")]
    Connect { path: String, reason: String },
    #[error("Database error: {0}")]
    Database(String),
}

impl YourStore {
    pub async fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let path = data_dir.join("your-plugin.json");
        if !tokio::fs::try_exists(&path).await.unwrap_or(false) {
            tokio::fs::write(&path, "{}").await.map_err(|e| StoreError::Connect {
                path: path.display().to_string(),
                reason: e.to_string(),
            })?;
        }
        Ok(Self { path })
    }

    pub async fn get_settings(&self) -> PluginSettings {
        let text = tokio::fs::read_to_string(&self.path).await.unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub async fn update_settings(
        &self,
        update: UpdateSettings,
    ) -> Result<PluginSettings, StoreError> {
        let mut settings = self.get_settings().await;
        settings.some_setting = update.some_setting.unwrap_or(settings.some_setting);
        settings.enabled = update.enabled.unwrap_or(settings.enabled);
        let text =
            serde_json::to_string(&settings).map_err(|e| StoreError::Database(e.to_string()))?;
        tokio::fs::write(&self.path, text)
            .await
            .map_err(|e| StoreError::Database(e.to_string()))?;
        Ok(settings)
    }
}
