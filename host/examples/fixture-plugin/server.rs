//! The fixture's socket: health, the channel, and routes through which a test drives it.
//!
//! | route | does |
//! |---|---|
//! | `GET /seen` and all below | answers with the request's headers as JSON, `x-fixture-target` among them |
//! | `POST /echo` | answers with the body, streamed, trailers included |
//! | `GET /ws` | WebSocket echo |
//! | `POST /frame` | sends the body as a text message over the channel |
//! | `GET /frame` | waits for the next text message that came over the channel |
//! | `POST /close` | closes the channel with a close frame |
//! | `POST /drop` | cuts the channel |
//! | `POST /sick`, `POST /well` | health answers with 500 from now on, or with 200 again |
//! | `GET /hold` | answers once SIGTERM has come |
//! | `GET /hang` | never answers |
//! | `GET /hanging` | answers once `/hang` is being asked |
//! | `GET /abandoned` | answers once a caller of `/hang` has gone |
//! | `GET /half` | breaks off in the middle of its body once SIGTERM has come |
//! | `GET /redirect` | answers with 302 |
//! | `GET /headers` | answers with 100 MB of headers |
//! | `POST /calls` | makes 10,000 calls at once |
//! | `GET /answered` | answers once as many messages have come over the channel |
//! | `POST /refuse` | the channel is refused from now on |
//! | `POST /mute` | health is never answered from now on |
//! | `GET /version` | answers with the version in the manifest |
//! | `POST /_events` | takes an event |

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, mpsc, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use crate::faults::Fault;
use crate::{Arguments, BoxError};

/// How many calls `/calls` makes.
const CALLS: usize = 10_000;

type Reply = Response<BoxBody<Bytes, hyper::Error>>;
type Socket = WebSocketStream<TokioIo<Upgraded>>;

pub(crate) struct State {
    fault: Fault,
    secret: String,
    asks_for_signature: bool,
    channel_is_live: AtomicBool,
    orders: mpsc::Sender<Order>,
    take_orders: Mutex<mpsc::Receiver<Order>>,
    frames: mpsc::Sender<String>,
    take_frames: Mutex<mpsc::Receiver<String>>,
    bad_frames: Mutex<u32>,
    sick: AtomicBool,
    version: String,
    /// Open connections, those of channels not among them.
    busy: watch::Sender<usize>,
    terminated: watch::Sender<bool>,
    /// Callers of `/hang` that have come, and that have gone.
    hanging: watch::Sender<usize>,
    /// Messages that have come over the channel.
    came: watch::Sender<usize>,
    mute: AtomicBool,
    refuse: AtomicBool,
    abandoned: watch::Sender<usize>,
}

/// Counts a caller that has gone when it is dropped.
struct Abandoned(Arc<State>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.abandoned.send_modify(|count| *count += 1);
    }
}

/// What the channel's task is to do.
enum Order {
    Send(String),
    Close,
    Drop,
}

impl State {
    pub(crate) fn new(arguments: &Arguments, secret: &str) -> Arc<Self> {
        let (orders, take_orders) = mpsc::channel(64);
        let (frames, take_frames) = mpsc::channel(1024);
        Arc::new(Self {
            fault: arguments.fault,
            secret: secret.to_owned(),
            asks_for_signature: arguments.auth_secret.is_none(),
            channel_is_live: AtomicBool::new(false),
            orders,
            take_orders: Mutex::new(take_orders),
            frames,
            take_frames: Mutex::new(take_frames),
            bad_frames: Mutex::new(0),
            sick: AtomicBool::new(arguments.fault == Fault::Unhealthy),
            version: arguments.manifest["version"].as_str().unwrap_or_default().to_owned(),
            busy: watch::Sender::new(0),
            terminated: watch::Sender::new(false),
            hanging: watch::Sender::new(0),
            came: watch::Sender::new(0),
            mute: AtomicBool::new(false),
            refuse: AtomicBool::new(arguments.fault == Fault::RefuseChannel),
            abandoned: watch::Sender::new(0),
        })
    }

    async fn until_terminated(&self) {
        // The sender is here, so it cannot be gone.
        let _ = self.terminated.subscribe().wait_for(|terminated| *terminated).await;
    }

    /// Lets what is under way finish.
    pub(crate) async fn finish(&self) {
        self.terminated.send_replace(true);
        let _ = self.busy.subscribe().wait_for(|busy| *busy == 0).await;
    }
}

pub(crate) fn listen(path: &str, state: Arc<State>) -> Result<(), BoxError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, state.clone()));
        }
    });
    Ok(())
}

/// Serves a connection until its end, which comes after the request under way when SIGTERM has come.
async fn serve(stream: UnixStream, state: Arc<State>) {
    let all = state.clone();
    all.busy.send_modify(|busy| *busy += 1);
    let service = hyper::service::service_fn(move |request| {
        let state = state.clone();
        async move { Ok::<_, Infallible>(answer(state, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        () = all.until_terminated() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
    all.busy.send_modify(|busy| *busy -= 1);
}

fn reply(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let body = Full::new(body.into()).map_err(|never| match never {});
    let mut reply = Response::new(body.boxed());
    *reply.status_mut() = status;
    reply
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

async fn answer(state: Arc<State>, mut request: Request<Incoming>) -> Reply {
    let path = request.uri().path().to_owned();
    if path == "/health" {
        if state.mute.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        return match state.sick.load(Ordering::SeqCst) {
            true => reply(StatusCode::INTERNAL_SERVER_ERROR, "sick"),
            false => reply(StatusCode::OK, "ok"),
        };
    }
    let signature = header(request.headers(), "x-temps-auth-signature");
    if signature != Some(&state.secret) && (state.asks_for_signature || signature.is_some()) {
        return reply(StatusCode::UNAUTHORIZED, "who are you?");
    }
    if let Err(error) = state.fault.on_request(request.method().as_str()) {
        return reply(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    }
    if state.fault == Fault::EchoSecret && path.contains('%') {
        return reply(StatusCode::NOT_FOUND, format!("no {path} for {}", state.secret));
    }
    match (request.method(), path.as_str()) {
        (&Method::GET, "/_temps/channel") => channel(&state, &mut request),
        (&Method::GET, "/ws") => upgrade(&mut request, echo),
        (&Method::GET, path) if path.starts_with("/seen") => {
            let target = request.uri().to_string();
            request.headers_mut().insert("x-fixture-target", header_value(&target));
            reply(StatusCode::OK, seen(request.headers()))
        }
        (&Method::GET, "/hang") => {
            let _counted = Abandoned(state.clone());
            state.hanging.send_modify(|count| *count += 1);
            std::future::pending().await
        }
        (&Method::GET, "/hanging" | "/abandoned") => {
            let counted = if path == "/hanging" { &state.hanging } else { &state.abandoned };
            let _ = counted.subscribe().wait_for(|count| *count > 0).await;
            reply(StatusCode::OK, "")
        }
        (&Method::GET, "/half") => {
            let (mut sender, body) = http_body_util::channel::Channel::new(1);
            let state = state.clone();
            tokio::spawn(async move {
                // Nobody reads it any more if this fails.
                let _ = sender.send_data(Bytes::from("half of it")).await;
                state.until_terminated().await;
            });
            let mut half = Response::new(body.boxed());
            half.headers_mut().insert("content-length", header_value("20"));
            half
        }
        (&Method::POST, "/echo") => {
            let mut response = Response::new(request.into_body().boxed());
            let names = http::HeaderValue::from_static("x-sum");
            response.headers_mut().insert("trailer", names);
            response
        }
        (&Method::GET, "/hold") => {
            state.until_terminated().await;
            reply(StatusCode::OK, "held")
        }
        (&Method::GET, "/version") => reply(StatusCode::OK, state.version.clone()),
        (&Method::GET, "/frame") => {
            let mut frames = state.take_frames.lock().await;
            tokio::select! {
                Some(frame) = frames.recv() => reply(StatusCode::OK, frame),
                () = state.until_terminated() => reply(StatusCode::GONE, ""),
            }
        }
        (&Method::POST, "/frame") => match request.into_body().collect().await {
            Ok(body) => {
                let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
                order(&state, Order::Send(text)).await
            }
            Err(_) => reply(StatusCode::BAD_REQUEST, ""),
        },
        (&Method::GET, "/redirect") => {
            let mut redirect = reply(StatusCode::FOUND, "");
            redirect.headers_mut().insert("location", header_value("/version"));
            redirect
        }
        (&Method::GET, "/headers") => {
            let mut endless = reply(StatusCode::OK, "");
            let megabyte = header_value(&"x".repeat(1024 * 1024));
            for _ in 0..100 {
                endless.headers_mut().append("x-endless", megabyte.clone());
            }
            endless
        }
        (&Method::POST, "/calls") => {
            for id in 0..CALLS {
                let call = serde_json::json!({"type": "request", "id": id, "call": {
                    "method": "list_projects", "params": {},
                }});
                order(&state, Order::Send(call.to_string())).await;
            }
            reply(StatusCode::ACCEPTED, "")
        }
        (&Method::GET, "/answered") => {
            let _ = state.came.subscribe().wait_for(|came| *came >= CALLS).await;
            reply(StatusCode::OK, "")
        }
        (&Method::POST, "/refuse") => {
            state.refuse.store(true, Ordering::SeqCst);
            reply(StatusCode::OK, "")
        }
        (&Method::POST, "/mute") => {
            state.mute.store(true, Ordering::SeqCst);
            reply(StatusCode::OK, "")
        }
        (&Method::POST, "/sick" | "/well") => {
            state.sick.store(path == "/sick", Ordering::SeqCst);
            reply(StatusCode::OK, "")
        }
        (&Method::POST, "/close") => order(&state, Order::Close).await,
        (&Method::POST, "/drop") => order(&state, Order::Drop).await,
        (&Method::POST, "/_events") if !state.fault.shows_events() => reply(StatusCode::OK, "ok"),
        (&Method::POST, "/_events") => reply(StatusCode::OK, seen(request.headers())),
        _ => reply(StatusCode::NOT_FOUND, "no such route"),
    }
}

fn header_value(text: &str) -> http::HeaderValue {
    text.parse().unwrap_or(http::HeaderValue::from_static("no header value"))
}

fn seen(headers: &HeaderMap) -> String {
    let pairs = headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.to_string(), Value::from(value))
    });
    Value::Object(pairs.collect::<Map<_, _>>()).to_string()
}

async fn order(state: &State, order: Order) -> Reply {
    match state.orders.send(order).await {
        Ok(()) => reply(StatusCode::ACCEPTED, ""),
        Err(_) => reply(StatusCode::GONE, ""),
    }
}

/// Answers an upgrade with 101 and gives the socket to `serve`.
fn upgrade<F: Future<Output = ()> + Send + 'static>(
    request: &mut Request<Incoming>,
    serve: impl FnOnce(Socket) -> F + Send + 'static,
) -> Reply {
    let Some(key) = header(request.headers(), "sec-websocket-key") else {
        return reply(StatusCode::BAD_REQUEST, "no WebSocket upgrade");
    };
    let accept = derive_accept_key(key.as_bytes());
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgraded.await {
            let io = TokioIo::new(upgraded);
            serve(WebSocketStream::from_raw_socket(io, Role::Server, None).await).await;
        }
    });
    let mut response = reply(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = response.headers_mut();
    headers.insert("connection", http::HeaderValue::from_static("Upgrade"));
    headers.insert("upgrade", http::HeaderValue::from_static("websocket"));
    if let Ok(accept) = accept.parse() {
        headers.insert("sec-websocket-accept", accept);
    }
    response
}

async fn echo(mut socket: Socket) {
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            return;
        }
    }
}

fn channel(state: &Arc<State>, request: &mut Request<Incoming>) -> Reply {
    if state.refuse.load(Ordering::SeqCst) {
        return reply(StatusCode::UNAUTHORIZED, "not you");
    }
    if state.channel_is_live.swap(true, Ordering::SeqCst) {
        return reply(StatusCode::CONFLICT, "there is a channel already");
    }
    let state = state.clone();
    upgrade(request, async move |socket| {
        serve_channel(socket, &state).await;
        state.channel_is_live.store(false, Ordering::SeqCst);
    })
}

/// Carries out orders and keeps what comes, until one side ends the channel. Neither waits for the other.
async fn serve_channel(socket: Socket, state: &State) {
    let mut orders = state.take_orders.lock().await;
    let (mut sink, mut source) = socket.split();
    let keep = async {
        if state.fault == Fault::Deaf {
            std::future::pending::<()>().await;
        }
        while let Some(Ok(message)) = source.next().await {
            if let Message::Text(text) = message {
                state.came.send_modify(|came| *came += 1);
                state.fault.on_frame(text.as_str(), &mut *state.bad_frames.lock().await);
                // Kept for who asks for it, as far as there is room.
                let _ = state.frames.try_send(text.to_string());
            }
        }
    };
    let carry_out = async {
        loop {
            let message = match orders.recv().await {
                Some(Order::Send(text)) => Message::text(text),
                Some(Order::Close) => Message::Close(Some(CloseFrame {
                    code: 1001.into(),
                    reason: "going away".into(),
                })),
                Some(Order::Drop) | None => return,
            };
            if sink.send(message).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = keep => {}
        () = carry_out => {}
    }
}
