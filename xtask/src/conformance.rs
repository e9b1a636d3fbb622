//! `cargo xtask conformance`: every example plugin through the conformance suite, in both dialects,
//! ending in one table.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::command::{self, Built, failed};
use crate::error::XtaskError;
use crate::{plugins, repository};

pub(crate) const RUNNER: &str = "temps-plugin-conformance";
/// How the names of the plugins begin that implement the everything profile.
const EVERYTHING: &str = "everything-";
/// The plugin of the catalogue of defects. Without a defect it implements that profile too.
pub(crate) const SOUND: &str = "temps-plugin-defective";
/// Sample requests for the routes of that profile.
const EVERYTHING_REQUESTS: &str = "conformance/defective/conformance.toml";
/// The one that the others are held against.
pub(crate) const MODEL: &str = "everything-rust";

/// Build every example plugin and put each through the conformance suite in both dialects.
#[derive(Debug, Default, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask conformance\n  cargo xtask conformance --only slack-notifier"
)]
pub(crate) struct Args {
    /// Only this plugin; may be given several times.
    #[arg(long, value_name = "PLUGIN")]
    only: Vec<String>,
}

/// What this chore reads of the runner's report.
#[derive(Deserialize)]
pub(crate) struct Report {
    pub(crate) verdict: String,
    pub(crate) results: Vec<CheckResult>,
    starts: Vec<Start>,
}

#[derive(Deserialize)]
struct Start {
    dialect: u32,
    outcome: String,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
pub(crate) struct CheckResult {
    check: String,
    dialect: u32,
    severity: String,
    status: String,
    #[serde(default)]
    expected: String,
    #[serde(default)]
    seen: String,
    #[serde(default)]
    message: String,
}

pub(crate) fn run(args: &Args) -> Result<(), XtaskError> {
    let plugins = plugins::build(&args.only)?;
    let runner = runner(true)?;
    let directory = repository::target().join("conformance");
    fs::create_dir_all(&directory).map_err(XtaskError::file("create", &directory))?;
    let mut rows = Vec::new();
    let mut not_conformant = Vec::new();
    let mut everything = BTreeMap::new();
    for plugin in &plugins {
        eprintln!("{}: running the suite", plugin.name);
        let file = directory.join(format!("{}.json", plugin.name));
        let report = check(&runner, plugin, &file)?;
        show_failures(plugin, &report);
        if report.verdict != "conformant" {
            not_conformant.push(format!(
                "{}: {}, see {}",
                plugin.name,
                report.verdict,
                file.display()
            ));
        }
        rows.extend([1, 2].map(|dialect| Row::of(plugin, dialect, &report)));
        if plugin.name.starts_with(EVERYTHING) {
            everything.insert(plugin.name.clone(), report.results);
        }
    }
    show_table(&rows);
    not_conformant.extend(differences(&everything));
    if not_conformant.is_empty() { Ok(()) } else { Err(XtaskError::NotConformant(not_conformant)) }
}

pub(crate) fn runner(release: bool) -> Result<PathBuf, XtaskError> {
    let built = command::build(&[RUNNER.to_owned()], release)?;
    built.into_iter().find(|built| built.name == RUNNER).map(|built| built.path).ok_or_else(|| {
        XtaskError::Command { command: RUNNER.to_owned(), reason: "cargo did not build it".into() }
    })
}

/// What the author of an example has written down of its routes. The everything plugins share theirs:
/// they are the same plugin in several languages.
fn config(name: &str) -> Option<PathBuf> {
    let file = match name.starts_with(EVERYTHING) || name == SOUND {
        true => repository::path(EVERYTHING_REQUESTS),
        false => repository::path(&format!("examples/{name}/conformance.toml")),
    };
    file.is_file().then_some(file)
}

/// Runs the suite on one plugin; its report is kept in `file`.
pub(crate) fn check(runner: &Path, plugin: &Built, file: &Path) -> Result<Report, XtaskError> {
    let mut command = Command::new(runner);
    command.args(["run", "--format", "json"]);
    if let Some(config) = config(&plugin.name) {
        command.arg("--config").arg(config);
    }
    command.arg("--").arg(&plugin.path);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(&command, error.to_string()))?;
    fs::write(file, &output.stdout).map_err(XtaskError::file("write", file))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|error| failed(&command, format!("{}; no report: {error}", output.status)))
}

fn show_failures(plugin: &Built, report: &Report) {
    for start in report.starts.iter().filter(|start| start.outcome != "started") {
        println!("{} (dialect {}): {}", plugin.name, start.dialect, start.reason);
    }
    for result in &report.results {
        match result.status.as_str() {
            "failed" => println!(
                "{} (dialect {}): {} {}\n  expected {}\n  saw      {}",
                plugin.name,
                result.dialect,
                result.severity,
                result.check,
                result.expected,
                result.seen
            ),
            "fault" => println!("{}: {}: {}", plugin.name, result.check, result.message),
            _ => {}
        }
    }
}

/// Every check that ends otherwise with one implementation of the everything profile than with the
/// model: the same plugin in another language is to behave the same.
fn differences(everything: &BTreeMap<String, Vec<CheckResult>>) -> Vec<String> {
    let Some(model) = everything.get(MODEL) else {
        return Vec::new();
    };
    let expected = statuses(model);
    let mut differences = Vec::new();
    for (name, results) in everything {
        let seen = statuses(results);
        let checks: BTreeSet<_> = expected.keys().chain(seen.keys()).collect();
        for key @ (check, dialect) in checks {
            let [seen, expected] = [&seen, &expected].map(|statuses| statuses.get(key));
            if seen != expected {
                let [seen, expected] =
                    [seen, expected].map(|status| status.copied().unwrap_or("not made"));
                differences.push(format!(
                    "{name} (dialect {dialect}): {check}: {seen}, and with {MODEL} {expected}"
                ));
            }
        }
    }
    differences
}

/// How each check ended, by its name and the dialect.
pub(crate) fn statuses(results: &[CheckResult]) -> BTreeMap<(&str, u32), &str> {
    let mut statuses = BTreeMap::new();
    for CheckResult { check, dialect, status, .. } in results {
        statuses.insert((check.as_str(), *dialect), status.as_str());
    }
    statuses
}

/// One line of the table.
struct Row {
    plugin: String,
    dialect: u32,
    passed: usize,
    failed: usize,
    warnings: usize,
    skipped: usize,
}

impl Row {
    fn of(plugin: &Built, dialect: u32, report: &Report) -> Self {
        let count = |status: &str, must: Option<bool>| {
            let of_dialect = report.results.iter().filter(|result| result.dialect == dialect);
            of_dialect
                .filter(|result| result.status == status)
                .filter(|result| must.is_none_or(|must| must == (result.severity == "MUST")))
                .count()
        };
        Self {
            plugin: plugin.name.clone(),
            dialect,
            passed: count("passed", None),
            failed: count("failed", Some(true)) + count("fault", None),
            warnings: count("failed", Some(false)),
            skipped: count("skipped", None),
        }
    }
}

fn show_table(rows: &[Row]) {
    println!(
        "\n{:<20} {:>7} {:>7} {:>7} {:>8} {:>8}",
        "plugin", "dialect", "passed", "failed", "warnings", "skipped"
    );
    for row in rows {
        let Row { plugin, dialect, passed, failed, warnings, skipped } = row;
        println!("{plugin:<20} {dialect:>7} {passed:>7} {failed:>7} {warnings:>8} {skipped:>8}");
    }
    let sum = |of: fn(&Row) -> usize| rows.iter().map(of).sum::<usize>();
    println!(
        "\n{} passed, {} failed, {} skipped",
        sum(|row| row.passed),
        sum(|row| row.failed + row.warnings),
        sum(|row| row.skipped)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(check: &str, dialect: u32, status: &str) -> CheckResult {
        CheckResult {
            check: check.to_owned(),
            dialect,
            severity: "MUST".to_owned(),
            status: status.to_owned(),
            expected: String::new(),
            seen: String::new(),
            message: String::new(),
        }
    }

    #[test]
    fn what_ends_otherwise_than_with_the_model_is_named() {
        let model =
            vec![result("a", 1, "passed"), result("a", 2, "passed"), result("b", 2, "passed")];
        let other =
            vec![result("a", 1, "passed"), result("a", 2, "skipped"), result("c", 1, "passed")];
        let everything = [(MODEL.to_owned(), model), ("everything-node".to_owned(), other)];
        assert_eq!(
            differences(&everything.into()),
            [
                "everything-node (dialect 2): a: skipped, and with everything-rust passed",
                "everything-node (dialect 2): b: not made, and with everything-rust passed",
                "everything-node (dialect 1): c: passed, and with everything-rust not made",
            ]
        );
    }

    #[test]
    fn sample_requests_are_found_by_the_name_of_the_example() {
        for name in ["slack-notifier", "slack-notifier-python", "flask-hello", "everything-node"] {
            assert!(config(name).is_some(), "{name}");
        }
        assert!(config("no-such-example").is_none());
    }

    #[test]
    fn without_the_model_there_is_nothing_to_hold_against() {
        let alone = [("everything-node".to_owned(), vec![result("a", 1, "skipped")])];
        assert!(differences(&alone.into()).is_empty());
    }
}
