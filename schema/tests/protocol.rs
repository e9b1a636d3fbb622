//! `PROTOCOL.md` keeps the form that the conformance suite reads, and `json/` is what the types say.

mod support {
    pub(crate) mod rules;
}

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use support::rules::rule_ids;
use temps_plugin_schema::{PROTOCOL_MD, json_schemas};

#[test]
fn every_rule_parses_and_rules_are_numbered_without_gaps() {
    let ids = rule_ids().unwrap();
    assert!(ids.len() > 300, "only {} rules", ids.len());
    let mut next: BTreeMap<&str, usize> = BTreeMap::new();
    for id in ids {
        let (section, number) = id.split_once('-').unwrap();
        let next = next.entry(section).or_insert(1);
        assert_eq!(number, format!("{next:02}"), "{id} is out of order");
        *next += 1;
    }
}

#[test]
fn every_rule_stands_below_the_heading_of_its_section() {
    let mut section = "";
    for line in PROTOCOL_MD.lines() {
        section = match line.strip_prefix("## ") {
            // The one section whose heading does not begin with its letters.
            Some("Appendix A: the everything profile") => "EP",
            Some(heading) => heading.split(':').next().unwrap_or_default(),
            None => section,
        };
        if let Some(rule) = line.strip_prefix("- **") {
            assert!(rule.starts_with(&format!("{section}-")), "{line}");
        }
    }
}

#[test]
fn every_rule_that_the_text_mentions_exists() {
    let ids: BTreeSet<_> = rule_ids().unwrap().into_iter().collect();
    let sections: BTreeSet<_> = ids.iter().filter_map(|id| id.get(..2)).collect();
    let words = PROTOCOL_MD.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let is_mention = |word: &&str| {
        word.split_once('-').is_some_and(|(section, digits)| {
            sections.contains(section) && digits.bytes().all(|b| b.is_ascii_digit())
        })
    };
    let mentions: Vec<_> = words.filter(is_mention).collect();
    assert!(mentions.len() > ids.len(), "rules refer to each other");
    let unknown: Vec<_> = mentions.iter().filter(|id| !ids.contains(**id)).collect();
    assert!(unknown.is_empty(), "no such rules: {unknown:?}");
}

#[test]
fn committed_documents_are_those_of_the_types() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("json");
    for (path, schema) in json_schemas() {
        let text = std::fs::read(directory.join(&path)).unwrap_or_default();
        let committed: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        assert!(
            committed == schema.to_value(),
            "json/{path} is missing or out of date: run `cargo xtask schema`"
        );
    }
}
