//! `temps-plugin-host status`: how the plugins of a host are.

use std::path::PathBuf;
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};
use http::Method;
use serde_json::Value;

use super::{Failure, Running, client};

/// Show how the plugins of a host that serves are.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exits with 0 when every plugin serves, with 1 otherwise.\n\nExamples:\n  \
                  temps-plugin-host status\n  temps-plugin-host status --json")]
pub(super) struct Args {
    /// The data directory of the host; ~/.temps/plugin-host unless it is given.
    #[arg(long, value_name = "DIR")]
    host: Option<PathBuf>,
    /// All that the host knows, as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let host = Running::find(args.host.as_deref())?;
    let status = client::ask(&host, Method::GET, "/x/_status", None).await?;
    if args.json {
        anstream::println!("{status:#}");
    } else {
        anstream::println!("{}", table(&status));
    }
    let all = status["plugins"].as_array().into_iter().flatten();
    let serves = |plugin: &Value| matches!(plugin["state"].as_str(), Some("running" | "degraded"));
    Ok(if all.into_iter().all(serves) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The status as lines for people: plugins first, then what is none and why.
pub(super) fn table(status: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let file = |value: &Value| {
        let path = PathBuf::from(text(value));
        path.file_name().map_or_else(|| text(value), |name| name.to_string_lossy().into_owned())
    };
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["file", "plugin", "version", "state", "restarts", "memory", "why"]);
    for plugin in status["plugins"].as_array().into_iter().flatten() {
        let memory = plugin["usage"]["memory_bytes"].as_u64();
        // The first line says what happened; the rest is what the plugin wrote, and in its log.
        let why = text(&plugin["reason"]).lines().next().unwrap_or_default().to_owned();
        table.add_row([
            file(&plugin["file"]),
            text(&plugin["name"]),
            text(&plugin["manifest"]["version"]),
            text(&plugin["state"]),
            plugin["restarts"].to_string(),
            memory.map_or("-".to_owned(), |bytes| format!("{} MB", bytes.div_ceil(1_000_000))),
            why,
        ]);
    }
    for passed in status["passed_over"].as_array().into_iter().flatten() {
        let why = text(&passed["reason"]);
        table.add_row([file(&passed["file"]).as_str(), "-", "-", "no plugin", "-", "-", &why]);
    }
    match table.row_count() {
        0 => "no plugins yet".to_owned(),
        _ => table.to_string(),
    }
}
