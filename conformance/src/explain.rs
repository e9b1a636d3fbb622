//! What a check is about, for somebody it has just failed for: the text of its rules, how a sound plugin
//! passes it, and which defects it catches.
//!
//! The transcripts are recorded from a sound plugin by `cargo xtask explain`, the defects listed by the
//! defective plugin itself; both are files beside this crate's source.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use temps_plugin_schema::Dialect;

use crate::model::Check;
use crate::registry::CHECKS;
use crate::rules::{Rule, rule};
use crate::selection::nearest;

const TRANSCRIPTS: &str = include_str!("../explain/transcripts.json");
const DEFECTS: &str = include_str!("../defects.json");

/// All recorded transcripts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Name and version of the plugin they were recorded from.
    pub plugin: String,
    /// The transcripts, by the id of the check.
    pub transcripts: BTreeMap<String, Sound>,
}

/// How a sound plugin passes a check.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sound {
    /// The dialect it was recorded in.
    pub dialect: Dialect,
    /// What passed, line by line: direction, stream, text. Times, paths, ids and sizes are left out or
    /// replaced by what they stand for.
    pub lines: Vec<String>,
}

/// A defect of the defective plugin.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Defect {
    /// Its id, which is the argument that brings it about.
    pub id: String,
    /// What it does wrong.
    pub what: String,
    /// Ids of the checks that catch it in every dialect they are made in.
    pub caught_by: Vec<String>,
    /// Ids of the checks that catch it in dialect 1 only.
    #[serde(default)]
    pub also_in_1: Vec<String>,
    /// Ids of the checks that catch it in dialect 2 only.
    #[serde(default)]
    pub also_in_2: Vec<String>,
    /// The dialects it shows in.
    pub dialects: Vec<Dialect>,
}

impl Defect {
    /// Ids of all checks that catch it.
    pub fn catchers(&self) -> impl Iterator<Item = &str> {
        [&self.caught_by, &self.also_in_1, &self.also_in_2]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

/// What a file that is part of this crate says, or why it cannot be read.
type Embedded<T> = LazyLock<Result<T, String>>;

static RECORDED: Embedded<Recorded> = LazyLock::new(|| {
    serde_json::from_str(TRANSCRIPTS).map_err(|error| format!("explain/transcripts.json: {error}"))
});
static KNOWN_DEFECTS: Embedded<Vec<Defect>> = LazyLock::new(|| {
    serde_json::from_str(DEFECTS).map_err(|error| format!("defects.json: {error}"))
});

/// Everything there is to say about one check.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The check.
    pub check: &'static Check,
    /// The rules it proves.
    pub rules: Vec<&'static Rule>,
    /// What the transcript was recorded from.
    pub plugin: &'static str,
    /// How a sound plugin passes it. None until `cargo xtask explain` has met the check.
    pub sound: Option<&'static Sound>,
    /// The defects it catches.
    pub defects: Vec<&'static Defect>,
}

/// Why nothing is explained.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// There is no such check.
    #[error("{0}")]
    Unknown(String),
    /// The crate was built with a file that it cannot read.
    #[error("the suite was built with a file that it cannot read: {0}")]
    Built(String),
}

/// Explains the check `id`.
///
/// # Errors
/// When there is no such check; the text names the nearest, and the checks of a rule.
pub fn explain(id: &str) -> Result<Explanation, ExplainError> {
    let check = CHECKS.iter().find(|check| check.id == id).ok_or_else(|| unknown(id))?;
    let built = |why: &String| ExplainError::Built(why.clone());
    let recorded = RECORDED.as_ref().map_err(built)?;
    let defects = KNOWN_DEFECTS.as_ref().map_err(built)?;
    Ok(Explanation {
        check,
        rules: check.rules.iter().filter_map(|id| rule(id)).collect(),
        plugin: &recorded.plugin,
        sound: recorded.transcripts.get(id),
        defects: defects
            .iter()
            .filter(|defect| defect.catchers().any(|check| check == id))
            .collect(),
    })
}

fn unknown(id: &str) -> ExplainError {
    let of_rule: Vec<_> = CHECKS
        .iter()
        .filter(|check| check.rules.iter().any(|rule| rule.eq_ignore_ascii_case(id)))
        .map(|check| check.id)
        .collect();
    ExplainError::Unknown(match (of_rule.as_slice(), nearest(id)) {
        ([], Some(near)) => format!("there is no check {id:?}; did you mean {near:?}?"),
        ([], None) => format!("there is no check {id:?}; `list` shows all checks"),
        (checks, _) => format!("{id:?} is a rule; it is proved by {}", checks.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longest transcript: one that explains is read as a whole.
    const MAX_LINES: usize = 40;

    #[test]
    fn every_check_has_a_transcript_and_no_other_has() {
        let recorded = RECORDED.as_ref().unwrap();
        let known: Vec<_> = CHECKS.iter().map(|check| check.id).collect();
        let unknown: Vec<_> =
            recorded.transcripts.keys().filter(|id| !known.contains(&id.as_str())).collect();
        assert!(unknown.is_empty(), "gone, run `cargo xtask explain`: {unknown:?}");
        let missing: Vec<_> =
            known.into_iter().filter(|id| !recorded.transcripts.contains_key(*id)).collect();
        assert!(missing.is_empty(), "new, run `cargo xtask explain`: {missing:?}");
    }

    #[test]
    fn transcripts_are_short_and_say_nothing_of_where_they_were_recorded() {
        let home = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        for (id, sound) in &RECORDED.as_ref().unwrap().transcripts {
            // One of a check that is gone is the other test's business.
            let Some(check) = CHECKS.iter().find(|check| check.id == id) else { continue };
            assert!(check.dialects.contains(sound.dialect), "{id}");
            assert!(!sound.lines.is_empty() && sound.lines.len() <= MAX_LINES, "{id}");
            for line in &sound.lines {
                assert!(!line.contains(home) && !line.contains("/tpc"), "{id}: {line}");
                assert!(!line.contains("/target/"), "{id}: {line}");
            }
        }
    }

    #[test]
    fn defects_name_checks_that_there_are() {
        for defect in KNOWN_DEFECTS.as_ref().unwrap() {
            assert!(defect.catchers().next().is_some(), "nothing catches {}", defect.id);
            for id in defect.catchers() {
                assert!(CHECKS.iter().any(|check| check.id == id), "{}: {id}", defect.id);
            }
        }
    }

    #[test]
    fn what_is_no_check_is_told_with_what_was_meant() {
        let error = |id: &str| explain(id).unwrap_err().to_string();
        assert!(error("handshake/complets").contains("\"handshake/completes\""));
        assert!(error("HS-38").contains("handshake/ready-after-health"));
        assert!(error("zzzzzzzzzzzz").contains("`list`"));
    }

    #[test]
    fn a_check_is_explained_by_its_rules() {
        let explanation = explain("handshake/ready-after-health").unwrap();
        assert!(explanation.rules.iter().any(|rule| rule.id == "HS-38"));
    }
}
