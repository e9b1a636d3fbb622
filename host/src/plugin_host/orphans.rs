//! Processes that outlive their host: recorded when they start, ended by the next host (LC-25 to LC-27).
//!
//! A record says what tells the process from any other that may get its id later: when it was started,
//! in which run of the system, and which file it executes. A process that is not that one any more is
//! left alone. Where there is no `/proc`, nothing can be told apart, so nothing is signalled.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::process::{Stat, members};

/// What a record file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// The plugin's file, for people.
    program: PathBuf,
    process: Identity,
}

/// What tells a process from every other one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    pid: u32,
    /// In clock ticks since the system was started.
    started: u64,
    /// Which run of the system that is.
    boot: String,
    /// The file it executes, for a script its interpreter. `None` as long as it starts: until then a
    /// program may hand over to another one.
    executes: Option<Executable>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Executable {
    device: u64,
    inode: u64,
}

impl Identity {
    /// Of the process that has this id now; `None` when none does, or it has ended.
    fn of(pid: u32) -> Option<Self> {
        let stat = Stat::of(pid).filter(|stat| stat.lives)?;
        let executed = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(Self {
            pid,
            started: stat.started,
            boot: boot.trim().to_owned(),
            executes: Some(Executable { device: executed.dev(), inode: executed.ino() }),
        })
    }

    /// Whether the process that has this id now is still the one that was recorded.
    fn holds(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| {
            let same_file = self.executes.is_none() || self.executes == now.executes;
            same_file && (self.started, &self.boot) == (now.started, &now.boot)
        })
    }
}

/// A plugin that a former host has left behind, and that was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Orphan {
    /// The plugin's file.
    pub program: PathBuf,
    /// The id its process had.
    pub pid: u32,
}

/// The directory of the records, one file for each plugin.
#[derive(Debug, Clone)]
pub(super) struct Records {
    dir: PathBuf,
}

impl Records {
    pub(super) fn open(dir: PathBuf) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        Ok(Self { dir })
    }

    fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number}.json"))
    }

    /// Records the process of the plugin with this number, in place of the one it had before: when it
    /// has been started, and once more when it is `ready`.
    pub(super) fn write(
        &self,
        number: u64,
        program: &Path,
        pid: u32,
        ready: bool,
    ) -> io::Result<()> {
        let Some(mut process) = Identity::of(pid) else {
            // It has ended already, or nobody could tell it apart later.
            return Ok(());
        };
        process.executes = process.executes.filter(|_| ready);
        let record = serde_json::to_vec(&Record { program: program.to_owned(), process })?;
        let path = self.path(number);
        let new = path.with_extension("new");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        io::Write::write_all(&mut options.open(&new)?, &record)?;
        fs::rename(new, path)
    }

    /// Forgets a plugin of which nothing runs any more.
    pub(super) fn remove(&self, number: u64) {
        // One that was never started has none.
        let _ = fs::remove_file(self.path(number));
    }

    /// Ends what is recorded and still runs, all at once, and removes the records. Blocks for up to
    /// `grace` and a little more.
    pub(super) fn end_all(&self, grace: Duration) -> io::Result<Vec<Orphan>> {
        let mut ended = Vec::new();
        std::thread::scope(|scope| {
            let mut ending = Vec::new();
            for entry in fs::read_dir(&self.dir)? {
                let path = entry?.path();
                // A file that is no record was left by a host that was interrupted: nothing of it ran.
                let record =
                    fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
                if let Some(Record { program, process }) = record {
                    ending.push(scope.spawn(move || {
                        let pid = process.pid;
                        end(&process, grace).then_some(Orphan { program, pid })
                    }));
                }
                fs::remove_file(path)?;
            }
            ended.extend(ending.into_iter().filter_map(|end| end.join().ok().flatten()));
            Ok(ended)
        })
    }
}

/// Ends a process and its group: SIGTERM, and SIGKILL after `grace`. False, and nothing done, when its
/// id belongs to another program by now.
fn end(process: &Identity, grace: Duration) -> bool {
    // The descriptor first: it stays with the process that is looked at next, whoever gets its id later.
    let Some(leader) = handle(process.pid) else { return false };
    if !process.holds() {
        return false;
    }
    let _ = pidfd_send_signal(&leader, Signal::TERM);
    if !ends_within(&leader, grace) {
        kill(process.pid, process.pid, &leader);
        ends_within(&leader, grace);
    }
    for pid in members(process.pid) {
        if let Some(member) = handle(pid) {
            kill(pid, process.pid, &member);
        }
    }
    true
}

/// Kills a process if it still belongs to the group.
fn kill(pid: u32, group: u32, process: &OwnedFd) {
    if Stat::of(pid).is_some_and(|stat| stat.lives && stat.group == group) {
        let _ = pidfd_send_signal(process, Signal::KILL);
    }
}

fn handle(pid: u32) -> Option<OwnedFd> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}

/// Waits for the end of a process, at most so long.
fn ends_within(process: &OwnedFd, patience: Duration) -> bool {
    let patience = Timespec::try_from(patience).ok();
    let mut ended = [PollFd::new(process, PollFlags::IN)];
    poll(&mut ended, patience.as_ref()).is_ok_and(|ready| ready > 0)
}
