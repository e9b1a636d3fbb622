//! `cargo xtask plugins`: every example plugin as one executable file, ready to be copied into a
//! plugins directory.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{self, Built};
use crate::error::XtaskError;
use crate::{node, python, repository};

/// Build every example plugin into target/plugins, one executable file each.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask plugins\n  cp target/plugins/slack-notifier ~/.temps/plugins/"
)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> Result<(), XtaskError> {
    for plugin in build()? {
        let size =
            fs::metadata(&plugin.path).map_err(XtaskError::file("read", &plugin.path))?.len();
        println!("{:<20} {:>5.1} MB  {}", plugin.name, size as f64 / 1e6, plugin.path.display());
    }
    Ok(())
}

/// Builds the example plugins and copies them; says where they are, by name.
pub(crate) fn build() -> Result<Vec<Built>, XtaskError> {
    let names = repository::examples("Cargo.toml")?;
    eprintln!("building {} with optimisations", names.join(", "));
    let directory = repository::target().join("plugins");
    fs::create_dir_all(&directory).map_err(XtaskError::file("create", &directory))?;
    let mut plugins = Vec::new();
    for built in command::build(&names, true)? {
        let path = directory.join(&built.name);
        replace(&built.path, &path)?;
        plugins.push(Built { name: built.name, path });
    }
    plugins.extend(python::build_plugins(&directory)?);
    plugins.extend(node::build_plugins(&directory)?);
    plugins.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(plugins)
}

/// Copies a program over another one that may be running.
fn replace(from: &Path, to: &Path) -> Result<(), XtaskError> {
    let beside: PathBuf = to.with_extension("new");
    fs::copy(from, &beside).map_err(XtaskError::file("write", &beside))?;
    fs::rename(&beside, to).map_err(XtaskError::file("replace", to))
}
