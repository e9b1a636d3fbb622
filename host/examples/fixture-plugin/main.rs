//! A plugin without an SDK that speaks both dialects, and misbehaves when asked: the program that
//! the host's tests start. `--fault <name>` says how; `--name`, `--version` and `--manifest <JSON>` say
//! what stands in its manifest, `--openapi <JSON>` what its routes are.

mod faults;
mod server;

use std::io::{BufRead, Write};

use faults::Fault;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the arguments say.
struct Arguments {
    socket_path: String,
    auth_secret: Option<String>,
    fault: Fault,
    manifest: Value,
    openapi: Option<Value>,
}

fn main() -> Result<(), BoxError> {
    let all: Vec<String> = std::env::args().skip(1).collect();
    if all.first().is_some_and(|arg| arg == "--linger") {
        return linger();
    }
    if all.first().is_some_and(|arg| arg == "--end") {
        return Ok(());
    }
    let mut manifest = json!({
        "name": value(&all, "--name").unwrap_or("fixture"),
        "version": value(&all, "--version").unwrap_or("1.0.0"),
        "requires_db": false,
        "events": ["*"],
    });
    let more: Value = serde_json::from_str(value(&all, "--manifest").unwrap_or("{}"))?;
    for (member, value) in more.as_object().into_iter().flatten() {
        manifest[member] = value.clone();
    }
    let arguments = Arguments {
        manifest,
        openapi: value(&all, "--openapi").map(serde_json::from_str).transpose()?,
        fault: Fault::named(value(&all, "--fault").unwrap_or_default())?,
        auth_secret: value(&all, "--auth-secret").map(str::to_owned),
        socket_path: value(&all, "--socket-path").unwrap_or_default().to_owned(),
    };
    eprintln!("fixture started");
    arguments.fault.before_announcing(&arguments)?;
    announce(&arguments)?;
    let secret = match &arguments.auth_secret {
        Some(secret) => secret.clone(),
        None => read_launch_line(&arguments)?,
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(run(arguments, secret))
}

/// Waits to be killed: what a plugin leaves behind.
fn linger() -> Result<(), BoxError> {
    loop {
        std::thread::park();
    }
}

fn value<'a>(all: &'a [String], flag: &str) -> Option<&'a str> {
    all.iter().enumerate().find_map(|(i, arg)| {
        let rest = arg.strip_prefix(flag)?;
        match rest.strip_prefix('=') {
            Some(value) => Some(value),
            None if rest.is_empty() => all.get(i + 1).map(String::as_str),
            None => None,
        }
    })
}

fn write_line(line: &Value) -> Result<(), BoxError> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

fn announce(arguments: &Arguments) -> Result<(), BoxError> {
    let old = arguments.auth_secret.is_some() || arguments.fault == Fault::OldManifest;
    let mut manifest = arguments.manifest.clone();
    manifest["requires_db"] = (arguments.fault == Fault::NeedsDatabase).into();
    if arguments.fault == Fault::BadManifest {
        manifest["name"] = "Bad Name".into();
    }
    if old {
        manifest["type"] = "manifest".into();
        return write_line(&manifest);
    }
    write_line(&json!({"type": "hello", "protocol_version": 2, "manifest": manifest}))
}

/// Reads the launch line, and refuses a bad one as the protocol asks.
fn read_launch_line(arguments: &Arguments) -> Result<String, BoxError> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let launch: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
        eprintln!("refusing the launch line: {error}");
        std::process::exit(if arguments.fault == Fault::PoliteRefusal { 0 } else { 4 })
    });
    if arguments.fault == Fault::NeedsDatabase {
        eprintln!("the database is {}", launch["database_url"]);
    }
    Ok(launch["auth_secret"].as_str().unwrap_or_default().to_owned())
}

async fn run(arguments: Arguments, secret: String) -> Result<(), BoxError> {
    let fault = arguments.fault;
    let mut term = signal(SignalKind::terminate())?;
    fault.before_ready().await?;
    let state = server::State::new(&arguments, &secret);
    if fault != Fault::NotListening {
        server::listen(&arguments.socket_path, state.clone())?;
    }
    let mut ready = json!({"type": "ready", "ready": fault != Fault::ReadyFalse, "has_ui": false});
    if arguments.auth_secret.is_none() {
        ready["protocol_version"] = 2.into();
    }
    if let Some(openapi) = &arguments.openapi {
        ready["openapi"] = openapi.clone();
    }
    write_line(&ready)?;
    fault.after_ready(&secret)?;
    loop {
        term.recv().await;
        if fault != Fault::IgnoreTerm {
            break;
        }
        eprintln!("SIGTERM ignored");
    }
    std::fs::remove_file(&arguments.socket_path)?;
    state.finish().await;
    Ok(())
}
