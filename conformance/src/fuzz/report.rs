//! What came of the fuzz stage, as part of the one result model.

use std::ffi::OsString;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use temps_plugin_schema::Dialect;

use super::breach::{Breach, Invariant};
use super::case::Script;
use super::explain;
use crate::RunOptions;
use crate::model::as_millis;
use crate::transcript::Transcript;

/// Longest code that still is one argument of a command everywhere.
const CODE_BYTES: usize = 100_000;

/// What came of the fuzz stage.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FuzzReport {
    /// The seed; none when one given case was played.
    pub seed: Option<u64>,
    /// How far each dialect got.
    pub stages: Vec<StageReport>,
    /// What did not hold: the first of each kind in each dialect.
    pub findings: Vec<Finding>,
    /// What was late once and never again, on fresh starts: as likely the machine's doing as the plugin's.
    /// It is told and does not count.
    pub late_once: Vec<Finding>,
    /// What was not looked at, and why.
    pub notes: Vec<String>,
    /// What the runner itself could not do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// How long it took, in milliseconds, shrinking included.
    #[serde(rename = "duration_ms", serialize_with = "as_millis")]
    #[schemars(with = "u64")]
    pub duration: Duration,
}

/// How far the stage got in one dialect.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StageReport {
    /// The dialect.
    pub dialect: Dialect,
    /// How many cases were played.
    pub cases: u64,
    /// How many operations they had.
    pub operations: u64,
    /// How often the plugin was started for them.
    pub starts: u64,
}

/// An invariant that did not hold.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Finding {
    /// The dialect.
    pub dialect: Dialect,
    /// The invariant.
    pub invariant: Invariant,
    /// What it asks for.
    pub expected: &'static str,
    /// The rules it stands on.
    pub rules: &'static [&'static str],
    /// What happened instead.
    pub seen: String,
    /// The number of the case after which it was seen; none for a case that was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<u64>,
    /// How often it was seen.
    pub times: u64,
    /// Whether it happened again on a fresh start.
    pub reproduced: bool,
    /// How many operations the plugin had been through.
    pub operations_before: usize,
    /// How many of them are left.
    pub operations: usize,
    /// The command that repeats it.
    pub command: String,
    /// What that does, one line an operation.
    pub explanation: Vec<String>,
    /// What went over the wire when it was repeated.
    #[serde(skip_serializing_if = "Transcript::is_empty")]
    pub transcript: Transcript,
}

impl FuzzReport {
    /// How many cases were played.
    #[must_use]
    pub fn cases(&self) -> u64 {
        self.stages.iter().map(|stage| stage.cases).sum()
    }
}

impl Finding {
    pub(super) fn new(dialect: Dialect, breach: Breach, script: &Script, command: String) -> Self {
        let Breach { invariant, seen, .. } = breach;
        Self {
            dialect,
            invariant,
            expected: invariant.expected(),
            rules: invariant.rules(),
            seen,
            case: None,
            times: 1,
            reproduced: true,
            operations_before: script.len(),
            operations: script.len(),
            command,
            explanation: explain::script(script),
            transcript: Transcript::default(),
        }
    }
}

/// The command that plays the script, or `None` when it is too long to be one.
pub(super) fn command_for_script(
    options: &RunOptions,
    dialect: Dialect,
    script: &Script,
) -> Option<String> {
    let code = script.to_string();
    (code.len() <= CODE_BYTES).then(|| command(options, dialect, &format!("--case {code}")))
}

/// The command that plays these cases of a seed, as one process went through them.
pub(super) fn command_for_cases(
    options: &RunOptions,
    dialect: Dialect,
    seed: u64,
    cases: std::ops::RangeInclusive<u64>,
) -> String {
    let what = format!("--seed {seed} --cases {}..{}", cases.start(), cases.end() + 1);
    command(options, dialect, &what)
}

fn command(options: &RunOptions, dialect: Dialect, what: &str) -> String {
    let mut out = format!("temps-plugin-conformance fuzz {what} --dialect {}", dialect.number());
    if options.timeout_scale != 1.0 {
        out.push_str(&format!(" --timeout-scale {}", options.timeout_scale));
    }
    if options.database_url.is_some() {
        // It may have a password in it.
        out.push_str(" --database-url \"$DATABASE_URL\"");
    }
    out.push_str(" --");
    for word in &options.command {
        out.push(' ');
        out.push_str(&quoted(word));
    }
    out
}

/// A word as a shell takes it.
fn quoted(word: &OsString) -> String {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_survives_a_shell() {
        let mut options = RunOptions::new(["./my plugin", "it's", "--x=1", ""]);
        options.timeout_scale = 2.0;
        options.database_url = Some("postgres://u:pw@h/d".into());
        let command = command_for_cases(&options, Dialect::Two, 7, 3..=9);
        assert_eq!(
            command,
            r#"temps-plugin-conformance fuzz --seed 7 --cases 3..10 --dialect 2 --timeout-scale 2 --database-url "$DATABASE_URL" -- './my plugin' 'it'\''s' --x=1 ''"#
        );
    }
}
