//! A host behind a port, as callers find it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use temps_plugin_host::{AuthenticateFuture, Authenticator, Identity, PluginHost};
use temps_plugin_schema::http::Role;
use tokio::net::{TcpListener, TcpStream};

/// Takes `authorization: ada` for an administrator and `authorization: bob` for a reader; `broken`
/// cannot be found out.
pub struct ByName;

impl Authenticator for ByName {
    fn authenticate<'a>(&'a self, request: &'a Parts) -> AuthenticateFuture<'a> {
        let named = request.headers.get(AUTHORIZATION).map(|value| value.to_str().unwrap());
        let found = match named {
            Some("ada") => {
                let ada = Identity::new("7", "ada@example.com", Role::Admin);
                Ok(Some(ada.permissions(["projects:read", "projects:write"])))
            }
            Some("bob") => Ok(Some(Identity::new("8", "bob@example.com", Role::Reader))),
            Some("broken") => Err("the session store is at /var/secret".into()),
            _ => Ok(None),
        };
        Box::pin(std::future::ready(found))
    }
}

/// A host behind a port.
pub struct Front {
    pub address: SocketAddr,
}

impl Front {
    pub async fn of(host: &PluginHost) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = axum::Router::new().nest("/api", host.router());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address }
    }

    /// A request of `user`; `""` is nobody.
    pub fn request(&self, method: Method, user: &str, target: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(target).header("host", "temps.test");
        if user.is_empty() { request } else { request.header(AUTHORIZATION, user) }
    }

    /// Sends it over a connection of its own, which lives until the response was read.
    pub async fn send<B>(&self, request: Request<B>) -> Response<Incoming>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await.unwrap()
    }

    pub async fn get(&self, user: &str, target: &str) -> Answer {
        self.ask(Method::GET, user, target).await
    }

    pub async fn ask(&self, method: Method, user: &str, target: &str) -> Answer {
        let request = self.request(method, user, target).body(Full::<Bytes>::default()).unwrap();
        Answer::of(self.send(request).await).await
    }
}

/// A response that was read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
    pub trailers: Option<http::HeaderMap>,
}

impl Answer {
    pub async fn of(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned();
        let (status, headers) = (head.status.as_u16(), head.headers);
        Self { status, headers, body: body.to_bytes(), trailers }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// It is a problem document with this status that says this, and names no path.
    #[track_caller]
    pub fn is_problem(&self, status: u16, says: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        let text = problem.to_string();
        assert!(text.contains(says), "{says:?} is missing in: {text}");
        assert!(!text.contains("/tmp") && !text.contains(".sock"), "{text}");
    }
}

/// A host whose callers are known by name.
pub fn by_name() -> Arc<dyn Authenticator> {
    Arc::new(ByName)
}
