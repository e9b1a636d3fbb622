//! `cargo xtask plugins`: every example plugin as one executable file, ready to be copied into a
//! plugins directory.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{self, Built};
use crate::error::XtaskError;
use crate::{go, node, python, repository};

/// Build every example plugin into target/plugins, one executable file each.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask plugins\n  cp target/plugins/slack-notifier ~/.temps/plugins/"
)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> Result<(), XtaskError> {
    for plugin in build(&[])? {
        let size =
            fs::metadata(&plugin.path).map_err(XtaskError::file("read", &plugin.path))?.len();
        println!("{:<20} {:>5.1} MB  {}", plugin.name, size as f64 / 1e6, plugin.path.display());
    }
    Ok(())
}

/// A language that example plugins are written in.
struct Language {
    /// The file that tells a folder with a plugin in it.
    mark: &'static str,
    /// Builds the plugins of these names into a directory.
    build: fn(&Path, &[String]) -> Result<Vec<Built>, XtaskError>,
}

const LANGUAGES: [Language; 4] = [
    Language { mark: "Cargo.toml", build: build_rust },
    Language { mark: "plugin.py", build: python::build_plugins },
    Language { mark: "package.json", build: node::build_plugins },
    Language { mark: "go.mod", build: go::build_plugins },
];

/// Builds the example plugins, only those of these names if there are any, and says where they are,
/// by name. A language of which nothing is wanted need not be installed.
pub(crate) fn build(only: &[String]) -> Result<Vec<Built>, XtaskError> {
    let mut jobs = Vec::new();
    let mut known = Vec::new();
    for language in &LANGUAGES {
        let names = repository::examples(language.mark)?;
        known.extend(names.iter().cloned());
        jobs.push((language, wanted(names, only)));
    }
    if let Some(unknown) = only.iter().find(|name| !known.contains(name)) {
        known.sort();
        return Err(XtaskError::UnknownPlugin { found: unknown.clone(), known });
    }
    let directory = repository::target().join("plugins");
    fs::create_dir_all(&directory).map_err(XtaskError::file("create", &directory))?;
    let mut plugins = Vec::new();
    for (language, names) in jobs.iter().filter(|(_, names)| !names.is_empty()) {
        plugins.extend((language.build)(&directory, names)?);
    }
    plugins.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(plugins)
}

fn wanted(names: Vec<String>, only: &[String]) -> Vec<String> {
    names.into_iter().filter(|name| only.is_empty() || only.contains(name)).collect()
}

fn build_rust(directory: &Path, names: &[String]) -> Result<Vec<Built>, XtaskError> {
    eprintln!("building {} with optimisations", names.join(", "));
    let mut plugins = Vec::new();
    for built in command::build(names, true)? {
        let path = directory.join(&built.name);
        replace(&built.path, &path)?;
        plugins.push(Built { name: built.name, path });
    }
    Ok(plugins)
}

/// Copies a program over another one that may be running.
fn replace(from: &Path, to: &Path) -> Result<(), XtaskError> {
    let beside: PathBuf = to.with_extension("new");
    fs::copy(from, &beside).map_err(XtaskError::file("write", &beside))?;
    fs::rename(&beside, to).map_err(XtaskError::file("replace", to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_that_does_not_exist_is_refused_before_anything_is_built() {
        let error = build(&["plain-god".to_owned()]).err().unwrap().to_string();
        assert!(error.contains("\"plain-god\"") && error.contains("plain-go,"), "{error}");
    }

    #[test]
    fn without_names_all_are_wanted() {
        let names = || vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(wanted(names(), &[]), names());
        assert_eq!(wanted(names(), &["b".to_owned(), "c".to_owned()]), ["b"]);
    }
}
