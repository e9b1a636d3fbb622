//! Reports for programs. The document is the result model itself.

use serde::Serialize;
use serde_json::{Value, json};

use super::{FORMAT_VERSION, RunReport};
use crate::model::{Check, Dialects};
use crate::traceability;

/// The report of a run.
#[must_use]
pub fn report(report: &RunReport) -> String {
    write(report)
}

/// All checks.
#[must_use]
pub fn list(checks: &[Check]) -> String {
    let checks: Vec<Value> = checks
        .iter()
        .map(|check| {
            let dialects = match check.dialects {
                Dialects::Both => vec![1, 2],
                Dialects::Only(dialect) => vec![dialect.number()],
            };
            json!({
                "check": check.id, "title": check.title, "rules": check.rules,
                "severity": check.severity, "dialects": dialects, "needs": check.needs,
            })
        })
        .collect();
    write(&json!({ "format_version": FORMAT_VERSION, "checks": checks }))
}

/// All rules with what proves them.
#[must_use]
pub fn rules() -> String {
    let rules: Vec<Value> = traceability::trace()
        .into_iter()
        .map(|trace| json!({ "rule": trace.rule, "checks": trace.checks, "reason": trace.reason }))
        .collect();
    write(&json!({ "format_version": FORMAT_VERSION, "rules": rules }))
}

fn write(value: &impl Serialize) -> String {
    // Every value here has text keys and no custom serializer that fails, so this cannot; a
    // document that says so is still better than a panic.
    serde_json::to_string_pretty(value)
        .unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string())
}
