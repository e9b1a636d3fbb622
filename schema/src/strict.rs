//! Objects are objects and names are texts.
//!
//! What `serde` derives also takes `["shop", "1.0.0"]` for a struct and `{"platform": null}` for an
//! enum. No other language would, and the JSON Schema does not; the functions here refuse both.

use serde::de::{Deserialize, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::validate::DecodeError;

/// One whole message: UTF-8, a JSON object, and nothing behind it but blanks.
pub(crate) fn message<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, DecodeError> {
    // serde_json leaves texts of members that are skipped unchecked.
    let text = std::str::from_utf8(bytes)
        .map_err(|error| DecodeError::Shape(serde_json::Error::custom(error)))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let value = one(&mut json).map_err(DecodeError::Shape)?;
    json.end().map_err(DecodeError::Shape)?;
    Ok(value)
}

/// A struct from an object, or an enum without data from a text.
pub(crate) fn one<'de, D: Deserializer<'de>, T: Deserialize<'de>>(json: D) -> Result<T, D::Error> {
    T::deserialize(Strict(json))
}

/// [`one`], or `null`.
pub(crate) fn maybe<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    json: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::<One<T>>::deserialize(json)?.map(|One(value)| value))
}

/// A list of [`one`].
pub(crate) fn many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    json: D,
) -> Result<Vec<T>, D::Error> {
    let values = Vec::<One<T>>::deserialize(json)?;
    Ok(values.into_iter().map(|One(value)| value).collect())
}

struct One<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for One<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        one(json).map(One)
    }
}

/// Lets through an object, or a text where an enum is asked for.
struct Strict<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let text = String::deserialize(self.0)?;
        visitor.visit_enum(text.into_deserializer())
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use crate::calls::Call;
    use crate::channel::{HostFrame1, HostFrame2, PluginFrame2};
    use crate::handshake::LaunchConfig;
    use crate::{PluginManifest, Wire};

    #[test]
    fn a_list_is_no_object_at_any_level() {
        let secret = "a".repeat(32);
        assert!(
            LaunchConfig::from_json(format!(r#"[2,"{secret}",null,null]"#).as_bytes()).is_err()
        );
        let nav = br#"{"name":"a","version":"1.0.0","nav":[["l","i","platform","/x",1]]}"#;
        assert!(PluginManifest::from_json(nav).is_err());
        let event = br#"{"type":"event","event":["i","t","s"]}"#;
        assert!(HostFrame1::from_json(event).is_err() && HostFrame2::from_json(event).is_err());
        assert!(PluginFrame2::from_json(br#"{"type":"request","id":1,"call":["m",{}]}"#).is_err());
        assert!(PluginFrame2::from_json(br#"["request",1,{"method":"m"}]"#).is_err());
        assert!(Call::from_parts("list_projects", serde_json::json!([])).is_err());
    }

    #[test]
    fn an_object_is_no_name() {
        let section = br#"{"name":"a","version":"1.0.0",
            "nav":[{"label":"l","icon":"i","section":{"platform":null},"path":"/x","order":1}]}"#;
        assert!(PluginManifest::from_json(section).is_err());
        let capability = br#"{"name":"a","version":"1.0.0","capabilities":[{"api_read":null}]}"#;
        assert!(PluginManifest::from_json(capability).is_err());
    }

    #[test]
    fn bad_utf_8_is_refused_where_nobody_looks() {
        let skipped = b"{\"name\":\"a\",\"version\":\"1.0.0\",\"unknown\":\"\xff\"}";
        assert!(PluginManifest::from_json(skipped).is_err());
    }
}
