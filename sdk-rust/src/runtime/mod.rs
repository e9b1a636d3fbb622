//! The life of a plugin from its arguments to its exit code.
//!
//! [`state`] is the life as a table. This file walks it from the process down to a plugin whose
//! socket is open; [`live`] walks the rest. Around them: [`args`], [`stdio`], [`handshake`] and
//! [`announce`] speak with the host before there is a socket, [`stop`] carries signals, [`core`] is what the runtime
//! needs of a plugin, [`own_thread`] is where author code may block.

pub(crate) mod announce;
pub(crate) mod args;
pub(crate) mod core;
mod handshake;
mod hidden_routes;
mod live;
pub(crate) mod own_thread;
pub(crate) mod state;
pub(crate) mod stdio;
pub(crate) mod stop;

use std::ffi::OsString;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;

use temps_plugin_schema::PluginManifest;

use self::announce::{Announced, Announcing};
use self::core::{PluginCore, RustPlugin, guarded};
use self::live::{Plugin, Surroundings};
use self::own_thread::OwnThread;
use self::state::{Machine, Step};
use self::stop::{StopPipe, StopSignal};
use crate::{ExternalPlugin, PluginSdkError, logging};

/// The exit code of a plugin that was told twice to stop: that of a process ended by SIGTERM.
const FORCED_EXIT: u8 = 143;
/// The exit code of a plugin that could not start or go on.
const FAILED_EXIT: u8 = 1;

/// Runs a plugin as a process, until it is told to stop. [`main!`](crate::main) calls this.
///
/// The exit code is 0 after a stop by SIGTERM or SIGINT; otherwise the reason is on stderr.
pub fn run_plugin<P: ExternalPlugin>(plugin: P) -> ExitCode {
    let arguments = std::env::args_os().skip(1).collect();
    ExitCode::from(run_core(Arc::new(RustPlugin(plugin)), arguments))
}

/// [`run_plugin`] for whatever drives a plugin in another language: the arguments are those after
/// the program's name, and the exit code is for the caller to end the process with.
pub fn run_core(core: Arc<dyn PluginCore>, arguments: Vec<OsString>) -> u8 {
    logging::install();
    let run = || {
        // Before any thread and any author code: from here on a print goes to stderr.
        let stdout = Box::new(stdio::take_stdout()?);
        let stdin = stdio::launch_input()?;
        run_process(core, Beginning::Arguments { arguments, stdin, stdout })
    };
    run().unwrap_or_else(|error| exit_code(Err(error)))
}

/// [`run_core`] for a plugin that has announced itself by hand. Its manifest is the one it announced.
pub fn run_announced(core: Arc<dyn PluginCore>, announced: Announced) -> u8 {
    logging::install();
    let run = run_process(core, Beginning::Announced(Box::new(announced)));
    run.unwrap_or_else(|error| exit_code(Err(error)))
}

fn run_process(core: Arc<dyn PluginCore>, beginning: Beginning) -> Result<u8, PluginSdkError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(core.workers().max(1))
        .thread_name("temps-plugin")
        .enable_all()
        .build()?;
    let (own_thread, jobs) = own_thread::own_thread();
    let life = async move {
        let (stopper, stop) = stop::pair();
        stop::on_signals(stopper)?;
        let manifest = guarded("manifest()", || core.manifest())?;
        logging::log_panics(manifest.name.clone());
        let launch = Launch { beginning, own_thread, stop, machine: Arc::new(Machine::new()) };
        run(core, manifest, launch).await
    };
    // The thread that would return the code is not coming back from author code. What libraries do at
    // a process's end is left out: that code may be in the middle of them.
    let ended = own_thread::live(&runtime, life, jobs, |ended| {
        signal_hook::low_level::exit(exit_code(ended).into())
    });
    // Author threads that are still busy must not keep the process.
    runtime.shutdown_background();
    Ok(ended.map_or(0, exit_code))
}

/// The exit code of a plugin that ended this way; the reason of a failure goes to stderr.
fn exit_code(ended: Result<Ended, PluginSdkError>) -> u8 {
    match ended {
        Ok(Ended::Drained) => 0,
        Ok(Ended::Forced) => FORCED_EXIT,
        Err(error) => {
            let mut causes = Vec::new();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                causes.push(cause.to_string());
                source = cause.source();
            }
            tracing::error!(?causes, "{error}");
            FAILED_EXIT
        }
    }
}

/// What surrounds a plugin: a process, or a test.
pub(crate) struct Launch {
    pub(crate) beginning: Beginning,
    pub(crate) own_thread: OwnThread,
    pub(crate) stop: StopSignal,
    pub(crate) machine: Arc<Machine>,
}

/// How far the handshake is.
pub(crate) enum Beginning {
    /// Nothing was said; stdin is read to the end of the launch line.
    Arguments { arguments: Vec<OsString>, stdin: OwnedFd, stdout: Box<dyn Write + Send> },
    /// The author has announced the plugin.
    Announced(Box<Announced>),
}

/// How a plugin's life ended when nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// What was in flight finished, or its time was up.
    Drained,
    /// A second request to stop cut that short.
    Forced,
}

/// Runs a plugin from its first handshake line to its end.
pub(crate) async fn run(
    core: Arc<dyn PluginCore>,
    manifest: PluginManifest,
    launch: Launch,
) -> Result<Ended, PluginSdkError> {
    let Launch { beginning, own_thread, stop, machine } = launch;
    let announced = match beginning {
        Beginning::Announced(announced) => {
            machine.step(Step::Announce);
            *announced
        }
        Beginning::Arguments { arguments, stdin, stdout } => {
            let announcing = Announcing::new(manifest, arguments, stdin, stdout)?;
            machine.step(Step::Announce);
            let stopping = announcing.waits().then(|| stop.pipe()).transpose()?;
            let Some(announced) = announcing.launched(stopping.as_ref().map(StopPipe::reader))?
            else {
                return Ok(Ended::Drained);
            };
            announced
        }
    };
    let Announced { mut handshake, manifest, launched } = announced;
    let surroundings = Surroundings { own_thread, stop: stop.clone(), machine };
    let mut plugin = Plugin::listen(core, manifest, launched, surroundings)?;
    let ended = tokio::select! {
        lived = plugin.live(&mut handshake) => lived,
        () = stop.requested() => Ok(()),
    };
    let forced = tokio::select! {
        () = plugin.stop() => false,
        () = stop.forced() => true,
    };
    ended.map(|()| if forced { Ended::Forced } else { Ended::Drained })
}
