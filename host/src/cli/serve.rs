//! `temps-plugin-host serve`.

use std::future::Future;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use serde_json::json;
use temps_plugin_host::{
    AuditLog, Checksums, DevelopmentLogin, HostError, PluginHost, PluginTransition,
    PluginsDirectory, Reload, SqlitePlatform,
};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::config::Config;
use super::page::Console;
use super::{Failure, Running, default_data, home, reload, status};

pub(super) const LISTEN: &str = "127.0.0.1:3900";

/// How long plugins are waited for before the table of them is shown.
const PATIENCE: Duration = Duration::from_secs(5);

/// Run the plugins of a directory until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SIGHUP looks at the plugins directory again. A second Ctrl-C ends everything at \
                  once.\n\nExamples:\n  temps-plugin-host serve\n  temps-plugin-host serve --plugins \
                  ./target/plugins --listen 127.0.0.1:4000\n  temps-plugin-host serve --config host.toml"
)]
pub(super) struct Args {
    /// The plugins directory; ~/.temps/plugins unless it is given.
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// Where the host and its plugins keep data; ~/.temps/plugin-host unless it is given.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The address to listen on; 127.0.0.1:3900 unless it is given.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// A TOML file; what is said here as well counts more.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> Result<ExitCode, Failure> {
    // Logs are warnings and worse; what goes on is told in words of its own.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .init();
    let config = args.config.as_deref().map_or_else(|| Ok(Config::default()), Config::read)?;
    let plugins = plugins_directory(args.plugins.or_else(|| config.plugins.clone()))?;
    let data = args.data.or_else(|| config.data.clone()).map_or_else(default_data, Ok)?;
    let listen = match args.listen.or(config.listen) {
        Some(listen) => listen,
        None => LISTEN.parse()?,
    };
    let mut signals = Signals::new()?;
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        format!("cannot listen on {listen}: {error}; choose another address with --listen")
    })?;
    let address = listener.local_addr()?;
    let login = DevelopmentLogin::new()?;
    let host = host(&config, plugins, &data, &login).await?;
    let running = Running { address, token: login.token().expose().to_owned() };
    running.write(&data)?;

    tokio::select! {
        () = host.settled() => {}
        () = tokio::time::sleep(PATIENCE) => {}
        () = signals.stopped() => {}
    }
    introduce(&host, &data, &running);
    let console = Console { host: host.clone(), login };
    let app = Router::new().nest("/api", host.router()).merge(console.router());
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    signals.until_stop(&host).await;

    anstream::eprintln!(
        "stopping {} plugins; Ctrl-C again ends them at once",
        host.plugins().len()
    );
    let _ = std::fs::remove_file(Running::path(&data));
    let ended = tokio::select! {
        () = host.shutdown("the host was stopped") => ExitCode::SUCCESS,
        () = signals.again() => ExitCode::FAILURE,
    };
    serving.abort();
    Ok(ended)
}

fn plugins_directory(given: Option<PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(given) = given {
        return match given.is_dir() {
            true => Ok(given),
            false => {
                Err(format!("the plugins directory {} does not exist", given.display()).into())
            }
        };
    }
    let path = home("plugins")?;
    std::fs::create_dir_all(&path)
        .map_err(|error| format!("the plugins directory {}: {error}", path.display()))?;
    Ok(path)
}

async fn host(
    config: &Config,
    plugins: PathBuf,
    data: &Path,
    login: &DevelopmentLogin,
) -> Result<PluginHost, Failure> {
    let mut directory = PluginsDirectory::new(plugins);
    if let Some(path) = &config.checksums {
        let of_file = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let sums = std::fs::read_to_string(path).map_err(|error| of_file(&error))?;
        let sums: Checksums = sums.parse().map_err(|error| of_file(&error))?;
        directory = directory.allow_only(sums);
    }
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.map_err(|error| format!("the data directory {}: {error}", data.display()))?;
    let (database, audit) = (data.join("platform.db"), data.join("audit.jsonl"));
    let platform = tokio::task::spawn_blocking(move || SqlitePlatform::open(&database)).await??;
    let audit = AuditLog::open(&audit)?;
    let mut builder = PluginHost::builder(directory, data)
        .platform(Arc::new(platform))
        .authenticator(Arc::new(login.clone()))
        .supervision(config.supervision())
        .proxy(config.proxy())
        .on_transition(move |told| {
            tell(told);
            if let Err(error) = audit.record(told) {
                anstream::eprintln!("warning: the audit log cannot be written: {error}");
            }
        });
    if let Some(names) = &config.environment.pass {
        builder = builder.pass_on(names);
    }
    for (name, value) in &config.environment.set {
        builder = builder.env(name, value);
    }
    let host = builder.build().await?;
    for orphan in host.orphans() {
        let (program, pid) = (orphan.program.display(), orphan.pid);
        anstream::eprintln!(
            "ended {program} (process {pid}), left behind by a host that was killed"
        );
    }
    Ok(host)
}

/// A line for each change of state.
fn tell(told: &PluginTransition<'_>) {
    let change = told.transition;
    let file = told.file.file_name().unwrap_or_default().to_string_lossy();
    let name = told.name.unwrap_or(&file);
    let at = Timestamp::try_from(change.at).unwrap_or_default().strftime("%H:%M:%S");
    anstream::eprintln!("{at} {name}: {} -> {}: {}", change.from, change.to, change.reason);
}

/// Says what was found, and where to look.
fn introduce(host: &PluginHost, data: &Path, running: &Running) {
    let plugins = host.plugins();
    let status = json!({
        "plugins": plugins.iter().map(|plugin| {
            let status = plugin.status();
            json!({
                "file": plugin.path(),
                "name": plugin.name(),
                "manifest": plugin.manifest(),
                "state": status.state,
                "restarts": status.restarts,
                "usage": plugin.usage(),
                "reason": &*status.reason,
            })
        }).collect::<Vec<_>>(),
        "passed_over": &*host.passed_over(),
    });
    let (directory, address) = (host.directory().path().display(), running.address);
    anstream::println!("\n{}\n", status::table(&status));
    anstream::println!("plugins  {directory}");
    anstream::println!("data     {}", data.display());
    anstream::println!("API      http://{address}/api/x/_docs/");
    anstream::println!("console  http://{address}/login?token={}", running.token);
    if !address.ip().is_loopback() {
        anstream::eprintln!(
            "warning: others can reach {address}, and this login is one for development: whoever has \
             the token administers the plugins"
        );
    }
}

fn tell_reload(reloaded: Result<Reload, HostError>) {
    match reloaded {
        Ok(reloaded) => {
            for line in reload::lines(&json!(reloaded)) {
                anstream::eprintln!("reloaded: {line}");
            }
        }
        Err(error) => anstream::eprintln!("not reloaded: {error}"),
    }
}

/// What people and systems tell a program.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    stopped: bool,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            stopped: false,
        })
    }

    /// Waits until it is to stop.
    async fn stopped(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        self.stopped = true;
    }

    /// Waits until it is to stop, and looks at the plugins directory again whenever it is told to.
    async fn until_stop(&mut self, host: &PluginHost) {
        while !self.stopped {
            tokio::select! {
                _ = self.interrupt.recv() => self.stopped = true,
                _ = self.terminate.recv() => self.stopped = true,
                _ = self.hang_up.recv() => {
                    let host = host.clone();
                    tokio::spawn(async move { tell_reload(host.reload().await) });
                }
            }
        }
    }

    /// Waits until it is told once more.
    fn again(&mut self) -> impl Future<Output = ()> + '_ {
        self.stopped()
    }
}
