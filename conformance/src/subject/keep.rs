//! What a run is told to leave behind: of each check and dialect a folder with the transcript, the logs
//! of the processes it started, and copies of the directories they ran in.
//!
//! Copies, because a plugin runs where paths are short enough for a socket, and that is not where
//! people want things kept.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use temps_plugin_schema::Dialect;

use crate::transcript::Transcript;

/// The folder that all is kept in.
#[derive(Debug)]
pub(crate) struct KeepRoot {
    dir: PathBuf,
    /// Why something could not be kept. Told at the end; a check must not fail for it.
    trouble: Mutex<Option<String>>,
}

impl KeepRoot {
    /// Takes `dir`, which is new or empty, so that what is found there later is of this run.
    ///
    /// # Errors
    /// When it cannot be made, or has something in it.
    pub(crate) fn create(dir: &Path) -> io::Result<Arc<Self>> {
        fs::create_dir_all(dir)?;
        if fs::read_dir(dir)?.next().is_some() {
            return Err(io::Error::new(
                io::ErrorKind::DirectoryNotEmpty,
                "there is something in it already; name a new or an empty directory",
            ));
        }
        Ok(Arc::new(Self { dir: dir.to_owned(), trouble: Mutex::default() }))
    }

    /// The first thing that could not be kept, and why.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Where things of one check in one dialect are kept.
#[derive(Debug)]
pub(crate) struct Keep {
    dir: PathBuf,
    root: Arc<KeepRoot>,
}

impl Keep {
    /// The folder of `name` in `dialect`.
    pub(crate) fn below(root: &Arc<KeepRoot>, name: &str, dialect: Dialect) -> Self {
        let dir = root.dir.join(format!("{name}.dialect-{}", dialect.number()));
        let keep = Self { dir, root: Arc::clone(root) };
        keep.attempt(fs::create_dir_all(&keep.dir));
        keep
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn transcript(&self, transcript: &Transcript) {
        if !transcript.is_empty() {
            self.attempt(fs::write(self.dir.join("transcript.txt"), transcript.render("")));
        }
    }

    /// Copies directories as `start-1` and so on.
    pub(crate) fn start_dirs<'a>(&self, dirs: impl IntoIterator<Item = &'a Path>) {
        for (number, dir) in (1..).zip(dirs) {
            self.attempt(copy(dir, &self.dir.join(format!("start-{number}"))));
        }
    }

    fn attempt(&self, result: io::Result<()>) {
        if let Err(error) = result {
            let mut trouble = self.root.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            trouble.get_or_insert(format!("{}: {error}", self.dir.display()));
        }
    }
}

/// Copies files and directories. What is neither, such as a socket, becomes an empty file whose name
/// tells that it was there.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), target)?;
        } else {
            let mut name = entry.file_name();
            name.push(".was-here");
            fs::write(to.join(name), "")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_copied_with_all_that_can_be() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        fs::create_dir_all(from.join("data/deep")).unwrap();
        fs::write(from.join("data/deep/file"), "text").unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(from.join("p.sock")).unwrap();
        let root = KeepRoot::create(&dir.path().join("kept")).unwrap();
        let keep = Keep::below(&root, "area/name", Dialect::Two);
        keep.start_dirs([from.as_path()]);
        let kept = dir.path().join("kept/area/name.dialect-2/start-1");
        assert_eq!(fs::read_to_string(kept.join("data/deep/file")).unwrap(), "text");
        assert!(kept.join("p.sock.was-here").exists());
        assert_eq!(root.trouble(), None);
        keep.start_dirs([dir.path().join("gone").as_path()]);
        assert!(root.trouble().is_some());
    }

    #[test]
    fn what_is_there_already_stays_apart() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("of-an-earlier-run"), "").unwrap();
        assert!(KeepRoot::create(dir.path()).unwrap_err().to_string().contains("already"));
    }
}
