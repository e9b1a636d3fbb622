//! Starting and stopping, hooks in both forms, and what ends a plugin before it is ready.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::sync::{Arc, Mutex};

use temps_plugin_sdk::prelude::*;
use temps_plugin_sdk::testing::{TestPlugin, event};

type Log = Arc<Mutex<Vec<String>>>;

/// Notes what happens to it.
#[derive(Clone, Default)]
struct Noting {
    log: Log,
    fail_start: bool,
    panic_in_router: bool,
    bad_manifest: bool,
}

impl Noting {
    fn note(&self, what: impl Into<String>) {
        self.log.lock().unwrap().push(what.into());
    }

    fn noted(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

impl ExternalPlugin for Noting {
    fn manifest(&self) -> PluginManifest {
        let name = if self.bad_manifest { "Bad Name" } else { "noting" };
        PluginManifest::builder(name, "1.0.0").event("project.*").build()
    }

    fn router(&self, _ctx: PluginContext) -> axum::Router {
        assert!(!self.panic_in_router, "on purpose");
        self.note("router");
        axum::Router::new()
    }

    fn on_start(&self, _ctx: &PluginContext) -> Result<(), PluginSdkError> {
        self.note("start");
        if self.fail_start {
            return Err(PluginSdkError::other("the database is not there"));
        }
        Ok(())
    }

    fn on_event(&self, _ctx: &PluginContext, event: PluginEvent) {
        assert!(event.data["panic"] != true, "on purpose");
        self.note(event.data["n"].to_string());
    }

    async fn on_shutdown_async(&self, _ctx: &PluginContext) {
        tokio::task::yield_now().await;
        self.note("shutdown");
    }
}

#[tokio::test]
async fn hooks_run_in_order_and_a_stop_removes_the_socket() {
    for dialect in Dialect::ALL {
        let noting = Noting::default();
        let plugin = TestPlugin::builder(noting.clone()).dialect(dialect).start().await.unwrap();
        let socket = plugin.socket_path().to_owned();
        assert!(socket.exists());
        plugin.stop().await.unwrap();
        assert_eq!(noting.noted(), ["router", "start", "shutdown"]);
        assert!(!socket.exists());
    }
}

#[tokio::test]
async fn events_come_in_order_and_a_panic_stops_none() {
    let noting = Noting::default();
    let plugin = TestPlugin::start(noting.clone()).await.unwrap();
    for n in 0..5 {
        let data = serde_json::json!({ "n": n, "panic": n == 2 });
        plugin.emit(event("project.created", data)).await.unwrap();
    }
    assert_eq!(noting.noted()[2..], ["0", "1", "3", "4"]);
    let error = plugin.emit(event("domain.created", serde_json::json!({}))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn an_event_by_post_reaches_the_same_hook() {
    let noting = Noting::default();
    let plugin = TestPlugin::start(noting.clone()).await.unwrap();
    let posted = event("project.created", serde_json::json!({ "n": 7 }));
    let accepted = plugin.post("/_events").json(&posted).send().await.unwrap();
    assert_eq!(accepted.status(), 200);
    let refused = plugin.post("/_events").body("{\"id\":1}").send().await.unwrap();
    assert_eq!(refused.status(), 400);
    assert!(refused.text().contains("id"), "{}", refused.text());
    // What was taken over is delivered before the plugin ends.
    plugin.stop().await.unwrap();
    assert_eq!(noting.noted(), ["router", "start", "7", "shutdown"]);
}

#[tokio::test]
async fn a_failing_start_ends_the_plugin_with_its_own_words() {
    let noting = Noting { fail_start: true, ..Noting::default() };
    let error = TestPlugin::start(noting.clone()).await.err().unwrap();
    assert!(error.to_string().contains("the database is not there"), "{error}");
    assert_eq!(noting.noted(), ["router", "start"], "nothing to shut down");

    let noting = Noting { panic_in_router: true, ..Noting::default() };
    let error = TestPlugin::start(noting).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Start);

    let noting = Noting { bad_manifest: true, ..Noting::default() };
    let error = TestPlugin::start(noting).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Manifest);
    assert!(error.to_string().contains("Bad Name"), "{error}");
}

#[tokio::test]
async fn a_database_is_asked_for_and_given() {
    struct WithDatabase;
    impl ExternalPlugin for WithDatabase {
        fn manifest(&self) -> PluginManifest {
            PluginManifest::builder("with-database", "1.0.0").requires_db(true).build()
        }
        fn router(&self, ctx: PluginContext) -> axum::Router {
            let url = ctx.database_url().unwrap_or("none").to_owned();
            axum::Router::new().route("/url", get(async move || url))
        }
    }
    let plugin =
        TestPlugin::builder(WithDatabase).database_url("postgres://x").start().await.unwrap();
    assert_eq!(plugin.get("/url").send().await.unwrap().text(), "postgres://x");
    let error = TestPlugin::start(WithDatabase).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Handshake);
    assert!(error.to_string().contains("database_url"), "{error}");
}
