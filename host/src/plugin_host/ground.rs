//! The directories of a host: its own for data, which no other host may use, and a private one for
//! sockets.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use temps_plugin_schema::limits;

use super::orphans::{Orphan, Records};
use crate::discovery::PluginFile;

/// How the directory of a host's sockets begins, wherever it is.
const SOCKETS: &str = "temps-plugins-";

/// Why a host cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroundError {
    /// A directory or a file in it cannot be made or used.
    #[error("{}: {source}", .path.display())]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another host uses the data directory.
    #[error(
        "another host uses the data directory {}{}: stop it, or choose another directory",
        .path.display(), .pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    InUse {
        /// The data directory.
        path: PathBuf,
        /// The process of that host, if it has said so.
        pid: Option<u32>,
    },
    /// The path of a socket would be longer than the system takes
    #[error(
        "sockets in {} would have paths of more than {limit} bytes: point TMPDIR at a shorter one",
        .path.display()
    )]
    TooLong {
        /// The directory.
        path: PathBuf,
        /// The longest path of a socket, in bytes.
        limit: usize,
    },
}

/// What the lock file says of the host that holds it.
#[derive(Serialize, Deserialize)]
struct Holder {
    pid: u32,
    sockets: PathBuf,
}

/// The directories, and the lock that keeps other hosts out. Dropped, it removes the sockets.
#[derive(Debug)]
pub(super) struct Ground {
    plugins_data: PathBuf,
    sockets: PathBuf,
    pub(super) records: Records,
    lock: File,
}

impl Drop for Ground {
    fn drop(&mut self) {
        // What cannot be removed is removed by the next host.
        let _ = fs::remove_dir_all(&self.sockets);
    }
}

impl Ground {
    /// Makes the directories, and ends what the last host on them has left behind. Blocks.
    pub(super) fn take(data: &Path, grace: Duration) -> Result<(Self, Vec<Orphan>), GroundError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| GroundError::Unusable { path, source }
        };
        let plugins_data = data.join("plugins");
        private_dir(&plugins_data).map_err(unusable(&plugins_data))?;
        let lock_path = data.join("host.lock");
        let mut lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(unusable(&lock_path))?;
        let free = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        let mut text = String::new();
        let read = lock.read_to_string(&mut text);
        let holder: Option<Holder> = serde_json::from_str(&text).ok();
        match free {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let pid = holder.map(|holder| holder.pid);
                return Err(GroundError::InUse { path: data.to_owned(), pid });
            }
            Err(errno) => return Err(unusable(&lock_path)(errno.into())),
        }
        read.map_err(unusable(&lock_path))?;

        let records_dir = data.join("processes");
        let records = Records::open(records_dir.clone()).map_err(unusable(&records_dir))?;
        let orphans = records.end_all(grace).map_err(unusable(&records_dir))?;
        if let Some(former) = holder {
            remove_sockets_of(&former);
        }
        let sockets = sockets_dir()?;
        let ground = Self { plugins_data, sockets, records, lock };
        ground.sign().map_err(unusable(&lock_path))?;
        Ok((ground, orphans))
    }

    /// Writes into the lock file who holds it.
    fn sign(&self) -> io::Result<()> {
        let holder = Holder { pid: std::process::id(), sockets: self.sockets.clone() };
        let mut lock = &self.lock;
        lock.rewind()?;
        lock.set_len(0)?;
        lock.write_all(&serde_json::to_vec(&holder)?)
    }

    /// Where the plugin with this number listens.
    pub(super) fn socket(&self, number: u64) -> PathBuf {
        self.sockets.join(format!("{number}.sock"))
    }

    /// Where this plugin keeps its data, whatever version of it. The plugin makes the directory (LA-20).
    pub(super) fn data_of(&self, file: &PluginFile) -> PathBuf {
        self.plugins_data.join(file.path().file_name().unwrap_or_default())
    }
}

fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// A new directory that only this user can enter, under a short path.
fn sockets_dir() -> Result<PathBuf, GroundError> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let base = runtime.filter(|dir| dir.is_dir()).unwrap_or_else(std::env::temp_dir);
    loop {
        let mut random = [0; 4];
        let unusable = |source| GroundError::Unusable { path: base.clone(), source };
        getrandom::fill(&mut random).map_err(|error| unusable(io::Error::other(error)))?;
        let path = base.join(format!("{SOCKETS}{:08x}", u32::from_ne_bytes(random)));
        let longest = path.join(format!("{}.sock", u64::MAX)).as_os_str().len();
        if longest > limits::SOCKET_PATH_BYTES {
            return Err(GroundError::TooLong { path: base, limit: limits::SOCKET_PATH_BYTES });
        }
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(GroundError::Unusable { path, source }),
        }
    }
}

/// Removes the sockets of a host that could not do it itself. The lock file could have been written
/// by anybody who may write to the data directory, so only what looks like such a directory is touched.
fn remove_sockets_of(former: &Holder) {
    let name = former.sockets.file_name().and_then(|name| name.to_str());
    let private = fs::symlink_metadata(&former.sockets).is_ok_and(|found| {
        let own = found.uid() == rustix::process::geteuid().as_raw();
        found.is_dir() && own && found.mode() & 0o777 == 0o700
    });
    if private && name.is_some_and(|name| name.starts_with(SOCKETS)) {
        let _ = fs::remove_dir_all(&former.sockets);
    }
}
