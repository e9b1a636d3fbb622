//! `temps-plugin-host reload`: the plugins directory looked at again.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use http::Method;
use serde_json::Value;

use super::{Failure, Running, client};

/// Have a host that serves look at its plugins directory again.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What is new is started, what is gone stopped, and what has changed replaced once its \
                  new version runs. Exits with 1 when a plugin does not start.\n\nExample:\n  \
                  temps-plugin-host reload"
)]
pub(super) struct Args {
    /// The data directory of the host; ~/.temps/plugin-host unless it is given.
    #[arg(long, value_name = "DIR")]
    host: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let host = Running::find(args.host.as_deref())?;
    let reload = client::ask(&host, Method::POST, "/x/plugins/reload", None).await?;
    for line in lines(&reload) {
        anstream::println!("{line}");
    }
    let mut changes = reload["changes"].as_array().into_iter().flatten();
    let failed = changes.any(|change| change["reason"].is_string());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What has changed, a line for each plugin.
pub(super) fn lines(reload: &Value) -> Vec<String> {
    let changes = reload["changes"].as_array().map_or(&[][..], Vec::as_slice);
    if changes.is_empty() {
        return vec!["nothing has changed".to_owned()];
    }
    let line = |change: &Value| {
        let file = Path::new(change["file"].as_str().unwrap_or_default()).file_name();
        let file = file.unwrap_or_default().to_string_lossy();
        let name = change["name"].as_str().unwrap_or(&file);
        let reason = change["reason"].as_str().unwrap_or_default();
        match change["outcome"].as_str() {
            Some("started") => format!("{name}: started"),
            Some("replaced") => format!("{name}: replaced by its new version"),
            Some("removed") => format!("{name}: removed"),
            Some("kept") => {
                format!("{name}: the new version does not start, the old one serves on: {reason}")
            }
            _ => format!("{name}: does not start: {reason}"),
        }
    };
    changes.iter().map(line).collect()
}
