//! `cargo xtask schema`: what is generated from the wire types and committed: the JSON Schema
//! documents, and the types of the SDKs in other languages.

mod model;
mod python;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;
use temps_plugin_schema::json_schemas;

use self::model::{Model, Unsupported};
use crate::error::XtaskError;
use crate::{node, repository};

/// Where the documents are. Every file below it is generated.
const DOCUMENTS: &str = "schema/json";
/// The wire types of the Python SDK. Its neighbours are written by hand.
const PYTHON: &str = "sdk-python/python/temps_plugin/wire.py";

/// Generate the JSON Schema documents under schema/json, and the wire types of the SDKs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask schema            write what is missing or different, \
                  remove what is stale\n  cargo xtask schema --check    change nothing, list such \
                  files and fail if there are any"
)]
pub(crate) struct Args {
    /// Change nothing; fail and list every file that is missing, stale or different.
    #[arg(long)]
    check: bool,
}

/// Texts of files by their path in the repository, with `/` between segments.
type Files = BTreeMap<String, Vec<u8>>;

/// What is wrong with one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Missing,
    Stale,
    Different,
}

pub(crate) fn run(args: &Args) -> Result<(), XtaskError> {
    let wanted = generate()?;
    let faults = compare(&wanted, &found()?);
    if args.check {
        report(&faults)?;
        return node::types(true);
    }
    for (name, fault) in faults {
        let path = repository::path(&name);
        match (fault, wanted.get(&name)) {
            (Fault::Missing | Fault::Different, Some(text)) => write(&path, text)?,
            _ => fs::remove_file(&path).map_err(XtaskError::file("remove", &path))?,
        }
        println!("{} {name}", fault.mended());
    }
    // A program in JavaScript makes these, of the documents that are written now.
    node::types(false)
}

/// Fails when the committed files are not what the types say.
pub(crate) fn check() -> Result<(), XtaskError> {
    run(&Args { check: true })
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::Different => "different",
        }
    }

    fn mended(self) -> &'static str {
        match self {
            Self::Missing => "added",
            Self::Stale => "removed",
            Self::Different => "changed",
        }
    }
}

fn generate() -> Result<Files, XtaskError> {
    let documents = documents();
    let mut files = Files::new();
    for (path, document) in &documents {
        files.insert(format!("{DOCUMENTS}/{path}"), written(path, document)?);
    }
    let python = Model::of(&documents).and_then(|model| python::module(&model));
    let python = python.map_err(|error| not_generated(PYTHON, error))?;
    files.insert(PYTHON.to_owned(), python.into_bytes());
    Ok(files)
}

/// The documents, by their path below [`DOCUMENTS`].
fn documents() -> Vec<(String, Value)> {
    let mut documents = Vec::new();
    for (path, schema) in json_schemas() {
        let mut document = schema.to_value();
        // The order must not depend on how serde_json happens to be built.
        document.sort_all_objects();
        documents.push((path, document));
    }
    documents
}

fn written(path: &str, document: &Value) -> Result<Vec<u8>, XtaskError> {
    let mut text = serde_json::to_vec_pretty(document)
        .map_err(|source| XtaskError::Json { path: path.to_owned(), source })?;
    text.push(b'\n');
    Ok(text)
}

fn not_generated(path: &str, error: Unsupported) -> XtaskError {
    XtaskError::file("generate", &repository::path(path))(io::Error::other(error))
}

/// What is there of what is generated, and what is left of what once was.
fn found() -> Result<Files, XtaskError> {
    let mut files = Files::new();
    read_below(&repository::path(DOCUMENTS), &format!("{DOCUMENTS}/"), &mut files)?;
    let python = repository::path(PYTHON);
    match fs::read(&python) {
        Ok(text) => drop(files.insert(PYTHON.to_owned(), text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(XtaskError::file("read", &python)(error)),
    }
    Ok(files)
}

fn read_below(directory: &Path, prefix: &str, files: &mut Files) -> Result<(), XtaskError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(XtaskError::file("read", directory)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(XtaskError::file("read", directory))?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if path.is_dir() {
            read_below(&path, &format!("{name}/"), files)?;
        } else {
            let text = fs::read(&path).map_err(XtaskError::file("read", &path))?;
            files.insert(name, text);
        }
    }
    Ok(())
}

fn compare(wanted: &Files, found: &Files) -> Vec<(String, Fault)> {
    let mut faults = Vec::new();
    for (name, text) in wanted {
        match found.get(name) {
            None => faults.push((name.clone(), Fault::Missing)),
            Some(other) if other != text => faults.push((name.clone(), Fault::Different)),
            Some(_) => {}
        }
    }
    let stale = found.keys().filter(|name| !wanted.contains_key(*name));
    faults.extend(stale.map(|name| (name.clone(), Fault::Stale)));
    faults
}

fn report(faults: &[(String, Fault)]) -> Result<(), XtaskError> {
    if faults.is_empty() {
        return Ok(());
    }
    let line = |(name, fault): &(String, Fault)| format!("{:<9} {name}", fault.name());
    Err(XtaskError::OutOfDate {
        what: "what is generated from the wire types",
        files: faults.iter().map(line).collect(),
        remedy: "cargo xtask schema",
    })
}

fn write(path: &Path, text: &[u8]) -> Result<(), XtaskError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(XtaskError::file("create", parent))?;
    }
    fs::write(path, text).map_err(XtaskError::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> Files {
        let file = |&(name, text): &(&str, &str)| (name.to_owned(), text.as_bytes().to_vec());
        files.iter().map(file).collect()
    }

    #[test]
    fn each_fault_is_told_apart_and_named_with_its_remedy() {
        let wanted = files(&[("json/a.json", "1"), ("json/b.json", "2"), ("wire.py", "3")]);
        let found = files(&[("json/a.json", "1"), ("json/b.json", "x"), ("json/old.json", "4")]);
        let error = report(&compare(&wanted, &found)).unwrap_err().to_string();
        for part in [
            "different json/b.json",
            "missing   wire.py",
            "stale     json/old.json",
            "cargo xtask schema",
        ] {
            assert!(error.contains(part), "{error}");
        }
        assert!(!error.contains("a.json"), "{error}");
    }

    #[test]
    fn equal_files_are_no_fault() {
        let wanted = files(&[("a.json", "1")]);
        assert!(report(&compare(&wanted, &wanted)).is_ok());
    }

    #[test]
    fn every_file_ends_in_one_newline() {
        let files = generate().unwrap();
        assert!(files.len() > 20);
        for (name, text) in &files {
            assert!(text.ends_with(b"\n") && !text.ends_with(b"\n\n"), "{name}");
        }
    }
}
