//! The life of the process, from its arguments to its exit status.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::arguments::Arguments;
use crate::defects::{
    everything_life, faults, handshake as handshake_defect, launch, limits, requests,
    stdio as stdio_defect, stop as stop_defect,
};
use crate::plugin::{Dialect, Plugin};
use crate::stop::Signals;
use crate::{handshake, hooks, launch_line, log, manifest, routes, server, socket, stop};

/// CH-09: how long the first channel is waited for.
const FIRST_CHANNEL: Duration = Duration::from_secs(30);

/// Lives.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    if let Err(message) = surroundings(&arguments.program) {
        log::error(&message);
        return ExitCode::FAILURE;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(live(arguments)),
        Err(error) => Err(format!("no runtime: {error}")),
    };
    let status = match ended {
        Ok(status) => status,
        Err(message) => {
            log::error(&message);
            1
        }
    };
    // A thread may still block in a read of standard input; it must not keep the process.
    std::process::exit(status)
}

/// What a sound plugin does not ask of its surroundings (LA-15 to LA-17).
fn surroundings(program: &OsStr) -> Result<(), String> {
    if launch::NEEDS_HOME.active() && std::env::var_os("HOME").is_none() {
        return Err("HOME is not set".into());
    }
    if launch::NEEDS_PATH.active() && std::env::var_os("PATH").is_none() {
        return Err("PATH is not set".into());
    }
    if launch::NEEDS_ARGV0.active() && !Path::new(program).exists() {
        return Err("the file that argv[0] names is not there".into());
    }
    if launch::NEEDS_WORKING_DIRECTORY.active()
        && std::env::current_dir().is_ok_and(|dir| dir == Path::new("/"))
    {
        return Err("the working directory is the root of the file system".into());
    }
    Ok(())
}

async fn live(arguments: Arguments) -> Result<i32, String> {
    let dialect = arguments.dialect();
    let mut out = arguments.stdout;
    // Before anything can be read of this plugin: a signal may come at any time (LC-14).
    let mut signals = Signals::new().map_err(|e| format!("no signals: {e}"))?;
    let cannot_write = |e| format!("cannot write the handshake to standard output: {e}");
    if dialect == Dialect::Two && handshake_defect::HELLO_AFTER_LAUNCH_LINE.active() {
        launch_line::secret().await?;
    }
    handshake::announce(&mut out, dialect).map_err(cannot_write)?;
    let secret = match arguments.auth_secret {
        Some(secret) => {
            if handshake_defect::STDIN_READ_IN_DIALECT_1.active() {
                stdin_must_be_empty()?;
            }
            secret
        }
        None => tokio::select! {
            secret = launch_line::secret() => match secret {
                Err(why) if handshake_defect::REFUSES_WITH_STATUS_0.active() => {
                    log::error(&why);
                    return Ok(0);
                }
                Err(_) if handshake_defect::REFUSES_SILENTLY.active() => return Ok(1),
                secret => secret?,
            },
            () = signals.next(), if !stop_defect::UNHEARD_IN_HANDSHAKE.active() => return Ok(0),
        },
    };
    make_data_dir(&arguments.data_dir)?;
    take_lock(&arguments.data_dir)?;
    let plugin = Arc::new(Plugin::new(dialect, secret, arguments.data_dir));
    let bound = socket::or_refuse(socket::bind(&arguments.socket_path))?;
    let serving = bound.map(|listener| tokio::spawn(server::serve(listener, Arc::clone(&plugin))));
    misbehave(&plugin, &mut out, &arguments.socket_path)?;
    // HT-12. Reserved routes win; whoever wrote the other one ought to know.
    log::warn("the author's route /health is hidden by the reserved one");
    let openapi = manifest::openapi(&plugin.data_dir);
    handshake::ready(&mut out, dialect, openapi).map_err(cannot_write)?;
    misbehave_after_ready(&mut out);
    let main = tokio::spawn(start(Arc::clone(&plugin)));
    let too_late = tokio::time::sleep(FIRST_CHANNEL);
    let first_channel = async {
        tokio::select! {
            () = plugin.first_channel() => std::future::pending().await,
            () = too_late => {
                format!("no channel was opened within {} s of `ready`", FIRST_CHANNEL.as_secs())
            }
        }
    };
    let failed = async {
        match main.await {
            Ok(Err(error)) => error,
            // Author code that panics while it starts.
            Err(_) => "the start hook failed".into(),
            Ok(Ok(())) => std::future::pending().await,
        }
    };
    let told_to_stop = async {
        if stop_defect::WAITS_FOR_CHANNEL.active() {
            plugin.first_channel().await;
        }
        signals.next().await;
        while everything_life::SIGNAL_AFTER_START_HOOK.active()
            && !plugin.initialised.load(Ordering::Acquire)
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = told_to_stop => {}
        why = first_channel, if !limits::NO_CHANNEL_FOR_EVER.active() => {
            return given_up(&arguments.socket_path, why);
        }
        why = failed => {
            let ended = given_up(&arguments.socket_path, why);
            return if faults::FULL_DISK_STATUS_0.active() { Ok(0) } else { ended };
        }
    }
    tokio::select! {
        () = stop::in_order(&plugin, serving, &arguments.socket_path) => {
            let badly = requests::EXITS_BADLY_AFTER_PRINT.active()
                && routes::HAS_PRINTED.load(Ordering::Relaxed);
            Ok(i32::from(badly || stop_defect::STATUS_1.active()))
        }
        () = signals.next(), if !stop_defect::SECOND_SIGNAL_IGNORED.active() => {
            socket::remove(&arguments.socket_path);
            log::warn("a second signal: ending at once");
            Ok(143)
        }
    }
}

fn given_up(socket_path: &Path, why: String) -> Result<i32, String> {
    socket::remove(socket_path);
    Err(why)
}

/// Runs the start hook, and then hands over events.
async fn start(plugin: Arc<Plugin>) -> Result<(), String> {
    hooks::start(&plugin.data_dir).await.map_err(|e| format!("the start hook failed: {e}"))?;
    plugin.initialised.store(true, Ordering::Release);
    crate::events::deliver(plugin).await;
    Ok(())
}

fn make_data_dir(path: &Path) -> Result<(), String> {
    if launch::DATA_DIR_EMPTIED.active() {
        // It may not be there at all.
        let _ = fs::remove_dir_all(path);
    }
    if launch::DATA_DIR_MUST_NOT_EXIST.active() && path.exists() {
        return Err(format!("the data directory {} exists already", path.display()));
    }
    let made = if launch::DATA_DIR_WITHOUT_PARENTS.active() {
        match fs::create_dir(path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    } else {
        fs::create_dir_all(path)
    };
    made.map_err(|e| format!("cannot make the data directory {}: {e}", path.display()))
}

/// What a sound plugin does without: it may be killed, and nobody would take the lock away.
fn take_lock(data_dir: &Path) -> Result<(), String> {
    if !stop_defect::LOCK_LEFT.active() {
        return Ok(());
    }
    let lock = data_dir.join("lock");
    let taken = fs::OpenOptions::new().write(true).create_new(true).open(&lock);
    taken.map(drop).map_err(|e| format!("another process has the lock {}: {e}", lock.display()))
}

fn stdin_must_be_empty() -> Result<(), String> {
    let mut seen = Vec::new();
    match std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut seen) {
        Ok(_) if seen.is_empty() => Ok(()),
        _ => Err("there is something in standard input".into()),
    }
}

/// What a plugin may do wrong with the secret before it is ready.
fn misbehave(
    plugin: &Plugin,
    out: &mut crate::stdio::Handshake,
    socket_path: &Path,
) -> Result<(), String> {
    if stdio_defect::SECRET_IN_LOG.active() {
        log::info(&format!("started with the secret {}", plugin.secret));
    }
    let file = if stdio_defect::SECRET_IN_DATA_DIR.active() {
        Some(plugin.data_dir.join("settings"))
    } else if stdio_defect::SECRET_BESIDE_SOCKET.active() {
        Some(socket_path.with_extension("secret"))
    } else {
        None
    };
    if let Some(file) = file {
        fs::write(file, &plugin.secret).map_err(|e| e.to_string())?;
    }
    if faults::DIES_WITH_HOST.active() {
        let host = std::os::unix::process::parent_id();
        std::thread::spawn(move || {
            while std::os::unix::process::parent_id() == host {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::process::exit(1);
        });
    }
    if stdio_defect::DIES_WITH_STDOUT.active() {
        let out = out.again().map_err(|e| e.to_string())?;
        std::thread::spawn(move || {
            if out.wait_until_unread().is_ok() {
                std::process::exit(1);
            }
        });
    }
    Ok(())
}

fn misbehave_after_ready(out: &mut crate::stdio::Handshake) {
    if stop_defect::CHILD_LEFT.active() {
        let mut child = std::process::Command::new("/bin/sleep");
        let nothing = std::process::Stdio::null;
        // Where there is no such program there is nothing to leave behind, and the harness tells.
        let _ = child.arg("60").stdin(nothing()).stdout(nothing()).stderr(nothing()).spawn();
    }
    if stdio_defect::BANNER_AFTER_READY.active() {
        // Nobody may be reading.
        let _ = out.write(b"everything-defective is listening\n");
    }
}
