//! The wire types as an SDK in another language needs them: read out of the JSON Schema documents,
//! each type once, and none before those it is made of.
//!
//! What the generators could not write faithfully is refused here, with the place it stands at: a
//! keyword that nobody reads must not vanish from an SDK in silence.

mod definitions;
mod read;

use std::fmt;

use serde_json::Value;

/// Everything an SDK's wire types are made from.
#[derive(Debug)]
pub(super) struct Model {
    /// The types, those a type is made of before it.
    pub(super) types: Vec<Type>,
    /// The calls, in the order of the protocol.
    pub(super) calls: Vec<Call>,
    /// The known events with the type of their data, in the order of the protocol.
    pub(super) events: Vec<(String, String)>,
}

/// A call: its method, and the types of its parameters and its result.
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) params: String,
    pub(super) result: String,
    /// Whether the result is a list of that type.
    pub(super) is_list: bool,
}

/// A type with a name.
#[derive(Debug, PartialEq)]
pub(super) struct Type {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) shape: Shape,
}

/// What a type is.
#[derive(Debug, PartialEq)]
pub(super) enum Shape {
    /// An object.
    Object(Vec<Member>),
    /// An object of which the member `tag` tells the form.
    OneOf { tag: String, forms: Vec<Form> },
    /// One of some texts, each with its description.
    Closed(Vec<(String, String)>),
    /// A text, some of which have a meaning.
    Open(Vec<String>),
}

/// One form of a [`Shape::OneOf`].
#[derive(Debug, PartialEq)]
pub(super) struct Form {
    /// The value of the tag.
    pub(super) tag: String,
    pub(super) description: String,
    /// The members besides the tag.
    pub(super) members: Vec<Member>,
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) kind: Kind,
    /// Whether it may be null besides.
    pub(super) is_nullable: bool,
    pub(super) presence: Presence,
}

/// Whether a member must be there, and what a missing one means.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Presence {
    /// Readers refuse an object without it.
    Required,
    /// A missing one means this; writers write it all the same.
    Written(Value),
    /// A missing one means this, and writers leave it out when it is this.
    Omitted(Value),
}

/// What values a member has.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Text {
        min_length: u64,
        max_length: Option<u64>,
        pattern: Option<String>,
    },
    /// An integer between two others, both included.
    Integer(i128, i128),
    Number,
    Flag,
    Anything,
    Many(Box<Kind>),
    Named(String),
    /// A text among the known ones of this [`Shape::Open`].
    Known(String),
}

/// A document holds something that no generator can write.
#[derive(Debug, PartialEq)]
pub(super) struct Unsupported {
    at: String,
    what: String,
}

impl Unsupported {
    pub(super) fn new(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self { at: at.into(), what: what.into() }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

impl std::error::Error for Unsupported {}

impl Model {
    /// Reads the documents, given with their paths below `schema/json`.
    ///
    /// # Errors
    /// When one of them holds what the model has no form for, or two say different things of one
    /// name.
    pub(super) fn of(documents: &[(String, Value)]) -> Result<Self, Unsupported> {
        let definitions = definitions::Definitions::of(documents)?;
        let mut types = Vec::new();
        for name in definitions.names() {
            types.push(read::read_type(&definitions, name)?);
        }
        let (calls, events) = definitions.calls_and_events();
        Ok(Self { types: sorted(types)?, calls, events })
    }

    /// The type of this name.
    pub(super) fn find(&self, name: &str) -> Option<&Type> {
        self.types.iter().find(|found| found.name == name)
    }
}

impl Type {
    /// The types it is made of.
    fn parts(&self) -> Vec<&str> {
        let members: Vec<&Member> = match &self.shape {
            Shape::Object(members) => members.iter().collect(),
            Shape::OneOf { forms, .. } => forms.iter().flat_map(|form| &form.members).collect(),
            Shape::Closed(_) | Shape::Open(_) => Vec::new(),
        };
        members.into_iter().filter_map(|member| member.kind.part()).collect()
    }
}

impl Kind {
    fn part(&self) -> Option<&str> {
        match self {
            Self::Named(name) | Self::Known(name) => Some(name),
            Self::Many(item) => item.part(),
            _ => None,
        }
    }
}

/// Puts every type behind those it is made of, and changes the order no further.
fn sorted(mut waiting: Vec<Type>) -> Result<Vec<Type>, Unsupported> {
    let mut sorted: Vec<Type> = Vec::new();
    while !waiting.is_empty() {
        let is_ready =
            |of: &Type| of.parts().iter().all(|part| sorted.iter().any(|t| t.name == *part));
        let Some(next) = waiting.iter().position(is_ready) else {
            let names: Vec<_> = waiting.iter().map(|t| t.name.as_str()).collect();
            return Err(Unsupported::new(names.join(", "), "types made of each other"));
        };
        sorted.push(waiting.remove(next));
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests;
