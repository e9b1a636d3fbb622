//! Looking into JSON from outside.

use serde_json::Value;

/// A member that is a text and not empty.
pub(crate) fn filled<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member)?.as_str().filter(|text| !text.is_empty())
}

/// Whether this is an integer of 32 bits with a sign.
pub(crate) fn is_i32(value: &Value) -> bool {
    value.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
}
