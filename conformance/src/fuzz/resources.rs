//! What a plugin's processes hold: descriptors, memory, children nobody waits for. Known on Linux only.

use std::fs;
use std::path::Path;

/// What the processes of a plugin hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    /// Open descriptors.
    pub(super) descriptors: usize,
    /// Resident memory, in bytes.
    pub(super) memory: u64,
}

/// Whether this system tells.
pub(super) fn known() -> bool {
    Path::new("/proc/self/fd").is_dir()
}

/// What the process group that `leader` leads holds; `None` when this system does not tell or the
/// leader has ended.
pub(super) fn usage(leader: u32) -> Option<Usage> {
    let mut all = of_process(leader)?;
    for pid in temps_plugin_host::members(leader) {
        // One that has just ended holds nothing.
        if let Some(usage) = of_process(pid).filter(|_| pid != leader) {
            all.descriptors += usage.descriptors;
            all.memory += usage.memory;
        }
    }
    Some(all)
}

fn of_process(pid: u32) -> Option<Usage> {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = resident.split_whitespace().next()?.parse().ok()?;
    Some(Usage { descriptors, memory: kib * 1024 })
}

/// The ended children of `parent` that it has not waited for.
pub(super) fn zombies(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| is_zombie_of(*pid, parent).unwrap_or(false)).collect()
}

fn is_zombie_of(pid: u32, parent: u32) -> Option<bool> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name comes in parentheses and may hold anything, `)` included.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    let zombie = fields.next()? == "Z";
    Some(zombie && fields.next()?.parse() == Ok(parent))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn descriptors_and_memory_of_a_process_are_seen_to_grow() {
        let me = std::process::id();
        let before = of_process(me).unwrap();
        let files: Vec<_> = (0..50).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        let held = vec![1_u8; 64 << 20];
        let after = of_process(me).unwrap();
        assert!(after.descriptors >= before.descriptors + 50, "{before:?} {after:?}");
        assert!(after.memory >= before.memory + (32 << 20), "{before:?} {after:?}");
        assert_eq!((files.len(), held[held.len() - 1]), (50, 1));
    }

    #[test]
    fn a_child_that_is_not_waited_for_is_a_zombie() {
        let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
        let pid = child.id();
        let me = std::process::id();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while !zombies(me).contains(&pid) {
            assert!(std::time::Instant::now() < until, "no zombie is seen");
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!zombies(me).contains(&pid));
    }
}
