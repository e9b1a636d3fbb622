//! The catalogue of defective plugins, for the tests that try them.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use temps_plugin_conformance::model::Check;
use temps_plugin_conformance::registry::CHECKS;
use temps_plugin_schema::Dialect;

/// Built as this is.
pub(crate) static DEFECTIVE: LazyLock<PathBuf> = LazyLock::new(|| {
    let profile: &[&str] = if cfg!(debug_assertions) { &[] } else { &["--release"] };
    super::build(&[&["-p", "temps-plugin-defective"], profile].concat())
});

/// An entry of `--list-defects`.
pub(crate) struct Defect {
    pub(crate) id: String,
    pub(crate) caught_by: BTreeSet<String>,
    pub(crate) also_in: [BTreeSet<String>; 2],
    pub(crate) dialects: Vec<Dialect>,
}

impl Defect {
    fn of(entry: &Value) -> Self {
        let texts = |member: &str| serde_json::from_value(entry[member].clone()).unwrap();
        let numbers: Vec<u32> = serde_json::from_value(entry["dialects"].clone()).unwrap();
        let spoken = |dialect: &Dialect| numbers.contains(&dialect.number());
        Self {
            id: entry["id"].as_str().unwrap().to_owned(),
            caught_by: texts("caught_by"),
            also_in: [texts("also_in_1"), texts("also_in_2")],
            dialects: Dialect::ALL.into_iter().filter(spoken).collect(),
        }
    }

    pub(crate) fn area(&self) -> &str {
        self.id.split('/').next().unwrap()
    }

    /// All checks it declares, whatever the dialect.
    pub(crate) fn declared(&self) -> BTreeSet<&str> {
        let also = self.also_in.iter().flatten();
        self.caught_by.iter().chain(also).map(String::as_str).collect()
    }

    /// The checks that are to fail in `dialect`.
    pub(crate) fn expected(&self, dialect: Dialect) -> BTreeSet<String> {
        let made = |id: &&String| check(id).dialects.contains(dialect) && is_looked_at(id);
        let also = match dialect {
            Dialect::One => &self.also_in[0],
            Dialect::Two => &self.also_in[1],
        };
        self.caught_by.iter().filter(made).chain(also).cloned().collect()
    }
}

/// Whether `DEFECTS_CHECKS` picks this check; it picks all when it is not there.
pub(crate) fn is_looked_at(id: &str) -> bool {
    let picked = std::env::var("DEFECTS_CHECKS");
    picked.map_or(true, |picked| picked.split(',').any(|pattern| matches(pattern, id)))
}

pub(crate) fn check(id: &str) -> &'static Check {
    let known = CHECKS.iter().find(|check| check.id == id);
    known.unwrap_or_else(|| panic!("a defect declares {id}, which is no check"))
}

/// The whole catalogue.
pub(crate) fn catalogue() -> Vec<Defect> {
    let output = Command::new(&*DEFECTIVE).arg("--list-defects").output().unwrap();
    let list: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    list.iter().map(Defect::of).collect()
}

/// The defects that `DEFECTS` picks, all without it. They live as long as the process.
pub(crate) fn picked() -> &'static [Defect] {
    let all = catalogue();
    let Ok(wanted) = std::env::var("DEFECTS") else { return all.leak() };
    let known = |pattern: &str| all.iter().any(|defect| matches(pattern, &defect.id));
    let unknown: Vec<_> = wanted.split(',').filter(|pattern| !known(pattern)).collect();
    assert!(unknown.is_empty(), "DEFECTS: no defect matches {unknown:?}");
    let wanted = |defect: &Defect| wanted.split(',').any(|pattern| matches(pattern, &defect.id));
    all.into_iter().filter(wanted).collect::<Vec<_>>().leak()
}

/// Whether an id is this one, or begins like a pattern that ends in `*`.
fn matches(pattern: &str, id: &str) -> bool {
    pattern.strip_suffix('*').map_or(id == pattern, |beginning| id.starts_with(beginning))
}
