//! The process of a plugin: its group, its signals, its end.
//!
//! Each plugin leads a process group of its own, so that what it starts can be ended with it. The
//! leader is reaped in one place only, [`watch`], and only after its group was ended: until then its
//! id cannot be taken by another program, so no signal ever reaches a stranger (LC-23, LC-27).

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use rustix::process::Signal;
use rustix::process::{Pid, WaitId, WaitIdOptions};
use tokio::process::Child;
use tokio::signal::unix::SignalKind;
use tokio::sync::watch;

use crate::tap::{Direction, Tap, WireKind};

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Exit {
    /// It exited with this status.
    Code(i32),
    /// A signal ended it; its name, such as `SIGSEGV`.
    Signal(Cow<'static, str>),
}

impl Exit {
    /// Whether it exited with status 0 (LC-11).
    #[must_use]
    pub fn success(&self) -> bool {
        *self == Self::Code(0)
    }

    fn from_status(status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal_name(signal)),
            (None, None) => Self::Signal(Cow::Borrowed("an unknown signal")),
        }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with status {code}"),
            Self::Signal(name) => write!(f, "was ended by {name}"),
        }
    }
}

/// The end of a plugin's process and of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// How the plugin itself ended.
    pub exit: Exit,
    /// Ids of processes of its group that were still there [`LEFT_BEHIND_GRACE`] after it had ended.
    /// They were killed. Always empty where there is no `/proc`.
    pub left_behind: Vec<u32>,
    /// Whether this host sent SIGKILL before the plugin ended.
    pub killed: bool,
}

/// How long what a plugin has started may outlive it before it counts as left behind (LC-12).
pub const LEFT_BEHIND_GRACE: Duration = Duration::from_millis(250);

/// How long killed processes are waited for; only one stuck in the kernel takes longer.
const KILL_PATIENCE: Duration = Duration::from_secs(2);
const LEFT_BEHIND_POLL: Duration = Duration::from_millis(10);

/// The name of a signal by its number.
fn signal_name(number: i32) -> Cow<'static, str> {
    const NAMES: &[(Signal, &str)] = &[
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::USR1, "SIGUSR1"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::USR2, "SIGUSR2"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::TERM, "SIGTERM"),
        (Signal::CHILD, "SIGCHLD"),
        (Signal::CONT, "SIGCONT"),
        (Signal::STOP, "SIGSTOP"),
        (Signal::TSTP, "SIGTSTP"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::XFSZ, "SIGXFSZ"),
        (Signal::SYS, "SIGSYS"),
    ];
    NAMES
        .iter()
        .find(|(signal, _)| signal.as_raw() == number)
        .map_or_else(|| format!("signal {number}").into(), |(_, name)| (*name).into())
}

/// A plugin's process group. The last clone that is dropped does nothing; [`KillOnDrop`] does.
#[derive(Clone)]
pub(crate) struct Group {
    leader: Pid,
    state: Arc<Mutex<GroupState>>,
    ended: watch::Receiver<Option<Ended>>,
    tap: Tap,
}

#[derive(Default)]
struct GroupState {
    reaped: bool,
    killed: bool,
}

impl Group {
    /// Takes over `child`, which leads a group of its own, and waits for its end in a task.
    ///
    /// # Errors
    /// When the child has no id any more or SIGCHLD cannot be listened to.
    pub(crate) fn adopt(child: Child, tap: Tap) -> std::io::Result<Self> {
        let gone = || std::io::Error::other("the process has been waited for already");
        let leader = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)
            .ok_or_else(gone)?;
        let child_changed = tokio::signal::unix::signal(SignalKind::child())?;
        let (report, ended) = watch::channel(None);
        let group = Self { leader, state: Arc::default(), ended, tap };
        let leader = Leader { group: group.clone(), child };
        tokio::spawn(watch(leader, child_changed, report));
        Ok(group)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.leader.as_raw_nonzero().get().unsigned_abs()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, GroupState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends `signal` to the plugin itself, and to nobody once it was reaped.
    pub(crate) fn signal(&self, signal: Signal) -> std::io::Result<()> {
        let mut state = self.lock();
        if state.reaped {
            return Err(std::io::Error::other("the plugin has ended"));
        }
        self.record_signal(signal);
        state.killed |= signal == Signal::KILL;
        Ok(rustix::process::kill_process(self.leader, signal)?)
    }

    /// Kills the whole group, unless its leader was reaped: then nothing of it is left.
    pub(crate) fn kill(&self) {
        let mut state = self.lock();
        if !state.reaped {
            state.killed = true;
            self.record_signal(Signal::KILL);
            // Nothing is left to kill when this fails.
            let _ = rustix::process::kill_process_group(self.leader, Signal::KILL);
        }
    }

    fn record_signal(&self, signal: Signal) {
        self.tap.record(Direction::ToPlugin, 0, |_| WireKind::Signal {
            name: signal_name(signal.as_raw()).into_owned(),
        });
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.ended.borrow().clone()
    }

    /// Waits for the end of the plugin and of its group.
    pub(crate) async fn wait(&self) -> Ended {
        let mut ended = self.ended.clone();
        loop {
            if let Some(ended) = ended.borrow_and_update().clone() {
                return ended;
            }
            if ended.changed().await.is_err() {
                // The watching task went with its runtime; nobody can tell any more.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits for the end, at most so long.
    pub(crate) async fn wait_for(&self, timeout: Duration) -> Option<Ended> {
        tokio::time::timeout(timeout, self.wait()).await.ok()
    }

    /// Ids of the group's processes that live, apart from the leader's.
    fn others(&self) -> Vec<u32> {
        members(self.pid()).into_iter().filter(|pid| *pid != self.pid()).collect()
    }
}

/// Kills a group when it is dropped: the guard that keeps a failed start from leaving a process
/// behind (HS-07), also when its future is dropped half-way.
pub(crate) struct KillOnDrop(pub(crate) Group);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// The leader of a group, until it is reaped. Dropped before that, as happens when the runtime shuts
/// down, it ends the group: nobody would see it end.
struct Leader {
    group: Group,
    child: Child,
}

impl Leader {
    fn reap(&mut self, left_behind: Vec<u32>) -> Ended {
        let mut state = self.group.lock();
        let exit = match self.child.try_wait() {
            Ok(Some(status)) => Exit::from_status(status),
            Ok(None) | Err(_) => Exit::Signal(Cow::Borrowed("an unknown signal")),
        };
        state.reaped = true;
        Ended { exit, left_behind, killed: state.killed }
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.group.kill();
        self.group.lock().reaped = true;
    }
}

/// Waits for the leader's end, sees what it left behind, ends that, and only then reaps the leader.
async fn watch(
    mut leader: Leader,
    mut child_changed: tokio::signal::unix::Signal,
    report: watch::Sender<Option<Ended>>,
) {
    let group = leader.group.clone();
    while !is_zombie(group.leader) {
        child_changed.recv().await;
    }
    let left_behind = left_behind(&group).await;
    end_others(&group).await;
    let ended = leader.reap(left_behind);
    let exit = ended.exit.clone();
    let kind = |_: &Tap| WireKind::Exit { exit };
    group.tap.record(Direction::FromPlugin, 0, kind);
    report.send_replace(Some(ended));
}

/// Whether the process has ended; it stays to be reaped.
fn is_zombie(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(
        rustix::process::waitid(WaitId::Pid(pid), options),
        Ok(None) | Err(rustix::io::Errno::INTR)
    )
}

/// What outlives the leader for longer than [`LEFT_BEHIND_GRACE`]. A group that is being killed as a
/// whole is given no time.
async fn left_behind(group: &Group) -> Vec<u32> {
    let deadline = tokio::time::Instant::now() + LEFT_BEHIND_GRACE;
    loop {
        if group.lock().killed {
            return Vec::new();
        }
        let others = group.others();
        if others.is_empty() || tokio::time::Instant::now() >= deadline {
            return others;
        }
        tokio::time::sleep(LEFT_BEHIND_POLL).await;
    }
}

/// Kills what is left of the group and sees it go.
async fn end_others(group: &Group) {
    let deadline = tokio::time::Instant::now() + KILL_PATIENCE;
    loop {
        // Fails when the group has no other member, which is as good.
        let _ = rustix::process::kill_process_group(group.leader, Signal::KILL);
        if group.others().is_empty() || tokio::time::Instant::now() >= deadline {
            return;
        }
        tokio::time::sleep(LEFT_BEHIND_POLL).await;
    }
}

/// Ids of the live processes of the group that `leader` leads, zombies left out. Empty where there is
/// no `/proc`.
#[must_use]
pub fn members(leader: u32) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| group_of_live(*pid) == Some(leader))
        .collect()
}

/// The process group of a process that has not ended.
fn group_of_live(pid: u32) -> Option<u32> {
    Stat::of(pid).filter(|stat| stat.lives).map(|stat| stat.group)
}

/// What the system says of a process.
#[cfg_attr(
    not(feature = "server"),
    allow(dead_code, reason = "one plugin at a time is not told apart, nor what it takes")
)]
pub(crate) struct Stat {
    /// Whether it has not ended: a zombie has.
    pub(crate) lives: bool,
    /// The process group it is in.
    pub(crate) group: u32,
    /// Processor time it has taken, in clock ticks.
    pub(crate) cpu_ticks: u64,
    /// When it was started, in clock ticks since the system was.
    pub(crate) started: u64,
    /// Its resident memory, in pages.
    pub(crate) resident_pages: u64,
}

impl Stat {
    /// `None` when there is no such process, and where there is no `/proc`.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The program's name comes in parentheses and may hold anything, `)` included. Fields are
        // numbered as proc(5) does; the first after the name is the third.
        let fields: Vec<&str> =
            stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            lives: !matches!(*fields.first()?, "Z" | "X"),
            group: number(5)?.try_into().ok()?,
            cpu_ticks: number(14)? + number(15)?,
            started: number(22)?,
            resident_pages: number(24)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_say_the_signal_by_name() {
        use std::os::unix::process::ExitStatusExt;
        let exit = |raw| Exit::from_status(std::process::ExitStatus::from_raw(raw)).to_string();
        assert_eq!(exit(3 << 8), "exited with status 3");
        assert_eq!(exit(11), "was ended by SIGSEGV");
        assert_eq!(exit(64), "was ended by signal 64");
    }

    #[test]
    fn a_process_is_in_a_group() {
        let me = std::process::id();
        let group = group_of_live(me).unwrap();
        assert!(members(group).contains(&me));
        assert_eq!(group_of_live(0), None);
    }

    #[tokio::test]
    async fn no_signal_is_sent_to_an_id_that_was_given_back() {
        let child = tokio::process::Command::new("/bin/true").process_group(0).spawn().unwrap();
        let group = Group::adopt(child, Tap::default()).unwrap();
        assert!(group.wait().await.exit.success());
        assert!(group.signal(Signal::TERM).is_err());
    }
}
