//! The protocol's rules, read from the specification itself.
//!
//! `PROTOCOL.md` is the only place that states a rule; this module turns its list items into data,
//! so that a report can quote the sentence a plugin broke.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::Serialize;
use temps_plugin_schema::{Dialect, PROTOCOL_MD};

/// How much a rule binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Breaking it makes a plugin not conformant.
    Must,
    /// Breaking it is a warning.
    Should,
    /// A permission.
    May,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        })
    }
}

/// Who a rule binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// The process under test.
    Plugin,
    /// The platform that starts it.
    Host,
    /// Either.
    Both,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plugin => "plugin",
            Self::Host => "host",
            Self::Both => "both",
        })
    }
}

/// One rule of the specification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Rule {
    /// The id, such as `HS-38`.
    pub id: String,
    /// How much it binds.
    pub level: Level,
    /// Who it binds.
    pub party: Party,
    /// The dialect it is about, when it is about one only.
    pub dialect: Option<Dialect>,
    /// What the party does, as the specification says it.
    pub text: String,
}

impl Rule {
    /// The rule as a sentence: `A plugin MUST: accepts …`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let party = match self.party {
            Party::Plugin => "plugin",
            Party::Host => "host",
            Party::Both => "plugin and host",
        };
        match self.dialect {
            Some(dialect) => format!("{} ({party}, {dialect}) {}", self.level, self.text),
            None => format!("{} ({party}) {}", self.level, self.text),
        }
    }
}

/// All rules of the specification this crate was built with, by id.
pub static RULES: LazyLock<BTreeMap<String, Rule>> =
    LazyLock::new(|| parse(PROTOCOL_MD).into_iter().map(|r| (r.id.clone(), r)).collect());

/// Finds one rule of the built-in specification.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.get(id)
}

/// Reads the rules of a specification in the order in which they stand there.
#[must_use]
pub fn parse(markdown: &str) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut inside = false;
    for line in markdown.lines() {
        if let Some(rule) = parse_item(line) {
            rules.push(rule);
            inside = true;
        } else if inside && line.starts_with("  ") {
            // A list item may be wrapped; its further lines are indented.
            if let Some(rule) = rules.last_mut() {
                rule.text.push(' ');
                rule.text.push_str(line.trim());
            }
        } else {
            inside = false;
        }
    }
    rules
}

/// Reads `- **HS-12** (MUST, plugin, dialect 1) writes …`, the only form a rule has.
fn parse_item(line: &str) -> Option<Rule> {
    let (id, rest) = line.strip_prefix("- **")?.split_once("** (")?;
    let (binding, text) = rest.split_once(") ")?;
    let mut parts = binding.split(", ");
    let level = match parts.next()? {
        "MUST" => Level::Must,
        "SHOULD" => Level::Should,
        "MAY" => Level::May,
        _ => return None,
    };
    let party = match parts.next()? {
        "plugin" => Party::Plugin,
        "host" => Party::Host,
        "both" => Party::Both,
        _ => return None,
    };
    let dialect = match parts.next() {
        None => None,
        Some("dialect 1") => Some(Dialect::One),
        Some("dialect 2") => Some(Dialect::Two),
        Some(_) => return None,
    };
    Some(Rule { id: id.to_owned(), level, party, dialect, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_becomes_a_rule() {
        let text = "- **HS-12** (MUST, plugin, dialect 1) writes `x` (and\n  more).\n\nno rule";
        assert_eq!(
            parse(text),
            [Rule {
                id: "HS-12".into(),
                level: Level::Must,
                party: Party::Plugin,
                dialect: Some(Dialect::One),
                text: "writes `x` (and more).".into(),
            }]
        );
    }

    #[test]
    fn every_item_of_the_specification_that_looks_like_a_rule_is_one() {
        let items = PROTOCOL_MD.lines().filter(|line| line.starts_with("- **")).count();
        assert_eq!(parse(PROTOCOL_MD).len(), items);
        assert_eq!(RULES.len(), items, "an id is used twice");
        assert!(items > 300);
    }
}
