//! A start as a whole: all steps in order, and both dialects in turn.

use std::fmt;

use temps_plugin_schema::handshake::Ready;
use temps_plugin_schema::{Dialect, PluginManifest};

use super::options::{DialectChoice, Launcher};
use crate::dialect_memory::{ContentHash, content_hash, hash_of};
use crate::plugin::RunningPlugin;
use crate::start_error::StartError;

/// What a plugin said in its handshake.
#[derive(Clone)]
#[non_exhaustive]
pub struct Handshake {
    /// The dialect spoken.
    pub dialect: Dialect,
    /// What the plugin says of itself.
    pub manifest: PluginManifest,
    /// Its second line.
    pub ready: Ready,
    /// The first line as it was received, without its end. Nothing is redacted in it.
    pub announce_line: String,
    /// The second line as it was received, without its end. Nothing is redacted in it.
    pub ready_line: String,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("dialect", &self.dialect)
            .field("plugin", &self.manifest.name)
            .field("has_ui", &self.ready.has_ui)
            .finish_non_exhaustive()
    }
}

impl Launcher {
    /// Starts the plugin and goes through the handshake.
    ///
    /// # Errors
    /// When any step fails. No process is left then (HS-07), nor when the future is dropped.
    pub async fn start(&self) -> Result<RunningPlugin, StartError> {
        match self.dialect {
            DialectChoice::Only(dialect) => self.start_in(dialect).await,
            DialectChoice::Detect => self.detect().await,
        }
    }

    async fn start_in(&self, dialect: Dialect) -> Result<RunningPlugin, StartError> {
        let mut starting = self.spawn_in(dialect).await?;
        starting.announce().await?;
        starting.finish().await
    }

    /// Tries dialect 2 and then dialect 1 with a file whose dialect is not known (HS-46 to HS-49).
    async fn detect(&self) -> Result<RunningPlugin, StartError> {
        let memory = self.memory.clone().unwrap_or_default();
        let hash = match &self.memory {
            Some(_) => self.hash().await,
            None => None,
        };
        if let Some(known) = hash.and_then(|hash| memory.recall(&hash)) {
            return self.start_in(known).await;
        }
        let remember = |dialect| {
            if let Some(hash) = hash {
                memory.remember(hash, dialect);
            }
        };
        let mut starting = self.spawn_in(Dialect::Two).await?;
        let earlier = match starting.announce().await {
            Ok(_) => {
                remember(Dialect::Two);
                return starting.finish().await;
            }
            Err(error) if error.suggests_dialect_1() => error,
            Err(error) => return Err(error),
        };
        let outcome = async {
            let mut starting = self.spawn_in(Dialect::One).await?;
            starting.announce().await?;
            remember(Dialect::One);
            starting.finish().await
        };
        outcome.await.map_err(|error| error.after(earlier))
    }

    /// The file's hash; none when it cannot be read, which starting it will explain.
    async fn hash(&self) -> Option<ContentHash> {
        let (program, opened) = (self.program.clone(), self.opened.clone());
        let hashing = tokio::task::spawn_blocking(move || match opened {
            Some(file) => hash_of(&file),
            None => content_hash(&program),
        });
        hashing.await.ok()?.ok()
    }
}
