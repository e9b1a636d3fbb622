//! What goes wrong around a plugin: its streams, its host, its disk, its descriptors.

use std::ffi::OsString;
use std::time::Duration;

use super::channel_frames::{PING, TEXT, frame};
use super::prelude::*;
use super::stop::{AT_ONCE, orderly};
use crate::subject::{Orphan, Raw, find_program};

const POLL: Duration = Duration::from_millis(5);

/// Gives a plugin reason to write logs: messages and requests that deserve a line.
async fn provoke_logs(plugin: &Plugin) -> Result<(), Stop> {
    let mut channel = plugin.dial_until_accepted().await?;
    for _ in 0..20 {
        channel.send_text("conformance: no JSON").await?;
    }
    channel.ping().await?;
    plugin.send(Request::post("/_events").with_event_auth(plugin).body("no event")).await?;
    plugin.get("/conformance-no-such-route").await?;
    channel.close().await
}

async fn closed_streams(cx: Cx) -> Verdict {
    let mut plan = cx.plan()?;
    plan.close_stdout = true;
    plan.close_stderr = true;
    let plugin = cx.start(&plan).await?;
    provoke_logs(&plugin).await?;
    let status = plugin.health().await?.status;
    ensure(status == 200, "health 200 with standard output and standard error closed", || {
        status.to_string()
    })?;
    let ended = plugin.stop(cx.limit(AT_ONCE)).await?;
    Ok(Evidence::saw(format!(
        "20 bad messages and a bad event with both streams closed: health 200, then {}",
        orderly(&plan, &ended)?
    )))
}

/// Opens the channel as the host does that is about to die.
async fn host_channel(orphan: &Orphan, plan: &Plan) -> Result<Raw, Stop> {
    let mut raw = orphan.raw("for the channel").await?;
    let head = format!(
        "GET /_temps/channel HTTP/1.1\r\nhost: plugin\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         x-temps-auth-signature: {}\r\n\r\n",
        plan.secret()
    );
    raw.write(head.as_bytes()).await?;
    let answer = raw.until(b"\r\n\r\n").await?;
    ensure(answer.starts_with(b"HTTP/1.1 101"), "101 to the channel", || {
        String::from_utf8_lossy(&answer).into_owned()
    })?;
    Ok(raw)
}

async fn host_died(cx: Cx) -> Verdict {
    let plan = cx.plan()?;
    let mut orphan = cx.orphan(&plan).await?;
    let mut channel = host_channel(&orphan, &plan).await?;
    orphan.lose_host().await?;
    // What was sent last is read by a plugin whose log nobody reads any more.
    for _ in 0..20 {
        channel.write(&frame(TEXT, b"conformance: no JSON")).await?;
    }
    channel.write(&frame(PING, b"are you there")).await?;
    channel.until(b"are you there").await?;
    drop(channel);
    orphan.expect_health("after its host died").await?;
    ensure(orphan.lives(), "a plugin that lives on", || "it has ended".into())?;
    ensure(plan.socket.exists(), "a socket file while the plugin runs", || "none".into())?;
    orphan.stop(cx.limit(AT_ONCE)).await?;
    ensure(!plan.socket.exists(), "no socket file after SIGTERM", || {
        plan.socket.display().to_string()
    })?;
    Ok(Evidence::saw(
        "its host was killed, and 20 bad messages came: health 200 still, and SIGTERM ended it, \
         without a trace",
    ))
}

/// Puts a file system of a few KiB, full to the last one, in the place of the data directory, then runs
/// the plugin.
const FULL_DISK: &str = r#"
mkdir -p "$1" && mount -t tmpfs -o size=16k,nr_inodes=2,mode=0755 full "$1" || exit 97
head -c 65536 /dev/zero > "$1/full" 2>/dev/null
shift
exec "$@"
"#;

/// A command that runs another with mounts of its own, by the first way that works here.
async fn private_mounts(plan: &Plan) -> Result<Vec<OsString>, Stop> {
    let skip = |why: String| Stop::skip(format!("no small disk can be mounted here: {why}"));
    let unshare = find_program("unshare".as_ref())
        .ok_or_else(|| skip("there is no program unshare".into()))?;
    let mut why = String::new();
    for options in [&["--map-root-user", "--mount"][..], &["--mount"]] {
        let mut command: Vec<OsString> = vec![unshare.clone().into()];
        command.extend(options.iter().map(OsString::from));
        command.extend(["--", "/bin/sh", "-c", FULL_DISK, "sh"].map(OsString::from));
        command.push(plan.data_dir.clone().into());
        let tried = tokio::process::Command::new(&command[0])
            .args(&command[1..])
            .arg("/bin/true")
            .kill_on_drop(true)
            .output()
            .await;
        match tried {
            Ok(tried) if tried.status.success() => return Ok(command),
            Ok(tried) => {
                String::from_utf8_lossy(&tried.stderr).trim().clone_into(&mut why);
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(skip(why))
}

async fn full_disk(cx: Cx) -> Verdict {
    let mut plan = cx.plan()?;
    plan.wrapper = private_mounts(&plan).await?;
    let plugin = match cx.start(&plan).await {
        Ok(plugin) => plugin,
        Err(Stop::Failed(_)) => {
            // It may refuse to start, if it says so.
            let mut process = cx.spawn(&plan).await?;
            process.hand_over(&plan).await;
            return Ok(Evidence::saw(process.refusal(cx.limit(15)).await?));
        }
        Err(other) => return Err(other),
    };
    let inside = format!("/proc/{}/root{}/more", plugin.running()?.pid(), plan.data_dir.display());
    let written = std::fs::write(inside, "more");
    let full = written.as_ref().is_err_and(|e| e.kind() == std::io::ErrorKind::StorageFull);
    let asked = async {
        provoke_logs(&plugin).await?;
        let status = plugin.health().await?.status;
        ensure(status == 200, "health 200 with a full data directory", || status.to_string())
    };
    if let Err(stop) = asked.await {
        let Some(ended) = plugin.running()?.wait_exit(cx.limit(2)).await else { return Err(stop) };
        let said = plugin.stderr().into_iter().rfind(|line| !line.trim().is_empty());
        let expected = "health 200, or an exit with a status other than 0 and a message on stderr";
        let said = said.filter(|_| !ended.killed && !ended.exit.success());
        let said = said.ok_or_else(|| {
            Stop::failed(expected, format!("it {} and said {:?}", ended.exit, plugin.stderr()))
        })?;
        return Ok(Evidence::saw(format!("it {} and said {said}", ended.exit)));
    }
    if !full {
        return Err(Stop::skip(format!("the disk cannot be seen to be full: {written:?}")));
    }
    let ended = plugin.stop(cx.limit(AT_ONCE)).await?;
    ensure(
        !ended.killed && !plan.socket.exists(),
        "an end on SIGTERM, without a socket file",
        || format!("it {}", ended.exit),
    )?;
    Ok(Evidence::saw(format!(
        "a data directory on a full disk: health 200, and on SIGTERM it {}",
        ended.exit
    )))
}

/// Free descriptors that are left to the plugin, and connections that want one.
const FREE: usize = 8;
const WANTED: usize = 40;

async fn descriptor_limit(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    channel.ping().await?;
    let Some(held) = plugin.descriptors() else {
        return Err(Stop::skip("there is no /proc to see the plugin's descriptors in"));
    };
    // New descriptors get the lowest numbers that are free.
    let most = (0..).filter(|number| !held.contains(number)).nth(FREE).unwrap_or_default();
    plugin.limit_descriptors(most)?;
    let request = format!("GET {} HTTP/1.1\r\nhost: plugin\r\n\r\n", cx.health_path());
    let mut crowd = Vec::new();
    for _ in 0..WANTED {
        let mut raw = plugin.raw().await?;
        raw.write(request.as_bytes()).await?;
        crowd.push(raw);
    }
    // A plugin may keep some back for itself; what counts is that it takes no more.
    let now = || plugin.descriptors().unwrap_or_default().len();
    let deadline = tokio::time::Instant::now() + cx.limit(1);
    while now() < held.len() + FREE && plugin.lives() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(POLL).await;
    }
    let reached = now();
    channel.ping().await?;
    drop(crowd);
    let mut raw = plugin.raw().await?;
    let status = raw.request(&request).await?.status;
    ensure(status == 200, "health 200 once descriptors are free again", || status.to_string())?;
    Ok(Evidence::saw(format!(
        "{WANTED} connections where {FREE} descriptors were free: {} held before, {reached} then; the \
         channel answered a ping, and health was 200 once the crowd had gone",
        held.len()
    )))
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "faults/closed-streams",
        "nobody at the other end of stdout and stderr does no harm",
        &["IO-03", "LC-28"],
        |cx| Box::pin(closed_streams(cx)),
    ),
    Check::must(
        "faults/host-died",
        "it outlives its host, and obeys the next one",
        &["LC-28", "LC-14"],
        |cx| Box::pin(host_died(cx)),
    ),
    Check::must(
        "faults/full-disk",
        "with a full data directory it serves, or says why it does not",
        &["HT-03", "LA-21"],
        |cx| Box::pin(full_disk(cx)),
    ),
    Check::must(
        "faults/descriptor-limit",
        "more connections than descriptors are only a delay",
        &["HT-05"],
        |cx| Box::pin(descriptor_limit(cx)),
    ),
];
