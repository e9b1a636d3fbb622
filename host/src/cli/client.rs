//! Asking a host that serves on this machine.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::{Failure, Running};

/// Asks as an administrator, and returns what is answered.
pub(super) async fn ask(
    host: &Running,
    method: Method,
    target: &str,
    body: Option<&Value>,
) -> Result<Value, Failure> {
    let address = host.address;
    let stream = TcpStream::connect(address).await.map_err(|error| {
        format!("the host at {address} does not answer ({error}): it may have been killed; start it again")
    })?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(format!("/api{target}"))
        .header(HOST, address.to_string())
        .header(CONTENT_TYPE, "application/json")
        .header(AUTHORIZATION, format!("Bearer {}", host.token().expose()))
        .body(Full::new(body.map_or_else(Bytes::new, |body| body.to_string().into())))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let text = response.into_body().collect().await?.to_bytes();
    let answer: Value = serde_json::from_slice(&text).unwrap_or_default();
    if status.is_success() {
        return Ok(answer);
    }
    let detail = answer["detail"].as_str().unwrap_or("no reason was given");
    Err(format!("the host at {address} answers {status}: {detail}").into())
}
