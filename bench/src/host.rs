//! The smallest host there can be: blocking, one thread, nothing between it and the socket, so that
//! what is measured is the plugin's side.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use temps_plugin_schema::http::{header, path};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{
    self, Error, HandshakeError, Message, Utf8Bytes, WebSocket, client,
};

use crate::BenchError;
use crate::app::SECRET;

/// How long anything here may take before the measurement is given up.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Room for one read: every frame here is smaller.
const READ_BUFFER: usize = 4096;

/// The host's end of a channel.
#[derive(Debug)]
pub struct Channel(WebSocket<UnixStream>);

/// A blocking connection that gives up after [`PATIENCE`].
///
/// # Errors
/// When nobody listens there.
pub fn dial(socket: &Path) -> Result<UnixStream, BenchError> {
    let stream = UnixStream::connect(socket).map_err(BenchError::system("connect to a socket"))?;
    patient(stream)
}

/// Gives a connection [`PATIENCE`] and no more.
///
/// # Errors
/// When the system refuses.
pub fn patient(stream: UnixStream) -> Result<UnixStream, BenchError> {
    stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
        .map_err(BenchError::system("limit the waits on a socket"))?;
    Ok(stream)
}

impl Channel {
    /// Opens the channel of the plugin at `socket`; waits while another one is still ending.
    ///
    /// # Errors
    /// When the plugin refuses it.
    pub fn open(socket: &Path) -> Result<Self, BenchError> {
        loop {
            if let Some(channel) = Self::try_open(socket)? {
                return Ok(channel);
            }
            std::thread::yield_now();
        }
    }

    /// [`open`](Self::open), or `None` for a 409.
    fn try_open(socket: &Path) -> Result<Option<Self>, BenchError> {
        let mut request =
            format!("ws://plugin{}", path::CHANNEL).into_client_request().map_err(failed)?;
        request.headers_mut().insert(header::AUTH_SIGNATURE, HeaderValue::from_static(SECRET));
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(0);
        match client::client_with_config(request, dial(socket)?, Some(config)) {
            Ok((socket, _)) => Ok(Some(Self(socket))),
            Err(HandshakeError::Failure(Error::Http(response)))
                if response.status() == StatusCode::CONFLICT =>
            {
                Ok(None)
            }
            Err(HandshakeError::Failure(error)) => Err(failed(error)),
            Err(HandshakeError::Interrupted(_)) => {
                Err(BenchError::unexpected("the dial timed out"))
            }
        }
    }

    /// Sends a frame at once.
    ///
    /// # Errors
    /// When the channel is gone.
    pub fn send(&mut self, frame: Utf8Bytes) -> Result<(), BenchError> {
        self.0.send(Message::Text(frame)).map_err(failed)
    }

    /// Answers the next `count` calls, whichever they are, with a project.
    ///
    /// # Errors
    /// When the channel is gone or fewer come.
    pub fn answer_projects(&mut self, count: u64) -> Result<(), BenchError> {
        #[derive(Deserialize)]
        struct Call {
            id: u64,
        }
        for _ in 0..count {
            let Message::Text(text) = self.0.read().map_err(failed)? else {
                return Err(BenchError::unexpected("the plugin sent no text"));
            };
            let call: Call = serde_json::from_str(&text)
                .map_err(|error| BenchError::unexpected(format!("no call: {error}")))?;
            let id = call.id;
            self.send(format!("{PROJECT_BEFORE_ID}{id}{PROJECT_AFTER_ID}").into())?;
        }
        Ok(())
    }

    /// Closes and waits until the plugin has, too.
    ///
    /// # Errors
    /// When the plugin does not.
    pub fn close(&mut self) -> Result<(), BenchError> {
        self.0.close(None).map_err(failed)?;
        loop {
            match self.0.read() {
                Ok(_) => {}
                Err(Error::ConnectionClosed) => return Ok(()),
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

const PROJECT_BEFORE_ID: &str = r#"{"type":"response","id":"#;
const PROJECT_AFTER_ID: &str = r#","outcome":{"ok":{"method":"get_project","result":{"id":42,"name":"Shop","slug":"shop","repo_name":"shop","repo_owner":"acme","main_branch":"main","preset":"nextjs","source_type":"git","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-02T00:00:00Z","enable_preview_environments":true}}}}"#;

/// An event frame of the ordinary kind.
#[must_use]
pub fn event_frame() -> Utf8Bytes {
    Utf8Bytes::from_static(
        r#"{"type":"event","event":{"id":"5f0c9f0e-6a37-4f0e-9d1c-0d6b8c1a7e42","event_type":"deployment.succeeded","timestamp":"2026-01-02T00:00:00Z","project_id":7,"data":{"deployment_id":9,"project_id":7,"environment_id":3,"environment_name":"production","commit_sha":"0123456789abcdef","url":"https://shop.example.org"}}}"#,
    )
}

fn failed(error: tungstenite::Error) -> BenchError {
    BenchError::unexpected(format!("the channel failed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use temps_plugin_schema::Dialect;
    use temps_plugin_schema::channel::HostMessage;

    #[test]
    fn the_host_speaks_dialect_2() {
        let reply = format!("{PROJECT_BEFORE_ID}1{PROJECT_AFTER_ID}");
        for frame in [reply.as_str(), event_frame().as_str()] {
            HostMessage::decode(Dialect::Two, frame).unwrap();
        }
    }
}
