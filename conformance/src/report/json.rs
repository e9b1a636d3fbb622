//! Reports for programs. The document is the result model itself, with the rules it is about.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Value, json};

use super::rows::explain;
use super::{FORMAT_VERSION, RunReport};
use crate::model::{Check, Dialects};
use crate::rules::{Rule, rule};
use crate::traceability;

/// Where the schema of the report is published.
const SCHEMA_ID: &str = "https://github.com/temps-plugin/temps-plugin/blob/main/conformance/schema/report.v1.schema.json";

/// What one run of temps-plugin-conformance found out about one plugin.
#[derive(Serialize, JsonSchema)]
struct Document<'a> {
    #[serde(flatten)]
    report: &'a RunReport,
    /// The rules that the results name, by id.
    rules: BTreeMap<&'a str, &'a Rule>,
    /// The command that tells more about a check, with `CHECK` in the place of its id.
    explain: String,
}

/// The report of a run.
#[must_use]
pub fn report(report: &RunReport) -> String {
    let named = report.results.iter().flat_map(|result| result.rules);
    let rules = named.filter_map(|id| rule(id).map(|rule| (*id, rule))).collect();
    write(&Document { report, rules, explain: explain("CHECK") })
}

/// The JSON Schema (draft 2020-12) of [`report`]. Members may be added within one
/// [`FORMAT_VERSION`]; a reader has to ignore those it does not know.
#[must_use]
pub fn schema() -> String {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Document<'static>>();
    schema.insert("$id".into(), SCHEMA_ID.into());
    schema.insert("title".into(), format!("Conformance report, version {FORMAT_VERSION}").into());
    let mut value = schema.to_value();
    value["properties"]["format_version"]["const"] = FORMAT_VERSION.into();
    // The order must not depend on how serde_json happens to be built.
    value.sort_all_objects();
    write(&value)
}

/// All checks.
#[must_use]
pub fn list(checks: &[Check]) -> String {
    let checks: Vec<Value> = checks.iter().map(check).collect();
    write(&json!({ "format_version": FORMAT_VERSION, "checks": checks }))
}

/// One check.
pub(super) fn check(check: &Check) -> Value {
    let dialects = match check.dialects {
        Dialects::Both => vec![1, 2],
        Dialects::Only(dialect) => vec![dialect.number()],
    };
    json!({
        "check": check.id, "title": check.title, "rules": check.rules,
        "severity": check.severity, "dialects": dialects, "needs": check.needs,
        "profile": check.profile(), "slow": check.slow,
    })
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

pub(super) fn write(value: &impl Serialize) -> String {
    // Every value here has text keys and no custom serializer that fails, so this cannot; a
    // document that says so is still better than a panic.
    serde_json::to_string_pretty(value)
        .unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::report::sample;

    const COMMITTED: &str = "schema/report.v1.schema.json";

    fn validate(text: &str) {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        let report: Value = serde_json::from_str(text).unwrap();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let errors: Vec<_> =
            validator.iter_errors(&report).map(|e| format!("{} {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }

    #[test]
    fn the_document_is_what_it_was() {
        insta::assert_snapshot!(report(&sample::report()));
    }

    #[test]
    fn every_kind_of_report_is_what_the_schema_says() {
        let (fuzzed, nothing) = (sample::fuzzed(), sample::nothing_run());
        for sample in [sample::report(), sample::never_started(), nothing, fuzzed] {
            validate(&report(&sample));
        }
    }

    #[test]
    #[should_panic(expected = "verdict")]
    fn the_schema_refuses_what_no_report_is() {
        validate(&report(&sample::report()).replace("runner_fault", "runner_error"));
    }

    #[test]
    fn the_committed_schema_is_that_of_the_model() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(COMMITTED);
        assert!(COMMITTED.contains(&format!(".v{FORMAT_VERSION}.")), "a new version, a new file");
        let committed = fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == schema() + "\n",
            "{COMMITTED} is stale; in this directory: cargo run -- schema > {COMMITTED}"
        );
    }
}
