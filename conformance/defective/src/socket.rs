//! The socket file: bound, of mode 0600, and removed again (SO-01 to SO-07).

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use crate::defects::{handshake, socket};
use crate::log;

/// SO-04: longest socket path in bytes, its terminating NUL included.
const LIMIT: usize = if cfg!(target_os = "macos") { 104 } else { 108 };

/// Binds the socket, over a stale file if need be.
pub(crate) fn bind(path: &Path) -> Result<UnixListener, String> {
    let shown = path.display();
    let bytes = path.as_os_str().as_bytes();
    let limit = if socket::LIMIT_ONE_TOO_LOW.active() { LIMIT - 1 } else { LIMIT };
    let mut path = path.to_owned();
    if bytes.len() + 1 > limit {
        if socket::PATH_CUT_SHORT.active() {
            path = PathBuf::from(std::ffi::OsStr::from_bytes(&bytes[..limit - 1]));
        } else if socket::LIMIT_UNNAMED.active() {
            return Err(format!("the socket path {shown} is too long"));
        } else if socket::LONG_PATH_UNNAMED.active() {
            return Err(format!("the socket path has more than {limit} bytes"));
        } else {
            let count = bytes.len();
            return Err(format!(
                "the socket path {shown} has {count} bytes, and a NUL; allowed are {limit} in all"
            ));
        }
    }
    make_room(&path)?;
    // Born with its mode: between bind and chmod anybody could connect.
    let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let listener = UnixListener::bind(&path);
    rustix::process::umask(mask);
    let listener = listener.map_err(|error| format!("cannot listen at {shown}: {error}"))?;
    let mode = if socket::MODE_0644.active() {
        0o644
    } else if socket::MODE_0777.active() {
        0o777
    } else {
        0o600
    };
    fs::set_permissions(&path, fs::Permissions::from_mode(mode))
        .map_err(|error| format!("cannot set the mode of {shown}: {error}"))?;
    Ok(listener)
}

/// Removes what a former process left, and nothing else (SO-02, SO-07).
fn make_room(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let kind = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        // Binding says it better.
        Err(_) => return Ok(()),
    };
    if !kind.is_socket() && !socket::REMOVES_ANYTHING.active() {
        return Err(format!("what is at {shown} is no socket; it is left alone"));
    }
    if kind.is_socket() && socket::STALE_KEPT.active() {
        return Ok(());
    }
    fs::remove_file(path).map_err(|error| format!("cannot remove the stale {shown}: {error}"))
}

/// What becomes of a socket that cannot be had: an error, in a sound plugin (HS-39).
pub(crate) fn or_refuse(
    bound: Result<UnixListener, String>,
) -> Result<Option<UnixListener>, String> {
    match bound {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if handshake::READY_WITHOUT_LISTENING.active() => {
            log::error(&error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Removes the socket file (SO-06).
pub(crate) fn remove(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => log::warn(&format!("cannot remove {}: {error}", path.display())),
    }
}
