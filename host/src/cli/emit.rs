//! `temps-plugin-host emit`: an event, fired by hand.

use std::path::PathBuf;
use std::process::ExitCode;

use http::Method;
use serde_json::{Value, json};

use super::{Failure, Running, client};

/// Fire an event at a host that serves.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  temps-plugin-host emit deployment.succeeded\n  temps-plugin-host emit \
                  project.created --data '{\"project_id\":7,\"project_name\":\"shop\"}'"
)]
pub(super) struct Args {
    /// Its type, such as `deployment.succeeded`.
    event: String,
    /// What it says, a JSON object. Without it, the platform's own events say something fitting.
    #[arg(long, value_name = "JSON", value_parser = object)]
    data: Option<Value>,
    /// The project it is about.
    #[arg(long, value_name = "ID")]
    project: Option<i32>,
    /// The data directory of the host; ~/.temps/plugin-host unless it is given.
    #[arg(long, value_name = "DIR")]
    host: Option<PathBuf>,
}

fn object(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("this is JSON, but no object".to_owned()),
        Err(error) => Err(format!("this is no JSON: {error}")),
    }
}

pub(super) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let host = Running::find(args.host.as_deref())?;
    let data = args.data.or_else(|| sample(&args.event)).unwrap_or_else(|| json!({}));
    let project = args.project.or_else(|| data["project_id"].as_i64()?.try_into().ok());
    let event = json!({"event_type": args.event, "project_id": project, "data": data});
    let fired = client::ask(&host, Method::POST, "/x/events", Some(&event)).await?;
    let deliveries = fired["deliveries"].as_array().cloned().unwrap_or_default();
    if deliveries.is_empty() {
        anstream::println!("fired, and there is no plugin to take it");
    }
    let mut failed = false;
    for one in &deliveries {
        let plugin = one["plugin"].as_str().unwrap_or_default();
        let told = match one["result"].as_str() {
            Some("channel") => "delivered over its channel".to_owned(),
            Some("post") => "delivered by POST".to_owned(),
            Some("not-wanted") => "does not ask for such events".to_owned(),
            _ => {
                failed = true;
                format!("failed: {}", one["error"].as_str().unwrap_or_default())
            }
        };
        anstream::println!("{plugin}: {told}");
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What an event of the platform says when nobody gives any data, about the samples a new host has.
fn sample(event: &str) -> Option<Value> {
    let deployment = json!({
        "deployment_id": 101, "project_id": 42, "environment_id": 3,
        "environment_name": "Production", "commit_sha": "0000065", "branch": "main",
        "url": "https://shop.example.com", "error_message": "the build failed",
    });
    let project = json!({"project_id": 42, "project_name": "Shop"});
    let domain = json!({"domain_id": 1, "project_id": 42, "domain_name": "shop.example.com"});
    match event.split_once('.')? {
        ("deployment", "created" | "succeeded" | "ready" | "failed" | "cancelled") => {
            Some(deployment)
        }
        ("project", "created" | "deleted") => Some(project),
        ("domain", "created" | "provisioned") => Some(domain),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use temps_plugin_schema::PluginEvent;
    use temps_plugin_schema::event::KNOWN_EVENTS;

    #[test]
    fn there_is_something_fitting_for_every_event_of_the_platform() {
        for name in KNOWN_EVENTS {
            let event: PluginEvent = serde_json::from_value(json!({
                "id": "1", "event_type": name, "timestamp": "2026-11-22T00:00:00Z",
                "project_id": 42, "data": sample(name).unwrap(),
            }))
            .unwrap();
            event.payload().unwrap();
        }
        assert_eq!(sample("deployment.forgotten"), None);
    }
}
