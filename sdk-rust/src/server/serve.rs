//! Accepting connections, and ending them well (PROTOCOL.md, section "Life cycle").

use std::io;
use std::pin::pin;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Duration, sleep, timeout};

use super::connection::{Connection, Stream, Upgrades};
use super::{Dispatch, body};

/// How long to wait before accepting again when the system has no descriptor to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long an upgraded connection of the author's may take to say goodbye once all requests are
/// answered.
const GOODBYE: Duration = Duration::from_secs(1);

/// The running server.
pub(crate) struct Server {
    drain: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves `listener` from now on.
    pub(crate) fn start(listener: UnixListener, dispatch: Arc<Dispatch>) -> Self {
        let (drain, asked) = oneshot::channel();
        let task = tokio::spawn(run(listener, dispatch, asked));
        Self { drain, task }
    }

    /// Accepts no more and waits until what is in flight has been answered.
    pub(crate) async fn drain(self) {
        // The task ends by itself only when it has panicked; then there is nothing to drain.
        let _ended_by_itself = self.drain.send(());
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the socket server failed");
        }
    }
}

async fn run(listener: UnixListener, dispatch: Arc<Dispatch>, mut drain: oneshot::Receiver<()>) {
    // Every connection holds a receiver: sending asks them to end, and the channel is closed once
    // the last one has.
    let ending = watch::Sender::new(());
    let upgrades = Upgrades::default();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let peer = Connection::new(Arc::clone(&dispatch), upgrades.clone());
                    let steps = peer.steps.clone();
                    let serving = serve(stream, Arc::new(peer), ending.subscribe());
                    match steps {
                        Some(steps) => tokio::spawn(steps.drive(Box::pin(serving))),
                        None => tokio::spawn(serving),
                    };
                }
                Err(error) => accept_failed(error).await,
            },
            _ = &mut drain => break,
        }
    }
    // Closing the listener first: a peer that dials now is refused rather than left waiting.
    drop(listener);
    ending.send_replace(());
    ending.closed().await;
    if timeout(GOODBYE, upgrades.gone()).await.is_err() {
        tracing::debug!("an upgraded connection of the author's is cut off");
    }
}

/// Serves one connection until its end. When the server drains, an idle one ends at once and a busy
/// one after its response.
async fn serve(stream: UnixStream, peer: Arc<Connection>, mut ending: watch::Receiver<()>) {
    let stream = Stream::new(stream, Arc::clone(&peer));
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (parts, incoming) = request.into_parts();
        let body = body::of_request(&parts.headers, incoming);
        peer.dispatch.answer(hyper::Request::from_parts(parts, body), &peer)
    });
    let serving = http1::Builder::new().serve_connection(stream, service).with_upgrades();
    let mut serving = pin!(serving);
    let served = tokio::select! {
        served = serving.as_mut() => served,
        _ = ending.changed() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        // The peer went away or spoke no HTTP: its right, and no reason to alarm anyone.
        tracing::debug!(%error, "a connection ended early");
    }
}

async fn accept_failed(error: io::Error) {
    tracing::warn!(%error, "cannot accept a connection");
    sleep(ACCEPT_PAUSE).await;
}
