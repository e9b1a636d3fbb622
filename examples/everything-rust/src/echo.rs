//! Routes that give a request back.

use axum::Json;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use temps_plugin_sdk::prelude::*;

use crate::AppState;

/// Most bytes `/echo` keeps to send back: 64 MiB.
const ECHO_BYTES: usize = 64 * 1024 * 1024;

pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/echo", any(echo))
        .route("/echo/", any(echo))
        .route("/echo/{*rest}", any(echo))
        .route("/stream/echo", post(stream_echo))
        .route("/ws", get(web_socket))
        .route("/whoami", get(whoami))
        .route("/private", get(private))
        .route("/public/hello", get(async || Json(json!({ "hello": "world" }))))
        .route("/context", get(context))
}

async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match to_bytes(body, ECHO_BYTES).await {
        Ok(body) => body,
        Err(error) => {
            let error = Json(json!({ "error": format!("cannot read the body: {error}") }));
            return (StatusCode::BAD_REQUEST, error).into_response();
        }
    };
    let headers: Vec<_> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    Json(json!({
        "method": parts.method.as_str(),
        "path": parts.uri.path(),
        "query": parts.uri.query(),
        "headers": headers,
        "body_base64": BASE64.encode(&body),
        "body_length": body.len(),
    }))
    .into_response()
}

/// Each frame of the body goes back as it comes, trailers included.
async fn stream_echo(request: Request) -> Response {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .cloned()
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let announced = request.headers().get(header::TRAILER).cloned();
    let mut response = Response::new(Body::new(request.into_body()));
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    if let Some(announced) = announced {
        // HTTP/1.1 sends only trailers that were announced.
        response.headers_mut().insert(header::TRAILER, announced);
    }
    response
}

async fn web_socket(State(state): State<AppState>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async move |socket| echo_messages(socket, state.ctx).await)
}

async fn echo_messages(mut socket: WebSocket, ctx: PluginContext) {
    loop {
        let message = tokio::select! {
            message = socket.recv() => message,
            () = ctx.stopping() => {
                // The peer may be gone already; then there is nobody to say goodbye to.
                drop(socket.send(Message::Close(None)).await);
                return;
            }
        };
        let Some(Ok(message)) = message else { return };
        let answered = match message {
            Message::Text(_) | Message::Binary(_) => socket.send(message).await,
            // Pings and close frames are answered by the WebSocket layer.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => Ok(()),
        };
        if answered.is_err() {
            return;
        }
    }
}

async fn whoami(caller: Caller) -> Json<Value> {
    match caller {
        Caller::SignedIn(caller) => Json(describe(&caller)),
        Caller::Anonymous => Json(json!({ "signed_in": false })),
    }
}

async fn private(caller: VerifiedCaller) -> Json<Value> {
    Json(describe(&caller))
}

fn describe(caller: &VerifiedCaller) -> Value {
    json!({
        "signed_in": true,
        "user_id": caller.user_id(),
        "email": caller.email(),
        "role": caller.role(),
        "permissions": caller.permissions(),
    })
}

async fn context(State(state): State<AppState>) -> Json<Value> {
    Json(json!({
        "plugin_name": state.ctx.plugin_name(),
        "data_dir": state.ctx.data_dir(),
        "dialect": state.ctx.dialect(),
    }))
}
