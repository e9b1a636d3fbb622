//! What a case sends: bytes with places that are filled in when they are sent, and JSON that may be
//! written in ways no serializer would.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A piece of what is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// This text.
    Text(String),
    /// These bytes, which are no UTF-8.
    Bytes(#[serde(with = "in_base64")] Vec<u8>),
    /// This text so many times, so that large things stay small in a case.
    Repeat(String, u32),
    /// The secret of this start, or a stand-in where the plugin could take it for something else.
    Secret,
    /// The directory of this start.
    Dir,
    /// The URL of the database.
    Database,
    /// The id of the oldest call that the plugin waits for, 1 when it waits for none.
    CallId,
    /// The method of that call.
    CallMethod,
}

/// What the places in a [`Part`] are filled with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fill<'a> {
    pub(crate) secret: &'a str,
    pub(crate) dir: &'a str,
    pub(crate) database: &'a str,
    pub(crate) call: Option<(u64, &'a str)>,
}

/// Bytes to send.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Blob(pub Vec<Part>);

impl From<&str> for Blob {
    fn from(text: &str) -> Self {
        Self(vec![Part::Text(text.to_owned())])
    }
}

impl From<String> for Blob {
    fn from(text: String) -> Self {
        Self(vec![Part::Text(text)])
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self(vec![Part::of(bytes)])
    }
}

impl Part {
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Bytes(error.into_bytes()),
        }
    }

    /// The bytes of a part that nothing has to be filled into.
    pub(crate) fn literal(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn write(&self, fill: &Fill<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Repeat(unit, times) => {
                out.append(&mut unit.as_bytes().repeat(*times as usize));
            }
            Self::Secret => out.extend_from_slice(fill.secret.as_bytes()),
            Self::Dir => out.extend_from_slice(fill.dir.as_bytes()),
            Self::Database => out.extend_from_slice(fill.database.as_bytes()),
            Self::CallId => {
                let id = fill.call.map_or(1, |(id, _)| id);
                out.extend_from_slice(id.to_string().as_bytes());
            }
            Self::CallMethod => {
                let method = fill.call.map_or("get_project", |(_, method)| method);
                out.extend_from_slice(method.as_bytes());
            }
        }
    }
}

impl Blob {
    /// These parts, one after the other.
    pub(crate) fn of(parts: impl IntoIterator<Item = Part>) -> Self {
        Self(parts.into_iter().collect())
    }

    fn push_text(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Part::Text(last)) => last.push_str(text),
            _ => self.0.push(Part::Text(text.to_owned())),
        }
    }

    pub(crate) fn write(&self, fill: &Fill<'_>, out: &mut Vec<u8>) {
        for part in &self.0 {
            part.write(fill, out);
        }
    }

    pub(crate) fn bytes(&self, fill: &Fill<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(fill, &mut out);
        out
    }
}

/// JSON as a tree that keeps what a map would lose: order, repeated members, odd spellings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Json {
    /// Written as it is: a number, `null`, a place to fill in, or something that is no JSON at all.
    Raw(Blob),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::raw(&value.to_string()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(members) => Self::Object(
                members.iter().map(|(name, value)| (name.clone(), Self::from(value))).collect(),
            ),
        }
    }
}

impl Json {
    pub(crate) fn raw(text: &str) -> Self {
        Self::Raw(text.into())
    }

    /// A text with a place in it.
    pub(crate) fn quoted(part: Part) -> Self {
        let quote = || Part::Text("\"".into());
        Self::Raw(Blob::of([quote(), part, quote()]))
    }

    /// The document as it is written.
    pub(crate) fn to_blob(&self) -> Blob {
        let mut blob = Blob::default();
        self.append_to(&mut blob);
        blob
    }

    fn append_to(&self, blob: &mut Blob) {
        match self {
            Self::Raw(raw) => {
                for part in &raw.0 {
                    match part {
                        Part::Text(text) => blob.push_text(text),
                        other => blob.0.push(other.clone()),
                    }
                }
            }
            Self::Text(text) => blob.push_text(&quoted(text)),
            Self::List(items) => {
                blob.push_text("[");
                for (i, item) in items.iter().enumerate() {
                    blob.push_text(if i > 0 { "," } else { "" });
                    item.append_to(blob);
                }
                blob.push_text("]");
            }
            Self::Object(members) => {
                blob.push_text("{");
                for (i, (name, value)) in members.iter().enumerate() {
                    blob.push_text(if i > 0 { "," } else { "" });
                    blob.push_text(&quoted(name));
                    blob.push_text(":");
                    value.append_to(blob);
                }
                blob.push_text("}");
            }
        }
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// What a request or a frame carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payload {
    /// JSON, more or less.
    Json(Json),
    /// Anything.
    Blob(Blob),
}

impl Default for Payload {
    fn default() -> Self {
        Self::Blob(Blob::default())
    }
}

impl Payload {
    pub(crate) fn bytes(&self, fill: &Fill<'_>) -> Vec<u8> {
        match self {
            Self::Json(json) => json.to_blob().bytes(fill),
            Self::Blob(blob) => blob.bytes(fill),
        }
    }
}

/// Bytes that are no UTF-8 within a document that is.
mod in_base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILL: Fill<'_> = Fill { secret: "s3", dir: "/d", database: "db", call: Some((7, "m")) };

    #[test]
    fn places_are_filled_in() {
        let blob = Blob::of([
            Part::Secret,
            Part::Dir,
            Part::Repeat("ab".into(), 2),
            Part::CallId,
            Part::CallMethod,
            Part::Bytes(vec![255]),
        ]);
        assert_eq!(blob.bytes(&FILL), b"s3/dabab7m\xff");
        let nobody = Fill { call: None, ..FILL };
        assert_eq!(Blob::of([Part::CallId]).bytes(&nobody), b"1");
    }

    #[test]
    fn json_keeps_order_and_repeated_members() {
        let json = Json::Object(vec![
            ("b".into(), Json::raw("1e999")),
            ("b".into(), Json::Text("\u{0}\"".into())),
            ("a".into(), Json::List(vec![Json::quoted(Part::Secret)])),
        ]);
        let text = Payload::Json(json).bytes(&FILL);
        assert_eq!(text, br#"{"b":1e999,"b":"\u0000\"","a":["s3"]}"#);
    }
}
