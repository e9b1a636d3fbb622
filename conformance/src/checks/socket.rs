//! The socket file: where it is, who may open it, what was there before.

use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::prelude::*;
use temps_plugin_schema::limits::{SOCKET_MODE, SOCKET_PATH_BYTES};

async fn mode(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let _plugin = cx.start(&plan).await?;
    let metadata = std::fs::metadata(&plan.socket)
        .map_err(|e| Stop::failed("a socket at the path of --socket-path", e.to_string()))?;
    ensure(metadata.file_type().is_socket(), "a socket", || format!("{:?}", metadata.file_type()))?;
    let mode = metadata.mode() & 0o7777;
    ensure(mode == SOCKET_MODE, "mode 0600 when `ready` is read", || format!("mode {mode:04o}"))?;
    Ok(Evidence::saw("a socket of mode 0600 at the path given"))
}

/// Leaves at `path` what a plugin that was killed leaves there.
fn leave_stale_socket(path: &Path) -> Result<(), Stop> {
    drop(UnixListener::bind(path).map_err(|e| Stop::fault("a stale socket file", e))?);
    Ok(())
}

async fn stale_replaced(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    leave_stale_socket(&plan.socket)?;
    let stale =
        std::fs::metadata(&plan.socket).map_err(|e| Stop::fault("a stale socket file", e))?;
    let plugin = cx.start(&plan).await?;
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 over a socket file that was there before", || {
        status.to_string()
    })?;
    Ok(Evidence::saw(format!(
        "a dead socket (inode {}) was replaced by one that answers",
        stale.ino()
    )))
}

async fn restart_after_kill(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let first = cx.start(&plan).await?;
    first.kill().await;
    ensure(plan.socket.exists(), "a socket file left behind by SIGKILL", || "none".into())
        .map_err(|_| Stop::fault("SIGKILL", "no socket file is left to start over"))?;
    let second = cx.start(&plan).await?;
    let status = second.health().await?.status;
    ensure(status == 200, "health 200 after a restart", || status.to_string())?;
    Ok(Evidence::saw("killed with SIGKILL, it started again with the same arguments"))
}

/// A socket path in `dir` of exactly `bytes` bytes.
fn path_of(dir: &Path, bytes: usize) -> Result<PathBuf, Stop> {
    let room = bytes.checked_sub(dir.as_os_str().len() + 1).filter(|room| *room > 0);
    let room =
        room.ok_or_else(|| Stop::skip("the temporary directory has too long a name; set TMPDIR"))?;
    Ok(dir.join("s".repeat(room)))
}

async fn longest_path(cx: Cx) -> Verdict {
    let mut plan = cx.plan()?;
    plan.socket = path_of(plan.dir(), SOCKET_PATH_BYTES)?;
    let plugin = cx.start(&plan).await?;
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 at the longest path the system allows", || {
        status.to_string()
    })?;
    Ok(Evidence::saw(format!("a socket path of {SOCKET_PATH_BYTES} bytes works")))
}

async fn path_too_long(cx: Cx) -> Verdict {
    // The witness: the same plugin starts at a path of ordinary length.
    cx.fresh().await?.kill().await;
    let mut evidence = Evidence::default();
    for bytes in [SOCKET_PATH_BYTES + 1, SOCKET_PATH_BYTES + 60] {
        let mut plan = cx.plan()?;
        plan.socket = path_of(plan.dir(), bytes)?;
        let mut process = cx.spawn(&plan).await?;
        process.hand_over(&plan).await;
        let refusal = process.refusal(cx.limit(15)).await?;
        let said = process.stderr().join("\n");
        let limit = [SOCKET_PATH_BYTES, SOCKET_PATH_BYTES + 1]
            .iter()
            .any(|n| said.contains(&n.to_string()));
        ensure(
            said.contains("sss") && limit,
            "a message with the socket path and the limit",
            || said.clone(),
        )?;
        let bound: Vec<_> = sockets_in(plan.dir());
        ensure(bound.is_empty(), "no socket at a shortened path", || format!("{bound:?}"))?;
        evidence.add(format!("{bytes} bytes: {refusal}"));
    }
    Ok(evidence)
}

fn sockets_in(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_socket()))
        .map(|entry| entry.path())
        .collect()
}

async fn spares_other_files(cx: Cx) -> Verdict {
    // The witness: the same plugin starts where there is nothing.
    cx.fresh().await?.kill().await;
    let plan = cx.plan()?;
    std::fs::write(&plan.socket, "precious")
        .map_err(|e| Stop::fault("a file at the socket path", e))?;
    let mut process = cx.spawn(&plan).await?;
    process.hand_over(&plan).await;
    let refusal = process.refusal(cx.limit(15)).await?;
    let content = std::fs::read_to_string(&plan.socket);
    ensure(content.as_ref().is_ok_and(|text| text == "precious"), "the file left alone", || {
        format!("{content:?}")
    })?;
    Ok(Evidence::saw(format!("a file at the socket path is still there; {refusal}")))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "socket/mode",
        "a socket of mode 0600 is at the path given",
        &["SO-01", "SO-03"],
        |cx| Box::pin(mode(cx)),
    ),
    Check::must("socket/stale-replaced", "a stale socket file is replaced", &["SO-02"], |cx| {
        Box::pin(stale_replaced(cx))
    }),
    Check::must(
        "socket/restart-after-kill",
        "it starts again after SIGKILL with the same arguments",
        &["LC-17", "SO-02"],
        |cx| Box::pin(restart_after_kill(cx)),
    ),
    Check::must("socket/longest-path", "the longest legal path works", &["SO-01"], |cx| {
        Box::pin(longest_path(cx))
    }),
    Check::must(
        "socket/path-too-long",
        "a path over the limit is a clear error and not cut short",
        &["SO-04", "SO-05"],
        |cx| Box::pin(path_too_long(cx)),
    ),
    Check::must(
        "socket/spares-other-files",
        "what is no socket is not removed",
        &["SO-07"],
        |cx| Box::pin(spares_other_files(cx)),
    )
    .should(),
];
