//! Which dialect a file speaks, remembered by what the file holds (PROTOCOL.md, HS-48).

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};
use temps_plugin_schema::Dialect;

/// The SHA-256 of a plugin file's content.
pub type ContentHash = [u8; 32];

/// Remembers the dialect found for each file content. Clones share what they know.
///
/// A replaced file has another hash, so it is asked anew.
#[derive(Debug, Clone, Default)]
pub struct DialectMemory {
    known: Arc<Mutex<HashMap<ContentHash, Dialect>>>,
}

impl DialectMemory {
    /// A memory that knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The dialect of a file with this content, if it was found out before.
    #[must_use]
    pub fn recall(&self, hash: &ContentHash) -> Option<Dialect> {
        self.lock().get(hash).copied()
    }

    /// Remembers the dialect of a file with this content.
    pub fn remember(&self, hash: ContentHash, dialect: Dialect) {
        self.lock().insert(hash, dialect);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ContentHash, Dialect>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The hash of a file's content.
///
/// # Errors
/// When the file cannot be read. Blocks while it reads.
pub fn content_hash(path: &Path) -> std::io::Result<ContentHash> {
    hash_of(&File::open(path)?)
}

/// The hash of all of an open file, wherever it was read to before.
pub(crate) fn hash_of(file: &File) -> std::io::Result<ContentHash> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut offset = 0;
    loop {
        match file.read_at(&mut buffer, offset) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(read) => {
                hasher.update(&buffer[..read]);
                offset += read as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_content_is_another_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plugin");
        std::fs::write(&path, "one").unwrap();
        let one = content_hash(&path).unwrap();
        let memory = DialectMemory::new();
        memory.remember(one, Dialect::One);
        assert_eq!(memory.clone().recall(&one), Some(Dialect::One));
        std::fs::write(&path, "two").unwrap();
        assert_eq!(memory.recall(&content_hash(&path).unwrap()), None);
    }
}
