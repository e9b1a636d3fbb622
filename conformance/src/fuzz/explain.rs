//! What a script does, in words.

use std::fmt::Write as _;

use super::bytes::{Blob, Part, Payload};
use super::case::{
    Body, Chunk, Connection, Frame, Length, Message, Op, Request, Script, Start, Then,
};

/// Longest part of a text that is shown, in characters.
const SHOWN: usize = 240;

/// One line an operation, cases told apart.
pub(super) fn script(script: &Script) -> Vec<String> {
    let mut lines = Vec::new();
    if script.rounds > 1 {
        lines.push(format!("{} times over:", script.rounds));
    }
    let several = script.cases.len() > 1;
    for (number, case) in script.cases.iter().enumerate() {
        if several {
            lines.push(format!("case {}", number + 1));
        }
        lines.extend(case.0.iter().map(op));
    }
    lines
}

/// One operation.
pub(super) fn op(op: &Op) -> String {
    match op {
        Op::Start(it) => start(it),
        Op::Connect(it) => connection(it),
        Op::Frame(it) => frame(it),
        Op::ChannelBytes(it) => format!("write to the channel, past WebSocket: {}", blob(it)),
        Op::AwaitCall => "wait for a call of the plugin".into(),
        Op::Cut => "cut the channel".into(),
    }
}

fn start(start: &Start) -> String {
    let args: Vec<String> = start.args.iter().map(blob).collect();
    let mut out = format!("start with {}", args.join(" "));
    for piece in &start.stdin {
        let _ = write!(out, "; write to stdin: {}", blob(piece));
    }
    out + "; close stdin"
}

fn connection(connection: &Connection) -> String {
    let messages: Vec<String> = connection
        .messages
        .iter()
        .map(|message| match message {
            Message::Request(it) => request(it),
            Message::Bytes(it) => blob(it),
        })
        .collect();
    let mut out = format!("connect, write {}", messages.join(" then "));
    if !connection.cuts.is_empty() {
        let _ = write!(out, ", in pieces that end at {:?}", connection.cuts);
    }
    out + match connection.then {
        Then::Answer => ", read the answer",
        Then::HalfClose => ", close our side, read the answer",
        Then::Leave => ", leave at once",
        Then::Hold => ", stay until the case is over",
    }
}

fn request(request: &Request) -> String {
    let mut out = blob(&request.line);
    for header in &request.headers {
        let _ = write!(out, "⏎{}", blob(header));
    }
    match &request.body {
        Body::None => {}
        Body::Sized(it) => {
            let _ = write!(out, "⏎content-length: (its length)⏎⏎{}", payload(it));
        }
        Body::Unannounced(it) => {
            let _ = write!(out, "⏎⏎{}", payload(it));
        }
        Body::Chunked(chunks) => {
            let chunks: Vec<String> = chunks.iter().map(chunk).collect();
            let _ = write!(out, "⏎transfer-encoding: chunked⏎⏎{}", chunks.join(" "));
        }
    }
    out
}

fn chunk(chunk: &Chunk) -> String {
    let size = chunk.size.as_ref().map_or("(its size)".to_owned(), blob);
    format!("{size}⏎{}⏎", payload(&chunk.data))
}

fn frame(frame: &Frame) -> String {
    let kind = match frame.opcode {
        0 => "continuation",
        1 => "text",
        2 => "binary",
        8 => "close",
        9 => "ping",
        10 => "pong",
        _ => "unknown",
    };
    let mut out = format!("frame {kind} (opcode {})", frame.opcode);
    if !frame.fin {
        out.push_str(", to be continued");
    }
    if frame.reserved != 0 {
        let _ = write!(out, ", reserved bits {:03b}", frame.reserved);
    }
    if frame.mask.is_none() {
        out.push_str(", unmasked");
    }
    match frame.length {
        Length::Exact => {}
        Length::Wide16 => out.push_str(", length in 2 bytes"),
        Length::Wide64 => out.push_str(", length in 8 bytes"),
        Length::Says(length) => {
            let _ = write!(out, ", length said to be {length}");
        }
    }
    format!("{out}: {}", payload(&frame.payload))
}

fn payload(payload: &Payload) -> String {
    match payload {
        Payload::Json(json) => blob(&json.to_blob()),
        Payload::Blob(it) => blob(it),
    }
}

/// Bytes as text, with what is filled in by name.
pub(super) fn blob(blob: &Blob) -> String {
    let mut out = String::new();
    for part in &blob.0 {
        match part {
            Part::Text(text) => out.extend(text.chars().flat_map(escaped)),
            Part::Bytes(bytes) => {
                let _ = write!(out, "{}", bytes.escape_ascii());
            }
            Part::Repeat(unit, times) => {
                let unit: String = unit.chars().flat_map(escaped).collect();
                let _ = write!(out, "«{unit}»×{times}");
            }
            Part::Secret => out.push_str("<secret>"),
            Part::Dir => out.push_str("<directory>"),
            Part::Database => out.push_str("<database URL>"),
            Part::CallId => out.push_str("<id of the call>"),
            Part::CallMethod => out.push_str("<method of the call>"),
        }
    }
    match out.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes more)", &out[..end], out.len() - end),
        None => out,
    }
}

fn escaped(c: char) -> Vec<char> {
    // Text that turns around or joins would be read as something else.
    if c.is_ascii_graphic() || c == ' ' || c.is_alphabetic() {
        vec![c]
    } else {
        c.escape_default().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_named_and_what_is_long_is_cut() {
        let parts = [
            Part::Text("a\r\n\u{202e}".into()),
            Part::Secret,
            Part::Repeat("[".into(), 20_000),
            Part::Bytes(vec![0xff]),
        ];
        assert_eq!(blob(&Blob::of(parts)), r"a\r\n\u{202e}<secret>«[»×20000\xff");
        let long = blob(&"x".repeat(1000).into());
        assert!(long.ends_with("… (760 bytes more)"), "{long}");
    }
}
