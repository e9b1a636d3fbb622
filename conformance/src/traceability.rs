//! Every rule of the specification, and what proves it: a check, or a written reason why none does.
//!
//! The table below is complete by test: a rule without either, a check of an unknown rule and a
//! reason for a rule that has a check all fail the build's tests.

use crate::registry::CHECKS;
use crate::rules::{RULES, Rule};

/// Why some rules have no check.
#[derive(Debug, Clone, Copy)]
pub struct Reason {
    /// The rules it is about.
    pub rules: &'static [&'static str],
    /// The reason.
    pub text: &'static str,
}

/// One rule with what is known of its proof.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The rule.
    pub rule: &'static Rule,
    /// Ids of the checks that prove it.
    pub checks: Vec<&'static str>,
    /// Why there is none.
    pub reason: Option<&'static str>,
}

/// All rules in the order of their ids, each with its checks or its reason.
#[must_use]
pub fn trace() -> Vec<Trace> {
    RULES
        .values()
        .map(|rule| Trace {
            rule,
            checks: CHECKS
                .iter()
                .filter(|check| check.rules.contains(&rule.id.as_str()))
                .map(|check| check.id)
                .collect(),
            reason: REASONS
                .iter()
                .find(|reason| reason.rules.contains(&rule.id.as_str()))
                .map(|reason| reason.text),
        })
        .collect()
}

/// The rules without a check, by reason.
pub const REASONS: &[Reason] = &[
    Reason {
        rules: &[
            "LA-01", "LA-02", "LA-03", "LA-04", "LA-05", "LA-06", "LA-07", "LA-19", "LA-22",
            "LA-23", "SO-08", "SO-09", "IO-12", "IO-13", "IO-14", "IO-15", "IO-16", "HS-05",
            "HS-06", "HS-07", "HS-10", "HS-11", "HS-15", "HS-19", "HS-20", "HS-21", "HS-22",
            "HS-23", "HS-24", "HS-44", "HS-45", "HS-46", "HS-47", "HS-48", "HS-49",
        ],
        text: "it binds the host at a start, and this suite is the host of the plugin it checks",
    },
    Reason {
        rules: &["MF-13", "MF-18", "MF-26", "MF-27", "MF-28", "MF-29", "MF-30", "MF-31"],
        text: "it binds the host that reads a manifest, and this suite is that host; the messages in schema/vectors say which manifests it has to refuse",
    },
    Reason {
        rules: &[
            "HT-06", "HT-35", "AU-01", "AU-13", "AU-15", "AU-21", "AU-22", "AU-27", "AU-28",
            "AU-30", "CH-01", "CH-12", "CH-13", "CH-14", "CH-15", "CH-24", "CH-25", "CH-26",
            "CH-27", "CH-28", "CH-38", "CH-39", "CH-40", "CH-41", "CH-42", "CH-43", "CH-44",
            "CH-49", "CH-59", "CH-60", "CH-61", "EV-01", "EV-02", "EV-03", "EV-04", "EV-05",
            "EV-15", "EV-16", "EV-17", "EV-18", "EV-19", "EV-20", "EV-28", "EV-29", "EV-30",
            "EV-31",
        ],
        text: "it binds the host as the peer of the plugin, and this suite is that peer",
    },
    Reason {
        rules: &[
            "PX-01", "PX-02", "PX-03", "PX-04", "PX-05", "PX-06", "PX-07", "PX-08", "PX-09",
            "PX-10", "PX-11", "PX-12", "PX-13", "PX-14", "PX-15", "PX-16", "PX-17", "PX-18",
            "PX-19", "PX-20", "PX-21", "PX-22", "PX-23", "PX-24", "PX-25", "PX-26", "PX-27",
            "PX-28", "PX-29", "LC-18", "LC-19", "LC-20", "LC-21", "LC-22", "LC-23", "LC-24",
            "LC-25", "LC-26", "LC-27",
        ],
        text: "it binds the host as a proxy or a supervisor, which stands above all that a plugin sees",
    },
    Reason {
        rules: &["CH-10"],
        text: "it is about an author's option of an SDK, which is set at build time; the \
               tests of that SDK prove it",
    },
    Reason {
        rules: &["AU-04"],
        text: "time differences of a comparison drown in those of a socket; it is proved by \
               reading the SDK",
    },
    Reason {
        rules: &["HT-10"],
        text: "whether and where an author has set a limit can't be seen from outside; the \
               tests of an SDK prove it",
    },
    Reason {
        rules: &["HT-12"],
        text: "only an SDK that can see its author's routes owes it, which can't be told from \
               outside; the tests of an SDK prove it",
    },
    Reason {
        rules: &["MF-34"],
        text: "it needs an author who makes that mistake; the tests of an SDK prove it",
    },
    Reason {
        rules: &["HS-43", "MF-33"],
        text: "it permits something; a plugin that does it and one that does not are both \
               conformant, and other checks let both pass",
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_a_check_or_a_reason() {
        let bare: Vec<_> = trace()
            .into_iter()
            .filter(|trace| trace.checks.is_empty() && trace.reason.is_none())
            .map(|trace| trace.rule.id.as_str())
            .collect();
        assert!(bare.is_empty(), "neither check nor reason: {bare:?}");
    }

    #[test]
    fn no_rule_has_a_reason_and_a_check() {
        let both: Vec<_> = trace()
            .into_iter()
            .filter(|trace| !trace.checks.is_empty() && trace.reason.is_some())
            .map(|trace| trace.rule.id.as_str())
            .collect();
        assert!(both.is_empty(), "a reason for what is checked: {both:?}");
    }

    #[test]
    fn checks_and_reasons_name_known_rules_only_and_once() {
        let named =
            CHECKS.iter().flat_map(|check| check.rules).chain(REASONS.iter().flat_map(|r| r.rules));
        let unknown: Vec<_> = named.filter(|id| !RULES.contains_key(**id)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        let mut seen = BTreeSet::new();
        for id in REASONS.iter().flat_map(|reason| reason.rules) {
            assert!(seen.insert(id), "{id} has two reasons");
        }
    }
}
