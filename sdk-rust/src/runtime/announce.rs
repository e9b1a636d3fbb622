//! From a manifest to what the host has told: the part of the handshake that comes before a socket.

use std::ffi::OsString;
use std::fmt;
use std::io::{PipeReader, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use temps_plugin_schema::{Dialect, PluginManifest, Secret, Wire};

use super::args::Arguments;
use super::handshake::{Handshake, Launched};
use super::stdio;
use crate::{ErrorKind, PluginSdkError};

/// A plugin that has written its first line.
pub(crate) struct Announcing {
    handshake: Handshake,
    manifest: PluginManifest,
    arguments: Arguments,
}

/// A plugin that has announced itself and was told where its socket goes.
///
/// [`run_core`](crate::run_core) gets this far by itself. For a plugin that runs a server of its own,
/// [`announce`](Self::announce) and [`ready`](Self::ready) are the handshake by hand; then the health
/// path, the signature of requests and the channel are the author's to serve (PROTOCOL.md).
pub struct Announced {
    pub(super) handshake: Handshake,
    pub(super) manifest: PluginManifest,
    pub(super) launched: Launched,
}

impl Announcing {
    /// Checks manifest and arguments, and writes the first line.
    pub(crate) fn new(
        manifest: PluginManifest,
        arguments: Vec<OsString>,
        stdin: OwnedFd,
        stdout: Box<dyn Write + Send>,
    ) -> Result<Self, PluginSdkError> {
        manifest.validate().map_err(|violations| {
            let message = format!("the manifest is invalid: {violations}");
            PluginSdkError::new(ErrorKind::Manifest, message).with_source(violations)
        })?;
        let arguments = Arguments::parse(arguments)?;
        for flag in &arguments.unknown {
            tracing::warn!(flag, "ignored an argument that this plugin does not know");
        }
        let mut handshake = Handshake::new(arguments.dialect(), stdin, stdout);
        handshake.announce(&manifest)?;
        Ok(Self { handshake, manifest, arguments })
    }

    /// Whether the host has a line to write.
    pub(crate) fn waits(&self) -> bool {
        self.arguments.dialect() == Dialect::Two
    }

    /// Waits for the host on this thread; `None` when `stopping` ended first.
    pub(crate) fn launched(
        mut self,
        stopping: Option<&PipeReader>,
    ) -> Result<Option<Announced>, PluginSdkError> {
        let launched = self.handshake.launched(&self.manifest, self.arguments, stopping)?;
        let (handshake, manifest) = (self.handshake, self.manifest);
        Ok(launched.map(|launched| Announced { handshake, manifest, launched }))
    }
}

impl Announced {
    /// Writes the first line, and waits for the host's where the dialect has one. `arguments` are
    /// those after the program's name. From here on descriptor 1 is stderr.
    ///
    /// # Errors
    /// A manifest that breaks a rule, arguments no host gives, a launch line that is refused or does
    /// not come in 30 s.
    pub fn announce(
        manifest: PluginManifest,
        arguments: Vec<OsString>,
    ) -> Result<Self, PluginSdkError> {
        let stdout = stdio::take_stdout()?;
        let announcing =
            Announcing::new(manifest, arguments, stdio::launch_input()?, Box::new(stdout))?;
        let announced = announcing.launched(None)?;
        announced.ok_or_else(|| PluginSdkError::new(ErrorKind::Handshake, "nothing was awaited"))
    }

    /// Writes the second line: the socket answers now. Writing it again does nothing.
    ///
    /// # Errors
    /// When stdout is gone.
    pub fn ready(&mut self, has_ui: bool) -> Result<(), PluginSdkError> {
        self.handshake.ready(has_ui, None)
    }

    /// What the plugin said of itself.
    #[must_use]
    pub fn manifest(&self) -> &PluginManifest {
        &self.manifest
    }

    /// The form of the protocol the host speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.launched.dialect
    }

    /// Where the host looks for the plugin's socket.
    #[must_use]
    pub fn socket_path(&self) -> &Path {
        &self.launched.socket_path
    }

    /// The plugin's own directory. The SDK makes it when it opens the socket.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.launched.data_dir
    }

    /// The secret that requests of the host carry.
    #[must_use]
    pub fn auth_secret(&self) -> &str {
        self.launched.auth_secret.expose()
    }

    /// The platform's database, when the manifest has `requires_db`.
    #[must_use]
    pub fn database_url(&self) -> Option<&str> {
        self.launched.database_url.as_ref().map(Secret::expose)
    }

    /// The base URL at which the platform's API answers, when the host tells it (dialect 2).
    #[must_use]
    pub fn host_api_url(&self) -> Option<&str> {
        self.launched.host_api_url.as_deref()
    }
}

impl fmt::Debug for Announced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announced")
            .field("plugin_name", &self.manifest.name)
            .field("dialect", &self.launched.dialect)
            .field("socket_path", &self.launched.socket_path)
            .finish_non_exhaustive()
    }
}
