//! Reading a plugin's standard output and standard error: line by line, bounded, for ever.
//!
//! A plugin that writes must never block because nobody reads (PROTOCOL.md, IO-13), and one that
//! writes without end must not fill the host's memory (HS-05). Both streams are therefore read until
//! they end, and only a bounded part of what came is kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::watch;

use crate::tap::{Direction, Tap, WireKind, cut};

/// How much of each stream is kept after the handshake.
#[derive(Debug, Clone, Copy)]
pub struct TailLimits {
    /// Most lines kept.
    pub lines: usize,
    /// Most bytes kept of one line; the rest of it is dropped.
    pub line_bytes: usize,
}

impl TailLimits {
    /// 200 lines of at most 4 KiB.
    pub const DEFAULT: Self = Self { lines: 200, line_bytes: 4 * 1024 };
}

/// Longest part of a drained line that is looked at, in bytes.
const DRAINED_LINE_BYTES: usize = 64 * 1024;

/// How long the rest of a stream is waited for once its process has ended. It ends with the process
/// unless one that has left the group holds it open.
pub(crate) const REST_OF_STREAM: Duration = Duration::from_millis(500);

/// Why no line could be read.
#[derive(Debug)]
pub(crate) enum LineError {
    /// The line is longer than the limit. What came of it is not kept, but for its beginning.
    TooLong {
        beginning: Vec<u8>,
    },
    Io(std::io::Error),
}

/// Reads lines of at most so many bytes.
pub(crate) struct LineReader<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader: BufReader::new(reader), line: Vec::new() }
    }

    /// The next line without its `\n` or `\r\n` (HS-02), whether that end was there, or `None` at the
    /// end of the stream. `limit` counts the `\n`.
    ///
    /// Cancel safe: what was read of an unfinished line is kept for the next call.
    pub(crate) async fn next(&mut self, limit: usize) -> Result<Option<Line>, LineError> {
        loop {
            let chunk = self.reader.fill_buf().await.map_err(LineError::Io)?;
            if chunk.is_empty() {
                let line = std::mem::take(&mut self.line);
                return Ok((!line.is_empty()).then(|| Line::new(line, false)));
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(chunk.len(), |end| end + 1);
            if self.line.len() + taken > limit {
                let mut beginning = std::mem::take(&mut self.line);
                beginning.extend_from_slice(&chunk[..taken.min(EXCERPT_BYTES)]);
                beginning.truncate(EXCERPT_BYTES);
                return Err(LineError::TooLong { beginning });
            }
            self.line.extend_from_slice(&chunk[..taken]);
            self.reader.consume(taken);
            if end.is_some() {
                let mut line = std::mem::take(&mut self.line);
                line.pop();
                return Ok(Some(Line::new(line, true)));
            }
        }
    }

    /// Reads to the end of the stream and hands over each line, cut to [`DRAINED_LINE_BYTES`], with
    /// its true size.
    async fn drain(mut self, mut each: impl FnMut(&[u8], usize)) {
        let mut size = self.line.len();
        loop {
            let (taken, ended) = match self.reader.fill_buf().await {
                Ok(chunk) if !chunk.is_empty() => {
                    let end = chunk.iter().position(|byte| *byte == b'\n');
                    let content = end.unwrap_or(chunk.len());
                    let room = DRAINED_LINE_BYTES.saturating_sub(self.line.len());
                    self.line.extend_from_slice(&chunk[..content.min(room)]);
                    size += content;
                    (end.map_or(content, |end| end + 1), end.is_some())
                }
                Ok(_) | Err(_) => break,
            };
            self.reader.consume(taken);
            if ended {
                each(without_carriage_return(&self.line), size);
                self.line.clear();
                size = 0;
            }
        }
        if size > 0 {
            each(&self.line, size);
        }
    }
}

const EXCERPT_BYTES: usize = 200;

fn without_carriage_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// One line as it was read.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) bytes: Vec<u8>,
    /// False when the stream ended in the middle of the line.
    pub(crate) ended: bool,
}

impl Line {
    fn new(mut bytes: Vec<u8>, ended: bool) -> Self {
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        Self { bytes, ended }
    }
}

/// The last lines of a stream, redacted, shared between its reader and whoever asks.
#[derive(Clone)]
pub(crate) struct Tail {
    state: Arc<Mutex<TailState>>,
    changed: watch::Sender<u64>,
    limits: TailLimits,
    listener: Option<Arc<OnLine>>,
}

/// Is told of each line as it is kept: redacted, and cut to the limit.
pub(crate) type OnLine = dyn Fn(&str) + Send + Sync;

#[derive(Default)]
struct TailState {
    lines: VecDeque<String>,
    totals: StreamTotals,
}

/// What came over one stream in all, kept or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamTotals {
    /// Lines; the beginning of one that never ended counts.
    pub lines: u64,
    /// Bytes, without line ends.
    pub bytes: u64,
    /// Lines that showed the launch's secret, its database URL or an actor token (IO-08, IO-09). They
    /// are kept with the secret blanked. Looked for in the first 64 KiB of each line.
    pub leaks: u64,
    /// Whether the stream has ended.
    pub ended: bool,
}

impl Tail {
    pub(crate) fn new(limits: TailLimits) -> Self {
        Self { state: Arc::default(), changed: watch::Sender::new(0), limits, listener: None }
    }

    /// The same, and somebody is told of each line.
    pub(crate) fn heard_by(mut self, listener: Option<Arc<OnLine>>) -> Self {
        self.listener = listener;
        self
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, TailState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, raw: &[u8], size: usize, tap: &Tap) {
        let text = String::from_utf8_lossy(raw);
        let clean = tap.redactor.clean(&text);
        let kept = cut(&clean, self.limits.line_bytes).to_owned();
        if let Some(listener) = &self.listener {
            listener(&kept);
        }
        let mut state = self.lock();
        state.totals.lines += 1;
        state.totals.bytes += size as u64;
        state.totals.leaks += u64::from(tap.redactor.sees_secret(&text));
        if state.lines.len() == self.limits.lines {
            state.lines.pop_front();
        }
        if self.limits.lines > 0 {
            state.lines.push_back(kept);
        }
        drop(state);
        self.changed.send_modify(|version| *version += 1);
    }

    /// Notes that nothing more comes.
    pub(crate) fn end(&self) {
        self.lock().totals.ended = true;
        self.changed.send_modify(|version| *version += 1);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().lines.iter().cloned().collect()
    }

    pub(crate) fn totals(&self) -> StreamTotals {
        self.lock().totals
    }

    /// Waits for a kept line that `wanted` accepts. `None` once the stream has ended without one.
    pub(crate) async fn find(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let mut changed = self.changed.subscribe();
        loop {
            // Not under the lock: what a caller looks at may be this very tail.
            let found = self.lines().into_iter().find(|line| wanted(line));
            if found.is_some() {
                return found;
            }
            if self.totals().ended || changed.changed().await.is_err() {
                return None;
            }
        }
    }

    /// Waits for the rest of the stream of a process that has ended.
    pub(crate) async fn rest(&self) {
        // What did not come by then is held back by a process outside the group.
        let _ = tokio::time::timeout(REST_OF_STREAM, self.find(|_| false)).await;
    }
}

/// Which stream a reader drains.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// Reads `reader` to its end in a task of its own; stop it with the handle.
pub(crate) fn drain<R: AsyncRead + Unpin + Send + 'static>(
    reader: LineReader<R>,
    stream: Stream,
    tail: Tail,
    tap: Tap,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        reader
            .drain(|line, size| {
                tail.push(line, size, &tap);
                record_line(&tap, stream, line, size);
            })
            .await;
        tail.end();
    })
}

/// Tells the tap of a line.
pub(crate) fn record_line(tap: &Tap, stream: Stream, line: &[u8], size: usize) {
    tap.record(Direction::FromPlugin, size, |tap| {
        let text = tap.text(&String::from_utf8_lossy(line));
        match stream {
            Stream::Stdout => WireKind::StdoutLine { text },
            Stream::Stderr => WireKind::StderrLine { text },
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Redactor;
    use temps_plugin_schema::Secret;

    #[tokio::test]
    async fn lines_end_with_or_without_carriage_return() {
        let mut reader = LineReader::new(&b"one\r\ntwo\n\nthree"[..]);
        let mut lines = Vec::new();
        while let Some(line) = reader.next(100).await.unwrap() {
            lines.push((String::from_utf8(line.bytes).unwrap(), line.ended));
        }
        let expected = [("one", true), ("two", true), ("", true), ("three", false)];
        assert_eq!(lines, expected.map(|(text, ended)| (text.to_owned(), ended)));
    }

    #[tokio::test]
    async fn the_limit_counts_the_line_end() {
        let mut reader = LineReader::new(&b"123\n1234\n"[..]);
        assert_eq!(reader.next(4).await.unwrap().unwrap().bytes, b"123");
        let LineError::TooLong { beginning } = reader.next(4).await.unwrap_err() else {
            panic!("an error of another kind");
        };
        assert_eq!(beginning, b"1234\n");
    }

    #[tokio::test]
    async fn an_endless_line_is_given_up_at_the_limit() {
        let mut reader = LineReader::new(tokio::io::repeat(b'x'));
        let error = reader.next(1024 * 1024).await.unwrap_err();
        assert!(matches!(error, LineError::TooLong { beginning } if beginning.len() == 200));
    }

    #[tokio::test]
    async fn a_tail_keeps_the_last_lines_counts_all_and_blanks_secrets() {
        let tail = Tail::new(TailLimits { lines: 2, line_bytes: 12 });
        let tap = Tap::new(None, Redactor::new([Secret::new("very-secret")]));
        let input: &[u8] = b"first\nsay very-secret\nlast one is too long";
        drain(LineReader::new(input), Stream::Stderr, tail.clone(), tap).await.unwrap();
        assert_eq!(tail.lines(), ["say [redacte", "last one is "]);
        let totals = tail.totals();
        assert_eq!((totals.lines, totals.bytes, totals.leaks), (3, 40, 1));
        assert!(totals.ended);
        assert_eq!(tail.find(|line| line.starts_with("nothing")).await, None);
    }
}
