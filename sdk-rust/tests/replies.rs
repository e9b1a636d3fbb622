//! Answers that come from a thread of author code's own, as those of the bindings do.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use temps_plugin_sdk::testing::TestPlugin;
use temps_plugin_sdk::{
    App, BoxFuture, Dialect, PluginContext, PluginCore, PluginEvent, PluginManifest,
    PluginSdkError, Reply, ReplyTo,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

/// What the thread does with a request's path and the place of its answer.
type Answer = fn(String, Reply);

/// A plugin whose requests are answered by one thread of its own.
struct Elsewhere(Mutex<mpsc::Sender<(String, Reply)>>);

impl Elsewhere {
    /// The plugin on a socket, without a host: dialect 1 asks for no signature.
    async fn start(answer: Answer) -> TestPlugin {
        let (requests, asked) = mpsc::channel();
        std::thread::spawn(move || {
            for (path, reply) in asked {
                answer(path, reply);
            }
        });
        let core = Arc::new(Self(Mutex::new(requests)));
        TestPlugin::core(core).dialect(Dialect::One).start().await.unwrap()
    }
}

impl PluginCore for Elsewhere {
    fn manifest(&self) -> PluginManifest {
        PluginManifest::builder("elsewhere", "1.0.0").build()
    }

    fn answers_elsewhere(&self) -> bool {
        true
    }

    fn start(&self, _ctx: PluginContext) -> BoxFuture<'_, Result<Arc<dyn App>, PluginSdkError>> {
        let requests = self.0.lock().unwrap().clone();
        Box::pin(async move { Ok(Arc::new(Asking(Mutex::new(requests))) as Arc<dyn App>) })
    }

    fn on_event<'a>(
        &'a self,
        _ctx: &'a PluginContext,
        _event: PluginEvent,
    ) -> BoxFuture<'a, Result<(), PluginSdkError>> {
        Box::pin(async { Ok(()) })
    }

    fn on_shutdown<'a>(&'a self, _ctx: &'a PluginContext) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}

struct Asking(Mutex<mpsc::Sender<(String, Reply)>>);

impl App for Asking {
    fn call(&self, request: Request<Body>, to: ReplyTo<'_>) -> BoxFuture<'static, Response<Body>> {
        let (reply, replied) = to.later();
        self.0.lock().unwrap().send((request.uri().path().to_owned(), reply)).unwrap();
        Box::pin(async move { replied.await.unwrap_or_else(|| Response::new("dropped".into())) })
    }
}

fn here(path: String, reply: Reply) {
    reply.send_here(Response::new(path.into()));
}

fn handed_over(path: String, reply: Reply) {
    reply.send(Response::new(path.into()));
}

fn dropped(_path: String, reply: Reply) {
    drop(reply);
}

async fn dial(plugin: &TestPlugin) -> UnixStream {
    UnixStream::connect(plugin.socket_path()).await.unwrap()
}

/// One request and the body of its answer.
async fn ask(stream: &mut UnixStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: plugin\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    loop {
        let mut piece = [0; 4096];
        let read = timeout(PATIENCE, stream.read(&mut piece)).await.unwrap().unwrap();
        assert_ne!(read, 0, "closed after {answer:?}");
        answer += std::str::from_utf8(&piece[..read]).unwrap();
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { continue };
        let length = head.split_once("content-length: ").unwrap().1.lines().next().unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            return body.to_owned();
        }
    }
}

/// Eight connections with one request after the other on each.
async fn put_under_load(answer: Answer) {
    let plugin = Elsewhere::start(answer).await;
    let mut peers = tokio::task::JoinSet::new();
    for peer in 0..8 {
        let mut stream = dial(&plugin).await;
        peers.spawn(async move {
            for number in 0..500 {
                let path = format!("/{peer}/{number}");
                assert_eq!(ask(&mut stream, &path).await, path);
            }
        });
    }
    while let Some(peer) = peers.join_next().await {
        peer.unwrap();
    }
    plugin.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_sent_by_the_thread_that_gives_them_all_arrive() {
    put_under_load(here).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_handed_over_all_arrive() {
    put_under_load(handed_over).await;
}

#[tokio::test]
async fn who_waits_learns_that_there_will_be_no_answer() {
    let plugin = Elsewhere::start(dropped).await;
    assert_eq!(ask(&mut dial(&plugin).await, "/").await, "dropped");
}

/// The thread would be held for ever otherwise: this peer reads only when the next one has its answer.
#[tokio::test]
async fn a_peer_that_does_not_read_holds_nobody() {
    const LENGTH: usize = 16 * 1024 * 1024;
    let plugin = Elsewhere::start(|path, reply| {
        let body = if path == "/large" { vec![b'x'; LENGTH].into() } else { path.into() };
        reply.send_here(Response::new(body));
    })
    .await;
    let mut slow = dial(&plugin).await;
    slow.write_all(b"GET /large HTTP/1.1\r\nhost: plugin\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    slow.readable().await.unwrap();
    assert_eq!(ask(&mut dial(&plugin).await, "/small").await, "/small");
    let mut answer = Vec::new();
    timeout(PATIENCE, slow.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert!(answer.len() > LENGTH && answer.ends_with(b"x"), "{} bytes", answer.len());
}

#[tokio::test]
async fn an_answer_to_a_peer_that_has_gone_goes_nowhere() {
    static GONE: Mutex<Option<oneshot::Receiver<()>>> = Mutex::new(None);
    let (gone, told) = oneshot::channel();
    *GONE.lock().unwrap() = Some(told);
    let plugin = Elsewhere::start(|path, reply| {
        if path == "/late" {
            let told = GONE.lock().unwrap().take().unwrap();
            told.blocking_recv().unwrap();
        }
        reply.send_here(Response::new(path.into()));
    })
    .await;
    let mut peer = dial(&plugin).await;
    peer.write_all(b"GET /late HTTP/1.1\r\nhost: plugin\r\n\r\n").await.unwrap();
    drop(peer);
    gone.send(()).unwrap();
    assert_eq!(ask(&mut dial(&plugin).await, "/next").await, "/next");
}
