//! The program: `serve`, and what asks a host that serves.

mod client;
mod config;
mod emit;
mod page;
mod reload;
mod serve;
mod status;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde::{Deserialize, Serialize};
use temps_plugin_schema::Secret;

/// What went wrong, for a person.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs Temps plugins: finds them in a directory, starts them, keeps them running, passes requests and
/// events on to them.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  temps-plugin-host serve\n  temps-plugin-host serve --plugins ./target/plugins\n  \
                  temps-plugin-host status\n  temps-plugin-host emit deployment.succeeded"
)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Serve(serve::Args),
    Status(status::Args),
    Emit(emit::Args),
    Reload(reload::Args),
}

pub(crate) fn main() -> ExitCode {
    let program = Program::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let outcome = runtime.block_on(async {
        match program.command {
            Command::Serve(args) => serve::run(args).await,
            Command::Status(args) => status::run(args).await,
            Command::Emit(args) => emit::run(args).await,
            Command::Reload(args) => reload::run(args).await,
        }
    });
    match outcome {
        Ok(code) => code,
        Err(error) => failed(&*error),
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    anstream::eprintln!("error: {error}");
    ExitCode::FAILURE
}

/// A directory of this user, below `~/.temps`.
fn home(name: &str) -> Result<PathBuf, Failure> {
    let home = std::env::home_dir().ok_or("this user has no home directory: say where")?;
    Ok(home.join(".temps").join(name))
}

/// Where a host keeps its data unless it is told.
fn default_data() -> Result<PathBuf, Failure> {
    home("plugin-host")
}

/// What a host that serves says of itself to this user's other programs, in a file of its data
/// directory.
#[derive(Serialize, Deserialize)]
struct Running {
    address: std::net::SocketAddr,
    token: String,
}

impl Running {
    fn path(data: &Path) -> PathBuf {
        data.join("serving.json")
    }

    fn write(&self, data: &Path) -> std::io::Result<()> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = Self::path(data);
        let _ = std::fs::remove_file(&path);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&serde_json::to_vec(self)?)
    }

    /// The host that serves on this data directory, or on the default one.
    fn find(data: Option<&Path>) -> Result<Self, Failure> {
        let data = data.map_or_else(default_data, |data| Ok(data.to_owned()))?;
        let path = Self::path(&data);
        let text = std::fs::read(&path).map_err(|error| {
            let told =
                "start one with `temps-plugin-host serve`, or say where its data is with --host";
            format!("no host serves on {} ({error}): {told}", data.display())
        })?;
        Ok(serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?)
    }

    fn token(&self) -> Secret {
        Secret::new(self.token.clone())
    }
}
