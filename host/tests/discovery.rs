//! Which files of a plugins directory are plugins, and that the one that was checked is the one that runs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use common::{Place, fixture};
use temps_plugin_host::{Checksums, PluginFile, PluginsDirectory, Reason, Scan, content_hash};

fn directory(place: &Place) -> PluginsDirectory {
    PluginsDirectory::new(place.dir.path())
}

fn sums_of(files: &[&Path]) -> Checksums {
    files.iter().map(|file| content_hash(file).unwrap()).collect()
}

fn names(plugins: &[PluginFile]) -> Vec<&str> {
    plugins.iter().map(|plugin| plugin.path().file_name().unwrap().to_str().unwrap()).collect()
}

/// What is said of the file with this name.
fn said(scan: &Scan, name: &str) -> String {
    let passed = scan.passed_over.iter().find(|passed| passed.path.ends_with(name));
    passed
        .unwrap_or_else(|| panic!("{name} is not among {:?}", scan.passed_over))
        .reason
        .to_string()
}

#[test]
fn executable_files_are_plugins_and_what_is_none_is_told() {
    let place = Place::new();
    place.file("zebra", b"#!/bin/sh\n", 0o755);
    place.file("ant", b"anything", 0o700);
    place.file(".hidden", b"#!/bin/sh\n", 0o755);
    place.file("README.txt", b"put plugins here", 0o644);
    fs::create_dir(place.path("folder")).unwrap();
    let _socket = UnixListener::bind(place.path("socket")).unwrap();
    for (name, target) in
        [("broken", "nowhere"), ("to-folder", "folder"), ("to-socket", "socket"), ("loop", "loop")]
    {
        symlink(target, place.path(name)).unwrap();
    }

    let scan = directory(&place).scan().unwrap();
    assert_eq!(names(&scan.plugins), ["ant", "zebra"]);
    let passed: Vec<_> =
        scan.passed_over.iter().map(|p| p.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(passed, ["README.txt", "broken", "loop", "socket", "to-socket"]);
    assert!(said(&scan, "README.txt").contains("mode 0644; `chmod +x`"));
    assert!(said(&scan, "broken").contains("a link to nowhere, which does not exist"));
    assert!(said(&scan, "loop").contains("cannot be read"));
    assert!(said(&scan, "to-socket").contains("a socket, not a file"));
}

#[test]
fn a_link_shows_where_it_leads() {
    let (place, elsewhere) = (Place::new(), Place::new());
    let program = elsewhere.file("program", b"anything", 0o755).canonicalize().unwrap();
    symlink(&program, elsewhere.path("current")).unwrap();
    symlink(elsewhere.path("current"), place.path("linked")).unwrap();

    let scan = directory(&place).scan().unwrap();
    let plugin = &scan.plugins[0];
    assert_eq!(plugin.target(), Some(&*program), "the end of both links");
    let shown = format!("{} -> {}", place.path("linked").display(), program.display());
    assert_eq!(plugin.shown().to_string(), shown);
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let missing = Place::new().path("plugins");
    let error = PluginsDirectory::new(&missing).scan().unwrap_err().to_string();
    assert!(
        error.contains(&*missing.to_string_lossy()) && error.contains("No such file"),
        "{error}"
    );
}

#[test]
fn another_content_is_another_stamp() {
    let place = Place::new();
    let stamp = || directory(&place).scan().unwrap().plugins[0].stamp();
    let path = place.file("plugin", b"one", 0o755);
    let one = stamp();
    assert_eq!(stamp(), one, "nothing has changed");
    // As an installer does: a new file takes the name.
    fs::rename(place.file(".new", b"two", 0o755), path).unwrap();
    assert_ne!(stamp(), one);
}

#[test]
fn only_what_has_an_allowed_sum_is_a_plugin() {
    let place = Place::new();
    let allowed = place.file("allowed", b"allowed", 0o755);
    let changed = place.file("changed", b"changed", 0o755);
    let script = place.file("script", b"#!/bin/sh\n", 0o755);

    let scan = directory(&place).allow_only(sums_of(&[&allowed, &script])).scan().unwrap();
    assert_eq!(names(&scan.plugins), ["allowed"]);
    assert_eq!(scan.plugins[0].checked_sum(), Some(content_hash(&allowed).unwrap()));
    assert!(matches!(scan.passed_over[1].reason, Reason::Script), "{scan:?}");
    // What is said of the other is what the operator puts on the list to allow it.
    let Reason::NotAllowed(sum) = &scan.passed_over[0].reason else { panic!("{scan:?}") };
    assert_eq!(sum.parse(), Ok(sums_of(&[&changed])));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_was_checked_is_what_runs() {
    let (place, plugins) = (Place::new(), Place::new());
    let path = plugins.path("plugin");
    fs::copy(fixture(), &path).unwrap();
    let scan = directory(&plugins).allow_only(sums_of(&[&path])).scan().unwrap();

    // After the look and before the start, another file takes its name.
    fs::remove_file(&path).unwrap();
    plugins.file("plugin", b"#!/bin/sh\nexit 7\n", 0o755);

    let launcher = scan.plugins[0].launcher(place.path("s.sock"), place.path("data"));
    let plugin = launcher.start().await.unwrap();
    assert_eq!(plugin.http().get("/health").send().await.unwrap().status(), 200);
}
