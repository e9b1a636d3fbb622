//! Which types the documents hold, by name.

use serde_json::Value;

use super::{Call, Unsupported};

/// Documents of the handshake and the channel: the core speaks these, no author ever sees them.
const OF_THE_CORE: [&str; 6] = [
    "plugin-line.json",
    "launch.json",
    "plugin-frame.dialect1.json",
    "plugin-frame.dialect2.json",
    "host-frame.dialect1.json",
    "host-frame.dialect2.json",
];
/// What authors see of them nevertheless.
const SEEN_OF_THE_CORE: [(&str, &str); 1] = [("host-frame.dialect2.json", "ErrorCode")];

/// The schema of every type, each name once, in the order of the documents.
pub(super) struct Definitions {
    schemas: Vec<(String, Value)>,
    calls: Vec<Call>,
    events: Vec<(String, String)>,
}

impl Definitions {
    pub(super) fn of(documents: &[(String, Value)]) -> Result<Self, Unsupported> {
        let mut all = Self { schemas: Vec::new(), calls: Vec::new(), events: Vec::new() };
        let mut params = String::new();
        for (path, document) in documents {
            if OF_THE_CORE.contains(&path.as_str()) {
                all.add_seen(path, document)?;
                continue;
            }
            let (name, is_list) = all.add_document(path, document)?;
            if let Some(event) = path.strip_prefix("event-data/") {
                all.events.push((without(event, ".json").to_owned(), name));
            } else if path.ends_with(".params.json") {
                params = name;
            } else if let Some(call) = path.strip_prefix("calls/") {
                let method = without(call, ".result.json").to_owned();
                let params = std::mem::take(&mut params);
                all.calls.push(Call { method, params, result: name, is_list });
            }
        }
        Ok(all)
    }

    /// The names of the types.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.schemas.iter().map(|(name, _)| name.as_str())
    }

    /// The schema of a type.
    pub(super) fn schema(&self, name: &str) -> Option<&Value> {
        self.schemas.iter().find(|(found, _)| found == name).map(|(_, schema)| schema)
    }

    /// The open enumeration with exactly these values.
    pub(super) fn open_with(&self, values: &Value) -> Option<&str> {
        let mut found =
            self.schemas.iter().filter(|(_, schema)| schema.get("examples") == Some(values));
        found.next().map(|(name, _)| name.as_str())
    }

    pub(super) fn calls_and_events(self) -> (Vec<Call>, Vec<(String, String)>) {
        (self.calls, self.events)
    }

    /// Adds the types of a document. Answers with the name of what it is about, and whether it is a
    /// list of those.
    fn add_document(
        &mut self,
        path: &str,
        document: &Value,
    ) -> Result<(String, bool), Unsupported> {
        if let Some(Value::Object(parts)) = document.get("$defs") {
            for (name, schema) in parts {
                self.add(path, name, schema.clone())?;
            }
        }
        if document["type"] == "array" {
            let item = document["items"]["$ref"].as_str().and_then(name_of_reference);
            let item =
                item.ok_or_else(|| Unsupported::new(path, "a list of types without name"))?;
            return Ok((item.to_owned(), true));
        }
        let title = document["title"].as_str();
        let name = title.ok_or_else(|| Unsupported::new(path, "a document without title"))?;
        let mut schema = document.clone();
        if let Some(schema) = schema.as_object_mut() {
            schema.retain(|keyword, _| !["$schema", "$defs", "title"].contains(&keyword.as_str()));
        }
        self.add(path, name, schema)?;
        Ok((name.to_owned(), false))
    }

    fn add_seen(&mut self, path: &str, document: &Value) -> Result<(), Unsupported> {
        for (_, name) in SEEN_OF_THE_CORE.iter().filter(|(of, _)| *of == path) {
            let schema = document["$defs"].get(name);
            let schema =
                schema.ok_or_else(|| Unsupported::new(path, format!("no {name} in it")))?;
            self.add(path, name, schema.clone())?;
        }
        Ok(())
    }

    fn add(&mut self, path: &str, name: &str, schema: Value) -> Result<(), Unsupported> {
        match self.schema(name) {
            None => self.schemas.push((name.to_owned(), schema)),
            Some(known) if *known == schema => {}
            Some(_) => {
                let what = format!("{name} is something else here than in a document before");
                return Err(Unsupported::new(path, what));
            }
        }
        Ok(())
    }
}

/// `X` of `#/$defs/X`.
pub(super) fn name_of_reference(reference: &str) -> Option<&str> {
    reference.strip_prefix("#/$defs/")
}

fn without<'a>(text: &'a str, end: &str) -> &'a str {
    text.strip_suffix(end).unwrap_or(text)
}
