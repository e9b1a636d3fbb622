//! Which files of a plugins directory are plugins.
//!
//! ```no_run
//! # fn example() -> Result<(), temps_plugin_host::DiscoveryError> {
//! use temps_plugin_host::PluginsDirectory;
//!
//! let scan = PluginsDirectory::new("/home/temps/.temps/plugins").scan()?;
//! for plugin in &scan.plugins {
//!     println!("{}", plugin.shown());
//! }
//! for passed in &scan.passed_over {
//!     println!("{}: {}", passed.path.display(), passed.reason);
//! }
//! # Ok(()) }
//! ```

mod checksums;
mod file;

use std::io;
use std::path::{Path, PathBuf};

pub use checksums::{Checksums, ChecksumsError};
pub use file::{PluginFile, Reason, Stamp};

/// A directory whose executable files are plugins.
#[derive(Debug, Clone)]
pub struct PluginsDirectory {
    path: PathBuf,
    allowed: Option<Checksums>,
}

/// What a scan has found, both lists in the order of the file names.
#[derive(Debug, Default)]
pub struct Scan {
    /// The plugins.
    pub plugins: Vec<PluginFile>,
    /// Files that look as if they were meant to be plugins, and are not. Directories and files whose
    /// names begin with a dot are not among them.
    pub passed_over: Vec<PassedOver>,
}

/// A file that is no plugin.
#[derive(Debug)]
pub struct PassedOver {
    /// The file in the plugins directory.
    pub path: PathBuf,
    /// Why it is none.
    pub reason: Reason,
}

/// A plugins directory that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the plugins directory {}: {source}", .path.display())]
pub struct DiscoveryError {
    path: PathBuf,
    source: io::Error,
}

impl PluginsDirectory {
    /// The directory at `path`. It need not exist until it is read.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), allowed: None }
    }

    /// Where operators put plugins: `~/.temps/plugins`. `None` for a user without a home directory.
    #[must_use]
    pub fn of_this_user() -> Option<Self> {
        Some(Self::new(std::env::home_dir()?.join(".temps/plugins")))
    }

    /// Takes only files whose content has one of these sums. What was looked at is what is run, even
    /// if another file takes its name meanwhile.
    #[must_use]
    pub fn allow_only(mut self, allowed: Checksums) -> Self {
        self.allowed = Some(allowed);
        self
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at every file. Blocks; with checksums for as long as it takes to read the files.
    ///
    /// # Errors
    /// When the directory cannot be read. A file that cannot is passed over.
    pub fn scan(&self) -> Result<Scan, DiscoveryError> {
        let fail = |source| DiscoveryError { path: self.path.clone(), source };
        let mut scan = Scan::default();
        for entry in std::fs::read_dir(&self.path).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = self.path.join(name);
            match PluginFile::look(path.clone(), self.allowed.as_ref()) {
                Ok(plugin) => scan.plugins.push(plugin),
                Err(Reason::Directory) => {}
                Err(reason) => scan.passed_over.push(PassedOver { path, reason }),
            }
        }
        scan.plugins.sort_by(|a, b| a.path().cmp(b.path()));
        scan.passed_over.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(scan)
    }
}
