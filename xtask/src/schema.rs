//! `cargo xtask schema`: the committed JSON Schema documents, generated from the wire types.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use temps_plugin_schema::json_schemas;

use crate::error::XtaskError;
use crate::repository;

/// Where the documents are, relative to the repository. Every file below it is generated.
const DIRECTORY: &str = "schema/json";

/// Generate the JSON Schema documents under schema/json from the wire types.
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

/// Texts of files by their path below [`DIRECTORY`], with `/` between segments.
type Files = BTreeMap<String, Vec<u8>>;

/// What is wrong with one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Missing,
    Stale,
    Different,
}

pub(crate) fn run(args: &Args) -> Result<(), XtaskError> {
    let directory = repository::path(DIRECTORY);
    let wanted = generate()?;
    let mut found = Files::new();
    read_below(&directory, "", &mut found)?;
    let faults = compare(&wanted, &found);
    if args.check {
        return report(&faults);
    }
    for (name, fault) in faults {
        let path = directory.join(&name);
        match (fault, wanted.get(&name)) {
            (Fault::Missing | Fault::Different, Some(text)) => write(&path, text)?,
            _ => fs::remove_file(&path).map_err(XtaskError::file("remove", &path))?,
        }
        println!("{} {DIRECTORY}/{name}", fault.mended());
    }
    Ok(())
}

/// Fails when the committed documents are not what the types say.
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
    let mut files = Files::new();
    for (path, schema) in json_schemas() {
        let mut document = schema.to_value();
        // The order must not depend on how serde_json happens to be built.
        document.sort_all_objects();
        let mut text = serde_json::to_vec_pretty(&document).map_err(|source| {
            let path = path.clone();
            XtaskError::Json { path, source }
        })?;
        text.push(b'\n');
        files.insert(path, text);
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
    let line = |(name, fault): &(String, Fault)| format!("{:<9} {DIRECTORY}/{name}", fault.name());
    Err(XtaskError::OutOfDate {
        directory: DIRECTORY,
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
        let wanted = files(&[("a.json", "1"), ("b.json", "2"), ("c/d.json", "3")]);
        let found = files(&[("a.json", "1"), ("b.json", "x"), ("old.json", "4")]);
        let error = report(&compare(&wanted, &found)).unwrap_err().to_string();
        for part in [
            "different schema/json/b.json",
            "missing   schema/json/c/d.json",
            "stale     schema/json/old.json",
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
    fn documents_end_in_one_newline() {
        let documents = generate().unwrap();
        assert!(documents.len() > 20);
        assert!(documents.values().all(|text| text.ends_with(b"}\n")));
    }
}
