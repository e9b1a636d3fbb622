//! JSON of any shape, with a liking for what is almost right.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Texts near the edge of what some field allows, and any other text.
pub(crate) fn edge_text() -> BoxedStrategy<String> {
    let known = [
        "",
        "a",
        "A",
        "-",
        "a-b",
        "a--b",
        "1.0.0",
        "1.0",
        "01.0.0",
        "1.0.0-rc.1+b",
        "/",
        "//",
        "/health",
        "/_temps",
        "/_events/x",
        "/_eventsx",
        "/a/../b",
        "/a/.",
        "/api/x",
        "/api/",
        "*",
        "a.*",
        "a.b",
        ".*",
        "a\n",
        "/a\n",
        "/\u{85}",
        "/\u{feff}",
        "/\u{2028}",
        "platform",
        "project",
        "api_read",
        "api_write",
        "projects_read",
        "request",
        "response",
        "event",
        "manifest",
        "hello",
        "ready",
        "json",
        "multipart",
        "text",
        "binary",
        "GET",
        "get",
        "AA==",
        "AA=",
        "AAE=",
        "{}",
        "null",
        "get_project",
        "generate_ai",
    ];
    prop_oneof![
        3 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        2 => "[a-z0-9A-Z._*/%?#\\\\\"~ +=-]{0,8}",
        1 => "[a-zA-Z0-9_-]{31,33}",
        1 => "[a-z]{63,66}",
        1 => "(0|1|9|01)\\.(0|1|02)\\.(0|3)(-(0|01|a|a\\.b|-|1a))?(\\+(0|01|a\\.|x))?",
        1 => any::<String>(),
    ]
    .boxed()
}

/// Numbers at the edges of the types that fields have. Floats have a fraction or are huge: whether
/// `1.0` is an integer is a question that JSON Schema and serde answer differently.
fn edge_number() -> BoxedStrategy<Value> {
    let edges = vec![
        json!(0),
        json!(-1),
        json!(1),
        json!(2),
        json!(3),
        json!(99),
        json!(100),
        json!(599),
        json!(600),
        json!(0.5),
        json!(-2.5),
        json!(i32::MAX),
        json!(i32::MIN),
        json!(i64::from(i32::MAX) + 1),
        json!(i64::from(i32::MIN) - 1),
        json!(u32::MAX),
        json!(u64::from(u32::MAX) + 1),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(18_446_744_073_709_551_616.0),
        json!(1e30),
        json!(-1e30),
        json!(1e300),
    ];
    prop_oneof![prop::sample::select(edges), any::<i64>().prop_map(Value::from)].boxed()
}

/// Any JSON.
pub(crate) fn edge_json() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        2 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::from),
        3 => edge_number(),
        5 => edge_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        let members = prop::collection::vec((edge_text(), inner.clone()), 0..3);
        prop_oneof![
            prop::collection::vec(inner, 0..3).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}

/// Any JSON that keeps its meaning when it is written and read: everything but `null`, which a
/// missing member means as well.
pub(super) fn any_data() -> BoxedStrategy<Value> {
    edge_json().prop_map(|value| if value.is_null() { json!({}) } else { value }).boxed()
}

/// Any JSON object.
pub(super) fn any_object() -> BoxedStrategy<Value> {
    prop::collection::vec((edge_text(), edge_json()), 0..3)
        .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()))
        .boxed()
}
