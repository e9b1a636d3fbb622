//! The plugin's own `OpenAPI` document, as far as requests can be made of it.
//!
//! Versions 3.0 and 3.1 are read alike and leniently, member by member: a document with one odd
//! operation still says something about the others.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::expect::is_json;

/// What stands unencoded in a segment of a path and in a query: RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The members of a path item that are operations.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/// How deep references are followed.
const DEPTH: usize = 16;

/// A document.
#[derive(Debug, Clone)]
pub struct Document {
    root: Value,
    /// Its operations, in the order of their paths.
    pub operations: Vec<Operation>,
}

/// One operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// The method, in capitals.
    pub method: String,
    /// The path as in the document, with `{parameters}`.
    pub path: String,
    /// A request's path and query, with the document's examples for parameters, or the parameter that
    /// has none.
    pub target: Result<String, String>,
    /// Header parameters with examples.
    pub headers: Vec<(String, String)>,
    /// Whether a body is required.
    pub needs_body: bool,
    /// Documented answers by status, class (`2XX`) or `default`, in the document's words.
    responses: Vec<(String, Value)>,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Document {
    /// Reads the `openapi` of a `ready` line.
    ///
    /// # Errors
    /// When it is no document of `OpenAPI` 3.
    pub fn read(root: &Value) -> Result<Self, String> {
        let version = root["openapi"].as_str().unwrap_or_default();
        if !version.starts_with("3.") {
            return Err(format!("its `openapi` is {}, not a version 3", root["openapi"]));
        }
        let Some(paths) = root["paths"].as_object() else {
            return Err(format!("its `paths` is {}, not an object", root["paths"]));
        };
        let mut operations = Vec::new();
        for (path, item) in paths {
            let item = resolve(root, item);
            for method in METHODS {
                if let Some(operation) = item.get(method).filter(|operation| operation.is_object())
                {
                    operations.push(Operation::read(root, (method, path), item, operation));
                }
            }
        }
        Ok(Self { root: root.clone(), operations })
    }

    /// The operation that a request of `method` to `path` is: one without parameters before one with.
    #[must_use]
    pub fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        let same = |operation: &&Operation| operation.method == method;
        let operations = || self.operations.iter().filter(same);
        operations()
            .find(|operation| operation.path == path)
            .or_else(|| operations().find(|operation| covers(&operation.path, path)))
    }

    /// The JSON Schema of an answer, if the document has one of draft 2020-12: `OpenAPI` 3.0 has
    /// schemas of its own kind.
    #[must_use]
    pub fn schema(&self, operation: &Operation, status: u16) -> Option<Value> {
        if self.root["openapi"].as_str()?.starts_with("3.0") {
            return None;
        }
        let content = operation.response(status)?["content"].as_object()?;
        let schema = content.iter().find(|(name, _)| is_json(name))?.1.get("schema")?;
        // References of the document are kept working by standing in the same place.
        Some(json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "components": self.root["components"],
            "allOf": [schema],
        }))
    }
}

impl Operation {
    fn read(root: &Value, (method, path): (&str, &str), item: &Value, operation: &Value) -> Self {
        let parameters = parameters(root, item, operation);
        let body = resolve(root, &operation["requestBody"]);
        let responses = operation["responses"].as_object().into_iter().flatten();
        Self {
            method: method.to_uppercase(),
            path: path.to_owned(),
            target: target(path, &parameters),
            headers: parameters
                .iter()
                .filter(|parameter| parameter.place == "header")
                .filter_map(|parameter| {
                    let value = plain(parameter.example.as_ref()?)?;
                    Some((parameter.name.clone(), value))
                })
                .collect(),
            needs_body: body["required"] == true,
            responses: responses
                .map(|(status, response)| (status.clone(), resolve(root, response).clone()))
                .collect(),
        }
    }

    /// The documented answer of this status: by number before by class before `default`.
    #[must_use]
    pub fn response(&self, status: u16) -> Option<&Value> {
        let class = format!("{}XX", status / 100);
        let keys = [status.to_string(), class, "default".to_owned()];
        keys.iter().find_map(|key| {
            let found = self.responses.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?;
            Some(&found.1)
        })
    }

    /// Whether this very status is documented.
    #[must_use]
    pub fn lists(&self, status: u16) -> bool {
        self.responses.iter().any(|(name, _)| *name == status.to_string())
    }

    /// The documented statuses.
    #[must_use]
    pub fn statuses(&self) -> String {
        let names: Vec<_> = self.responses.iter().map(|(status, _)| status.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    /// Why its answer can't be read like others, if it can't.
    #[must_use]
    pub fn endless(&self) -> Option<&'static str> {
        if self.responses.iter().any(|(status, _)| status == "101") {
            return Some("it is an upgrade");
        }
        let streams = |(_, response): &(String, Value)| {
            response["content"].as_object().is_some_and(|content| {
                content.keys().any(|name| name.starts_with("text/event-stream"))
            })
        };
        self.responses.iter().any(streams).then_some("its answer is a stream of events")
    }
}

struct Parameter {
    name: String,
    place: String,
    required: bool,
    /// Whether a list is written as `a=1&a=2`.
    explode: bool,
    example: Option<Value>,
}

/// The parameters of an operation: its own before those of its path.
fn parameters(root: &Value, item: &Value, operation: &Value) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for list in [operation, item] {
        for parameter in list["parameters"].as_array().into_iter().flatten() {
            let parameter = resolve(root, parameter);
            let text = |member: &str| parameter[member].as_str().unwrap_or_default().to_owned();
            let (name, place) = (text("name"), text("in"));
            if parameters.iter().any(|known| (&known.name, &known.place) == (&name, &place)) {
                continue;
            }
            let required = place == "path" || parameter["required"] == true;
            let explode = parameter["explode"] != false;
            let example = example(root, parameter, required);
            parameters.push(Parameter { name, place, required, explode, example });
        }
    }
    parameters
}

/// A value for a parameter: an example, a default, or for one that must be there the first of those
/// allowed.
fn example(root: &Value, parameter: &Value, required: bool) -> Option<Value> {
    let schema = resolve(root, &parameter["schema"]);
    let among = parameter["examples"].as_object().and_then(|all| all.values().next());
    let among = among.and_then(|example| resolve(root, example).get("value"));
    let of_schema = [schema.get("example"), schema["examples"].get(0), schema.get("default")];
    let allowed = schema.get("const").or_else(|| schema["enum"].get(0)).filter(|_| required);
    [parameter.get("example"), among]
        .into_iter()
        .chain(of_schema)
        .flatten()
        .chain(allowed)
        .find(|value| !value.is_null())
        .cloned()
}

/// The path and query of a request.
fn target(path: &str, parameters: &[Parameter]) -> Result<String, String> {
    let mut target = path.to_owned();
    let mut query = Vec::new();
    for parameter in parameters {
        let Parameter { name, place, .. } = parameter;
        let value = match &parameter.example {
            Some(value) if place != "cookie" => value,
            _ if parameter.required && place == "cookie" => {
                return Err(format!("the cookie {name:?} is required, which no host passes on"));
            }
            _ if parameter.required => {
                return Err(format!(
                    "the {place} parameter {name:?} is required and has no example"
                ));
            }
            _ => continue,
        };
        let odd = || format!("the example of the {place} parameter {name:?} is {value}");
        match place.as_str() {
            "path" => {
                let text = encoded(&plain(value).ok_or_else(odd)?);
                target = target.replace(&format!("{{{name}}}"), &text);
            }
            "query" => {
                let values = match value {
                    Value::Array(values) if parameter.explode => values.as_slice(),
                    value => std::slice::from_ref(value),
                };
                for value in values {
                    let text = plain(value).ok_or_else(odd)?;
                    query.push(format!("{}={}", encoded(name), encoded(&text)));
                }
            }
            "header" => {
                plain(value).ok_or_else(odd)?;
            }
            _ => {}
        }
    }
    if target.contains(['{', '}']) || !target.starts_with('/') {
        return Err(format!("the path {path:?} has parameters that are not described"));
    }
    let visible = target.bytes().all(|byte| byte.is_ascii_graphic());
    if !visible || target.contains(['?', '#']) {
        return Err(format!("the path {path:?} can't be sent as it is"));
    }
    Ok(if query.is_empty() { target } else { format!("{target}?{}", query.join("&")) })
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A value as text, if it has such a form.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Follows references within the document; one that leads nowhere is nothing.
fn resolve<'a>(root: &'a Value, mut value: &'a Value) -> &'a Value {
    for _ in 0..DEPTH {
        match value.get("$ref").and_then(Value::as_str) {
            None => return value,
            Some(reference) => {
                let pointer = reference.strip_prefix('#').unwrap_or_default();
                value = match root.pointer(pointer) {
                    Some(found) if !pointer.is_empty() => found,
                    _ => return &Value::Null,
                };
            }
        }
    }
    &Value::Null
}

/// Whether `path` is one of those that the template with `{parameters}` stands for.
fn covers(template: &str, path: &str) -> bool {
    let [template, path] = [template, path].map(|text| text.split('/').collect::<Vec<_>>());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(template, segment)| {
            let variable = template.starts_with('{') && template.ends_with('}');
            template == segment || variable && !segment.is_empty()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(paths: &Value) -> Document {
        let root = json!({
            "openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths,
            "components": {
                "parameters": {"page": {"name": "page", "in": "query", "example": 2}},
                "responses": {"gone": {"description": "gone"}},
                "schemas": {"Item": {"type": "object", "required": ["id"]}},
            },
        });
        Document::read(&root).unwrap()
    }

    #[test]
    fn targets_are_made_of_examples_and_encoded() {
        let document = document(&json!({
            "/items/{id}": {
                "parameters": [
                    {"name": "id", "in": "path", "example": "a/b c"},
                    {"$ref": "#/components/parameters/page"},
                ],
                "get": {"parameters": [
                    {"name": "tag", "in": "query", "examples": {"x": {"value": ["ä", "&"]}}},
                    {"name": "kind", "in": "query", "required": true, "schema": {"enum": ["one"]}},
                    {"name": "left", "in": "query", "schema": {"enum": ["out"]}},
                    {"name": "x-kind", "in": "header", "schema": {"default": 7}},
                ]},
            },
        }));
        let operation = &document.operations[0];
        let target = operation.target.as_deref();
        assert_eq!(target, Ok("/items/a%2Fb%20c?tag=%C3%A4&tag=%26&kind=one&page=2"));
        assert_eq!(operation.headers, [("x-kind".to_owned(), "7".to_owned())]);
    }

    #[test]
    fn what_can_not_be_requested_says_why() {
        for (paths, why) in [
            (json!({"/a/{id}": {"get": {}}}), "not described"),
            (
                json!({"/a": {"get": {"parameters": [
                {"name": "q", "in": "query", "required": true}]}}}),
                "\"q\" is required",
            ),
            (
                json!({"/a": {"get": {"parameters": [
                {"name": "c", "in": "cookie", "required": true, "example": "x"}]}}}),
                "cookie",
            ),
            (
                json!({"/a": {"get": {"parameters": [
                {"name": "q", "in": "query", "example": {"a": 1}}]}}}),
                "{\"a\":1}",
            ),
            (json!({"a": {"get": {}}}), "not described"),
        ] {
            let reason = document(&paths).operations[0].target.clone().unwrap_err();
            assert!(reason.contains(why), "{reason}");
        }
    }

    #[test]
    fn answers_are_found_by_number_then_class_then_default() {
        let document = document(&json!({"/a": {"get": {"responses": {
            "default": {"n": 0}, "2XX": {"n": 2}, "204": {"n": 204},
            "410": {"$ref": "#/components/responses/gone"},
        }}}}));
        let operation = document.operation("GET", "/a").unwrap();
        let n = |status| operation.response(status).unwrap()["n"].clone();
        assert_eq!([n(204), n(200), n(500)], [json!(204), json!(2), json!(0)]);
        assert_eq!(operation.response(410).unwrap()["description"], "gone");
    }

    #[test]
    fn a_request_is_matched_to_its_operation() {
        let document = document(&json!({"/a/{x}": {"get": {}}, "/a/b": {"get": {}}}));
        let path = |path| document.operation("GET", path).map(|found| found.path.as_str());
        assert_eq!(
            [path("/a/b"), path("/a/c"), path("/a/"), path("/a/c/d")],
            [Some("/a/b"), Some("/a/{x}"), None, None]
        );
        assert!(document.operation("POST", "/a/b").is_none());
    }

    #[test]
    fn schemas_keep_their_references() {
        let document = document(&json!({"/a": {"get": {"responses": {"200": {"content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Item"}},
        }}}}}}));
        let schema = document.schema(&document.operations[0], 200).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        assert!(validator.is_valid(&json!({"id": 1})) && !validator.is_valid(&json!({})));
    }

    #[test]
    fn what_is_no_document_is_said() {
        for (root, why) in [
            (json!({"swagger": "2.0"}), "not a version 3"),
            (json!({"openapi": "3.1.0"}), "`paths` is null"),
        ] {
            assert!(Document::read(&root).unwrap_err().contains(why));
        }
    }
}
