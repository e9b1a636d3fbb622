//! `cargo xtask defects`: `conformance/DEFECTS.md`, which defect is caught by which checks, and
//! `conformance/defects.json`, the same for `temps-plugin-conformance explain`.
//!
//! What is written is what the catalogue declares; `conformance/tests/defects.rs` holds it to that.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::command::{self, Built, cargo, failed};
use crate::conformance::{RUNNER, SOUND as DEFECTIVE};
use crate::error::XtaskError;
use crate::repository;

const TABLE: &str = "conformance/DEFECTS.md";
const LIST: &str = "conformance/defects.json";

/// Generate conformance/DEFECTS.md: which defect is caught by which checks.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask defects            write the table\n  cargo xtask \
                  defects --check    change nothing, fail when the table is out of date\n  cargo \
                  xtask defects --full     first make all checks of all defects, in both dialects"
)]
pub(crate) struct Args {
    /// Change nothing; fail when the table is out of date.
    #[arg(long)]
    check: bool,
    /// First prove every entry: each defect against every check, in both dialects.
    #[arg(long)]
    full: bool,
}

#[derive(Deserialize, Serialize)]
struct Defect {
    id: String,
    what: String,
    caught_by: Vec<String>,
    also_in_1: Vec<String>,
    also_in_2: Vec<String>,
    dialects: Vec<u32>,
}

impl Defect {
    /// The checks that catch it, with the dialect where one of two does.
    fn caught(&self) -> impl Iterator<Item = (&str, &str)> {
        fn of<'a>(checks: &'a [String], note: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
            checks.iter().map(move |check| (check.as_str(), note))
        }
        of(&self.caught_by, "")
            .chain(of(&self.also_in_1, " (dialect 1)"))
            .chain(of(&self.also_in_2, " (dialect 2)"))
    }
}

#[derive(Deserialize)]
struct Listed {
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    check: String,
    title: String,
}

pub(crate) fn run(args: &Args) -> Result<(), XtaskError> {
    if args.full {
        // Every defect moves tens of megabytes through the suite: in a debug build that takes hours.
        let mut harness = cargo("test");
        harness.args(["--release", "--package", RUNNER, "--test", "defects"]);
        harness.env("DEFECTS_FULL", "1");
        harness.args(["--", "--nocapture"]);
        command::run(&mut harness)?;
    }
    let mut stale = Vec::new();
    for (file, text) in [(TABLE, table()?), (LIST, list()?)] {
        let path = repository::path(file);
        if fs::read_to_string(&path).unwrap_or_default() == text {
            continue;
        }
        if args.check {
            stale.push(file.to_owned());
        } else {
            fs::write(&path, text).map_err(XtaskError::file("write", &path))?;
            println!("wrote {file}");
        }
    }
    match stale.is_empty() {
        true => Ok(()),
        false => Err(XtaskError::OutOfDate {
            what: "the table of defects",
            files: stale,
            remedy: "cargo xtask defects",
        }),
    }
}

/// Fails when the table is out of date.
pub(crate) fn check() -> Result<(), XtaskError> {
    run(&Args { check: true, full: false })
}

/// The defects, as the runner carries them.
fn list() -> Result<String, XtaskError> {
    let built = command::build(&[DEFECTIVE.to_owned()], false)?;
    let defects: Vec<Defect> = ask(&built, DEFECTIVE, &["--list-defects"])?;
    let text = serde_json::to_string_pretty(&defects)
        .map_err(|source| XtaskError::Json { path: LIST.to_owned(), source })?;
    Ok(text + "\n")
}

fn table() -> Result<String, XtaskError> {
    let built = command::build(&[RUNNER.to_owned(), DEFECTIVE.to_owned()], false)?;
    let defects: Vec<Defect> = ask(&built, DEFECTIVE, &["--list-defects"])?;
    let checks: Listed = ask(&built, RUNNER, &["list", "--format", "json"])?;
    Ok(written(&defects, &checks.checks))
}

/// What a program that was built says in JSON.
fn ask<T: DeserializeOwned>(built: &[Built], name: &str, args: &[&str]) -> Result<T, XtaskError> {
    let path = built.iter().find(|built| built.name == name).map(|built| &built.path);
    let path = path.ok_or_else(|| XtaskError::Command {
        command: name.to_owned(),
        reason: "cargo did not build it".into(),
    })?;
    let mut command = Command::new(path);
    let output = command.args(args).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| failed(&command, error.to_string()))?;
    serde_json::from_slice(&output.stdout).map_err(|error| failed(&command, error.to_string()))
}

fn written(defects: &[Defect], checks: &[Check]) -> String {
    let mut catches: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for defect in defects {
        for (check, _) in defect.caught() {
            catches.entry(check).or_default().push(&defect.id);
        }
    }
    let mut text = format!(
        "# Defects\n\nWritten by `cargo xtask defects` from the catalogue of \
         [`temps-plugin-defective`](defective/README.md); `tests/defects.rs` proves that each is \
         caught by exactly the checks named.\n\n\
         {} defects, {} checks, {} of them with a defect.\n",
        defects.len(),
        checks.len(),
        checks.iter().filter(|check| catches.contains_key(check.check.as_str())).count()
    );
    text.push_str("\n## What each defect is caught by\n");
    for (area, of_area) in in_areas(defects, |defect| &defect.id) {
        // Writing into a text does not fail.
        let _ = write!(
            text,
            "\n### {area}\n\n| defect | a plugin that … | dialect | is caught by |\n|---|---|---|---|\n"
        );
        for defect in of_area {
            let caught: Vec<String> =
                defect.caught().map(|(check, note)| format!("`{check}`{note}")).collect();
            let dialects: Vec<String> = defect.dialects.iter().map(u32::to_string).collect();
            let Defect { id, what, .. } = defect;
            let (dialects, caught) = (dialects.join(", "), caught.join(", "));
            let _ = writeln!(text, "| `{id}` | {what} | {dialects} | {caught} |");
        }
    }
    text.push_str("\n## What each check catches\n");
    for (area, of_area) in in_areas(checks, |check| &check.check) {
        let _ =
            write!(text, "\n### {area}\n\n| check | holds when | fails with |\n|---|---|---|\n");
        for Check { check, title } in of_area {
            let found = catches.get(check.as_str()).map(Vec::as_slice).unwrap_or_default();
            let found: Vec<String> = found.iter().map(|id| format!("`{id}`")).collect();
            let found = if found.is_empty() { "—".to_owned() } else { found.join(", ") };
            let _ = writeln!(text, "| `{check}` | {title} | {found} |");
        }
    }
    text
}

/// Entries by the part of their ids before the slash, in the order in which the areas come first.
fn in_areas<T>(entries: &[T], id: impl Fn(&T) -> &str) -> Vec<(&str, Vec<&T>)> {
    let mut areas: Vec<(&str, Vec<&T>)> = Vec::new();
    for entry in entries {
        let area = id(entry).split('/').next().unwrap_or_default();
        match areas.iter_mut().find(|(known, _)| *known == area) {
            Some((_, entries)) => entries.push(entry),
            None => areas.push((area, vec![entry])),
        }
    }
    areas
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn the_table_reads_both_ways() {
        let defect = Defect {
            id: "socket/mode-0644".into(),
            what: "lets everybody read its socket file".into(),
            caught_by: texts(&["socket/mode"]),
            also_in_1: Vec::new(),
            also_in_2: texts(&["socket/other"]),
            dialects: vec![1, 2],
        };
        let check = |id: &str| Check { check: id.into(), title: "it holds".into() };
        let text = written(&[defect], &[check("socket/mode"), check("stop/sigterm")]);
        for line in [
            "1 defects, 2 checks, 1 of them with a defect.",
            "| `socket/mode-0644` | lets everybody read its socket file | 1, 2 | `socket/mode`, `socket/other` (dialect 2) |",
            "| `socket/mode` | it holds | `socket/mode-0644` |",
            "| `stop/sigterm` | it holds | — |",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
