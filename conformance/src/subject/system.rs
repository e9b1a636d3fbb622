//! What the operating system tells of a plugin's process, and what it can take away from it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit};

use super::Plugin;
use crate::model::Stop;

impl Plugin {
    /// The numbers of the descriptors that the plugin holds, `None` where the system does not tell.
    #[must_use]
    pub fn descriptors(&self) -> Option<BTreeSet<u64>> {
        let dir = std::fs::read_dir(format!("/proc/{}/fd", self.running().ok()?.pid())).ok()?;
        Some(dir.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
    }

    /// How much memory the plugin holds, in KiB, `None` where the system does not tell.
    #[must_use]
    pub fn resident_kib(&self) -> Option<u64> {
        let status = format!("/proc/{}/status", self.running().ok()?.pid());
        let status = std::fs::read_to_string(status).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_ascii_whitespace().next()?.parse().ok()
    }

    /// Gives the plugin no descriptor with the number `most` or above from now on.
    ///
    /// # Errors
    /// [`Stop::Skipped`] where the system cannot do that.
    #[cfg(target_os = "linux")]
    pub fn limit_descriptors(&self, most: u64) -> Result<(), Stop> {
        let pid =
            i32::try_from(self.running()?.pid()).ok().and_then(rustix::process::Pid::from_raw);
        let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
        rustix::process::prlimit(pid, Resource::Nofile, Rlimit { current: Some(most), maximum })
            .map(|_| ())
            .map_err(|e| Stop::skip(format!("the plugin's limits cannot be set here: {e}")))
    }

    /// Gives the plugin no descriptor with the number `most` or above from now on.
    ///
    /// # Errors
    /// [`Stop::Skipped`]: this system cannot do that.
    #[cfg(not(target_os = "linux"))]
    pub fn limit_descriptors(&self, _: u64) -> Result<(), Stop> {
        Err(Stop::skip("only Linux sets the limits of another process"))
    }
}

/// Lets this process, and the plugins it starts from now on, hold at least so many descriptors.
///
/// # Errors
/// [`Stop::Skipped`] when the system allows fewer.
pub fn make_room_for_descriptors(wanted: u64) -> Result<(), Stop> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
    rustix::process::setrlimit(Resource::Nofile, raised).map_err(|_| {
        Stop::skip(format!("it takes {wanted} open files, and `ulimit -Hn` allows fewer"))
    })
}

/// Finds a program: a path as it is, a bare name along `PATH`.
#[must_use]
pub fn find_program(program: &OsStr) -> Option<PathBuf> {
    let path = Path::new(program);
    if path.components().count() > 1 || path.is_absolute() {
        return Some(path.to_owned());
    }
    let dirs = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&dirs).map(|dir| dir.join(path)).find(|candidate| candidate.is_file())
}
