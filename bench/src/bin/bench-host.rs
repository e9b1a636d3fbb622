//! A host of a directory's plugins behind a socket: `--plugins DIR --data DIR --socket-path FILE`, and
//! `--connection-a-request` for one that keeps no connection to a plugin. Without `--to NAME` it serves
//! nothing; with it, every path is that of this plugin.

use std::error::Error;
use std::sync::Arc;

use axum::extract::Request;
use axum::{Router, ServiceExt as _};
use clap::Parser;
use temps_plugin_host::{
    AuthenticateFuture, Authenticator, Identity, PluginHost, PluginsDirectory, ProxyPolicy, State,
};
use temps_plugin_schema::http::Role;
use tokio::net::UnixListener;
use tower::Layer as _;
use tower::util::MapRequestLayer;

#[derive(Parser)]
struct Args {
    #[arg(long)]
    plugins: String,
    #[arg(long)]
    data: String,
    #[arg(long)]
    socket_path: String,
    #[arg(long)]
    connection_a_request: bool,
    #[arg(long)]
    to: Option<String>,
}

/// Takes everybody for one user.
struct Somebody;

impl Authenticator for Somebody {
    fn authenticate<'a>(&'a self, _: &'a axum::http::request::Parts) -> AuthenticateFuture<'a> {
        let somebody = Identity::new("7", "ada@example.org", Role::User);
        Box::pin(std::future::ready(Ok(Some(somebody))))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let kept = if args.connection_a_request { 0 } else { ProxyPolicy::default().kept_connections };
    let host = PluginHost::builder(PluginsDirectory::new(args.plugins), args.data)
        .authenticator(Arc::new(Somebody))
        .proxy(ProxyPolicy { kept_connections: kept, ..ProxyPolicy::default() })
        .build()
        .await?;
    host.settled().await;
    for plugin in host.plugins() {
        let status = plugin.status();
        if status.state != State::Running {
            return Err(format!("{} is {}", plugin.path().display(), status.reason).into());
        }
    }
    let listener = UnixListener::bind(args.socket_path)?;
    println!("listening");
    let Some(to) = args.to else {
        return std::future::pending().await;
    };
    let router: Router = host.router();
    // The load has paths without a prefix, as it has for the plugin itself.
    let prefix = move |mut request: Request| {
        if let Ok(uri) = format!("/x/{to}{}", request.uri()).parse() {
            *request.uri_mut() = uri;
        }
        request
    };
    let service = MapRequestLayer::new(prefix).layer(router);
    axum::serve(listener, service.into_make_service()).await?;
    Ok(())
}
