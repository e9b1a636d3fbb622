//! The exact text of every message on the wire, to be compared with `PROTOCOL.md` by eye.

#![allow(clippy::unwrap_used, reason = "the helpers are part of the tests")]

use insta::assert_snapshot;
use serde::Serialize;
use serde_json::{Value, json};
use temps_plugin_schema::api_call::{ApiBody, ApiCall, ApiContent, ApiMethod, ApiPart, ApiReply};
use temps_plugin_schema::calls::*;
use temps_plugin_schema::channel::{ErrorBody, ErrorCode, HostMessage, Reply, Request};
use temps_plugin_schema::event::*;
use temps_plugin_schema::handshake::{LaunchConfig, PluginLine};
use temps_plugin_schema::manifest::{
    Capability, HostPermission, NavEntry, NavSection, UiManifest, UiRoute,
};
use temps_plugin_schema::platform::*;
use temps_plugin_schema::{Dialect, PluginEvent, PluginManifest, Secret};

const TIME: &str = "2026-06-06T12:00:00Z";

fn wire(value: impl Serialize) -> String {
    serde_json::to_string(&value).unwrap()
}

/// A value whose members are in one order, however serde_json happens to be built.
fn sorted(value: impl Serialize) -> Value {
    let mut value = serde_json::to_value(value).unwrap();
    value.sort_all_objects();
    value
}

fn minimal() -> PluginManifest {
    PluginManifest::builder("shop", "1.0.0").build()
}

fn full() -> PluginManifest {
    PluginManifest::builder("shop", "1.2.3-rc.1")
        .display_name("Shop")
        .description("Sells things.")
        .nav(NavEntry {
            label: "Shop".into(),
            icon: "shopping-cart".into(),
            section: NavSection::Platform,
            path: "/shop".into(),
            order: 50,
        })
        .ui(UiManifest {
            entry_js: "main.js".into(),
            css: vec!["main.css".into()],
            routes: vec![UiRoute { path: "/shop".into(), title: "Shop".into() }],
        })
        .requires_db(true)
        .requires_host_data_access(true)
        .health_path("/healthz")
        .hide_header(true)
        .public_path("/public")
        .capability(Capability::ApiRead)
        .capability(Capability::ApiWrite)
        .request_permissions(HostPermission::KNOWN.iter().copied().map(Into::into))
        .events(["deployment.*", "project.created"])
        .build()
}

#[test]
fn plugin_lines() {
    let openapi = json!({ "openapi": "3.1.0" });
    let lines = Dialect::ALL.map(|dialect| {
        [
            wire(PluginLine::announce(dialect, minimal())),
            wire(PluginLine::announce(dialect, full())),
            wire(PluginLine::ready(dialect, false, None)),
            wire(PluginLine::ready(dialect, true, Some(openapi.clone()))),
        ]
        .join("\n")
    });
    assert_snapshot!("plugin_lines_dialect1", lines[0]);
    assert_snapshot!("plugin_lines_dialect2", lines[1]);
}

#[test]
fn launch_lines() {
    let launch = |database_url: Option<&str>, host_data_dir: Option<&str>| {
        wire(LaunchConfig {
            protocol_version: 2,
            auth_secret: Secret::new("k3Jd0-8sQmY_2vTn5xWbR7cLpZ4uHfEa"),
            database_url: database_url.map(Secret::new),
            host_data_dir: host_data_dir.map(Into::into),
        })
    };
    let lines =
        [launch(None, None), launch(Some("postgres://localhost/shop"), Some("/var/lib/temps"))];
    assert_snapshot!("launch_lines", lines.join("\n"));
}

fn api_call(body: Option<ApiBody>) -> ApiCall {
    ApiCall {
        method: ApiMethod::Post,
        path: "/api/projects/42".into(),
        query: body.is_none().then(|| "page=1".into()),
        body,
        actor: Secret::new("token"),
    }
}

fn multipart() -> ApiBody {
    let part = |name: &str, file: Option<&str>, content| ApiPart {
        name: name.into(),
        filename: file.map(Into::into),
        content_type: file.map(|_| "application/octet-stream".into()),
        content,
    };
    ApiBody::Multipart(vec![
        part("note", None, ApiContent::Text("hello".into())),
        part("file", Some("a.bin"), ApiContent::Binary("AAEC".into())),
    ])
}

/// The ten calls with all their parameters, and again with as few as possible.
fn requests(dialect: Dialect) -> String {
    let json = Some(ApiBody::Json("{}".into()));
    let lines = [
        encode(dialect, 1, &GetProject { project_id: 42 }),
        encode(dialect, 2, &ListProjects { limit: Some(10) }),
        encode(dialect, 3, &ListProjects::default()),
        encode(dialect, 4, &GetEnvironment { environment_id: 3 }),
        encode(dialect, 5, &ListEnvironments { project_id: 42 }),
        encode(dialect, 6, &GetDeployment { deployment_id: 100 }),
        encode(dialect, 7, &last_deployment(Some(3))),
        encode(dialect, 8, &last_deployment(None)),
        encode(dialect, 9, &list_deployments(Some(3), Some(5))),
        encode(dialect, 10, &list_deployments(None, None)),
        encode(dialect, 11, &GetHostCapabilities {}),
        encode(dialect, 12, &generate_ai(true)),
        encode(dialect, 13, &generate_ai(false)),
        encode(dialect, 14, &api_call(None)),
        encode(dialect, 15, &api_call(json)),
        encode(dialect, 16, &api_call(Some(multipart()))),
    ];
    lines.join("\n")
}

fn encode<P: CallParams>(dialect: Dialect, id: u64, params: &P) -> String {
    Request::encode(dialect, id, params).unwrap()
}

fn last_deployment(environment_id: Option<i32>) -> GetLastDeployment {
    GetLastDeployment { project_id: 42, environment_id }
}

fn list_deployments(environment_id: Option<i32>, limit: Option<u32>) -> ListDeployments {
    ListDeployments { project_id: 42, environment_id, limit }
}

fn generate_ai(whole: bool) -> GenerateAi {
    GenerateAi {
        purpose: "summary".into(),
        prompt: "Say hello.".into(),
        system: whole.then(|| "Be brief.".into()),
        max_tokens: whole.then_some(256),
        temperature: whole.then_some(0.7),
    }
}

#[test]
fn requests_of_every_call() {
    assert_snapshot!("requests_dialect1", requests(Dialect::One));
    assert_snapshot!("requests_dialect2", requests(Dialect::Two));
}

fn project() -> Project {
    Project {
        id: 42,
        name: "Shop".into(),
        slug: "shop".into(),
        repo_name: "shop".into(),
        repo_owner: "acme".into(),
        main_branch: "main".into(),
        preset: "nextjs".into(),
        source_type: "git".into(),
        created_at: TIME.into(),
        updated_at: TIME.into(),
        last_deployment: Some(TIME.into()),
        enable_preview_environments: true,
    }
}

fn environment() -> Environment {
    Environment {
        id: 3,
        project_id: 42,
        name: "Production".into(),
        slug: "production".into(),
        branch: Some("main".into()),
        is_preview: false,
        current_deployment_id: Some(100),
        created_at: TIME.into(),
        updated_at: TIME.into(),
    }
}

fn deployment(whole: bool) -> Deployment {
    let text = |text: &str| whole.then(|| text.to_owned());
    Deployment {
        id: 100,
        project_id: 42,
        environment_id: 3,
        state: "completed".into(),
        branch: text("main"),
        tag: text("v1"),
        commit_sha: text("a1b2c3d"),
        commit_message: text("Sell things"),
        commit_author: text("Ada"),
        created_at: TIME.into(),
        started_at: text(TIME),
        finished_at: text(TIME),
    }
}

fn host_capabilities() -> HostCapabilities {
    HostCapabilities {
        actor: Actor { id: 5, name: "plugin-shop".into(), active: true },
        permissions: vec!["projects_read".into(), "ai_generate".into()],
        ai: AiStatus {
            configured: false,
            reason: Some("no provider".into()),
            setup_path: "/settings/ai".into(),
            daily_call_limit: 100,
            max_output_tokens: 4096,
            max_prompt_bytes: 65536,
        },
    }
}

fn results() -> Vec<(Method, Value)> {
    fn result<P: CallParams>(result: P::Output) -> (Method, Value) {
        (P::METHOD, sorted(result))
    }
    vec![
        result::<GetProject>(project()),
        result::<ListProjects>(vec![Project { last_deployment: None, ..project() }]),
        result::<GetEnvironment>(environment()),
        result::<ListEnvironments>(vec![Environment {
            branch: None,
            current_deployment_id: None,
            ..environment()
        }]),
        result::<GetDeployment>(deployment(true)),
        result::<GetLastDeployment>(deployment(false)),
        result::<ListDeployments>(Vec::new()),
        result::<GetHostCapabilities>(host_capabilities()),
        result::<GenerateAi>(GeneratedText { text: "Hello.".into(), model: "some-model".into() }),
        result::<ApiCall>(ApiReply { status: 200, body: Some(r#"{"id":42}"#.into()) }),
    ]
}

#[test]
fn replies_to_every_call() {
    let replies = Dialect::ALL.map(|dialect| {
        let answers = (1..).zip(results()).map(|(id, (method, result))| Reply {
            id,
            method: Some(method.to_string()),
            outcome: Ok(result),
        });
        let codes = ErrorCode::KNOWN.iter().chain(&["rate_limited"]);
        let refusals = (11..).zip(codes).map(|(id, code)| Reply {
            id,
            method: None,
            outcome: Err(ErrorBody::new((*code).into(), "no project 42")),
        });
        let lines: Vec<_> = answers
            .chain(refusals)
            .map(|reply| HostMessage::Reply(reply).encode(dialect).unwrap())
            .collect();
        lines.join("\n")
    });
    assert_snapshot!("replies_dialect1", replies[0]);
    assert_snapshot!("replies_dialect2", replies[1]);
}

/// The data of each known event, with every member set.
fn data() -> Vec<Value> {
    let (deployment_id, project_id, environment_id) = (100, 42, 3);
    let environment_name = String::from("production");
    let commit_sha = Some("a1b2c3d".to_owned());
    let url = Some("https://shop.example.com".to_owned());
    let project = sorted(ProjectChanged { project_id, project_name: "Shop".into() });
    let domain = sorted(DomainChanged {
        domain_id: 9,
        project_id: Some(project_id),
        domain_name: "shop.example.com".into(),
    });
    vec![
        sorted(DeploymentCreated {
            deployment_id,
            project_id,
            environment_id,
            environment_name: environment_name.clone(),
            commit_sha: commit_sha.clone(),
            branch: Some("main".into()),
        }),
        sorted(DeploymentSucceeded {
            deployment_id,
            project_id,
            environment_id,
            environment_name: environment_name.clone(),
            commit_sha,
            url: url.clone(),
        }),
        sorted(DeploymentReady {
            deployment_id,
            project_id,
            environment_id,
            environment_name: environment_name.clone(),
            url,
        }),
        sorted(DeploymentFailed {
            deployment_id,
            project_id,
            environment_id,
            environment_name: environment_name.clone(),
            error_message: Some("exit status 1".into()),
        }),
        sorted(DeploymentCancelled { deployment_id, project_id, environment_id, environment_name }),
        project.clone(),
        project,
        domain.clone(),
        domain,
    ]
}

fn event(event_type: &str, project_id: Option<i32>, data: Value) -> PluginEvent {
    PluginEvent {
        id: "6f1c2f0e-6a3e-4a53-9f0c-0c9f3f1e7a11".into(),
        event_type: event_type.into(),
        timestamp: TIME.into(),
        project_id,
        data,
    }
}

#[test]
fn events() {
    let data = data();
    assert_eq!(data.len(), KNOWN_EVENTS.len());
    let known = KNOWN_EVENTS.iter().zip(data);
    let mut events: Vec<_> = known.map(|(name, data)| event(name, Some(42), data)).collect();
    events.push(event("invoice.paid", None, json!({ "amount": "9.90" })));
    let lines: Vec<_> = events.iter().map(wire).collect();
    assert_snapshot!("events", lines.join("\n"));

    let frames = Dialect::ALL.map(|dialect| {
        let event = event("heartbeat", None, json!({}));
        HostMessage::Event(event).encode(dialect).unwrap()
    });
    assert_snapshot!("event_frames", frames.join("\n"));
}
