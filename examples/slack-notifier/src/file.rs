//! A value in a JSON file of its own.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

/// What went wrong with a file. The file's content is never part of it: it may hold a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error(
        "{path} is damaged at line {line}, column {column}: mend it, or remove it to start afresh"
    )]
    Damaged { path: PathBuf, line: usize, column: usize },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
}

/// Reads a value; `None` when there is no file yet.
pub(crate) fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(FileError::Read { path: path.to_owned(), source });
        }
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| FileError::Damaged {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
    })
}

/// Writes a value whole or not at all, readable for the plugin's own user only.
pub(crate) fn save<T: Serialize>(path: &Path, value: &T) -> Result<(), FileError> {
    let write = || -> io::Result<()> {
        let dir = path.parent().unwrap_or(Path::new("."));
        // Made with mode 0600; removed again should anything below fail.
        let mut file = NamedTempFile::new_in(dir)?;
        file.write_all(&serde_json::to_vec_pretty(value)?)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|source| FileError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_value_comes_back_and_leaves_nothing_else_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("value.json");
        assert_eq!(load::<u32>(&path).unwrap(), None);
        save(&path, &1).unwrap();
        save(&path, &2).unwrap();
        assert_eq!(load(&path).unwrap(), Some(2));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn damage_is_an_error_that_shows_the_place_and_not_the_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("value.json");
        std::fs::write(&path, "[\"hunter2\",\n  7]").unwrap();
        let error = load::<Vec<String>>(&path).unwrap_err().to_string();
        assert!(error.contains("value.json is damaged at line 2"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
