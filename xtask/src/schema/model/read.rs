//! From the schema of one type to the type.

use serde_json::{Map, Value};

use super::definitions::{Definitions, name_of_reference};
use super::{Form, Kind, Member, Presence, Shape, Type, Unsupported};

type Object = Map<String, Value>;

/// Reads the type of this name.
pub(super) fn read_type(definitions: &Definitions, name: &str) -> Result<Type, Unsupported> {
    let schema = object(definitions.schema(name), name)?;
    let reader = Reader { definitions };
    let description = description(schema);
    Ok(Type { name: name.to_owned(), description, shape: reader.shape(schema, name)? })
}

struct Reader<'a> {
    definitions: &'a Definitions,
}

impl Reader<'_> {
    fn shape(&self, schema: &Object, at: &str) -> Result<Shape, Unsupported> {
        if let Some(Value::Array(forms)) = schema.get("oneOf") {
            only(schema, &["oneOf"], at)?;
            return match forms.first().and_then(|form| form.get("const")) {
                Some(_) => closed(forms, at),
                None => self.one_of(forms, at),
            };
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => Ok(Shape::Object(self.members(schema, None, at)?)),
            Some("string") => {
                only(schema, &["type", "examples"], at)?;
                Ok(Shape::Open(texts(schema.get("examples"), at)?))
            }
            _ => Err(Unsupported::new(at, "a type that is neither object nor enumeration")),
        }
    }

    /// Objects told apart by the one member that has a constant in each of them.
    fn one_of(&self, schemas: &[Value], at: &str) -> Result<Shape, Unsupported> {
        let mut forms = Vec::new();
        let mut tags = Vec::new();
        for (i, schema) in schemas.iter().enumerate() {
            let at = format!("{at}, form {i}");
            let schema = object(Some(schema), &at)?;
            let properties = object(schema.get("properties"), &at)?;
            let constant = properties.iter().find(|(_, property)| property.get("const").is_some());
            let (tag, property) = constant.ok_or_else(|| Unsupported::new(&at, "no constant"))?;
            only(object(Some(property), &at)?, &["const", "type"], &at)?;
            forms.push(Form {
                tag: text(&property["const"], &at)?,
                description: description(schema),
                members: self.members(schema, Some(tag), &at)?,
            });
            tags.push(tag.clone());
        }
        tags.dedup();
        match <[String; 1]>::try_from(tags) {
            Ok([tag]) => Ok(Shape::OneOf { tag, forms }),
            Err(tags) => Err(Unsupported::new(at, format!("forms with the tags {tags:?}"))),
        }
    }

    /// The members of an object but for `tag`: those it must have in their order, then the others in
    /// theirs.
    fn members(
        &self,
        schema: &Object,
        tag: Option<&String>,
        at: &str,
    ) -> Result<Vec<Member>, Unsupported> {
        only(schema, &["type", "properties", "required"], at)?;
        let required = texts(schema.get("required"), at)?;
        let none = Object::new();
        let properties = match schema.get("properties") {
            None => &none,
            properties => object(properties, at)?,
        };
        let optional = properties.keys().filter(|name| !required.contains(name));
        let names = required.iter().chain(optional).filter(|name| tag != Some(*name));
        names
            .map(|name| {
                let at = format!("{at}.{name}");
                let property = object(properties.get(name), &at)?;
                self.member(name, property, required.contains(name), &at)
            })
            .collect()
    }

    fn member(
        &self,
        name: &str,
        schema: &Object,
        is_required: bool,
        at: &str,
    ) -> Result<Member, Unsupported> {
        let (kind, is_nullable) = self.kind_or_null(schema, at)?;
        let presence = match (is_required, schema.get("default")) {
            (true, _) => Presence::Required,
            (false, Some(default)) => Presence::Written(default.clone()),
            // A default that writers leave out is in no document: serde would not write it.
            (false, None) => Presence::Omitted(empty(&kind, is_nullable, at)?),
        };
        let description = description(schema);
        Ok(Member { name: name.to_owned(), description, kind, is_nullable, presence })
    }

    fn kind_or_null(&self, schema: &Object, at: &str) -> Result<(Kind, bool), Unsupported> {
        let null = serde_json::json!({ "type": "null" });
        if let Some(choice) = schema.get("anyOf") {
            only(schema, &["anyOf", "default"], at)?;
            return match choice.as_array().map(Vec::as_slice) {
                Some([schema, other]) if *other == null => {
                    Ok((self.kind(object(Some(schema), at)?, at)?, true))
                }
                _ => Err(Unsupported::new(at, "a choice of anything but one type and null")),
            };
        }
        match schema.get("type") {
            Some(Value::Array(types)) if types.len() == 2 && types[1] == "null" => {
                let mut schema = schema.clone();
                schema.insert("type".to_owned(), types[0].clone());
                Ok((self.kind(&schema, at)?, true))
            }
            _ => Ok((self.kind(schema, at)?, false)),
        }
    }

    fn kind(&self, schema: &Object, at: &str) -> Result<Kind, Unsupported> {
        if let Some(reference) = schema.get("$ref") {
            only(schema, &["$ref", "default"], at)?;
            let name = reference.as_str().and_then(name_of_reference);
            let known = name.filter(|name| self.definitions.schema(name).is_some());
            let name =
                known.ok_or_else(|| Unsupported::new(at, format!("{reference} is nowhere")))?;
            return Ok(Kind::Named(name.to_owned()));
        }
        match schema.get("type") {
            None => only(schema, &["default"], at).map(|()| Kind::Anything),
            Some(Value::String(name)) => self.kind_of_type(name, schema, at),
            Some(other) => Err(Unsupported::new(at, format!("the type {other}"))),
        }
    }

    fn kind_of_type(&self, name: &str, schema: &Object, at: &str) -> Result<Kind, Unsupported> {
        match name {
            "string" => self.text(schema, at),
            "integer" => {
                only(schema, &["type", "default", "format", "minimum", "maximum"], at)?;
                Ok(Kind::Integer(bound(schema, "minimum", at)?, bound(schema, "maximum", at)?))
            }
            "number" => {
                only(schema, &["type", "default", "format"], at)?;
                Ok(Kind::Number)
            }
            "boolean" => only(schema, &["type", "default"], at).map(|()| Kind::Flag),
            "array" => {
                only(schema, &["type", "default", "items"], at)?;
                let at = format!("{at}[]");
                let item = self.kind(object(schema.get("items"), &at)?, &at)?;
                Ok(Kind::Many(Box::new(item)))
            }
            other => Err(Unsupported::new(at, format!("the type {other:?} without a name"))),
        }
    }

    fn text(&self, schema: &Object, at: &str) -> Result<Kind, Unsupported> {
        if let Some(values) = schema.get("enum") {
            only(schema, &["type", "default", "enum"], at)?;
            let name = self.definitions.open_with(values);
            let name = name.ok_or_else(|| {
                Unsupported::new(at, "an enumeration without name whose values no type has")
            })?;
            return Ok(Kind::Known(name.to_owned()));
        }
        only(schema, &["type", "default", "minLength", "maxLength", "pattern"], at)?;
        let pattern = schema.get("pattern").map(|pattern| text(pattern, at)).transpose()?;
        // Languages differ in what an unanchored pattern has to match.
        if pattern.as_ref().is_some_and(|p| !(p.starts_with('^') && p.ends_with('$'))) {
            return Err(Unsupported::new(at, "a pattern that is not between ^ and $"));
        }
        let length = |keyword| schema.get(keyword).and_then(Value::as_u64);
        let (min_length, max_length) = (length("minLength").unwrap_or(0), length("maxLength"));
        Ok(Kind::Text { min_length, max_length, pattern })
    }
}

fn closed(forms: &[Value], at: &str) -> Result<Shape, Unsupported> {
    let value = |form: &Value| {
        let form = object(Some(form), at)?;
        only(form, &["const", "type"], at)?;
        Ok((text(form.get("const").unwrap_or(&Value::Null), at)?, description(form)))
    };
    Ok(Shape::Closed(forms.iter().map(value).collect::<Result<_, _>>()?))
}

/// What a member means that is missing and has no default in the schema.
fn empty(kind: &Kind, is_nullable: bool, at: &str) -> Result<Value, Unsupported> {
    match kind {
        _ if is_nullable => Ok(Value::Null),
        Kind::Flag => Ok(Value::Bool(false)),
        Kind::Many(_) => Ok(Value::Array(Vec::new())),
        _ => Err(Unsupported::new(at, "neither required nor null nor with a default")),
    }
}

/// Refuses keywords that nobody reads. A description may stand everywhere.
fn only(schema: &Object, keywords: &[&str], at: &str) -> Result<(), Unsupported> {
    let is_read = |keyword: &str| keyword == "description" || keywords.contains(&keyword);
    match schema.keys().find(|keyword| !is_read(keyword)) {
        Some(keyword) => {
            Err(Unsupported::new(at, format!("the keyword {keyword:?} is not read here")))
        }
        None => Ok(()),
    }
}

fn object<'a>(schema: Option<&'a Value>, at: &str) -> Result<&'a Object, Unsupported> {
    schema.and_then(Value::as_object).ok_or_else(|| Unsupported::new(at, "no schema"))
}

fn description(schema: &Object) -> String {
    schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn text(value: &Value, at: &str) -> Result<String, Unsupported> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| Unsupported::new(at, format!("{value}, where a text is read")))
}

fn texts(value: Option<&Value>, at: &str) -> Result<Vec<String>, Unsupported> {
    let values = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    values.iter().map(|value| text(value, at)).collect()
}

fn bound(schema: &Object, keyword: &str, at: &str) -> Result<i128, Unsupported> {
    let value = schema.get(keyword).and_then(Value::as_number);
    value
        .and_then(serde_json::Number::as_i128)
        .ok_or_else(|| Unsupported::new(at, format!("an integer without {keyword}")))
}
