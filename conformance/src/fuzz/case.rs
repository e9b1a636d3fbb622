//! A case as data: what is done to the plugin, step by step.

use serde::{Deserialize, Serialize};

use super::bytes::{Blob, Fill, Part, Payload};

/// What is done to one process of the plugin, in order, and checked after each case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// How often the cases are gone through. More than once only where something has to grow.
    pub rounds: u32,
    /// The cases.
    pub cases: Vec<Case>,
}

impl Script {
    /// A script of these cases, gone through once.
    #[must_use]
    pub fn once(cases: Vec<Case>) -> Self {
        Self { rounds: 1, cases }
    }

    /// How many operations it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cases.iter().map(|case| case.0.len()).sum()
    }

    /// Whether it does nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A few operations that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Case(pub Vec<Op>);

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// Starts a process of its own.
    Start(Start),
    /// Opens a connection to the socket and writes to it.
    Connect(Connection),
    /// Writes a WebSocket frame to the channel.
    Frame(Frame),
    /// Writes bytes to the channel that are no frame.
    ChannelBytes(Blob),
    /// Waits a little for a call of the plugin.
    AwaitCall,
    /// Cuts the channel.
    Cut,
}

/// A start with odd arguments or an odd launch line. The plugin may refuse it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The arguments, behind the plugin's own.
    pub args: Vec<Blob>,
    /// What is written to standard input, piece by piece, before it is closed. Dialect 2 only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stdin: Vec<Blob>,
}

/// One connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// What is written to it.
    pub messages: Vec<Message>,
    /// Where the writing is cut into pieces, in bytes from the beginning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<u32>,
    /// How it ends.
    #[serde(default)]
    pub then: Then,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Then {
    /// An answer is waited for, for a moment.
    #[default]
    Answer,
    /// Our side is closed and the rest is read, for a moment.
    HalfClose,
    /// It is dropped at once.
    Leave,
    /// It stays open until the case is over.
    Hold,
}

/// What is written to a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// A request, of whatever quality.
    Request(Request),
    /// Bytes.
    Bytes(Blob),
}

/// A request, line by line. Line ends are put in between.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The first line.
    pub line: Blob,
    /// The header lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Blob>,
    /// The body, with the headers that say how long it is.
    #[serde(default)]
    pub body: Body,
}

/// A request's body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// There is none.
    #[default]
    None,
    /// Behind its right `content-length`.
    Sized(Payload),
    /// In chunks.
    Chunked(Vec<Chunk>),
    /// Without a header that announces it.
    Unannounced(Payload),
}

/// A chunk of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The line before it, where it is not the right size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Blob>,
    /// The chunk. An empty one with no line of its own ends the body.
    #[serde(default)]
    pub data: Payload,
}

/// A WebSocket frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Whether it is the last of its message.
    pub fin: bool,
    /// The three reserved bits.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reserved: u8,
    /// The opcode, 0 to 15.
    pub opcode: u8,
    /// The key it is masked with, if it is.
    pub mask: Option<[u8; 4]>,
    /// How its length is written.
    #[serde(default)]
    pub length: Length,
    /// What it carries.
    pub payload: Payload,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(bits: &u8) -> bool {
    *bits == 0
}

/// How the length of a frame is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// As the protocol asks: in as few bytes as do.
    #[default]
    Exact,
    /// In two bytes, whatever it is.
    Wide16,
    /// In eight bytes, whatever it is.
    Wide64,
    /// As this number, whatever it is, in eight bytes.
    Says(u64),
}

/// Opcodes of RFC 6455.
pub(crate) mod opcode {
    pub(crate) const CONTINUE: u8 = 0;
    pub(crate) const TEXT: u8 = 1;
    pub(crate) const BINARY: u8 = 2;
    pub(crate) const CLOSE: u8 = 8;
    pub(crate) const PING: u8 = 9;
    pub(crate) const PONG: u8 = 10;
}

impl Frame {
    /// A whole text message.
    pub(crate) fn text(payload: Payload) -> Self {
        Self {
            fin: true,
            reserved: 0,
            opcode: opcode::TEXT,
            mask: Some([1, 2, 3, 4]),
            length: Length::Exact,
            payload,
        }
    }

    pub(crate) fn bytes(&self, fill: &Fill<'_>) -> Vec<u8> {
        let mut payload = self.payload.bytes(fill);
        let length = payload.len() as u64;
        let mut out = Vec::with_capacity(payload.len() + 14);
        out.push(u8::from(self.fin) << 7 | (self.reserved & 7) << 4 | self.opcode & 15);
        let masked = u8::from(self.mask.is_some()) << 7;
        let (short, wide): (u64, &[u8]) = match self.length {
            Length::Exact if length < 126 => (length, &[]),
            Length::Exact | Length::Wide16 if length <= 0xffff => {
                (126, &(length as u16).to_be_bytes())
            }
            Length::Exact | Length::Wide16 | Length::Wide64 => (127, &length.to_be_bytes()),
            Length::Says(other) => (127, &other.to_be_bytes()),
        };
        out.push(masked | short as u8);
        out.extend_from_slice(wide);
        if let Some(key) = self.mask {
            out.extend_from_slice(&key);
            for (i, byte) in payload.iter_mut().enumerate() {
                *byte ^= key[i % 4];
            }
        }
        out.append(&mut payload);
        out
    }
}

impl Request {
    pub(crate) fn write(&self, fill: &Fill<'_>, out: &mut Vec<u8>) {
        let line_end = b"\r\n";
        self.line.write(fill, out);
        out.extend_from_slice(line_end);
        for header in &self.headers {
            header.write(fill, out);
            out.extend_from_slice(line_end);
        }
        match &self.body {
            Body::None => out.extend_from_slice(line_end),
            Body::Unannounced(payload) => {
                out.extend_from_slice(line_end);
                out.append(&mut payload.bytes(fill));
            }
            Body::Sized(payload) => {
                let mut bytes = payload.bytes(fill);
                let head = format!("content-length: {}\r\n\r\n", bytes.len());
                out.extend_from_slice(head.as_bytes());
                out.append(&mut bytes);
            }
            Body::Chunked(chunks) => {
                out.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
                for chunk in chunks {
                    let mut data = chunk.data.bytes(fill);
                    match &chunk.size {
                        Some(line) => line.write(fill, out),
                        None => out.extend_from_slice(format!("{:x}", data.len()).as_bytes()),
                    }
                    out.extend_from_slice(line_end);
                    out.append(&mut data);
                    out.extend_from_slice(line_end);
                }
            }
        }
    }
}

impl Connection {
    /// All that is written to it.
    pub(crate) fn bytes(&self, fill: &Fill<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        for message in &self.messages {
            match message {
                Message::Request(request) => request.write(fill, &mut out),
                Message::Bytes(blob) => blob.write(fill, &mut out),
            }
        }
        out
    }
}

impl Start {
    /// Whether the secret is handed over where any plugin finds it. Elsewhere a plugin cannot know that
    /// it is one, and may show it in what it says of arguments it does not understand.
    pub(crate) fn hands_secret_over(&self) -> bool {
        const TAKES_VALUE: [&str; 4] =
            ["--socket-path", "--data-dir", "--auth-secret", "--database-url"];
        let text = |blob: &Blob| match blob.0.as_slice() {
            [Part::Text(text)] => Some(text.clone()),
            _ => None,
        };
        let mut args = self.args.iter();
        while let Some(arg) = args.next() {
            let flag = text(arg).filter(|flag| TAKES_VALUE.contains(&flag.as_str()));
            let in_place = match &flag {
                Some(flag) => match args.next() {
                    Some(value) => flag == "--auth-secret" || !value.0.contains(&Part::Secret),
                    None => true,
                },
                None => match arg.0.as_slice() {
                    // Flags may end here; then what follows is no flag, and its value no value.
                    [Part::Text(end)] if end == "--" => {
                        !args.clone().any(|arg| arg.0.contains(&Part::Secret))
                    }
                    [Part::Text(flag), Part::Secret] => flag == "--auth-secret=",
                    parts => !parts.contains(&Part::Secret),
                },
            };
            if !in_place {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILL: Fill<'_> = Fill { secret: "s", dir: "/d", database: "db", call: None };

    #[test]
    fn a_frame_is_written_as_the_rfc_says() {
        // RFC 6455, 5.7: "Hello", masked.
        let hello = Frame { mask: Some([0x37, 0xfa, 0x21, 0x3d]), ..Frame::text(text("Hello")) };
        let expected = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(hello.bytes(&FILL), expected);
        let wide = Frame { mask: None, length: Length::Wide16, ..Frame::text(text("a")) };
        assert_eq!(wide.bytes(&FILL), [0x81, 126, 0, 1, b'a']);
        let lies = Frame { mask: None, length: Length::Says(1 << 63), ..Frame::text(text("")) };
        assert_eq!(lies.bytes(&FILL), [0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_request_gets_its_line_ends_and_its_length() {
        let mut request = Request {
            line: "POST / HTTP/1.1".into(),
            headers: vec!["a: b".into()],
            body: Body::None,
        };
        let bytes = |request: &Request| {
            let mut out = Vec::new();
            request.write(&FILL, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(bytes(&request), "POST / HTTP/1.1\r\na: b\r\n\r\n");
        request.body = Body::Sized(text("hi"));
        assert_eq!(bytes(&request), "POST / HTTP/1.1\r\na: b\r\ncontent-length: 2\r\n\r\nhi");
        let chunk = |data| Chunk { size: None, data: text(data) };
        request.body = Body::Chunked(vec![chunk("hi"), chunk("")]);
        assert!(bytes(&request).ends_with("chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"));
    }

    #[test]
    fn a_secret_is_only_handed_over_as_the_value_of_its_flag() {
        let start = |args: &[&str]| Start {
            args: args
                .iter()
                .map(|arg| match *arg {
                    "SECRET" => Blob::of([Part::Secret]),
                    "--auth-secret=SECRET" => {
                        Blob::of([Part::Text("--auth-secret=".into()), Part::Secret])
                    }
                    "--data-dir=SECRET" => {
                        Blob::of([Part::Text("--data-dir=".into()), Part::Secret])
                    }
                    other => other.into(),
                })
                .collect(),
            stdin: Vec::new(),
        };
        assert!(start(&["--auth-secret", "SECRET"]).hands_secret_over());
        assert!(start(&["--verbose", "--auth-secret=SECRET"]).hands_secret_over());
        assert!(!start(&["--data-dir", "--auth-secret", "SECRET"]).hands_secret_over());
        assert!(!start(&["--", "--auth-secret", "SECRET"]).hands_secret_over());
        assert!(!start(&["--data-dir=SECRET"]).hands_secret_over());
        assert!(!start(&["SECRET"]).hands_secret_over());
    }

    fn text(text: &str) -> Payload {
        Payload::Blob(text.into())
    }
}
