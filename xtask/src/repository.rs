//! Where things are in this repository.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::XtaskError;

/// `path`, given relative to the root of the repository.
pub(crate) fn path(path: &str) -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).join(path)
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| path("target"), PathBuf::from)
}

/// The folders under `examples/` that hold a file of that name; a plugin is named like its folder.
pub(crate) fn examples(holding: &str) -> Result<Vec<String>, XtaskError> {
    let directory = path("examples");
    let mut names = Vec::new();
    for entry in fs::read_dir(&directory).map_err(XtaskError::file("read", &directory))? {
        let entry = entry.map_err(XtaskError::file("read", &directory))?;
        if entry.path().join(holding).is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}
