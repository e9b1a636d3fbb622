//! The Python names of what a model holds.

use super::text::{pascal, plural, screaming};
use crate::schema::model::Unsupported;

/// Words that cannot be names, and attributes that every class has already.
const TAKEN: [&str; 39] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "self", "try",
    "while", "with", "yield", "raw", "to_json", "validate",
];

/// Refuses a member that cannot be an attribute under its own name.
pub(super) fn check_member(class: &str, name: &str) -> Result<(), Unsupported> {
    let is_word = name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric());
    let is_public = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_word && is_public && !TAKEN.contains(&name) && name != "from_json" {
        return Ok(());
    }
    Err(Unsupported::new(format!("{class}.{name}"), "a member with a name Python has no room for"))
}

/// The tuple of an enumeration's values: `NAV_SECTIONS` of `NavSection`.
pub(super) fn values(of: &str) -> String {
    plural(&screaming(of))
}

/// The type of an open enumeration's known values: `KnownErrorCode` of `ErrorCode`.
pub(super) fn known(of: &str) -> String {
    format!("Known{of}")
}

/// The kind that tells the forms of a type apart: `_API_BODY` of `ApiBody`.
pub(super) fn one_of(of: &str) -> String {
    format!("_{}", screaming(of))
}

/// The class of one form of a type: `ApiBodyJson` of `ApiBody` and `json`.
pub(super) fn form(of: &str, tag: &str) -> String {
    format!("{of}{}", pascal(tag))
}

/// The constant that holds the pattern of a member.
pub(super) fn pattern(class: &str, member: &str) -> String {
    format!("_{}_{}", screaming(class), member.to_uppercase())
}
