//! The host's side of the channel.

use std::path::Path;

use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use temps_plugin_schema::channel::{HostMessage, Request};
use temps_plugin_schema::http::{header, path};
use temps_plugin_schema::{Dialect, PluginEvent};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::no_channel;
use super::platform::TestPlatform;
use crate::{ErrorKind, PluginSdkError};

/// An open channel. Dropping it cuts the connection.
pub(super) struct HostChannel {
    events: mpsc::Sender<PluginEvent>,
    task: JoinHandle<()>,
}

impl HostChannel {
    pub(super) async fn dial(
        socket: &Path,
        dialect: Dialect,
        secret: &str,
        platform: TestPlatform,
    ) -> Result<Self, PluginSdkError> {
        let stream = UnixStream::connect(socket).await?;
        let mut request =
            format!("ws://localhost{}", path::CHANNEL).into_client_request().map_err(refused)?;
        let signature = HeaderValue::from_str(secret).map_err(PluginSdkError::other)?;
        request.headers_mut().insert(header::AUTH_SIGNATURE, signature);
        let (socket, _) =
            tokio_tungstenite::client_async(request, stream).await.map_err(refused)?;
        let (events, queued) = mpsc::channel(16);
        let task = tokio::spawn(serve(socket, dialect, platform, queued));
        Ok(Self { events, task })
    }

    pub(super) async fn emit(&self, event: PluginEvent) -> Result<(), PluginSdkError> {
        self.events.send(event).await.map_err(|_| no_channel())
    }
}

impl Drop for HostChannel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn refused(error: Error) -> PluginSdkError {
    let message = format!("the plugin refused the channel: {error}");
    PluginSdkError::new(ErrorKind::Disconnected, message).with_source(error)
}

/// Answers calls and sends events until either side ends the channel. An answer that takes its time holds
/// up no other.
async fn serve(
    mut socket: WebSocketStream<UnixStream>,
    dialect: Dialect,
    platform: TestPlatform,
    mut events: mpsc::Receiver<PluginEvent>,
) {
    let mut answers = JoinSet::new();
    loop {
        let message = tokio::select! {
            received = socket.next() => match received {
                Some(Ok(Message::Text(text))) => {
                    let Ok(request) = Request::decode(dialect, text.as_str()) else { continue };
                    platform.record(&request);
                    let platform = platform.clone();
                    answers.spawn_blocking(move || platform.answer(request));
                    continue;
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return,
            },
            Some(answered) = answers.join_next() => match answered {
                Ok(Some(reply)) => HostMessage::Reply(reply),
                Ok(None) => continue,
                // The test's own answer has panicked.
                Err(_) => return,
            },
            event = events.recv() => match event {
                Some(event) => HostMessage::Event(event),
                None => return,
            },
        };
        let Ok(text) = message.encode(dialect) else {
            continue;
        };
        if socket.send(Message::text(text)).await.is_err() {
            return;
        }
    }
}
