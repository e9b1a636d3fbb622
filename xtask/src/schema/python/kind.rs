//! Kinds of values as Python: the expression that reads them, and their types.

use serde_json::Value;

use super::names;
use super::patterns::Patterns;
use super::text::quoted;
use crate::schema::model::{Kind, Model, Shape, Unsupported};

/// The Python name of the default that no caller can give.
pub(super) const MISSING: &str = "MISSING";

/// The expression for a kind of values.
pub(super) fn expression(
    kind: &Kind,
    model: &Model,
    patterns: &Patterns,
    at: &str,
) -> Result<String, Unsupported> {
    Ok(match kind {
        Kind::Text { min_length, max_length, pattern } => {
            let mut limits = Vec::new();
            if *min_length > 0 {
                limits.push(format!("min_length={min_length}"));
            }
            limits.extend(max_length.map(|max| format!("max_length={max}")));
            if let Some(pattern) = pattern {
                limits.push(format!("pattern={}", patterns.name(pattern, at)?));
            }
            match limits.as_slice() {
                [] => "TEXT".to_owned(),
                limits => format!("Text({})", limits.join(", ")),
            }
        }
        Kind::Integer(low, high) => integer(*low, *high),
        Kind::Number => "NUMBER".to_owned(),
        Kind::Flag => "FLAG".to_owned(),
        Kind::Anything => "ANYTHING".to_owned(),
        Kind::Many(item) => format!("Many({})", expression(item, model, patterns, at)?),
        Kind::Known(name) => format!("Choice({})", names::values(name)),
        Kind::Named(name) => match model.find(name).map(|found| &found.shape) {
            Some(Shape::Object(_)) => format!("Nested({name})"),
            Some(Shape::OneOf { .. }) => names::one_of(name),
            Some(Shape::Closed(_)) => format!("Choice({})", names::values(name)),
            Some(Shape::Open(_)) => "TEXT".to_owned(),
            None => return Err(Unsupported::new(at, format!("{name} is nowhere"))),
        },
    })
}

fn integer(low: i128, high: i128) -> String {
    let is = |min: i128, max: i128| (low, high) == (min, max);
    if is(i32::MIN.into(), i32::MAX.into()) {
        "INT32".to_owned()
    } else if is(0, u32::MAX.into()) {
        "UINT32".to_owned()
    } else if is(0, u64::MAX.into()) {
        "UINT64".to_owned()
    } else {
        format!("Integer({low}, {high})")
    }
}

/// What a constructor takes.
pub(super) fn parameter_type(kind: &Kind) -> String {
    match kind {
        Kind::Many(item) => format!("Iterable[{}]", attribute_type(item)),
        other => attribute_type(other),
    }
}

/// What an attribute holds.
pub(super) fn attribute_type(kind: &Kind) -> String {
    match kind {
        Kind::Text { .. } => "str".to_owned(),
        Kind::Integer(..) => "int".to_owned(),
        Kind::Number => "float".to_owned(),
        Kind::Flag => "bool".to_owned(),
        Kind::Anything => "Any".to_owned(),
        Kind::Many(item) => format!("list[{}]", attribute_type(item)),
        Kind::Named(name) => name.clone(),
        Kind::Known(name) => names::known(name),
    }
}

/// A default, as it is written in the places that need it.
pub(super) struct Default {
    pub(super) in_table: String,
    pub(super) in_signature: String,
}

pub(super) fn default(value: &Value, at: &str) -> Result<Default, Unsupported> {
    let literal = match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) if items.is_empty() => {
            return Ok(Default { in_table: "[]".to_owned(), in_signature: "()".to_owned() });
        }
        // None would be a value like any other where an object is one of many.
        Value::Object(members) if members.is_empty() => {
            return Ok(Default { in_table: "{}".to_owned(), in_signature: MISSING.to_owned() });
        }
        _ => return Err(Unsupported::new(at, format!("the default {value}"))),
    };
    Ok(Default { in_table: literal.clone(), in_signature: literal })
}
