//! Calls to the platform, made by a plugin under test.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use temps_plugin_sdk::prelude::*;
use temps_plugin_sdk::schema::calls::{GenerateAi, Method};
use temps_plugin_sdk::schema::channel::{ErrorBody, ErrorCode};
use temps_plugin_sdk::testing::{
    self, TestPlatform, TestPlugin, TestUser, deployment, environment, project,
};
use temps_plugin_sdk::{CallerApi, file, part};

/// Hands its context to the test.
struct Lender(std::sync::mpsc::Sender<PluginContext>);

impl ExternalPlugin for Lender {
    fn manifest(&self) -> PluginManifest {
        PluginManifest::builder("lender", "1.0.0")
            .event("*")
            .capability(Capability::ApiWrite)
            .build()
    }

    fn router(&self, ctx: PluginContext) -> axum::Router {
        self.0.send(ctx.clone()).unwrap();
        axum::Router::new()
            .route("/api", post(call_api))
            .route("/newest/{project}", get(newest))
            .with_state(ctx)
    }

    fn on_event(&self, ctx: &PluginContext, _event: PluginEvent) {
        // A plain hook may block on a call: replies are read while it runs.
        let projects = tokio::runtime::Handle::current().block_on(ctx.temps().list_projects());
        assert!(projects.is_ok());
    }
}

async fn call_api(State(ctx): State<PluginContext>, caller: VerifiedCaller) -> Json<Value> {
    let api: CallerApi = ctx.api_for(&caller);
    let parts = vec![part("title", "shop"), file("logo", "a.png", "image/png", &[0xff, 0x00])];
    let outcome = api.post("/api/projects").query("dry=1").multipart(parts).send().await;
    Json(match outcome {
        Ok(response) => json!({ "status": response.status(), "body": response.body() }),
        Err(error) => json!(format!("{:?}", error.kind())),
    })
}

async fn newest(
    State(ctx): State<PluginContext>,
    Path(project): Path<i32>,
) -> Result<String, Problem> {
    let hurried = ctx.temps().with_timeout(Duration::from_millis(50));
    Ok(hurried.get_last_deployment(project, None).await?.id.to_string())
}

async fn start(platform: TestPlatform, dialect: Dialect) -> (TestPlugin, PluginContext) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let plugin = TestPlugin::builder(Lender(sender))
        .platform(platform)
        .dialect(dialect)
        .start()
        .await
        .unwrap();
    (plugin, receiver.recv().unwrap())
}

fn shop() -> TestPlatform {
    TestPlatform::new()
        .with_project(project(7, "shop"))
        .with_environment(environment(1, 7, "production"))
        .with_deployment(deployment(41, 7, 1))
        .with_deployment(deployment(42, 7, 1))
}

#[tokio::test]
async fn the_seven_queries_work_in_both_dialects() {
    for dialect in Dialect::ALL {
        let (_plugin, ctx) = start(shop(), dialect).await;
        let temps = ctx.temps();
        assert_eq!(temps.get_project(7).await.unwrap().name, "shop");
        assert_eq!(temps.list_projects().await.unwrap().len(), 1);
        assert_eq!(temps.get_environment(1).await.unwrap().project_id, 7);
        assert_eq!(temps.list_environments(7).await.unwrap().len(), 1);
        assert_eq!(temps.get_deployment(41).await.unwrap().id, 41);
        assert_eq!(temps.get_last_deployment(7, None).await.unwrap().id, 42);
        assert_eq!(temps.list_deployments(7, Some(1), Some(1)).await.unwrap().len(), 1);
        let error = temps.get_project(8).await.unwrap_err();
        assert_eq!(error.remote().unwrap().code, ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn what_dialect_1_does_not_have_is_not_sent() {
    let (plugin, ctx) = start(TestPlatform::new(), Dialect::One).await;
    let error = ctx.temps().get_host_capabilities().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(plugin.platform().calls().is_empty());
}

#[tokio::test]
async fn capabilities_and_generated_text_come_in_dialect_2() {
    let (_plugin, ctx) = start(TestPlatform::new(), Dialect::Two).await;
    assert!(ctx.temps().get_host_capabilities().await.unwrap().actor.active);
    let ask = GenerateAi {
        purpose: "test".into(),
        prompt: "hello".into(),
        system: None,
        max_tokens: None,
        temperature: Some(0.5),
    };
    assert_eq!(ctx.temps().generate_ai(ask).await.unwrap().text, "hello");
}

#[tokio::test]
async fn a_refusal_keeps_code_and_message_also_when_the_code_is_new() {
    let platform = TestPlatform::new();
    platform.on(Method::ListProjects, |_| Err(ErrorBody::new("brand_new".into(), "try later")));
    let (_plugin, ctx) = start(platform, Dialect::Two).await;
    let error = ctx.temps().list_projects().await.unwrap_err();
    let body = error.remote().unwrap();
    assert_eq!((body.code.as_str(), body.message.as_str()), ("brand_new", "try later"));
}

#[tokio::test]
async fn a_result_of_another_shape_is_a_protocol_error() {
    let platform = TestPlatform::new();
    platform.on(Method::ListProjects, |_| Ok(json!({ "not": "a list" })));
    let (_plugin, ctx) = start(platform, Dialect::Two).await;
    let error = ctx.temps().list_projects().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn a_call_waits_for_the_next_channel_and_not_for_ever() {
    let (mut plugin, ctx) = start(shop(), Dialect::Two).await;
    plugin.drop_channel().await;
    let hurried = ctx.temps().with_timeout(Duration::from_millis(20));
    assert_eq!(hurried.get_project(7).await.unwrap_err().kind(), ErrorKind::Disconnected);

    let (name, reopened) = tokio::join!(ctx.temps().get_project(7), plugin.open_channel());
    reopened.unwrap();
    assert_eq!(name.unwrap().name, "shop");
}

#[tokio::test]
async fn a_call_that_gets_no_answer_times_out_and_delays_no_other() {
    let platform = shop();
    platform.ignore(Method::GetDeployment);
    let (_plugin, ctx) = start(platform, Dialect::Two).await;
    let hurried = ctx.temps().with_timeout(Duration::from_millis(50));
    let (unanswered, answered) =
        tokio::join!(hurried.get_deployment(41), ctx.temps().get_project(7));
    assert_eq!(unanswered.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(answered.unwrap().id, 7);
    // A host may take 60 s to generate a text.
    assert!(Method::GenerateAi.default_timeout() > Duration::from_secs(60));
}

#[tokio::test]
async fn a_lost_channel_fails_the_calls_under_way() {
    let platform = shop();
    platform.ignore(Method::GetProject);
    let (mut plugin, ctx) = start(platform.clone(), Dialect::Two).await;
    let call = tokio::spawn(async move { ctx.temps().get_project(7).await });
    while platform.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    plugin.drop_channel().await;
    assert_eq!(call.await.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn a_handler_may_pass_a_failed_call_on_as_a_problem() {
    let (mut plugin, _ctx) = start(shop(), Dialect::Two).await;
    assert_eq!(plugin.get("/newest/7").send().await.unwrap().text(), "42");
    let missing = plugin.get("/newest/8").send().await.unwrap();
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.headers()["content-type"], "application/problem+json");

    let platform = plugin.platform().clone();
    for (code, status) in [
        (ErrorCode::PermissionDenied, 403),
        (ErrorCode::Unauthenticated, 401),
        (ErrorCode::Internal, 502),
    ] {
        let refusal = ErrorBody::new(code.clone(), "on purpose");
        platform.on(Method::GetLastDeployment, move |_| Err(refusal.clone()));
        assert_eq!(plugin.get("/newest/7").send().await.unwrap().status(), status, "{code}");
    }
    platform.ignore(Method::GetLastDeployment);
    assert_eq!(plugin.get("/newest/7").send().await.unwrap().status(), 504);
    plugin.drop_channel().await;
    assert_eq!(plugin.get("/newest/7").send().await.unwrap().status(), 502);
}

#[tokio::test]
async fn an_event_hook_may_block_on_calls() {
    let (plugin, _ctx) = start(shop(), Dialect::Two).await;
    plugin.emit(testing::event("project.created", json!({}))).await.unwrap();
    assert_eq!(plugin.platform().calls()[0].method, "list_projects");
}

#[tokio::test]
async fn an_api_call_is_made_as_the_caller_or_not_at_all() {
    let (plugin, _ctx) = start(TestPlatform::new(), Dialect::Two).await;
    let ada = TestUser::new("7", "ada@example.org");

    let without = plugin.post("/api").signed_in(&ada).send().await.unwrap();
    assert_eq!(without.json::<Value>().unwrap(), "NoActor");
    assert!(plugin.platform().calls().is_empty(), "no token, no call");

    let with = plugin.post("/api").signed_in(&ada.actor_token("t0k3n")).send().await.unwrap();
    assert_eq!(with.json::<Value>().unwrap(), json!({ "status": 200, "body": "{}" }));
    let call = &plugin.platform().calls()[0];
    assert_eq!(call.method, "api_call");
    assert_eq!(
        call.params,
        json!({
            "method": "POST",
            "path": "/api/projects",
            "query": "dry=1",
            "actor": "t0k3n",
            "body": { "kind": "multipart", "body": [
                { "name": "title", "content": { "kind": "text", "value": "shop" } },
                {
                    "name": "logo",
                    "filename": "a.png",
                    "content_type": "image/png",
                    "content": { "kind": "binary", "value": "/wA=" },
                },
            ]},
        })
    );
}

#[tokio::test]
async fn a_bad_api_call_is_refused_before_it_is_sent() {
    use temps_plugin_sdk::Secret;
    use temps_plugin_sdk::schema::api_call::{ApiBody, ApiCall, ApiMethod};

    let (plugin, ctx) = start(TestPlatform::new(), Dialect::Two).await;
    let call = |path: &str, body| ApiCall {
        method: ApiMethod::Post,
        path: path.to_owned(),
        query: None,
        body,
        actor: Secret::new("t0k3n"),
    };
    let huge = ApiBody::Json(format!("\"{}\"", "x".repeat(32 * 1024 * 1024)));
    for (call, field) in [
        (call("/projects", None), "path"),
        (call("/api/../admin", None), "path"),
        (call("/api/projects", Some(huge)), "body"),
        (call("/api/projects", Some(ApiBody::Json("{".into()))), "body"),
    ] {
        let error = ctx.temps().call(&call).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().contains(&format!("`{field}")), "{error}");
    }
    assert!(plugin.platform().calls().is_empty());
}
