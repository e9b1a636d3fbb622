use serde_json::{Value, json};
use temps_plugin_schema::calls::ListDeployments;
use temps_plugin_schema::{PluginEvent, PluginManifest};

use super::*;

fn model(documents: &[(&str, Value)]) -> Result<Model, Unsupported> {
    let owned: Vec<_> = documents.iter().map(|(path, d)| ((*path).to_owned(), d.clone())).collect();
    Model::of(&owned)
}

/// A document about one object.
fn document(title: &str, required: &[&str], properties: Value, parts: Value) -> Value {
    json!({
        "title": title, "type": "object", "description": "An object.",
        "required": required, "properties": properties, "$defs": parts,
    })
}

/// The one member of an object that has this schema.
fn member(schema: Value) -> Result<Member, Unsupported> {
    let parts = json!({
        "Part": { "type": "object" },
        "Level": { "type": "string", "examples": ["low", "high"] },
    });
    let document = document("Whole", &[], json!({ "m": schema }), parts);
    Ok(members(&model(&[("a.json", document)])?, "Whole")[0].clone())
}

fn refusal(schema: Value) -> String {
    member(schema).unwrap_err().to_string()
}

fn published() -> Vec<(String, Value)> {
    crate::schema::documents()
}

fn members<'a>(model: &'a Model, name: &str) -> &'a [Member] {
    match model.find(name).map(|found| &found.shape) {
        Some(Shape::Object(members)) => members,
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn required_members_come_first_and_in_their_order() {
    let text = json!({ "type": "string" });
    let maybe = json!({ "type": ["string", "null"] });
    let properties = json!({ "z": text, "a": text, "y": maybe, "b": maybe });
    let model = model(&[("a.json", document("X", &["z", "a"], properties, json!({})))]).unwrap();
    let names: Vec<_> = members(&model, "X").iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["z", "a", "b", "y"]);
}

#[test]
fn null_is_read_in_both_of_its_forms() {
    let one = member(json!({ "type": ["boolean", "null"] })).unwrap();
    assert_eq!((one.kind, one.is_nullable), (Kind::Flag, true));
    let other = json!({ "anyOf": [{ "$ref": "#/$defs/Part" }, { "type": "null" }] });
    let other = member(other).unwrap();
    assert_eq!((other.kind, other.is_nullable), (Kind::Named("Part".to_owned()), true));
}

#[test]
fn a_default_that_is_written_down_is_written_and_another_is_left_out() {
    let presence = |schema| member(schema).unwrap().presence;
    assert_eq!(
        presence(json!({ "type": ["string", "null"], "default": null })),
        Presence::Written(Value::Null)
    );
    assert_eq!(presence(json!({ "type": ["string", "null"] })), Presence::Omitted(Value::Null));
    assert_eq!(presence(json!({ "type": "boolean" })), Presence::Omitted(json!(false)));
    let list = json!({ "type": "array", "items": { "type": "string" } });
    assert_eq!(presence(list), Presence::Omitted(json!([])));
}

#[test]
fn what_serde_leaves_out_is_what_the_model_calls_omitted() {
    let model = Model::of(&published()).unwrap();
    let event = r#"{"id":"1","event_type":"a.b","timestamp":""}"#;
    let event: PluginEvent = serde_json::from_str(event).unwrap();
    let list = ListDeployments { project_id: 1, environment_id: None, limit: None };
    let manifest = PluginManifest::builder("a", "1.0.0").build();
    let written = [
        ("PluginManifest", serde_json::to_value(manifest).unwrap()),
        ("PluginEvent", serde_json::to_value(event).unwrap()),
        ("ListDeployments", serde_json::to_value(list).unwrap()),
    ];
    for (name, written) in written {
        for member in members(&model, name) {
            let is_omitted = matches!(member.presence, Presence::Omitted(_));
            assert_eq!(written.get(&member.name).is_none(), is_omitted, "{name}.{}", member.name);
            if let Presence::Written(default) = &member.presence {
                assert_eq!(written[&member.name], *default, "{name}.{}", member.name);
            }
        }
    }
}

#[test]
fn types_stand_behind_those_they_are_made_of() {
    let model = Model::of(&published()).unwrap();
    for (i, found) in model.types.iter().enumerate() {
        for part in found.parts() {
            let at = model.types.iter().position(|t| t.name == part).unwrap();
            assert!(at < i, "{} stands before {part}", found.name);
        }
    }
}

#[test]
fn an_enumeration_without_name_gets_that_of_the_open_one_with_its_values() {
    let kind = member(json!({ "type": "string", "enum": ["low", "high"], "default": "low" }));
    assert_eq!(kind.unwrap().kind, Kind::Known("Level".to_owned()));
    let other = refusal(json!({ "type": "string", "enum": ["low"], "default": "low" }));
    assert!(other.starts_with("Whole.m: an enumeration without name"), "{other}");
}

#[test]
fn forms_are_told_apart_by_their_constant() {
    let form = |tag: &str| {
        json!({
            "type": "object", "description": "A form.", "required": ["kind", "value"],
            "properties": { "kind": { "type": "string", "const": tag }, "value": { "type": "string" } },
        })
    };
    let parts = json!({ "Body": { "oneOf": [form("a"), form("b")] } });
    let body = json!({ "body": { "$ref": "#/$defs/Body" } });
    let model = model(&[("a.json", document("X", &["body"], body, parts))]).unwrap();
    let Some(Shape::OneOf { tag, forms }) = model.find("Body").map(|found| &found.shape) else {
        panic!("{model:?}");
    };
    assert_eq!(tag, "kind");
    let of = |form: &Form| (form.tag.clone(), form.members.len(), form.members[0].name.clone());
    let forms: Vec<_> = forms.iter().map(of).collect();
    assert_eq!(forms, [("a".into(), 1, "value".into()), ("b".into(), 1, "value".into())]);
}

#[test]
fn forms_with_different_tags_are_refused() {
    let form = |tag: &str| json!({ "type": "object", "properties": { tag: { "const": "a" } } });
    let parts = json!({ "Body": { "oneOf": [form("kind"), form("type")] } });
    let error = model(&[("a.json", document("X", &[], json!({}), parts))]).unwrap_err();
    assert!(error.to_string().contains(r#"["kind", "type"]"#), "{error}");
}

#[test]
fn what_has_no_form_is_refused_with_its_place() {
    for (schema, part) in [
        (
            json!({ "type": "string", "default": "", "contentEncoding": "base64" }),
            "contentEncoding",
        ),
        (json!({ "type": "string", "default": "", "pattern": "^a" }), "between ^ and $"),
        (json!({ "type": "string" }), "neither required"),
        (json!({ "type": "integer", "default": 0, "minimum": 0 }), "without maximum"),
        (json!({ "type": "object" }), "without a name"),
        (json!({ "$ref": "#/$defs/Nobody" }), "nowhere"),
        (json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] }), "choice"),
        (json!({ "type": ["string", "integer"] }), "the type"),
    ] {
        let error = refusal(schema.clone());
        assert!(error.starts_with("Whole.m") && error.contains(part), "{schema}: {error}");
    }
}

#[test]
fn one_name_means_one_thing() {
    let parts = |kind: &str| json!({ "Part": { "type": "object", "description": kind } });
    let first = document("A", &[], json!({}), parts("a"));
    let second = document("B", &[], json!({}), parts("b"));
    assert!(model(&[("a.json", first.clone()), ("b.json", first.clone())]).is_ok());
    let error = model(&[("a.json", first), ("b.json", second)]).unwrap_err();
    assert!(error.to_string().starts_with("b.json: Part is something else"), "{error}");
}

#[test]
fn types_made_of_each_other_are_refused() {
    let part = |of: &str| {
        let whole = json!({ "$ref": format!("#/$defs/{of}") });
        json!({ "type": "object", "required": ["m"], "properties": { "m": whole } })
    };
    let parts = json!({ "Egg": part("Hen"), "Hen": part("Egg") });
    let error = model(&[("a.json", document("X", &[], json!({}), parts))]).unwrap_err();
    assert_eq!(error.to_string(), "Egg, Hen: types made of each other");
}

#[test]
fn calls_and_events_are_those_of_the_protocol() {
    use temps_plugin_schema::{calls, event};
    let model = Model::of(&published()).unwrap();
    let methods: Vec<_> = model.calls.iter().map(|call| call.method.as_str()).collect();
    let known: Vec<_> = calls::Method::ALL.iter().map(|method| method.as_str()).collect();
    assert_eq!(methods, known);
    let (params, result) = ("ListProjects".to_owned(), "Project".to_owned());
    let method = "list_projects".to_owned();
    assert_eq!(model.calls[1], Call { method, params, result, is_list: true });
    let events: Vec<_> = model.events.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(events, event::KNOWN_EVENTS);
}

#[test]
fn of_the_core_only_what_authors_see_is_there() {
    let model = Model::of(&published()).unwrap();
    assert!(
        matches!(&model.find("ErrorCode").unwrap().shape, Shape::Open(codes) if codes.len() == 6)
    );
    for name in ["LaunchConfig", "Secret", "ErrorBody", "Ready", "HostFrame2"] {
        assert!(model.find(name).is_none(), "{name}");
    }
}
