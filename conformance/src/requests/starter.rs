//! A first `conformance.toml` for a plugin: what its own words tell, and a word on the rest.

use serde_json::Value;
use toml::Value as Toml;

use super::openapi::{Document, Operation};

/// Where editors find the JSON Schema of the file.
const SCHEMA: &str = concat!(
    env!("CARGO_PKG_REPOSITORY"),
    "/raw/main/conformance/schema/conformance.toml.schema.json"
);

/// What a running plugin has said of itself.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Its manifest.
    pub manifest: &'a Value,
    /// Its `ready`.
    pub ready: &'a Value,
}

/// The text of a first file, with a request for each route that `known` tells of.
#[must_use]
pub fn text(known: Option<Known<'_>>) -> String {
    let name = known.and_then(|known| known.manifest["name"].as_str()).unwrap_or("this plugin");
    let document = known.and_then(|known| Document::read(&known.ready["openapi"]).ok());
    let operations = document.as_ref().map_or(&[][..], |document| &document.operations);
    let events = known.map_or(&Value::Null, |known| &known.manifest["events"]);
    let public = known.map_or(&Value::Null, |known| &known.manifest["public_paths"]);
    [
        heading(name),
        requests(operations),
        public_requests(public),
        event(events),
        PLATFORM.to_owned(),
    ]
    .concat()
}

fn heading(name: &str) -> String {
    format!(
        "#:schema {SCHEMA}
#
# What temps-plugin-conformance holds {name} to besides the protocol itself:
# sample requests with the answers they get, and events with what they bring about.
# conformance/REQUESTS.md of the suite describes everything that may stand here.
"
    )
}

fn requests(operations: &[Operation]) -> String {
    let mut text = "
# Requests are made in this order on one running plugin. `as` says who asks: a role (admin,
# platform_admin, user, reader, api_reader, custom, metrics_ingest), \"anonymous\", or one of
# [callers]. With `private = true`, callers who are not signed in must get 401 or 403.
"
    .to_owned();
    if operations.is_empty() {
        text.push_str(
            "
[[request]]
name = \"a path without a route\"
path = \"/no-such-route\"
expect.status = 404

# [[request]]
# name = \"the items\"
# path = \"/items\"
# query = \"page=1\"
# as = \"reader\"
# private = true
# expect.status = 200
# expect.json = { items = [{ id = 1 }] }     # others may be there too
# expect.calls = [{ method = \"list_projects\" }]
",
        );
    }
    for operation in operations {
        text.push('\n');
        text.push_str(&match (&operation.target, operation.method.as_str()) {
            (Err(reason), _) => format!("# {}\n", one_line(&format!("{operation}: {reason}"))),
            (Ok(target), "GET") if operation.endless().is_none() => sample(operation, target),
            (Ok(target), _) => comment(&sample(operation, target)),
        });
    }
    text
}

fn sample(operation: &Operation, target: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
    let mut text = format!("[[request]]\nname = {}\n", quoted(&operation.to_string()));
    if operation.method != "GET" {
        text.push_str(&format!("method = {}\n", quoted(&operation.method)));
    }
    text.push_str(&format!("path = {}\n", quoted(path)));
    if let Some(query) = query {
        text.push_str(&format!("query = {}\n", quoted(query)));
    }
    if operation.needs_body {
        text.push_str("json = {}\n");
    }
    let success = (200..300).find(|status| operation.lists(*status));
    match success {
        Some(status) => text.push_str(&format!("expect.status = {status}\n")),
        None => text.push_str("expect.status = \"2xx\"\n"),
    }
    text
}

fn public_requests(public: &Value) -> String {
    let paths = public.as_array().into_iter().flatten().filter_map(Value::as_str);
    paths
        .map(|path| {
            let name = quoted(&format!("{path} without signing in"));
            comment(&format!(
                "\n[[request]]\nname = {name}\npath = {}\nas = \"anonymous\"\nexpect.status = 200\n",
                quoted(path)
            ))
        })
        .collect()
}

fn event(events: &Value) -> String {
    let asked: Vec<_> = events.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let asks = match asked.as_slice() {
        [] => "The manifest asks for none; \"events\" lists those it wants.".to_owned(),
        some => format!("The manifest asks for {}.", one_line(&some.join(", "))),
    };
    format!(
        "
# Events are sent over the channel and, to another start, by POST /_events. {asks}
# `after` names requests that are made first, `calls` the calls an event brings about, `then` a
# request that comes to be answered in a certain way, `logs` texts on standard error.
#
# [[event]]
# name = \"a deployment is noted\"
# type = \"deployment.succeeded\"
# project_id = 42
# data = {{ deployment_id = 101, project_id = 42, environment_id = 3, environment_name = \"Production\" }}
# within = 5
# calls = [{{ method = \"get_project\", params = {{ project_id = 42 }} }}]
# then = [{{ request = \"the items\", expect.contains = \"Production\" }}]
"
    )
}

const PLATFORM: &str = "
# The platform behind the channel has projects 42 and 43, environments 3, 4 and 5 and deployments 100
# to 103, and grants everything.
#
# [platform]
# sample = false          # begin with nothing instead
# permissions = [\"projects_read\"]
#
# [[platform.project]]
# id = 7
# name = \"shop\"
#
# [[platform.error]]
# method = \"generate_ai\"
# code = \"permission_denied\"
#
# [callers.ada]
# id = \"7\"
# email = \"ada@example.org\"
# role = \"custom\"
# permissions = [\"projects:read\"]
";

fn quoted(text: &str) -> String {
    Toml::String(text.to_owned()).to_string()
}

fn comment(text: &str) -> String {
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("# {line}\n") };
    text.lines().map(line).collect()
}

/// Text that stays within the comment it stands in.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::requests::Config;

    #[test]
    fn the_first_file_is_sound_with_and_without_a_plugin() {
        let manifest = json!({
            "name": "shop", "events": ["deployment.*", "odd\nline"], "public_paths": ["/p\"q"],
        });
        let ready = json!({"openapi": {"openapi": "3.1.0", "paths": {
            "/items/{id}": {
                "parameters": [{"name": "id", "in": "path", "example": 1}],
                "get": {
                    "parameters": [{"name": "q", "in": "query", "example": "a\"b"}],
                    "responses": {"204": {}},
                },
                "post": {"requestBody": {"required": true}},
            },
            "/odd\n{x}": {"get": {}},
        }}});
        let text = text(Some(Known { manifest: &manifest, ready: &ready }));
        let config =
            Config::parse(Path::new("c.toml"), &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        // Only what is safe to send is more than a comment.
        assert_eq!(config.requests.len(), 1, "{text}");
        let sample = &config.requests[0].value;
        assert_eq!((sample.path.as_str(), sample.query.as_deref()), ("/items/1", Some("q=a%22b")));
        assert_eq!(sample.expect.status.to_string(), "204");
        assert!(text.contains("# method = \"POST\""), "{text}");

        let bare = super::text(None);
        let config =
            Config::parse(Path::new("c.toml"), &bare).unwrap_or_else(|e| panic!("{e}\n{bare}"));
        assert_eq!(config.requests.len(), 1);
    }

    #[test]
    fn what_is_commented_out_is_sound_once_it_is_not() {
        let uncommented: String = text(None)
            .lines()
            .filter_map(|line| {
                line.strip_prefix("# ")
                    .or_else(|| line.strip_prefix('[').map(|_| line))
                    .or(Some(line))
            })
            .filter(|line| line.contains(" = ") || line.starts_with('['))
            .filter(|line| !line.contains("With `private") && !line.contains("`as` says"))
            .map(|line| format!("{line}\n"))
            .collect();
        let config = Config::parse(Path::new("c.toml"), &uncommented);
        let config = config.unwrap_or_else(|e| panic!("{e}\n{uncommented}"));
        assert_eq!((config.requests.len(), config.events.len()), (2, 1));
        assert!(config.caller("ada").is_some());
    }
}
