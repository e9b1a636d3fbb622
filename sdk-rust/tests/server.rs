//! What an author's routes can rely on, seen through the socket of a plugin under test.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use axum::Json;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use serde_json::{Value, json};
use temps_plugin_sdk::prelude::*;
use temps_plugin_sdk::testing::{TestPlugin, TestUser};

/// A plugin that is nothing but its routes.
struct Routes(fn(PluginContext) -> axum::Router);

impl ExternalPlugin for Routes {
    fn manifest(&self) -> PluginManifest {
        PluginManifest::builder("routes", "1.0.0").build()
    }

    fn router(&self, ctx: PluginContext) -> axum::Router {
        (self.0)(ctx)
    }
}

async fn start(routes: fn(PluginContext) -> axum::Router) -> TestPlugin {
    TestPlugin::start(Routes(routes)).await.unwrap()
}

#[tokio::test]
async fn a_reserved_route_of_the_authors_is_hidden_not_fatal() {
    let plugin = start(|_| {
        axum::Router::new()
            .route("/health", get(async || "mine"))
            .route("/_events", get(async || "mine"))
            .route("/_temps/channel", get(async || "mine"))
    })
    .await;
    let health = plugin.get("/health").unsigned().send().await.unwrap();
    assert_eq!(health.json::<Value>().unwrap(), json!({ "status": "ok" }));
    for (path, status) in [("/_events", 405), ("/_temps/channel", 400), ("/_temps/x", 404)] {
        assert_eq!(plugin.get(path).send().await.unwrap().status(), status, "{path}");
    }
}

#[tokio::test]
async fn only_health_answers_without_the_signature() {
    let plugin = start(|_| axum::Router::new().route("/mine", any(async || "mine"))).await;
    for path in ["/mine", "/nowhere", "/ui/", "/_events", "/_temps/channel", "/health/", "//health"]
    {
        let answer = plugin.get(path).unsigned().send().await.unwrap();
        assert_eq!(answer.status(), 401, "{path}");
    }
    for method in ["POST", "DELETE", "OPTIONS"] {
        let request = plugin.request(method.parse().unwrap(), "/health");
        assert_eq!(request.unsigned().send().await.unwrap().status(), 401, "{method}");
    }
    let forged = plugin.get("/mine").header("x-temps-auth-signature", "wrong");
    assert_eq!(forged.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_panic_is_a_500_and_nothing_more() {
    let plugin = start(|_| {
        axum::Router::new()
            .route("/panic", get(async || -> StatusCode { panic!("on purpose") }))
            .route("/odd", get(async || StatusCode::from_u16(999).unwrap()))
            .route("/early", get(async || StatusCode::PROCESSING))
            // Nobody has asked for another protocol.
            .route("/switch", get(async || StatusCode::SWITCHING_PROTOCOLS))
    })
    .await;
    for path in ["/panic", "/odd", "/early", "/switch"] {
        assert_eq!(plugin.get(path).send().await.unwrap().status(), 500, "{path}");
    }
    assert_eq!(plugin.get("/health").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn bodies_of_16_mib_arrive_unless_the_author_sets_a_limit() {
    async fn length(body: Bytes) -> String {
        body.len().to_string()
    }
    let plugin = start(|_| {
        let limited =
            axum::Router::new().route("/limited", post(length)).layer(DefaultBodyLimit::max(10));
        axum::Router::new().route("/length", post(length)).merge(limited)
    })
    .await;
    let body = vec![0; 16 * 1024 * 1024];
    let answer = plugin.post("/length").body(body).send().await.unwrap();
    assert_eq!(answer.text(), "16777216");
    let answer = plugin.post("/limited").body("more than ten").send().await.unwrap();
    assert_eq!(answer.status(), 413);
}

#[tokio::test]
async fn an_answer_reaches_a_peer_that_is_still_sending() {
    let plugin = start(|_| axum::Router::new().route("/deaf", post(async || "not read"))).await;
    for (path, status) in [("/nowhere", 404), ("/deaf", 200), ("/_temps/x", 404)] {
        let body = vec![0; 16 * 1024 * 1024];
        let answer = plugin.post(path).body(body.clone()).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        let refused = plugin.post(path).unsigned().body(body).send().await.unwrap();
        assert_eq!(refused.status(), 401, "{path}");
    }
}

#[tokio::test]
async fn credentials_do_not_reach_handlers_and_identity_does() {
    let plugin = start(|_| {
        async fn headers(headers: axum::http::HeaderMap) -> Json<Vec<String>> {
            Json(headers.keys().map(ToString::to_string).collect())
        }
        axum::Router::new().route("/headers", get(headers))
    })
    .await;
    let user = TestUser::new("7", "ada@example.org").actor_token("token");
    let seen: Vec<String> =
        plugin.get("/headers").signed_in(&user).send().await.unwrap().json().unwrap();
    assert!(seen.contains(&"x-temps-user-id".to_owned()));
    for hidden in ["x-temps-auth-signature", "x-temps-auth", "x-temps-actor-token"] {
        assert!(!seen.contains(&hidden.to_owned()), "{hidden}");
    }
}

#[tokio::test]
async fn unsigned_identity_is_nobody_to_the_verified_extractors() {
    async fn verified(caller: Option<VerifiedCaller>) -> Json<bool> {
        Json(caller.is_some())
    }
    async fn field(auth: TempsAuth) -> String {
        auth.user_id
    }
    let routes =
        |_| axum::Router::new().route("/verified", get(verified)).route("/field", get(field));
    let plugin = TestPlugin::builder(Routes(routes)).dialect(Dialect::One).start().await.unwrap();
    let user = TestUser::new("7", "ada@example.org");
    let verified = |signed: bool| {
        let request = plugin.get("/verified").signed_in(&user);
        if signed { request } else { request.unsigned() }
    };
    assert!(verified(true).send().await.unwrap().json::<bool>().unwrap());
    assert!(!verified(false).send().await.unwrap().json::<bool>().unwrap());
    // The extractor of plugins in the field trusts the socket, as it always has.
    let field = plugin.get("/field").signed_in(&user).unsigned().send().await.unwrap();
    assert_eq!(field.text(), "7");
    assert_eq!(plugin.get("/field").send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn block_on_in_router_works_in_every_form() {
    let plugin = start(|_| {
        let handle = tokio::runtime::Handle::current();
        let direct = handle.block_on(async { 1 });
        let in_place = tokio::task::block_in_place(|| handle.block_on(async { 2 }));
        let spawned = handle.block_on(tokio::spawn(async { 3 })).unwrap();
        let sum = direct + in_place + spawned;
        axum::Router::new().route("/sum", get(async move || sum.to_string()))
    })
    .await;
    assert_eq!(plugin.get("/sum").send().await.unwrap().text(), "6");
}
