//! Holding an answer against what the author expects of it: the only place that knows what matches.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, SeqAccess, Unexpected, Visitor};
use serde_json::Value;
use temps_plugin_host::RecordedCall;

use super::file::{Expected, ExpectedCall};
use crate::selection::glob;
use crate::subject::Response;

/// How much of a body is quoted.
const EXCERPT: usize = 200;

/// The statuses that are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(Vec<StatusPattern>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StatusPattern {
    Exactly(u16),
    /// The first digit.
    Class(u16),
}

impl Default for Statuses {
    fn default() -> Self {
        Self(vec![StatusPattern::Class(2)])
    }
}

impl Statuses {
    /// Whether `status` is among them.
    #[must_use]
    pub fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|pattern| match pattern {
            StatusPattern::Exactly(exactly) => *exactly == status,
            StatusPattern::Class(class) => *class == status / 100,
        })
    }

    /// Whether one of them says that the request succeeds.
    #[must_use]
    pub fn mean_success(&self) -> bool {
        self.0.iter().any(|pattern| match pattern {
            StatusPattern::Exactly(status) => (200..400).contains(status),
            StatusPattern::Class(class) => matches!(class, 2 | 3),
        })
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, pattern) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(" or ")?;
            }
            match pattern {
                StatusPattern::Exactly(status) => write!(f, "{status}")?,
                StatusPattern::Class(class) => write!(f, "{class}xx")?,
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StatusesVisitor)
    }
}

struct StatusesVisitor;

impl<'de> Visitor<'de> for StatusesVisitor {
    type Value = Statuses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status from 100 to 599, a class such as \"2xx\", or a list of these")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Statuses, E> {
        match u16::try_from(number) {
            Ok(status @ 100..=599) => Ok(Statuses(vec![StatusPattern::Exactly(status)])),
            _ => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Statuses, E> {
        let class = text.strip_suffix("xx").and_then(|digit| digit.parse().ok());
        match class {
            Some(class @ 1..=5) => Ok(Statuses(vec![StatusPattern::Class(class)])),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Statuses, A::Error> {
        let mut all = Vec::new();
        while let Some(Statuses(some)) = list.next_element()? {
            all.extend(some);
        }
        if all.is_empty() {
            return Err(de::Error::invalid_length(0, &self));
        }
        Ok(Statuses(all))
    }
}

/// One text or several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts(pub Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextsVisitor;
        impl<'de> Visitor<'de> for TextsVisitor {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(Texts(texts))
            }
        }
        deserializer.deserialize_any(TextsVisitor)
    }
}

impl Expected {
    /// Everything in which `response` is not as expected; its calls are another matter.
    #[must_use]
    pub fn unmet(&self, response: &Response) -> Vec<String> {
        let mut unmet = Vec::new();
        if !self.status.contain(response.status) {
            unmet.push(format!(
                "status {}, not {}: {}",
                response.status,
                self.status,
                excerpt(response)
            ));
        }
        for (name, wanted) in &self.headers {
            let values: Vec<_> = response
                .headers
                .get_all(name)
                .iter()
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .collect();
            if values.is_empty() {
                unmet.push(format!("no header {name}"));
            } else if !values.iter().any(|value| glob(wanted, value)) {
                unmet.push(format!("header {name} {:?}, not {wanted:?}", values.join(", ")));
            }
        }
        unmet.extend(self.unmet_json(response));
        let text = response.text();
        for wanted in self.contains.0.iter().filter(|wanted| !text.contains(wanted.as_str())) {
            unmet.push(format!("no {wanted:?} in {}", excerpt(response)));
        }
        for unwanted in self.lacks.0.iter().filter(|unwanted| text.contains(unwanted.as_str())) {
            unmet.push(format!("{unwanted:?} is in the body"));
        }
        unmet
    }

    fn unmet_json(&self, response: &Response) -> Vec<String> {
        if self.json.is_none() && self.json_equals.is_none() && self.absent.is_empty() {
            return Vec::new();
        }
        let seen: Value = match serde_json::from_slice(&response.body) {
            Ok(seen) => seen,
            Err(error) => return vec![format!("no JSON ({error}): {}", excerpt(response))],
        };
        let mut unmet = Vec::new();
        if let Some(wanted) = &self.json {
            unmet.extend(difference(wanted, &seen, ""));
        }
        if let Some(wanted) = &self.json_equals
            && !same(wanted, &seen)
        {
            unmet.push(format!("the JSON {seen}, not {wanted}"));
        }
        for pointer in &self.absent {
            if let Some(found) = seen.pointer(pointer).filter(|found| !found.is_null()) {
                unmet.push(format!("{pointer} is {found}, not absent"));
            }
        }
        unmet
    }

    /// How much of it there is to see besides the status, for evidence.
    #[must_use]
    pub fn details(&self) -> usize {
        self.headers.len()
            + usize::from(self.json.is_some())
            + usize::from(self.json_equals.is_some())
            + self.absent.len()
            + self.contains.0.len()
            + self.lacks.0.len()
    }
}

impl ExpectedCall {
    /// Whether `call` is one like this.
    #[must_use]
    pub fn matches(&self, call: &RecordedCall) -> bool {
        let params = Value::Object(self.params.clone());
        call.method == self.method && difference(&params, &call.params, "").is_none()
    }
}

impl fmt::Display for ExpectedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.method)?;
        if self.params.is_empty() {
            return Ok(());
        }
        write!(f, " {}", Value::Object(self.params.clone()))
    }
}

/// Whether a `content-type` is JSON's.
pub(crate) fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// The beginning of a body, on one line.
pub(crate) fn excerpt(response: &Response) -> String {
    let text: String = response.text().chars().take(EXCERPT).collect();
    if text.is_empty() { "an empty body".to_owned() } else { format!("{text:?}") }
}

/// The first place in which `seen` does not contain `wanted`, and how; none when it does.
fn difference(wanted: &Value, seen: &Value, at: &str) -> Option<String> {
    let place = if at.is_empty() { "the JSON" } else { at };
    match (wanted, seen) {
        (Value::Object(wanted), Value::Object(members)) => {
            wanted.iter().find_map(|(key, wanted)| {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                match members.get(key) {
                    Some(member) => difference(wanted, member, &at),
                    None => Some(format!("there is no {at}")),
                }
            })
        }
        (Value::Array(wanted), Value::Array(elements)) => {
            let mut rest = elements.iter();
            wanted.iter().find_map(|wanted| {
                let found = rest.any(|element| difference(wanted, element, "").is_none());
                (!found).then(|| format!("{place} has no {wanted} in its place: {}", short(seen)))
            })
        }
        _ if same(wanted, seen) => None,
        _ => Some(format!("{place} is {}, not {wanted}", short(seen))),
    }
}

/// A value on one line, cut.
fn short(value: &Value) -> String {
    let text = value.to_string();
    let cut: String = text.chars().take(EXCERPT).collect();
    if cut.len() < text.len() { format!("{cut}…") } else { cut }
}

/// Whether two values are the same JSON: `1` and `1.0` are.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn unmet(expected: &str, response: &Response) -> Vec<String> {
        toml::from_str::<Expected>(expected).unwrap().unmet(response)
    }

    fn response(status: u16, body: &str) -> Response {
        let headers = [("content-type", "application/json; charset=utf-8")];
        let headers = headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let body = bytes::Bytes::copy_from_slice(body.as_bytes());
        Response { status, headers: http::HeaderMap::from_iter(headers), body }
    }

    #[test]
    fn an_answer_as_expected_lacks_nothing() {
        let seen = response(201, r#"{"a":{"b":[1,2,{"c":3,"d":null}],"e":"x"},"f":1.0}"#);
        for expected in [
            "",
            "status = 201",
            "status = '2xx'",
            "status = [404, '2xx']",
            "headers = { content-type = 'application/json*' }",
            "headers = { Content-Type = '*' }",
            "json = { a = { e = 'x' } }",
            "json = { a = { b = [2, { c = 3 }] }, f = 1 }",
            "json = { a = { b = [] } }",
            "json_equals = { f = 1, a = { e = 'x', b = [1, 2, { c = 3 }] } }\nabsent = ['/g']",
            "absent = ['/a/b/2/d', '/a/b/3']",
            "contains = '\"e\"'",
            "contains = ['a', 'b']\nlacks = ['secret']",
        ] {
            // The null can't be written in TOML, so that equality is tried without it.
            let seen = match expected.contains("json_equals") {
                true => response(201, r#"{"a":{"b":[1,2,{"c":3}],"e":"x"},"f":1.0}"#),
                false => seen.clone(),
            };
            assert_eq!(unmet(expected, &seen), Vec::<String>::new(), "{expected}");
        }
    }

    #[test]
    fn what_is_not_as_expected_is_named_with_its_place() {
        let seen = response(404, r#"{"a":{"b":[1,2]},"f":"x"}"#);
        for (expected, named) in [
            ("", "status 404, not 2xx"),
            ("status = [200, 201]", "status 404, not 200 or 201"),
            ("status = 404\nheaders = { etag = '*' }", "no header etag"),
            ("status = 404\nheaders = { content-type = 'text/*' }", "not \"text/*\""),
            ("status = 404\njson = { a = { b = [2, 1] } }", "/a/b has no 1 in its place"),
            ("status = 404\njson = { a = { c = 1 } }", "there is no /a/c"),
            ("status = 404\njson = { f = 'y' }", "/f is \"x\", not \"y\""),
            ("status = 404\njson_equals = { f = 'x' }", "the JSON {"),
            ("status = 404\nabsent = ['/f']", "/f is \"x\", not absent"),
            ("status = 404\ncontains = 'z'", "no \"z\" in"),
            ("status = 404\nlacks = 'x'", "\"x\" is in the body"),
        ] {
            let unmet = unmet(expected, &seen);
            assert_eq!(unmet.len(), 1, "{expected}: {unmet:?}");
            assert!(unmet[0].contains(named), "{expected}: {unmet:?}");
        }
        let text = unmet("json = {}", &response(200, "hello"));
        assert!(text[0].starts_with("no JSON"), "{text:?}");
    }

    #[test]
    fn a_status_that_is_none_is_refused_with_what_is_allowed() {
        for wrong in
            ["status = 99", "status = 'ok'", "status = '6xx'", "status = []", "status = true"]
        {
            let error = toml::from_str::<Expected>(wrong).unwrap_err().to_string();
            assert!(error.contains("a status from 100 to 599"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_call_matches_by_method_and_some_of_its_parameters() {
        let wanted: ExpectedCall =
            toml::from_str("method = 'get_project'\nparams = { project_id = 7 }").unwrap();
        assert_eq!(wanted.to_string(), "get_project {\"project_id\":7}");
        assert!(
            difference(&json!({"project_id": 7}), &json!({"project_id": 7, "x": 1}), "").is_none()
        );
        assert!(difference(&json!({"project_id": 7}), &json!({"project_id": 8}), "").is_some());
    }
}
