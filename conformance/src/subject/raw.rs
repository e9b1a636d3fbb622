//! Bytes to the socket, for requests that no HTTP client would send.

use std::time::Duration;

use temps_plugin_host::tap::Direction;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::model::Stop;
use crate::transcript::Tape;

/// Most bytes of one response.
const RESPONSE_BYTES: usize = 4 * 1024 * 1024;
/// Most bytes of a write that the tape gets to see: well above what it keeps, so that no half of a
/// secret is left at its end.
const NOTED_BYTES: usize = 4096;

/// A connection to the socket.
#[derive(Debug)]
pub struct Raw {
    stream: UnixStream,
    unread: Vec<u8>,
    limit: Duration,
    tape: Tape,
}

/// A response read from a [`Raw`] connection.
#[derive(Debug, Clone)]
pub struct RawResponse {
    /// The status.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// The body, without its chunks' sizes.
    pub body: Vec<u8>,
}

impl RawResponse {
    /// A header's value, empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        header(&self.head, name).unwrap_or_default()
    }
}

impl Raw {
    pub(super) fn new(stream: UnixStream, limit: Duration, tape: Tape) -> Self {
        Self { stream, unread: Vec::new(), limit, tape }
    }

    /// Writes bytes. That the plugin has closed its end already shows when a response is read.
    ///
    /// # Errors
    /// [`Stop::Failed`] when the plugin does not read.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(NOTED_BYTES)]);
        self.tape.note(Direction::ToPlugin, "raw", bytes.len(), &shown);
        let written = tokio::time::timeout(self.limit, self.stream.write_all(bytes)).await;
        match written {
            Ok(_) => Ok(()),
            Err(_) => Err(Stop::failed("a plugin that reads its connections", "it does not")),
        }
    }

    /// Sends a whole request and reads its response.
    ///
    /// # Errors
    /// As [`Raw::write`] and [`Raw::response`].
    pub async fn request(&mut self, text: &str) -> Result<RawResponse, Stop> {
        self.write(text.as_bytes()).await?;
        self.response().await
    }

    /// Reads until `mark` has come and returns all that came before and with it.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it does not come.
    pub async fn until(&mut self, mark: &[u8]) -> Result<Vec<u8>, Stop> {
        let expected = || format!("{:?}", String::from_utf8_lossy(mark));
        match tokio::time::timeout(self.limit, self.read_until(mark)).await {
            Ok(Ok(end)) => Ok(self.unread.drain(..end).collect()),
            Ok(Err(seen)) => Err(Stop::failed(expected(), seen)),
            Err(_) => {
                let came = String::from_utf8_lossy(&self.unread);
                let came: String = came.chars().take(200).collect();
                Err(Stop::failed(expected(), format!("{came:?} and nothing more")))
            }
        }
    }

    /// Waits for `100 Continue`, the sign that a request with `expect: 100-continue` has been read. No
    /// server owes it, so it is waited for only so long; false when it did not come.
    pub async fn continued(&mut self, patience: Duration) -> bool {
        let sign = self.read_until(b"HTTP/1.1 100 Continue\r\n\r\n");
        match tokio::time::timeout(patience, sign).await {
            Ok(Ok(end)) => {
                self.unread.drain(..end);
                true
            }
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// Says that nothing more is sent. The plugin can still answer.
    pub async fn half_close(&mut self) {
        // Fails when the plugin has closed the connection, which shows when it is read.
        let _ = self.stream.shutdown().await;
    }

    /// Waits until the plugin ends the connection, and returns what came before that.
    ///
    /// # Errors
    /// [`Stop::Failed`] when it does not end.
    pub async fn end(&mut self) -> Result<Vec<u8>, Stop> {
        let limit = self.limit;
        let rest = async { while self.fill().await.is_ok_and(|read| read > 0) {} };
        match tokio::time::timeout(limit, rest).await {
            Ok(()) => Ok(std::mem::take(&mut self.unread)),
            Err(_) => Err(Stop::failed("the end of the connection", "it stays open")),
        }
    }

    /// Reads the next response; interim ones (1xx) are passed over.
    ///
    /// # Errors
    /// [`Stop::Failed`] when none comes.
    pub async fn response(&mut self) -> Result<RawResponse, Stop> {
        self.response_to(false).await
    }

    /// Reads the next response to a `HEAD`, which has no body whatever its headers announce.
    ///
    /// # Errors
    /// As [`Raw::response`].
    pub async fn response_to_head(&mut self) -> Result<RawResponse, Stop> {
        self.response_to(true).await
    }

    async fn response_to(&mut self, head: bool) -> Result<RawResponse, Stop> {
        match tokio::time::timeout(self.limit, self.read_response(head)).await {
            Ok(Ok(response)) => {
                self.tape.note(Direction::FromPlugin, "raw", response.body.len(), &response.head);
                Ok(response)
            }
            Ok(Err(seen)) => Err(Stop::failed("an HTTP response", seen)),
            Err(_) => {
                let seen = format!("none within {} s", self.limit.as_secs_f64());
                Err(Stop::failed("an HTTP response", seen))
            }
        }
    }

    async fn read_response(&mut self, to_head: bool) -> Result<RawResponse, String> {
        loop {
            let end = self.read_until(b"\r\n\r\n").await?;
            let head: Vec<u8> = self.unread.drain(..end).collect();
            let head = String::from_utf8_lossy(&head).into_owned();
            let status = head
                .strip_prefix("HTTP/1.1 ")
                .or_else(|| head.strip_prefix("HTTP/1.0 "))
                .and_then(|rest| rest.get(..3)?.parse::<u16>().ok())
                .ok_or_else(|| format!("{:?}", head.chars().take(100).collect::<String>()))?;
            if (100..200).contains(&status) {
                continue;
            }
            let body = match status {
                _ if to_head => Vec::new(),
                204 | 304 => Vec::new(),
                _ => self.read_body(&head).await?,
            };
            return Ok(RawResponse { status, head, body });
        }
    }

    async fn read_body(&mut self, head: &str) -> Result<Vec<u8>, String> {
        if let Some(length) =
            header(head, "content-length").and_then(|text| text.parse::<usize>().ok())
        {
            return self.take(length).await;
        }
        if header(head, "transfer-encoding")
            .is_some_and(|text| text.eq_ignore_ascii_case("chunked"))
        {
            return self.read_chunks().await;
        }
        while self.fill().await? > 0 {}
        Ok(std::mem::take(&mut self.unread))
    }

    async fn read_chunks(&mut self) -> Result<Vec<u8>, String> {
        let mut body = Vec::new();
        loop {
            let end = self.read_until(b"\r\n").await?;
            let line: Vec<u8> = self.unread.drain(..end).collect();
            let line = String::from_utf8_lossy(&line).into_owned();
            let size = line.trim().split(';').next().unwrap_or_default();
            let size =
                usize::from_str_radix(size, 16).map_err(|_| format!("a chunk of size {line:?}"))?;
            body.extend(self.take(size).await?);
            if size == 0 {
                // Trailers, if any, end in an empty line.
                while self.read_until(b"\r\n").await? > 2 {
                    let end = self.read_until(b"\r\n").await?;
                    self.unread.drain(..end);
                }
                self.unread.drain(..2);
                return Ok(body);
            }
            self.take(2).await?;
        }
    }

    async fn take(&mut self, length: usize) -> Result<Vec<u8>, String> {
        while self.unread.len() < length {
            if self.fill().await? == 0 {
                return Err(format!(
                    "a body that ends after {} of {length} bytes",
                    self.unread.len()
                ));
            }
        }
        Ok(self.unread.drain(..length).collect())
    }

    /// Reads until `mark` has come; returns where it ends.
    async fn read_until(&mut self, mark: &[u8]) -> Result<usize, String> {
        loop {
            if let Some(at) = self.unread.windows(mark.len()).position(|window| window == mark) {
                return Ok(at + mark.len());
            }
            if self.fill().await? == 0 {
                return Err(match self.unread.len() {
                    0 => "the end of the connection".to_owned(),
                    bytes => format!("the end of the connection after {bytes} bytes of a head"),
                });
            }
        }
    }

    async fn fill(&mut self) -> Result<usize, String> {
        if self.unread.len() > RESPONSE_BYTES {
            return Err(format!("more than {RESPONSE_BYTES} bytes"));
        }
        self.stream.read_buf(&mut self.unread).await.map_err(|error| error.to_string())
    }
}

impl RawResponse {
    /// Whether it says that the connection ends with it.
    #[must_use]
    pub fn closes(&self) -> bool {
        header(&self.head, "connection").is_some_and(|text| text.eq_ignore_ascii_case("close"))
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> Result<RawResponse, Stop> {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        ours.write_all(bytes).await.unwrap();
        drop(ours);
        Raw::new(theirs, Duration::from_secs(5), Tape::default()).response().await
    }

    #[tokio::test]
    async fn responses_of_every_framing_are_read() {
        for (bytes, body) in [
            (&b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokrest"[..], "ok"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\na: b\r\n\r\n", "ok"),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\nok", "ok"),
            (b"HTTP/1.1 204 No Content\r\n\r\n", ""),
        ] {
            assert_eq!(read(bytes).await.unwrap().body, body.as_bytes());
        }
    }

    #[tokio::test]
    async fn what_follows_the_answer_to_head_is_seen() {
        for body in ["", "ok"] {
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            let head = format!("HTTP/1.1 200 OK\r\nA: b\r\ncontent-length: 2\r\n\r\n{body}");
            ours.write_all(head.as_bytes()).await.unwrap();
            drop(ours);
            let mut raw = Raw::new(theirs, Duration::from_secs(5), Tape::default());
            assert_eq!(raw.response_to_head().await.unwrap().header("a"), "b");
            assert_eq!(raw.end().await.unwrap(), body.as_bytes());
        }
    }

    #[tokio::test]
    async fn what_is_no_response_is_said() {
        for bytes in [&b""[..], b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"]
        {
            assert!(matches!(read(bytes).await, Err(Stop::Failed(_))));
        }
    }

    fn pair() -> (UnixStream, Raw) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (ours, Raw::new(theirs, Duration::from_secs(5), Tape::default()))
    }

    #[tokio::test]
    async fn a_part_of_a_response_is_read_up_to_a_mark() {
        let (mut ours, mut raw) = pair();
        ours.write_all(b"HTTP/1.1 200 OK\r\n\r\n5\r\nfirst\r\n").await.unwrap();
        assert!(raw.until(b"first").await.unwrap().ends_with(b"5\r\nfirst"));
        drop(ours);
        assert!(matches!(raw.until(b"second").await, Err(Stop::Failed(_))));
        assert_eq!(raw.end().await.unwrap(), b"\r\n");
    }

    #[tokio::test]
    async fn a_server_may_or_may_not_say_continue() {
        let (mut ours, mut raw) = pair();
        assert!(!raw.continued(Duration::from_millis(1)).await);
        ours.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n").await.unwrap();
        assert!(raw.continued(Duration::from_secs(5)).await);
        assert_eq!(raw.response().await.unwrap().status, 204);
    }

    #[tokio::test]
    async fn what_is_half_closed_can_still_be_read() {
        let (mut ours, mut raw) = pair();
        raw.half_close().await;
        let mut all = Vec::new();
        ours.read_to_end(&mut all).await.unwrap();
        ours.write_all(b"HTTP/1.1 204 No\r\n\r\n").await.unwrap();
        assert_eq!(raw.response().await.unwrap().status, 204);
    }
}
