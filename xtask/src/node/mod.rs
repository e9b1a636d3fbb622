//! The Node side of the chores: the package as it is published, in folders under target/node that it is
//! installed in as its users install it.

mod folder;
mod installed;
mod package;

use std::path::Path;
use std::process::Command;

use self::folder::Folder;
use self::package::Package;
use crate::command::{self, Built, answers};
use crate::error::XtaskError;
use crate::repository;

/// The package.
const PACKAGE: &str = "sdk-node";
/// What the Node rows of the benchmark are measured with.
const BENCH: &str = "bench/node";
/// Asks Node whether it will do.
const SUITS: &str = "process.exit(Number.parseInt(process.versions.node) < 20 ? 1 : 0)";

/// What to install when there is no Node that will do.
pub(crate) const MISSING: &str = "Node.js 20 or later with npm: https://nodejs.org/en/download, or \
                                  apt install nodejs npm where that is 20 or later (`node \
                                  --version` says)";

/// Whether there is a Node that will do.
pub(crate) fn present() -> bool {
    answers(Command::new("node").args(["-e", SUITS]))
        && answers(Command::new("npm").arg("--version"))
}

/// Writes the wire types of the package, or with `check` fails when they are out of date.
pub(crate) fn types(check: bool) -> Result<(), XtaskError> {
    package::prepare()?;
    let mut command = package::npm("run");
    command.args(["--silent", "types"]).args(check.then_some(["--", "--check"]).iter().flatten());
    command::run(&mut command)
}

/// Formatting, lints and types of the package, the example plugins and the programs of the benchmark.
pub(crate) fn lints() -> Result<(), XtaskError> {
    let package = Package::ready()?;
    let examples = examples()?;
    let mut folders = vec![PACKAGE.to_owned(), BENCH.to_owned()];
    folders.extend(examples.iter().map(|name| example(name)));
    for folder in folders {
        command::run(&mut package::biome(&folder))?;
    }
    command::run(package::program("tsc").arg("--noEmit"))?;
    for name in examples {
        let folder = installed_example(package, &name)?;
        command::run(folder.npm("run").args(["--silent", "types"]))?;
    }
    Ok(())
}

/// Formatting and lints of a folder that is no part of the package, as the package's own are.
pub(crate) fn lints_of(folder: &str) -> Result<(), XtaskError> {
    package::prepare()?;
    command::run(&mut package::biome(folder))
}

/// Checks the types of a module outside the package, which finds its imports where it lies.
pub(crate) fn types_of(module: &Path) -> Result<(), XtaskError> {
    let types = repository::path(PACKAGE).join("node_modules").join("@types");
    let mut command = package::program("tsc");
    command.args(["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext"]);
    command.args(["--target", "es2023", "--exactOptionalPropertyTypes"]);
    command.args(["--types", "node", "--typeRoots"]).arg(types).arg(module);
    // In the package's own folder it would ask for the package's own settings.
    command.current_dir(module.parent().unwrap_or(module));
    command::run(&mut command)
}

/// The tests of the package, as installed in a fresh folder, and of the example plugins.
pub(crate) fn tests() -> Result<(), XtaskError> {
    let package = Package::ready()?;
    let folder = Folder::fresh("package")?;
    folder.describe_tests()?;
    folder.install(package)?;
    let mut tests = package::npm("test");
    command::run(tests.args(["--silent", "--", "--folder"]).arg(folder.path()))?;
    for name in examples()? {
        let folder = installed_example(package, &name)?;
        command::run(folder.npm("test").args(["--silent", "--if-present"]))?;
    }
    Ok(())
}

/// Builds these example plugins in TypeScript into `directory`, one executable file each.
pub(crate) fn build_plugins(directory: &Path, names: &[String]) -> Result<Vec<Built>, XtaskError> {
    let package = Package::ready()?;
    let mut plugins = Vec::new();
    for name in names {
        let path = directory.join(name);
        let folder = installed_example(package, name)?;
        let mut command = folder.program("temps-plugin");
        command::run(command.args(["build", "src/index.ts", "--output"]).arg(&path))?;
        plugins.push(Built { name: name.clone(), path });
    }
    Ok(plugins)
}

/// The folder that the Node rows of the benchmark are measured in, with the package of now, what it is
/// measured beside, and the smallest plugin as one file.
pub(crate) fn bench_folder() -> Result<Folder, XtaskError> {
    let folder = Folder::copy_of(BENCH, "bench")?;
    folder.install(Package::ready()?)?;
    let mut build = folder.program("temps-plugin");
    command::run(build.args(["build", "minimal.mjs", "--output", "minimal"]))?;
    Ok(folder)
}

/// An example plugin outside the repository, where it finds nothing but what it installs.
fn installed_example(package: &Package, name: &str) -> Result<Folder, XtaskError> {
    let folder = Folder::copy_of(&example(name), name)?;
    folder.install(package)?;
    Ok(folder)
}

fn example(name: &str) -> String {
    format!("examples/{name}")
}

/// The example plugins in TypeScript.
fn examples() -> Result<Vec<String>, XtaskError> {
    repository::examples("package.json")
}
