//! What holds for every message of every kind, not only for those that somebody has thought of.

#![allow(clippy::unwrap_used, reason = "the helpers are part of the tests")]

mod support {
    pub(crate) mod kinds;
    pub(crate) mod strategies;
}

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use serde_json::{Value, json};
use support::kinds::{Kind, is_beyond_schema, kinds};
use support::strategies::{edge_json, edge_text, messages};
use temps_plugin_schema::EventPattern;

/// Runs `property` on messages of every kind, each together with a value of `with`.
fn for_every_kind<T: std::fmt::Debug>(
    cases: u32,
    with: impl Strategy<Value = T> + Clone,
    property: impl Fn(&Kind, Value, T) -> TestCaseResult,
) {
    for kind in kinds() {
        let mut runner =
            TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let values = (messages(&kind.name), with.clone());
        let verdict = runner.run(&values, |(message, with)| property(&kind, message, with));
        if let Err(error) = verdict {
            panic!("{}: {error}", kind.name);
        }
    }
}

/// JSON pointers to every value in `message`, the whole of it included.
fn pointers(message: &Value) -> Vec<String> {
    fn walk(value: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        let below = |key: &str| format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    walk(value, &below(key), found);
                }
            }
            Value::Array(items) => {
                for (i, value) in items.iter().enumerate() {
                    walk(value, &below(&i.to_string()), found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(message, "", &mut found);
    found
}

#[test]
fn every_value_survives_the_wire_and_is_valid() {
    for_every_kind(64, Just(()), |kind, message, ()| {
        let read = kind.read(message.to_string().as_bytes());
        prop_assert_eq!(read.as_ref(), Ok(&message));
        prop_assert!(kind.schema_accepts(&message), "not valid: {message}");
        Ok(())
    });
}

/// One change to a message.
#[derive(Debug, Clone)]
enum Change {
    Replace(Value),
    Remove,
    WrapInList,
    ListMembers,
}

fn changes() -> impl Strategy<Value = Change> + Clone {
    prop_oneof![
        8 => edge_json().prop_map(Change::Replace),
        2 => Just(Change::Remove),
        1 => Just(Change::WrapInList),
        1 => Just(Change::ListMembers),
    ]
    .boxed()
}

impl Change {
    fn apply(self, message: &mut Value, at: &str) {
        if let Self::Remove = self {
            let Some((parent, key)) = at.rsplit_once('/') else {
                return;
            };
            let key = key.replace("~1", "/").replace("~0", "~");
            match message.pointer_mut(parent) {
                Some(Value::Object(members)) => drop(members.remove(&key)),
                Some(Value::Array(items)) => drop(items.pop()),
                _ => {}
            }
            return;
        }
        let value = message.pointer_mut(at).unwrap();
        *value = match (self, value.take()) {
            (Self::Replace(other), _) => other,
            (Self::ListMembers, Value::Object(members)) => {
                members.into_iter().map(|(_, value)| value).collect()
            }
            (_, value) => json!([value]),
        };
    }
}

#[test]
fn types_and_schema_agree_on_garbled_messages() {
    let with = (any::<Index>(), changes());
    for_every_kind(160, with, |kind, mut message, (index, change)| {
        let pointers = pointers(&message);
        let at: &String = index.get(&pointers);
        change.apply(&mut message, at);
        let read = kind.read(message.to_string().as_bytes());
        let accepted = kind.schema_accepts(&message);
        let agree = read.is_ok() == accepted || (accepted && is_beyond_schema(kind, &message));
        prop_assert!(agree, "types: {read:?}, schema: {accepted}, {message}");
        Ok(())
    });
}

#[test]
fn unknown_members_are_ignored_at_every_level() {
    let with = (edge_text(), edge_json());
    for_every_kind(48, with, |kind, mut message, (name, value)| {
        for at in pointers(&message) {
            if let Some(Value::Object(members)) = message.pointer_mut(&at) {
                members.insert(format!("x-{name}"), value.clone());
            }
        }
        let read = kind.read(message.to_string().as_bytes());
        prop_assert!(read.is_ok(), "{read:?}: {message}");
        prop_assert!(kind.schema_accepts(&message), "not valid: {message}");
        Ok(())
    });
}

#[test]
fn event_patterns_and_their_regular_expression_agree() {
    let manifest = kinds().remove(0);
    assert_eq!(manifest.name, "manifest");
    let texts = prop_oneof![edge_text(), "[a-z*._-]{0,6}", "[aA0_*. \\-\n]{0,5}"];
    let mut runner =
        TestRunner::new(Config { cases: 2000, failure_persistence: None, ..Config::default() });
    let verdict = runner.run(&texts, |text| {
        let parsed = text.parse::<EventPattern>();
        let message = json!({ "name": "a", "version": "1.0.0", "events": [text] });
        prop_assert_eq!(parsed.is_ok(), manifest.schema_accepts(&message));
        prop_assert!(parsed.is_err() || parsed.unwrap().to_string() == text);
        Ok(())
    });
    verdict.unwrap();
}
