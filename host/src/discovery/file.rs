//! One file of a plugins directory.

use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags};

use super::checksums::{Checksums, hex};
use crate::diagnose::{DIRECTORY, other_than_file};
use crate::dialect_memory::{ContentHash, hash_of};
use crate::launch::Launcher;

/// An executable file of a plugins directory.
#[derive(Debug, Clone)]
pub struct PluginFile {
    path: PathBuf,
    target: Option<PathBuf>,
    stamp: Stamp,
    /// The file that was looked at and is run, when its sum had to be known.
    checked: Option<Checked>,
}

#[derive(Debug, Clone)]
struct Checked {
    file: Arc<File>,
    hash: ContentHash,
}

/// Which file it is and when it was changed last: another one is another plugin, or another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

/// Why a file of a plugins directory is no plugin.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// It is a directory, or a link to one.
    #[error("it is a directory")]
    Directory,
    /// It is a socket, a device or the like.
    #[error("it is {0}, not a file")]
    NotAFile(&'static str),
    /// It is a link to nothing.
    #[error("it is a link to {}, which does not exist", .0.display())]
    BrokenLink(PathBuf),
    /// It may not be run by this user.
    #[error("it may not be run: mode {mode:04o}; `chmod +x` makes it a plugin")]
    NotExecutable {
        /// Its permission bits.
        mode: u32,
    },
    /// Its sum is not among those allowed.
    #[error("its SHA-256 sum {0} is not on the list of those that may run")]
    NotAllowed(String),
    /// It is a script, and what runs a script opens it by its name, whatever was looked at before.
    #[error(
        "it is a script, which cannot be held to its checksum: its interpreter would open the file \
         anew; build it into one executable file"
    )]
    Script,
    /// It cannot be looked at.
    #[error("it cannot be read: {0}")]
    Unreadable(#[source] io::Error),
}

impl PluginFile {
    /// Looks at `path`, and at what it contains when there are sums it must have.
    pub(super) fn look(path: PathBuf, allowed: Option<&Checksums>) -> Result<Self, Reason> {
        let link = std::fs::read_link(&path).ok();
        // A link is followed here and never again: another target later is another plugin.
        let real = std::fs::canonicalize(&path).map_err(|error| match &link {
            Some(target) if error.kind() == io::ErrorKind::NotFound => {
                Reason::BrokenLink(target.clone())
            }
            _ => Reason::Unreadable(error),
        })?;
        let metadata = std::fs::symlink_metadata(&real).map_err(Reason::Unreadable)?;
        is_file(&metadata)?;
        // The system's own answer: lists of rights and read-only mounts count too.
        if rustix::fs::accessat(CWD, &real, Access::EXEC_OK, AtFlags::EACCESS).is_err() {
            return Err(Reason::NotExecutable { mode: metadata.mode() & 0o7777 });
        }
        let mut plugin = Self {
            target: (link.is_some()).then(|| real.clone()),
            stamp: Stamp::of(&metadata),
            path,
            checked: None,
        };
        if let Some(allowed) = allowed {
            let (metadata, checked) = Checked::open(&real, allowed)?;
            // Of the file that was opened, should another have taken its place.
            plugin.stamp = Stamp::of(&metadata);
            plugin.checked = Some(checked);
        }
        Ok(plugin)
    }

    /// Where it is in the plugins directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where its link leads, if it is one: to the very end, when one link leads to another.
    #[must_use]
    pub fn target(&self) -> Option<&Path> {
        self.target.as_deref()
    }

    /// Which file it is, and of when.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The sum it was allowed for; `None` when every file is.
    #[must_use]
    pub fn checked_sum(&self) -> Option<ContentHash> {
        self.checked.as_ref().map(|checked| checked.hash)
    }

    /// Both paths of a link, for people.
    pub fn shown(&self) -> impl fmt::Display {
        match &self.target {
            Some(target) => format!("{} -> {}", self.path.display(), target.display()),
            None => self.path.display().to_string(),
        }
    }

    /// A start of this file that listens at `socket_path` and keeps its data in `data_dir`. A file whose
    /// sum was checked is run through its descriptor (LA-18): it is the one that was looked at.
    pub fn launcher(&self, socket_path: impl AsRef<Path>, data_dir: impl AsRef<Path>) -> Launcher {
        let program = self.target.as_ref().unwrap_or(&self.path);
        let launcher = Launcher::new(program, socket_path, data_dir);
        match &self.checked {
            Some(checked) => launcher.opened(Arc::clone(&checked.file)),
            None => launcher,
        }
    }
}

impl Checked {
    fn open(path: &Path, allowed: &Checksums) -> Result<(Metadata, Self), Reason> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = rustix::fs::open(path, flags, Mode::empty());
        let file: File = file.map_err(|e| Reason::Unreadable(e.into()))?.into();
        let metadata = file.metadata().map_err(Reason::Unreadable)?;
        is_file(&metadata)?;
        let hash = hash_of(&file).map_err(Reason::Unreadable)?;
        if !allowed.contains(&hash) {
            return Err(Reason::NotAllowed(hex(&hash)));
        }
        let mut beginning = [0; 2];
        // A file of one byte is no script; what it is shows when it is run.
        if file.read_exact_at(&mut beginning, 0).is_ok() && &beginning == b"#!" {
            return Err(Reason::Script);
        }
        Ok((metadata, Self { file: Arc::new(file), hash }))
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

fn is_file(metadata: &Metadata) -> Result<(), Reason> {
    match other_than_file(metadata) {
        None => Ok(()),
        Some(DIRECTORY) => Err(Reason::Directory),
        Some(found) => Err(Reason::NotAFile(found)),
    }
}
