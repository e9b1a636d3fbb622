//! The JSON Schema documents generated from the types of this crate.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};

use crate::channel::{HostFrame1, HostFrame2, PluginFrame1, PluginFrame2};
use crate::event::EventPayload;
use crate::handshake::{LaunchConfig, PluginLine};
use crate::{PluginEvent, PluginManifest, calls};

/// Every published document, by its path below `json/`, in a stable order.
///
/// ```
/// let paths: Vec<_> = temps_plugin_schema::json_schemas().into_iter().map(|(path, _)| path).collect();
/// assert!(paths.contains(&"manifest.json".to_owned()));
/// ```
#[must_use]
pub fn json_schemas() -> Vec<(String, Schema)> {
    let mut documents = vec![
        ("manifest.json".to_owned(), document::<PluginManifest>()),
        ("plugin-line.json".to_owned(), document::<PluginLine>()),
        ("launch.json".to_owned(), document::<LaunchConfig>()),
        ("plugin-frame.dialect1.json".to_owned(), document::<PluginFrame1>()),
        ("plugin-frame.dialect2.json".to_owned(), document::<PluginFrame2>()),
        ("host-frame.dialect1.json".to_owned(), document::<HostFrame1>()),
        ("host-frame.dialect2.json".to_owned(), document::<HostFrame2>()),
        ("event.json".to_owned(), document::<PluginEvent>()),
    ];
    for (name, schema) in EventPayload::schemas() {
        documents.push((format!("event-data/{name}.json"), schema));
    }
    for (method, params, result) in calls::schemas() {
        documents.push((format!("calls/{method}.params.json"), params));
        documents.push((format!("calls/{method}.result.json"), result));
    }
    documents
}

/// One document: draft 2020-12, as a reader of the type accepts it.
pub(crate) fn document<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12()
        .with_transform(IntegerBounds)
        .into_generator()
        .into_root_schema_for::<T>()
}

/// Says in numbers what `format` only names: a validator is free to ignore formats, serde is not.
#[derive(Clone)]
struct IntegerBounds;

impl Transform for IntegerBounds {
    fn transform(&mut self, schema: &mut Schema) {
        let bounds: Option<(i64, u64)> = match schema.get("format").and_then(|f| f.as_str()) {
            Some("int32") => Some((i32::MIN.into(), i32::MAX as u64)),
            Some("uint16") => Some((0, u16::MAX.into())),
            Some("uint32") => Some((0, u32::MAX.into())),
            Some("uint64") => Some((0, u64::MAX)),
            _ => None,
        };
        if let Some((low, high)) = bounds {
            if schema.get("minimum").is_none_or(|min| min == 0) {
                schema.insert("minimum".to_owned(), low.into());
            }
            if schema.get("maximum").is_none_or(|max| max == u64::from(u16::MAX)) {
                schema.insert("maximum".to_owned(), high.into());
            }
        }
        transform_subschemas(self, schema);
    }
}
