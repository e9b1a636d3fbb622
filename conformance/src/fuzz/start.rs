//! An odd start, and what must come of it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use temps_plugin_host::Exit;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::breach::{Invariant, Trouble};
use super::bytes::Fill;
use super::case::Start;
use super::in_place::contains;
use crate::subject::{Cx, StartEnd};

/// Starts a process and sees it become ready or refuse. It is killed afterwards.
pub(super) async fn play(cx: &Cx, start: &Start, patience: Duration) -> Result<(), Trouble> {
    let failed = |seen: String| Trouble::breach(Invariant::Start, seen);
    let mut plan = cx.plan().map_err(|stop| Trouble::of(stop, Invariant::Start))?;
    let dir = plan.dir().to_string_lossy().into_owned();
    let stand_in: String = plan.secret().bytes().map(|_| '7').collect();
    let secret = if start.hands_secret_over() { plan.secret() } else { &stand_in };
    let database = plan.database_url().to_owned();
    let fill = Fill { secret, dir: &dir, database: &database, call: None };
    let args = start.args.iter().map(|arg| OsString::from_vec(arg.bytes(&fill)));
    let args: Vec<OsString> = plan.own_args().into_iter().chain(args).collect();
    let stdin: Vec<Vec<u8>> = start.stdin.iter().map(|piece| piece.bytes(&fill)).collect();
    let sockets = sockets(&args, &dir);
    plan.args = Some(args);
    // Whatever a plugin takes for a path stays below.
    plan.working_dir = Some(dir.into());

    let Ok(mut process) = cx.spawn(&plan).await else {
        // The system takes no such arguments, so no plugin ever sees them.
        return Ok(());
    };
    for piece in &stdin {
        process.write_stdin(piece).await;
    }
    process.close_stdin();
    let mut leaked = false;
    let see = |line: &str| leaked |= contains(line.as_bytes(), plan.secret().as_bytes());
    let end = process.outcome(patience, see).await;
    if leaked || process.leaks() > 0 {
        let stream = if leaked { "output" } else { "error" };
        let seen = format!("the secret on standard {stream}");
        return Err(Trouble::breach(Invariant::Secret, seen));
    }
    match end {
        Ok(StartEnd::Ready) => healthy(&sockets, cx.health_path(), patience).await.map_err(failed),
        Ok(StartEnd::Exited(Exit::Code(0))) => Err(failed("it exited with status 0".into())),
        Ok(StartEnd::Exited(Exit::Signal(name))) => Err(failed(format!("it was ended by {name}"))),
        Ok(StartEnd::Exited(Exit::Code(code))) => {
            let said = process.stderr();
            if said.iter().all(|line| line.trim().is_empty()) {
                return Err(failed(format!("status {code} and nothing on stderr")));
            }
            Ok(())
        }
        // A line that no handshake has, or none at all.
        Err(seen) => Err(Trouble::late(Invariant::Start, seen)),
    }
}

/// Every path at which a plugin with these arguments may listen.
fn sockets(args: &[OsString], dir: &str) -> Vec<PathBuf> {
    const FLAG: &str = "--socket-path";
    let joined = args.iter().filter_map(|arg| {
        let bytes = arg.as_encoded_bytes().strip_prefix(FLAG.as_bytes())?.strip_prefix(b"=")?;
        Some(OsString::from_vec(bytes.to_vec()))
    });
    let followed = args.windows(2).filter(|pair| pair[0] == FLAG).map(|pair| pair[1].clone());
    joined.chain(followed).map(|path| Path::new(dir).join(path)).collect()
}

/// Asks for health at whichever of these answers.
async fn healthy(sockets: &[PathBuf], path: &str, patience: Duration) -> Result<(), String> {
    let mut seen = "`ready`, and no socket at any of the paths".to_owned();
    for socket in sockets {
        match tokio::time::timeout(patience, status_line(socket, path)).await {
            Ok(Ok(line)) if line.starts_with("HTTP/1.1 200") => return Ok(()),
            Ok(Ok(line)) => seen = format!("`ready`, and health answers {line:?}"),
            Ok(Err(error)) => seen = format!("`ready`, and {}: {error}", socket.display()),
            Err(_) => seen = "`ready`, and health does not answer".to_owned(),
        }
    }
    Err(seen)
}

async fn status_line(socket: &Path, path: &str) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: plugin\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
