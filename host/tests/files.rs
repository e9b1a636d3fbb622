//! Files that are no plugins, or cannot be run at all, and what their error says.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test that uses them")]

mod common;

use std::path::Path;
use std::time::Duration;

use common::{Place, fixture, says};
use temps_plugin_host::Step;

#[tokio::test]
async fn programs_that_are_no_plugins_are_told_by_how_they_end() {
    let place = Place::new();
    let error = place.fails(place.program("/bin/true")).await;
    says(&error, &["/bin/true did not start in dialect 1", "exited with status 0"]);
    let error = place.fails(place.program("/bin/false")).await;
    says(&error, &["exited with status 1"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_run_is_told_why() {
    let place = Place::new();
    let text = b"just some text\n";
    let mut foreign = elf_header();
    foreign[18] = 0xb7;
    let cases: [(&Path, &str); 6] = [
        (&place.path("missing"), "there is no such file"),
        (place.dir.path(), "a directory, not a file"),
        (&place.file("no-bit", b"#!/bin/sh\n", 0o644), "mode 0644"),
        (&place.file("text", text, 0o755), "it begins with \"just some text"),
        (&place.file("script", b"#!/no/such/shell -e\n", 0o755), "needs /no/such/shell"),
        (&place.file("foreign", &foreign, 0o755), "Linux on aarch64"),
    ];
    for (path, reason) in cases {
        let error = place.fails(place.program(path)).await;
        assert_eq!(error.step(), Step::Spawn);
        says(&error, &[reason, &path.display().to_string()]);
    }
    assert!(place.wire.spawned().is_empty());
}

#[tokio::test]
async fn a_missing_loader_is_named() {
    let place = Place::new();
    let mut program = std::fs::read("/bin/true").unwrap();
    let loader = b"/lib64/ld-";
    let at = program.windows(loader.len()).position(|bytes| bytes == loader).unwrap();
    program[at + 1] = b'x';
    let path = place.file("unloadable", &program, 0o755);
    let error = place.fails(place.program(path)).await;
    says(&error, &["it needs /xib64/ld-", "which is not on this host"]);
}

#[tokio::test]
async fn a_missing_working_directory_is_not_taken_for_a_missing_file() {
    let place = Place::new();
    let error = place.fails(place.fixture("").working_dir(place.path("nowhere"))).await;
    says(&error, &["working directory", "nowhere"]);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_still_being_written_is_tried_again() {
    let place = Place::new();
    let path = place.file("copy", &std::fs::read(fixture()).unwrap(), 0o755);
    let writer = std::fs::File::options().append(true).open(&path).unwrap();
    let launcher = place.program(&path);
    let error = place.fails(launcher.clone()).await;
    says(&error, &["busy"]);
    let start = tokio::spawn(async move { launcher.start().await });
    // The clock stands still: this returns once the start waits for its next try.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!start.is_finished() && place.wire.spawned().is_empty());
    drop(writer);
    tokio::time::resume();
    start.await.unwrap().unwrap();
}

/// The header of a 64-bit little-endian ELF program for x86_64, with nothing after it.
fn elf_header() -> Vec<u8> {
    let mut header = vec![0; 64];
    header[..20].copy_from_slice(&[
        0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0x3e, 0,
    ]);
    header[20] = 1;
    header
}
