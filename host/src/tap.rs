//! Watching the wire: every line, head, body, frame, signal and exit, as it passes.
//!
//! A [`WireTap`] sees what a packet capture would, with the time, the direction and the size of each
//! piece, and without the secrets: they are blanked before an event is made. Nothing is built when no
//! tap is set.

use std::sync::Arc;
use std::time::Instant;

use crate::process::Exit;
use crate::redact::{REDACTED, Redactor};

/// Longest text kept of one line or frame, in bytes; [`WireEvent::size`] tells the true size.
pub const TEXT_LIMIT: usize = 16 * 1024;

/// Receives what passes over the wire.
///
/// Called from the tasks that read and write, so it must return at once: put the event into a list
/// or a channel, nothing more. Events of one stream come in order; those of different streams are
/// ordered by [`WireEvent::at`].
pub trait WireTap: Send + Sync + 'static {
    /// Takes one event.
    fn record(&self, event: WireEvent);
}

/// Which way a piece travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the host to the plugin.
    ToPlugin,
    /// From the plugin to the host.
    FromPlugin,
}

/// One piece that passed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WireEvent {
    /// When, on the monotonic clock.
    pub at: Instant,
    /// Which way.
    pub direction: Direction,
    /// How large it was, in bytes, before anything was cut or blanked.
    pub size: usize,
    /// What it was.
    pub kind: WireKind,
}

/// What passed. Texts are redacted and at most [`TEXT_LIMIT`] bytes long.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum WireKind {
    /// The process was started.
    Spawn {
        /// Its process id, which is also the id of its group.
        pid: u32,
        /// The program file.
        program: String,
        /// Its arguments.
        args: Vec<String>,
    },
    /// Bytes were written to its standard input: the launch line.
    Stdin {
        /// What was written.
        text: String,
    },
    /// Standard input was closed.
    StdinClosed,
    /// A line of its standard output, without its end.
    StdoutLine {
        /// The line.
        text: String,
    },
    /// A line of its standard error, without its end.
    StderrLine {
        /// The line.
        text: String,
    },
    /// An HTTP request head. Its size is not known and given as 0.
    HttpRequest {
        /// Counts the requests of one client from 1; its response has the same.
        exchange: u64,
        /// The method.
        method: String,
        /// Path and query.
        target: String,
        /// Names and values, credentials blanked.
        headers: Vec<(String, String)>,
    },
    /// An HTTP response head. Its size is not known and given as 0.
    HttpResponse {
        /// The request's number.
        exchange: u64,
        /// The status.
        status: u16,
        /// Names and values, credentials blanked.
        headers: Vec<(String, String)>,
    },
    /// A request or response body ended; the event's size is that of the body.
    HttpBody {
        /// The request's number.
        exchange: u64,
        /// Whether it came to its regular end, as opposed to breaking off.
        complete: bool,
    },
    /// A WebSocket message or control frame.
    WebSocket {
        /// What kind of frame.
        opcode: Opcode,
        /// The text of text messages; the reason of close frames; empty for binary ones.
        text: String,
    },
    /// A signal was sent to it.
    Signal {
        /// The signal's name, such as `SIGTERM`.
        name: String,
    },
    /// The process ended.
    Exit {
        /// How.
        exit: Exit,
    },
}

/// The kind of a WebSocket frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// A text message.
    Text,
    /// A binary message.
    Binary,
    /// A ping.
    Ping,
    /// A pong.
    Pong,
    /// A close frame.
    Close,
    /// A fragment of a message, sent by itself.
    Fragment,
}

/// The tap of one plugin, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Tap {
    sink: Option<Arc<dyn WireTap>>,
    pub(crate) redactor: Redactor,
}

impl Tap {
    pub(crate) fn new(sink: Option<Arc<dyn WireTap>>, redactor: Redactor) -> Self {
        Self { sink, redactor }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.sink.is_some()
    }

    /// Records what `kind` builds, which is called only when somebody listens.
    pub(crate) fn record(
        &self,
        direction: Direction,
        size: usize,
        kind: impl FnOnce(&Self) -> WireKind,
    ) {
        if let Some(sink) = &self.sink {
            let at = Instant::now();
            let kind = kind(self);
            sink.record(WireEvent { at, direction, size, kind });
        }
    }

    /// `text` as an event may show it: secrets blanked, then cut.
    pub(crate) fn text(&self, text: &str) -> String {
        let clean = self.redactor.clean(text);
        cut(&clean, TEXT_LIMIT).to_owned()
    }

    /// Headers as an event may show them.
    pub(crate) fn headers(&self, headers: &http::HeaderMap) -> Vec<(String, String)> {
        let credentials = &temps_plugin_schema::http::header::CREDENTIALS;
        headers
            .iter()
            .map(|(name, value)| {
                let value = if credentials.contains(&name.as_str()) {
                    REDACTED.to_owned()
                } else {
                    self.text(&String::from_utf8_lossy(value.as_bytes()))
                };
                (name.as_str().to_owned(), value)
            })
            .collect()
    }
}

/// The longest prefix of `text` that has at most `limit` bytes.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use temps_plugin_schema::Secret;

    #[derive(Default)]
    struct List(Mutex<Vec<WireEvent>>);

    impl WireTap for List {
        fn record(&self, event: WireEvent) {
            self.0.lock().unwrap().push(event);
        }
    }

    #[test]
    fn an_event_has_its_true_size_and_no_secret() {
        let list = Arc::new(List::default());
        let redactor = Redactor::new([Secret::new("very-secret")]);
        let tap = Tap::new(Some(list.clone()), redactor);
        let line = format!("very-secret{}", "x".repeat(TEXT_LIMIT));
        tap.record(Direction::FromPlugin, line.len(), |tap| WireKind::StderrLine {
            text: tap.text(&line),
        });
        let events = list.0.lock().unwrap();
        let WireKind::StderrLine { text } = &events[0].kind else {
            panic!("{:?}", events[0]);
        };
        assert!(text.starts_with("[redacted]xxx") && text.len() == TEXT_LIMIT);
        assert_eq!(events[0].size, line.len());
    }

    #[test]
    fn nothing_is_built_without_a_listener() {
        Tap::default().record(Direction::ToPlugin, 0, |_| panic!("built for nobody"));
    }

    #[test]
    fn credentials_are_blanked_by_name() {
        let mut headers = http::HeaderMap::new();
        headers.insert("x-temps-actor-token", "whatever".parse().unwrap());
        headers.insert("accept", "text/plain".parse().unwrap());
        let shown = Tap::default().headers(&headers);
        assert!(shown.contains(&("x-temps-actor-token".into(), "[redacted]".into())));
        assert!(shown.contains(&("accept".into(), "text/plain".into())));
    }
}
