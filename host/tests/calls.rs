//! The calls of a plugin, answered.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test that uses them")]

mod common;

use std::sync::Arc;

use common::open::Open;
use serde_json::{Value, json};
use temps_plugin_host::{AiAnswer, CallFuture, CallOrigin, MemoryPlatform, Platform};
use temps_plugin_schema::api_call::{ApiMethod, ApiReply};
use temps_plugin_schema::calls::{
    GetDeployment, GetEnvironment, GetLastDeployment, GetProject, ListDeployments,
    ListEnvironments, ListProjects, Method,
};
use temps_plugin_schema::channel::{ErrorBody, ErrorCode};
use temps_plugin_schema::manifest::HostPermission;
use temps_plugin_schema::platform::{Deployment, Environment, Project};
use temps_plugin_schema::{Dialect, Secret};

#[tokio::test]
async fn the_seven_queries_are_answered_in_both_dialects() {
    for dialect in Dialect::ALL {
        let open = Open::new(dialect).await;
        let answers = [
            ("get_project", json!({"project_id": 42}), "/slug", json!("shop")),
            ("list_projects", json!({"limit": 1}), "", json!(1)),
            ("list_projects", Value::Null, "", json!(2)),
            ("get_environment", json!({"environment_id": 4}), "/is_preview", json!(true)),
            ("list_environments", json!({"project_id": 42}), "", json!(2)),
            ("get_deployment", json!({"deployment_id": 100}), "/state", json!("failed")),
            ("get_last_deployment", json!({"project_id": 42}), "/id", json!(102)),
            (
                "get_last_deployment",
                json!({"project_id": 42, "environment_id": 3}),
                "/id",
                json!(101),
            ),
            ("list_deployments", json!({"project_id": 42, "limit": 2}), "", json!(2)),
        ];
        for (id, (method, params, pointer, expected)) in (u64::MAX - 8..=u64::MAX).zip(answers) {
            let result = open.ask(id, method, params).await.unwrap();
            let found = match &result {
                Value::Array(items) => json!(items.len()),
                result => result.pointer(pointer).cloned().unwrap_or_default(),
            };
            assert_eq!(found, expected, "{method}: {result}");
        }
        assert_eq!(open.platform.calls().len(), 9);
        assert_eq!(open.platform.calls()[0].plugin, "fixture");
        assert_eq!(open.channel.stats().replies, 9);
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_with_the_right_code() {
    for dialect in Dialect::ALL {
        let open = Open::new(dialect).await;
        let refused = [
            ("get_project", json!({"project_id": 7}), "not_found"),
            ("get_project", json!({"project_id": "42"}), "invalid_params"),
            ("get_project", Value::Null, "invalid_params"),
            ("list_environments", json!({"project_id": 7}), "not_found"),
            ("format_disk", json!({}), "method_not_found"),
        ];
        for (id, (method, params, code)) in (1..).zip(refused) {
            assert_eq!(open.ask(id, method, params).await, Err(code.to_owned()), "{method}");
        }
        let error = ErrorBody::new(ErrorCode::Other("out_of_cheese".into()), "redo");
        open.platform.refuse(Method::GetProject, error);
        let ask = || open.ask(9, "get_project", json!({"project_id": 42}));
        assert_eq!(ask().await, Err("out_of_cheese".to_owned()));
        open.platform.accept(Method::GetProject);
        assert!(ask().await.is_ok());
    }
}

#[tokio::test]
async fn the_calls_of_dialect_2_do_not_exist_in_dialect_1() {
    let open = Open::new(Dialect::One).await;
    for method in ["get_host_capabilities", "generate_ai", "api_call"] {
        let refused = open.ask(1, method, json!({"bad": "params"})).await;
        assert_eq!(refused, Err("method_not_found".to_owned()));
    }
    assert!(open.platform.calls().is_empty());
}

#[tokio::test]
async fn dialect_2_has_capabilities_text_and_the_api() {
    let open = Open::new(Dialect::Two).await;
    let capabilities = open.ask(1, "get_host_capabilities", Value::Null).await.unwrap();
    assert_eq!(capabilities["permissions"].as_array().unwrap().len(), 7);

    let prompt = json!({"purpose": "a test", "prompt": "say it"});
    let said = open.ask(2, "generate_ai", prompt.clone()).await.unwrap();
    assert_eq!(said["text"], "say it");
    open.platform.set_ai(AiAnswer::Text("no".into()));
    assert_eq!(open.ask(3, "generate_ai", prompt.clone()).await.unwrap()["text"], "no");
    open.platform.revoke(&HostPermission::AiGenerate);
    let denied = Err("permission_denied".to_owned());
    assert_eq!(open.ask(4, "generate_ai", prompt).await, denied);

    let token = Secret::new("token-of-this-test");
    let reply = ApiReply { status: 201, body: Some("{}".into()) };
    open.platform.set_api(ApiMethod::Post, "/projects", reply);
    let post = json!({"method": "POST", "path": "/api/projects", "actor": token.expose()});
    let unknown = open.ask(5, "api_call", post.clone()).await;
    assert_eq!(unknown, Err("unauthenticated".to_owned()));
    open.platform.issue_actor(&token);
    assert_eq!(open.ask(6, "api_call", post.clone()).await.unwrap()["status"], 201);
    open.platform.expire_actor(&token);
    assert_eq!(open.ask(7, "api_call", post).await, unknown);
    let recorded = open.platform.calls_of(Method::ApiCall);
    assert_eq!(recorded[0].params["actor"], "[redacted]");
}

#[tokio::test]
async fn a_call_with_a_body_of_32_mib_is_taken() {
    let open = Open::new(Dialect::Two).await;
    let token = Secret::new("token-of-this-test");
    open.platform.issue_actor(&token);
    let body = format!("\"{}\"", "x".repeat(32 * 1024 * 1024 - 2));
    let mut post = json!({"method": "POST", "path": "/api/projects", "actor": token.expose()});
    post["body"] = json!({"kind": "json", "body": body});
    assert_eq!(open.ask(1, "api_call", post.clone()).await.unwrap()["status"], 404);
    post["body"]["body"] = json!(body.replacen('x', "xx", 1));
    let refused = open.ask(2, "api_call", post).await;
    assert_eq!(refused, Err("invalid_params".to_owned()));
}

/// Answers `get_project` by panicking and nothing else at all.
struct Broken;

impl Platform for Broken {
    fn get_project(&self, _: CallOrigin, _: GetProject) -> CallFuture<'_, Project> {
        panic!("this platform is broken")
    }

    fn list_projects(&self, _: CallOrigin, _: ListProjects) -> CallFuture<'_, Vec<Project>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn get_environment(&self, _: CallOrigin, _: GetEnvironment) -> CallFuture<'_, Environment> {
        Box::pin(std::future::pending())
    }

    fn list_environments(
        &self,
        _: CallOrigin,
        _: ListEnvironments,
    ) -> CallFuture<'_, Vec<Environment>> {
        Box::pin(std::future::pending())
    }

    fn get_deployment(&self, _: CallOrigin, _: GetDeployment) -> CallFuture<'_, Deployment> {
        Box::pin(std::future::pending())
    }

    fn get_last_deployment(
        &self,
        _: CallOrigin,
        _: GetLastDeployment,
    ) -> CallFuture<'_, Deployment> {
        Box::pin(std::future::pending())
    }

    fn list_deployments(
        &self,
        _: CallOrigin,
        _: ListDeployments,
    ) -> CallFuture<'_, Vec<Deployment>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_platform_that_panics_fails_that_call_only() {
    let open = Open::on(Dialect::Two, MemoryPlatform::empty(), Arc::new(Broken)).await;
    let failed = open.ask(1, "get_project", json!({"project_id": 1})).await;
    assert_eq!(failed, Err("internal".to_owned()));
    let unwritten = open.ask(2, "get_host_capabilities", Value::Null).await;
    assert_eq!(unwritten, Err("method_not_found".to_owned()));
    assert_eq!(open.ask(3, "list_projects", Value::Null).await, Ok(json!([])));
}
