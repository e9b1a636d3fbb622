//! The golden messages of `vectors/`: the types and the schema documents both judge each of them as
//! its folder says.

#![allow(clippy::unwrap_used, reason = "the helpers are part of the tests")]

mod support {
    pub(crate) mod kinds;
    pub(crate) mod rules;
}

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use support::kinds::{Kind, is_beyond_schema, kinds};
use temps_plugin_schema::handshake::LaunchConfig;
use temps_plugin_schema::{PluginManifest, Wire, limits};

/// The folder whose vectors are pairs: a launch line is right or wrong for a manifest.
const PAIRS: &str = "launch-for-manifest";

/// One file, as `vectors/README.md` describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    description: String,
    rule: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default, deserialize_with = "present")]
    message: Option<Value>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    hex: Option<String>,
    #[serde(default)]
    line_bytes: Option<usize>,
    #[serde(default)]
    schema_accepts: bool,
    #[serde(default)]
    manifest: Option<Value>,
    #[serde(default)]
    launch: Option<Value>,
}

/// Keeps a message that is `null` apart from none.
fn present<'de, D: serde::Deserializer<'de>>(json: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(json).map(Some)
}

impl Vector {
    /// The bytes a reader is given, without the `\n` of a line.
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = match (&self.message, &self.text, &self.hex) {
            (Some(message), None, None) => message.to_string().into_bytes(),
            (None, Some(text), None) => text.clone().into_bytes(),
            (None, None, Some(hex)) => unhex(hex),
            _ => panic!("exactly one of `message`, `text` and `hex` is there: {self:?}"),
        };
        if let Some(line_bytes) = self.line_bytes {
            assert!(bytes.len() < line_bytes, "nothing to fill up: {self:?}");
            bytes.resize(line_bytes - 1, b' ');
        }
        bytes
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// A vector with where it was found.
struct Found {
    path: String,
    kind: String,
    is_valid: bool,
    vector: Vector,
}

fn vectors() -> Vec<Found> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut paths = Vec::new();
    files_below(&root, &mut paths);
    let mut found = Vec::new();
    for path in paths {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
        if name == "README.md" {
            continue;
        }
        let (folder, file) = name.rsplit_once('/').unwrap();
        let (kind, verdict) = folder.rsplit_once('/').unwrap_or((folder, ""));
        assert!(file.ends_with(".json"), "{name} is no vector");
        assert!(["valid", "invalid"].contains(&verdict), "{name} is neither valid nor invalid");
        let vector = serde_json::from_slice(&fs::read(&path).unwrap());
        found.push(Found {
            path: name.to_owned(),
            kind: kind.to_owned(),
            is_valid: verdict == "valid",
            vector: vector.unwrap_or_else(|error| panic!("{name}: {error}")),
        });
    }
    found
}

fn files_below(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, paths);
        } else {
            paths.push(path);
        }
    }
    paths.sort();
}

/// The longest line of a kind that is sent as a line, its `\n` included.
fn line_limit(kind: &Kind) -> usize {
    match kind.name.as_str() {
        "plugin-line" => limits::HANDSHAKE_LINE_BYTES,
        "launch" => limits::LAUNCH_LINE_BYTES,
        _ => usize::MAX,
    }
}

/// What is wrong with how a vector is judged, if anything.
fn fault(kind: &Kind, found: &Found) -> Option<String> {
    let bytes = found.vector.bytes();
    let fits = bytes.len() < line_limit(kind);
    let read = kind.read(&bytes);
    if (fits && read.is_ok()) != found.is_valid {
        return Some(format!("the types say {read:?}"));
    }
    let message = serde_json::from_slice::<Value>(&bytes).ok();
    let accepted = message.as_ref().is_some_and(|m| kind.schema_accepts(m));
    let beyond = message.as_ref().is_some_and(|m| is_beyond_schema(kind, m));
    if beyond != found.vector.schema_accepts {
        return Some("`schema_accepts` does not fit".to_owned());
    }
    if accepted != (found.is_valid || !fits || beyond) {
        return Some(format!("the schema says {accepted}"));
    }
    // What was read is written so that it reads the same again.
    let written = read.ok().filter(|_| found.is_valid)?;
    let again = kind.read(written.to_string().as_bytes());
    if again.as_ref() != Ok(&written) || !kind.schema_accepts(&written) {
        return Some(format!("written as {written}, which reads as {again:?}"));
    }
    None
}

#[test]
fn types_and_schema_judge_every_vector_as_its_folder_says() {
    let kinds: BTreeMap<_, _> = kinds().into_iter().map(|k| (k.name.clone(), k)).collect();
    let mut faults = Vec::new();
    let mut judged = 0;
    for found in vectors().iter().filter(|found| found.kind != PAIRS) {
        let kind = kinds.get(&found.kind);
        let kind = kind.unwrap_or_else(|| panic!("{}: no such kind", found.path));
        judged += 1;
        faults.extend(fault(kind, found).map(|fault| format!("{}: {fault}", found.path)));
    }
    assert!(judged > 500, "only {judged} vectors");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn launch_lines_are_right_or_wrong_for_a_manifest() {
    let pairs: Vec<_> = vectors().into_iter().filter(|f| f.kind == PAIRS).collect();
    assert!(!pairs.is_empty());
    for found in pairs {
        let part = |value: &Option<Value>| value.as_ref().unwrap().to_string().into_bytes();
        let manifest = PluginManifest::from_json(&part(&found.vector.manifest)).unwrap();
        let launch = LaunchConfig::from_json(&part(&found.vector.launch)).unwrap();
        let verdict = launch.validate_for(&manifest);
        assert_eq!(verdict.is_ok(), found.is_valid, "{}: {verdict:?}", found.path);
    }
}

#[test]
fn every_kind_has_valid_and_invalid_vectors() {
    let vectors = vectors();
    let names = kinds().into_iter().map(|kind| kind.name);
    for name in names.chain([PAIRS.to_owned()]) {
        for is_valid in [true, false] {
            let is_one = |found: &&Found| found.kind == name && found.is_valid == is_valid;
            assert!(vectors.iter().any(|f| is_one(&f)), "{name}, {is_valid}");
        }
    }
}

#[test]
fn every_vector_says_which_rule_it_is_about_and_why() {
    let ids: BTreeSet<_> = support::rules::rule_ids().unwrap().into_iter().collect();
    for found in vectors() {
        let Found { path, vector, .. } = &found;
        assert!(ids.contains(&*vector.rule), "{path}: {}", vector.rule);
        assert!(!vector.description.is_empty(), "{path}");
        assert_eq!(vector.reason.is_some(), !found.is_valid, "{path}: reason");
        let is_pair = vector.manifest.is_some() && vector.launch.is_some();
        assert_eq!(is_pair, found.kind == PAIRS, "{path}: parts");
    }
}
