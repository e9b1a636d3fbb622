//! Starting: what a good plugin says, and what a failed start says of a bad one.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test that uses them")]

mod common;

use common::{PATIENCE, Place, SECRET, SHORT, exists, fixture, gone, says};
use temps_plugin_host::{
    DialectMemory, Exit, FlagStyle, LaunchLine, StartErrorKind, Step, content_hash,
};
use temps_plugin_schema::{Dialect, Secret};

#[tokio::test]
async fn a_plugin_starts_in_either_dialect() {
    for dialect in Dialect::ALL {
        for style in [FlagStyle::Separate, FlagStyle::Joined] {
            let place = Place::new();
            let launcher = place.fixture("").dialect(dialect).flag_style(style);
            let plugin = launcher.start().await.unwrap();
            assert_eq!(plugin.dialect(), dialect);
            assert_eq!(plugin.manifest().name, "fixture");
            assert!(plugin.ready().ready && !plugin.ready().has_ui);
            assert!(plugin.handshake().announce_line.contains("requires_db"));
            assert!(exists(plugin.pid()));
            assert!(plugin.stop(PATIENCE).await.exit.success());
        }
    }
}

#[tokio::test]
async fn the_environment_is_empty_and_the_secret_stays_out_of_the_arguments_in_dialect_2() {
    let place = Place::new();
    let launcher = place.fixture("").secret(Secret::new(SECRET));
    let plugin = launcher.env("GREETING", "hello").start().await.unwrap();
    let proc = |file: &str| std::fs::read(format!("/proc/{}/{file}", plugin.pid())).unwrap();
    assert_eq!(proc("environ"), b"GREETING=hello\0");
    let arguments = String::from_utf8(proc("cmdline")).unwrap();
    assert!(!arguments.contains(SECRET) && arguments.contains("--data-dir"), "{arguments}");
    assert_eq!(plugin.secret().expose(), SECRET);
}

#[tokio::test]
async fn dropping_a_running_plugin_ends_it() {
    let place = Place::new();
    let plugin = place.start("").await;
    let pid = plugin.pid();
    drop(plugin);
    gone(pid).await;
}

#[tokio::test]
async fn dropping_the_future_of_a_start_ends_the_process_and_what_it_started() {
    let place = Place::new();
    let launcher = place.fixture("silent-grandchild");
    let starting = launcher.spawn_in(Dialect::Two).await.unwrap();
    let pid = starting.pid();
    let line = starting.wait_stderr(PATIENCE, |line| line.starts_with("lingerer")).await;
    let lingerer: u32 = line.unwrap()["lingerer ".len()..].parse().unwrap();
    assert!(exists(lingerer));
    drop(starting);
    gone(pid).await;
    gone(lingerer).await;

    let start = tokio::time::timeout(SHORT, launcher.start());
    assert!(start.await.is_err(), "a plugin that says nothing started");
    for pid in place.wire.spawned() {
        gone(pid).await;
    }
}

#[tokio::test]
async fn dialect_1_is_found_out_and_remembered() {
    for fault in ["old-exits", "old-manifest"] {
        let place = Place::new();
        let memory = DialectMemory::new();
        let launcher = place.fixture(fault).detect_with(memory.clone());
        let plugin = launcher.start().await.unwrap();
        assert_eq!(plugin.dialect(), Dialect::One);
        let hash = content_hash(&fixture()).unwrap();
        assert_eq!(memory.recall(&hash), Some(Dialect::One));
        plugin.stop(PATIENCE).await;
        assert_eq!(place.wire.spawned().len(), 2, "dialect 2 was tried first");

        let again = launcher.start().await.unwrap();
        assert_eq!(again.dialect(), Dialect::One);
        assert_eq!(place.wire.spawned().len(), 3, "the second start knew");
    }
}

#[tokio::test]
async fn dialect_2_is_found_out_at_once() {
    let place = Place::new();
    let memory = DialectMemory::new();
    let plugin = place.fixture("").detect_with(memory.clone()).start().await.unwrap();
    assert_eq!(plugin.dialect(), Dialect::Two);
    assert_eq!(memory.recall(&content_hash(&fixture()).unwrap()), Some(Dialect::Two));
    assert_eq!(place.wire.spawned().len(), 1);
}

#[tokio::test]
async fn after_hello_there_is_no_falling_back() {
    let place = Place::new();
    let error = place.fails(place.fixture("crash-late")).await;
    assert_eq!((error.step(), error.dialect()), (Step::Ready, Some(Dialect::Two)));
    assert_eq!(place.wire.spawned().len(), 1);
    says(&error, &["was ended by SIGABRT", "waiting for its `ready` line"]);
}

#[tokio::test]
async fn a_plugin_that_fails_in_both_dialects_is_told_of_both() {
    let place = Place::new();
    let error = place.fails(place.fixture("exit-early")).await;
    says(&error, &["in dialect 1", "exited with status 3", "before that, in dialect 2"]);
    says(&error, &["cannot read my settings"]);
    assert!(matches!(error.kind(), StartErrorKind::ExitedEarly { exit: Exit::Code(3) }));
    assert!(error.earlier().is_some());
}

#[tokio::test]
async fn a_crash_is_told_by_the_name_of_its_signal() {
    let place = Place::new();
    let error = place.fails(place.fixture("crash").dialect(Dialect::Two)).await;
    says(&error, &["was ended by SIGABRT"]);
    assert_eq!(error.exit(), Some(&Exit::Signal("SIGABRT".into())));
}

#[tokio::test]
async fn bad_lines_are_quoted() {
    let expected = [
        ("garbage", "is not JSON", "Listening on port 80"),
        ("ready-first", "this step calls for \\\"hello\\\"", "ready"),
        ("half-line", "does not end in", "hello"),
    ];
    for (fault, reason, excerpt) in expected {
        let place = Place::new();
        let error = place.fails(place.fixture(fault).dialect(Dialect::Two)).await;
        let StartErrorKind::BadLine { .. } = error.kind() else {
            panic!("{fault}: {error}");
        };
        says(&error, &[&reason.replace('\\', ""), excerpt]);
    }
}

#[tokio::test]
async fn manifest_is_no_answer_when_dialect_2_is_asked_for() {
    let place = Place::new();
    let error = place.fails(place.fixture("old-manifest").dialect(Dialect::Two)).await;
    assert!(matches!(error.kind(), StartErrorKind::OtherDialect), "{error}");
    says(&error, &["dialect 1"]);
}

#[tokio::test]
async fn an_endless_line_is_given_up() {
    let place = Place::new();
    let error = place.fails(place.fixture("long-line").dialect(Dialect::Two)).await;
    let StartErrorKind::LineTooLong { limit, excerpt } = error.kind() else {
        panic!("{error}");
    };
    assert_eq!((*limit, excerpt.len()), (2 * 1024 * 1024, 200));
}

#[tokio::test]
async fn a_silent_plugin_runs_out_of_time_at_its_step() {
    for (fault, step) in [("silent", Step::Announce), ("never-ready", Step::Ready)] {
        let place = Place::new();
        let error = place.fails(place.fixture(fault).step_timeout(SHORT)).await;
        assert!(matches!(error.kind(), StartErrorKind::Timeout { after } if *after == SHORT));
        assert_eq!(error.step(), step);
        says(&error, &["nothing came within 0.3 s", "fixture started"]);
    }
}

#[tokio::test]
async fn a_plugin_that_closes_its_standard_output_is_told_so() {
    let place = Place::new();
    let error = place.fails(place.fixture("close-stdout")).await;
    assert!(matches!(error.kind(), StartErrorKind::StdoutClosed), "{error}");
}

#[tokio::test]
async fn a_bad_manifest_is_told_by_field() {
    let place = Place::new();
    let error = place.fails(place.fixture("bad-manifest")).await;
    assert!(matches!(error.kind(), StartErrorKind::ManifestInvalid(_)), "{error}");
    says(&error, &["`name`", "Bad Name"]);
}

#[tokio::test]
async fn a_plugin_that_is_not_ready_is_not_taken_for_ready() {
    let expected =
        [("ready-false", "gave up"), ("not-listening", "cannot connect"), ("unhealthy", "500")];
    for (fault, reason) in expected {
        let place = Place::new();
        let error = place.fails(place.fixture(fault)).await;
        says(&error, &[reason]);
    }
    let place = Place::new();
    let trusted = place.fixture("unhealthy").trust_ready().start().await.unwrap();
    assert_eq!(trusted.http().health().await.unwrap(), 500);
}

#[tokio::test]
async fn a_database_is_given_to_whom_asks_for_one_and_to_nobody_else() {
    let url = "postgres://user:hunter2@db/temps";
    let place = Place::new();
    let error = place.fails(place.fixture("needs-database").dialect(Dialect::Two)).await;
    says(&error, &["requires_db", "database_url"]);

    let with_url = |fault: &str| place.fixture(fault).database_url(Secret::new(url));
    let plugin = with_url("needs-database").start().await.unwrap();
    let line = plugin.wait_stderr(PATIENCE, |line| line.starts_with("the database is"));
    assert_eq!(line.await.unwrap(), "the database is \"[redacted]\"");
    assert_eq!(plugin.stderr_totals().leaks, 1);
    plugin.stop(PATIENCE).await;
    assert!(!place.wire.text().contains("hunter2"));

    with_url("").start().await.unwrap().stop(PATIENCE).await;
    assert!(place.wire.text().contains(r#"\"database_url\":null"#));
}

#[tokio::test]
async fn a_runner_can_hand_over_a_bad_launch_line() {
    for line in [LaunchLine::Raw(b"nonsense\n".to_vec()), LaunchLine::Nothing] {
        let place = Place::new();
        let error = place.fails(place.fixture("").launch_line(line)).await;
        assert_eq!(error.exit(), Some(&Exit::Code(4)));
        says(&error, &["refusing the launch line"]);
    }
}

#[tokio::test]
async fn a_runner_can_take_the_steps_itself() {
    let place = Place::new();
    let launcher = place.fixture("").secret(Secret::new(SECRET));
    let mut starting = launcher.spawn_in(Dialect::Two).await.unwrap();
    assert_eq!(starting.announce().await.unwrap().name, "fixture");
    assert!(starting.wait_exit(SHORT).await.is_none(), "it waits for its launch line");
    let line = format!("{{\"protocol_version\":2,\"auth_secret\":\"{SECRET}\"}}\r\n");
    let (first, second) = line.split_at(20);
    starting.write_stdin(first.as_bytes()).await.unwrap();
    starting.write_stdin(second.as_bytes()).await.unwrap();
    let plugin = starting.ready().await.unwrap();
    assert_eq!(plugin.http().get("/seen").send().await.unwrap().status(), 200);
    assert!(!place.wire.text().contains(SECRET));
}
