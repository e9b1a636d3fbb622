//! The suite inside Rust tests, plain ones and those of an async runtime.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod support;

use support::{FIXTURE, SOUND};
use temps_plugin_conformance::report::Verdict;
use temps_plugin_conformance::{Conformance, assert_conformant};
use temps_plugin_schema::Dialect;

fn message(panic: Box<dyn std::any::Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn a_sound_plugin_is_nothing_to_talk_about() {
    Conformance::of(&*SOUND).run("health/*").run("manifest/*").deny_skips().assert();
}

#[tokio::test]
async fn it_works_inside_a_runtime_of_one_thread() {
    Conformance::of(&*SOUND).dialect(Dialect::Two).run("health/get").assert();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_works_inside_a_runtime_of_several_threads() {
    Conformance::of(&*SOUND).dialect(Dialect::One).run("health/get").assert();
}

#[test]
fn a_failure_panics_with_the_report_without_colour() {
    let run = || {
        let plugin = Conformance::of(&*FIXTURE).arg("--fault").arg("unhealthy");
        plugin.dialect(Dialect::Two).run("health/before-channel").assert();
    };
    let text = message(std::panic::catch_unwind(run).unwrap_err());
    for part in [
        "FAIL health/before-channel (dialect 2)",
        "HT-",
        "expected",
        "transcript",
        "not conformant",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn a_known_failure_is_put_up_with() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("known.toml");
    let entry = "[[known]]\ncheck = \"health/before-channel\"\nreason = \"issue 17\"\nexpires = 2999-01-01\n";
    std::fs::write(&file, entry).unwrap();
    let plugin = || Conformance::of(&*FIXTURE).arg("--fault").arg("unhealthy");
    let report = plugin().run("health/before-channel").known_failing(&file).report().unwrap();
    assert_eq!((report.verdict, report.counts.known), (Verdict::Conformant, 2));
}

#[test]
fn a_program_that_is_no_plugin_panics() {
    let text = message(std::panic::catch_unwind(|| assert_conformant("/bin/false")).unwrap_err());
    assert!(text.contains("never started") && text.contains("exited with status 1"), "{text}");
}

#[test]
fn a_pattern_that_matches_nothing_panics() {
    let run = || Conformance::of("/bin/true").run("no-such-check").assert();
    let text = message(std::panic::catch_unwind(run).unwrap_err());
    assert!(text.contains("matches no check"), "{text}");
}
