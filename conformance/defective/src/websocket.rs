//! RFC 6455 by hand, the server's end: the upgrade, frames, messages.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf as _, Bytes};
use sha1::{Digest as _, Sha1};
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::OwnedWriteHalf;

use crate::defects::{channel as defect, everything_life};
use crate::http::{Exchange, Framing, Input, Request};

/// Longest message taken: four times what CH-37 asks for.
const MESSAGE: usize = 64 * 1024 * 1024;
/// CH-37: the least that is to be taken.
const MESSAGE_FLOOR: usize = 16 * 1024 * 1024;
/// RFC 6455, section 1.3.
const ACCEPT: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Status codes of close frames.
pub(crate) const NORMAL: u16 = 1000;
pub(crate) const GOING_AWAY: u16 = 1001;
const PROTOCOL_ERROR: u16 = 1002;
const NO_UTF8: u16 = 1007;
const TOO_BIG: u16 = 1009;

/// The key of a request that asks for an upgrade.
pub(crate) fn key(request: &Request) -> Option<String> {
    let asks = request.method == "GET"
        && request.one_one
        && request.lists("connection", "upgrade")
        && request.lists("upgrade", "websocket")
        && request.header("sec-websocket-version") == Some(b"13");
    request.text("sec-websocket-key").filter(|_| asks)
}

/// Answers 101.
pub(crate) async fn accept(exchange: &mut Exchange<'_>, key: &str) -> io::Result<()> {
    let digest = Sha1::new().chain_update(key).chain_update(ACCEPT).finalize();
    let headers = [
        ("connection".to_owned(), b"Upgrade".to_vec()),
        ("upgrade".to_owned(), b"websocket".to_vec()),
        ("sec-websocket-accept".to_owned(), STANDARD.encode(digest).into_bytes()),
    ];
    exchange.begin(101, &headers, Framing::Bodiless).await
}

/// What a peer sends.
#[derive(Debug)]
pub(crate) enum Incoming {
    Text(String),
    Binary(Bytes),
    Ping(Bytes),
    /// A close frame with its status code.
    Close(Option<u16>),
}

/// Why there are no more messages.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The connection ended, or failed.
    Lost,
    /// The peer breaks RFC 6455; the status code owed.
    Protocol(u16),
}

/// The reading end.
pub(crate) struct Reader {
    input: Input,
    /// A message of several frames: its opcode, and what there is of it.
    fragments: Option<(u8, Vec<u8>)>,
}

struct Frame {
    fin: bool,
    opcode: u8,
    payload: Bytes,
}

impl Reader {
    pub(crate) fn new(input: Input) -> Self {
        Self { input, fragments: None }
    }

    /// The next message. Nothing is lost when it is dropped.
    pub(crate) async fn next(&mut self) -> Result<Incoming, Broken> {
        loop {
            while let Some(frame) = self.frame()? {
                if let Some(message) = self.message(frame)? {
                    return Ok(message);
                }
            }
            let before = self.input.buffer.len();
            match self.input.fill().await {
                Ok(true) => {}
                Ok(false) | Err(_) => return Err(Broken::Lost),
            }
            if defect::LONE_BYTE_FATAL.active() && before == 0 && self.input.buffer.len() == 1 {
                return Err(Broken::Protocol(PROTOCOL_ERROR));
            }
        }
    }

    /// Whether the connection ended before what was begun was whole.
    pub(crate) fn is_within_a_frame(&self) -> bool {
        !self.input.buffer.is_empty()
    }

    /// A frame that has come as a whole.
    fn frame(&mut self) -> Result<Option<Frame>, Broken> {
        let buffer = &mut self.input.buffer;
        let [first, second, ..] = buffer[..] else { return Ok(None) };
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
        let known = matches!(opcode, CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG);
        let masked = second & 0x80 != 0;
        let short = usize::from(second & 0x7f);
        let control_is_short = opcode < CLOSE || fin && short <= 125;
        if first & 0x70 != 0 || !known || !masked || !control_is_short {
            return Err(Broken::Protocol(PROTOCOL_ERROR));
        }
        let extended = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let head = 2 + extended + 4;
        if buffer.len() < head {
            return Ok(None);
        }
        let length = match extended {
            0 => short as u64,
            _ => buffer[2..2 + extended].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        let so_far = self.fragments.as_ref().map_or(0, |(_, bytes)| bytes.len());
        let length =
            usize::try_from(length).ok().filter(|length| length.saturating_add(so_far) <= most());
        let out_of_memory = so_far > 0 && everything_life::DIES_OF_LONG_MESSAGES.active();
        if length.is_none() && (out_of_memory || defect::ANNOUNCED_SIZE_FATAL.active()) {
            std::process::exit(1);
        }
        let length = length.ok_or(Broken::Protocol(TOO_BIG))?;
        if buffer.len() < head + length {
            return Ok(None);
        }
        let mut mask = [0; 4];
        mask.copy_from_slice(&buffer[head - 4..head]);
        buffer.advance(head);
        let mut payload = buffer.split_to(length);
        for (byte, mask) in payload.iter_mut().zip(mask.into_iter().cycle()) {
            *byte ^= mask;
        }
        Ok(Some(Frame { fin, opcode, payload: payload.freeze() }))
    }

    /// What a frame completes.
    fn message(&mut self, frame: Frame) -> Result<Option<Incoming>, Broken> {
        let Frame { fin, opcode, payload } = frame;
        match opcode {
            PING if defect::PING_BETWEEN_FRAGMENTS_FATAL.active() && self.fragments.is_some() => {
                return Err(Broken::Protocol(PROTOCOL_ERROR));
            }
            PING => return Ok(Some(Incoming::Ping(payload))),
            PONG => return Ok(None),
            CLOSE if defect::SHORT_CLOSE_FATAL.active() && payload.len() == 1 => {
                std::process::exit(1)
            }
            CLOSE => {
                let code = payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
                return Ok(Some(Incoming::Close(code)));
            }
            _ => {}
        }
        let (opcode, payload) = match (opcode, self.fragments.take()) {
            (CONTINUATION, Some((opcode, mut bytes))) => {
                bytes.extend_from_slice(&payload);
                if !fin {
                    self.fragments = Some((opcode, bytes));
                    return Ok(None);
                }
                (opcode, bytes)
            }
            (opcode, None)
                if !fin && opcode != CONTINUATION && defect::FRAGMENTS_REFUSED.active() =>
            {
                return Err(Broken::Protocol(PROTOCOL_ERROR));
            }
            (CONTINUATION, None) | (_, Some(_)) => return Err(Broken::Protocol(PROTOCOL_ERROR)),
            (opcode, None) if fin => (opcode, payload.into()),
            (opcode, None) => {
                self.fragments = Some((opcode, payload.into()));
                return Ok(None);
            }
        };
        if opcode == BINARY {
            return Ok(Some(Incoming::Binary(payload.into())));
        }
        let text = String::from_utf8(payload).map_err(|_| Broken::Protocol(NO_UTF8))?;
        Ok(Some(Incoming::Text(text)))
    }
}

/// Longest message that this plugin takes.
fn most() -> usize {
    if defect::ONE_MIB_MESSAGES.active() {
        1024 * 1024
    } else if defect::ONE_BYTE_TOO_FEW.active() {
        MESSAGE_FLOOR - 1
    } else {
        MESSAGE
    }
}

/// What is sent.
pub(crate) enum Outgoing {
    Text(String),
    Binary(Bytes),
    Pong(Bytes),
    Close(u16),
}

/// Sends one frame.
pub(crate) async fn send(output: &mut OwnedWriteHalf, message: &Outgoing) -> io::Result<()> {
    let code;
    let (opcode, payload): (u8, &[u8]) = match message {
        Outgoing::Text(text) => (TEXT, text.as_bytes()),
        Outgoing::Binary(bytes) => (BINARY, bytes),
        Outgoing::Pong(bytes) => (PONG, bytes),
        Outgoing::Close(number) => {
            code = number.to_be_bytes();
            (CLOSE, &code)
        }
    };
    let mut frame = vec![0x80 | opcode];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..=125), _) => frame.push(length),
        (_, Ok(length)) => {
            frame.push(126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    output.write_all(&frame).await
}
