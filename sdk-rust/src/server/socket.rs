//! The socket file: bound where the host said, readable by its owner only, gone at the end
//! (PROTOCOL.md, section "The socket file").

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use temps_plugin_schema::limits::{SOCKET_MODE, SOCKET_PATH_BYTES};
use tokio::net::UnixListener;

use crate::{ErrorKind, PluginSdkError};

/// Removes the socket file when dropped, if it is still the one that was bound.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

/// Binds `path`, over a stale socket file if there is one.
pub(crate) fn bind(path: &Path) -> Result<(UnixListener, SocketFile), PluginSdkError> {
    let length = path.as_os_str().as_bytes().len();
    if length > SOCKET_PATH_BYTES {
        return Err(PluginSdkError::new(
            ErrorKind::Socket,
            format!(
                "the socket path {} has {length} bytes; this system allows {SOCKET_PATH_BYTES} \
                 (a limit of {} with the terminating NUL): give --socket-path a shorter one",
                path.display(),
                SOCKET_PATH_BYTES + 1
            ),
        ));
    }
    remove_stale(path).map_err(|error| failed("clear", path, error))?;
    // The file must never be open to others, not even between bind and chmod.
    let umask = rustix::process::umask(Mode::from_raw_mode(0o177));
    let bound = UnixListener::bind(path);
    rustix::process::umask(umask);
    let listener = bound.map_err(|error| failed("bind", path, error))?;
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE))
        .map_err(|error| failed("set the mode of", path, error))?;
    let inode = fs::symlink_metadata(path).map_err(|error| failed("look at", path, error))?.ino();
    Ok((listener, SocketFile { path: path.to_owned(), inode }))
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path),
        Ok(_) => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "something that is not a socket is in the way; it was left alone",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn failed(what: &str, path: &Path, error: io::Error) -> PluginSdkError {
    let message = format!("cannot {what} the socket {}: {error}", path.display());
    PluginSdkError::new(ErrorKind::Socket, message).with_source(error)
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A newer process may have put its own socket there; that one stays.
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "the socket file is left behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_the_new_one_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let (_listener, file) = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(file);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_is_not_a_socket_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes.txt");
        fs::write(&path, "mine").unwrap();
        let error = bind(&path).unwrap_err();
        assert!(error.to_string().contains("notes.txt"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[tokio::test]
    async fn a_path_over_the_limit_names_path_and_limit() {
        let path = PathBuf::from(format!("/tmp/{}", "x".repeat(SOCKET_PATH_BYTES)));
        let error = bind(&path).unwrap_err().to_string();
        assert!(error.contains("xxx") && error.contains(&SOCKET_PATH_BYTES.to_string()), "{error}");
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_newer_socket_in_its_place_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.sock");
        let (_first, old) = bind(&path).unwrap();
        let (_second, _new) = bind(&path).unwrap();
        drop(old);
        assert!(path.exists());
    }
}
