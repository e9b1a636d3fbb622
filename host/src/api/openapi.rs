//! One OpenAPI document for the host's own API and those of the plugins, as they come and go.

use axum::Json;
use axum::extract::{OriginalUri, State};
use http::Uri;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::access::SignedIn;
use super::{events, logs, metrics, plugins};
use crate::plugin_host::PluginHost;
use crate::proxy::PREFIX;

#[derive(OpenApi)]
#[openapi(
    info(title = "Temps plugins", description = "The host's API and those of its plugins"),
    paths(
        plugins::list,
        plugins::status,
        plugins::detail,
        plugins::restart,
        plugins::reload,
        logs::logs,
        events::fire,
        metrics::metrics,
    )
)]
struct Own;

/// The document.
pub(super) async fn document(
    State(host): State<PluginHost>,
    OriginalUri(original): OriginalUri,
    uri: Uri,
    _: SignedIn,
) -> Json<Value> {
    // What utoipa has made is always JSON.
    let mut document = serde_json::to_value(Own::openapi()).unwrap_or_default();
    let nested_under = original.path().strip_suffix(uri.path()).unwrap_or_default();
    if !nested_under.is_empty() {
        document["servers"] = json!([{ "url": nested_under }]);
    }
    for plugin in host.plugins() {
        let (Some(name), Some(running)) = (plugin.name(), plugin.running()) else { continue };
        if let Some(own) = &running.ready().openapi {
            merge(&mut document, &name, own.clone());
        }
    }
    Json(document)
}

/// Puts a plugin's document into the host's: its paths below its prefix, and all its names with the
/// plugin's before them, so that no two plugins have one in common.
fn merge(document: &mut Value, plugin: &str, mut own: Value) {
    rename(&mut own, plugin);
    // A document that is none has no such members.
    let mut take = |member: &str| own.get_mut(member).map(Value::take);
    let (paths, components) = (take("paths"), take("components"));
    let everywhere = own["security"].as_array().map(|all| named(plugin, all));
    if let Some(Value::Object(paths)) = paths {
        for (path, mut item) in paths {
            for operation in operations(&mut item) {
                own_names(operation, plugin, everywhere.as_ref());
            }
            document["paths"][format!("{PREFIX}{plugin}{path}")] = item;
        }
    }
    if let Some(Value::Object(components)) = components {
        for (kind, all) in components {
            let Value::Object(all) = all else { continue };
            for (name, component) in all {
                document["components"][&kind][format!("{plugin}.{name}")] = component;
            }
        }
    }
}

/// The operations of a path: its members with the names of methods.
fn operations(item: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    const METHODS: [&str; 8] =
        ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
    let members = item.as_object_mut().into_iter().flatten();
    members
        .filter(|(name, _)| METHODS.contains(&name.as_str()))
        .filter_map(|(_, operation)| operation.as_object_mut())
}

fn own_names(operation: &mut Map<String, Value>, plugin: &str, everywhere: Option<&Value>) {
    let tags = match operation.get("tags").and_then(Value::as_array) {
        Some(tags) if !tags.is_empty() => {
            tags.iter().filter_map(Value::as_str).map(|tag| format!("{plugin}: {tag}")).collect()
        }
        _ => vec![plugin.to_owned()],
    };
    operation.insert("tags".to_owned(), tags.into());
    if let Some(id) = operation.get("operationId").and_then(Value::as_str) {
        let id = format!("{plugin}.{id}");
        operation.insert("operationId".to_owned(), id.into());
    }
    let security = match operation.get("security").and_then(Value::as_array) {
        Some(all) => Some(named(plugin, all)),
        None => everywhere.cloned(),
    };
    if let Some(security) = security {
        operation.insert("security".to_owned(), security);
    }
}

/// Security requirements, which name schemes.
fn named(plugin: &str, requirements: &[Value]) -> Value {
    let of_one = |requirement: &Value| {
        let schemes = requirement.as_object().into_iter().flatten();
        let named = schemes.map(|(name, scopes)| (format!("{plugin}.{name}"), scopes.clone()));
        Value::Object(named.collect())
    };
    requirements.iter().map(of_one).collect()
}

/// Has every reference within the document name the plugin's own component.
fn rename(value: &mut Value, plugin: &str) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "$ref" => renamed(text, plugin),
                    Value::Object(mapping) if name == "mapping" => {
                        for target in mapping.values_mut() {
                            if let Value::String(text) = target {
                                renamed(text, plugin);
                            }
                        }
                    }
                    member => rename(member, plugin),
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|value| rename(value, plugin)),
        _ => {}
    }
}

fn renamed(reference: &mut String, plugin: &str) {
    let Some(rest) = reference.strip_prefix("#/components/") else { return };
    if let Some((kind, name)) = rest.split_once('/') {
        *reference = format!("#/components/{kind}/{plugin}.{name}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugins_names_are_its_own() {
        let mut document =
            json!({"paths": {"/x/plugins": {}}, "components": {"schemas": {"A": 1}}});
        merge(
            &mut document,
            "one",
            json!({
                "openapi": "3.1.0",
                "security": [{"key": []}],
                "paths": {"/items": {
                    "summary": "kept",
                    "get": {"operationId": "list", "responses": {"200": {"content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/A"}},
                    }}}},
                    "post": {"tags": ["write"], "security": []},
                }},
                "components": {
                    "schemas": {"A": {"discriminator": {"mapping": {"b": "#/components/schemas/B"}}}},
                    "securitySchemes": {"key": {"type": "http"}},
                },
            }),
        );
        let item = &document["paths"]["/x/one/items"];
        assert_eq!(item["summary"], "kept");
        assert_eq!(item["get"]["operationId"], "one.list");
        assert_eq!(item["get"]["tags"], json!(["one"]));
        assert_eq!(item["get"]["security"], json!([{"one.key": []}]));
        let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        assert_eq!(schema["$ref"], "#/components/schemas/one.A");
        assert_eq!(
            (&item["post"]["tags"], &item["post"]["security"]),
            (&json!(["one: write"]), &json!([]))
        );
        let components = &document["components"];
        assert_eq!(components["schemas"]["A"], 1);
        let mapping = &components["schemas"]["one.A"]["discriminator"]["mapping"]["b"];
        assert_eq!(mapping, "#/components/schemas/one.B");
        assert_eq!(components["securitySchemes"]["one.key"]["type"], "http");
    }

    #[test]
    fn a_document_that_is_none_changes_nothing() {
        let mut document = json!({"paths": {}, "components": {}});
        let before = document.clone();
        for odd in [json!(null), json!([1]), json!({"paths": 1, "components": {"schemas": 2}})] {
            merge(&mut document, "one", odd);
        }
        assert_eq!(document, before);
    }
}
