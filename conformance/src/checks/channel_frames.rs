//! The channel, byte by byte: frames split, run together, cut, and against the rules of WebSocket.

use super::prelude::*;

/// First byte of a text, continuation, close, ping frame that is the last of its message.
pub(super) const TEXT: u8 = 0x81;
const CONTINUATION: u8 = 0x80;
const CLOSE: u8 = 0x88;
pub(super) const PING: u8 = 0x89;
/// The bit that says that a frame is its message's last.
pub(super) const FIN: u8 = 0x80;

/// A frame as a client sends it, with a mask that changes nothing.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len() as u64);
    bytes.extend_from_slice(payload);
    bytes
}

/// The head of such a frame for a payload of so many bytes.
fn header(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => bytes.push(0x80 | short),
        (_, Ok(middle)) => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&middle.to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&length.to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

/// A message that means nothing to a plugin, of a few bytes more than `size`.
fn message(size: usize) -> Vec<u8> {
    json!({"type": "conformance", "padding": "x".repeat(size)}).to_string().into_bytes()
}

async fn split(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let mut evidence = Evidence::default();
    // One frame with each form of the length.
    for size in [4, 300, 70_000] {
        let text = frame(TEXT, &message(size));
        for byte in &text[..text.len().min(40)] {
            channel.send_raw(&[*byte]).await?;
            tokio::task::yield_now().await;
        }
        channel.send_raw(&text[text.len().min(40)..]).await?;
        let ping = frame(PING, b"split");
        for byte in &ping {
            channel.send_raw(&[*byte]).await?;
            tokio::task::yield_now().await;
        }
        channel.pong(b"split").await?;
        evidence
            .add(format!("a frame of {} bytes came byte by byte, and so did a ping", text.len()));
    }
    Ok(evidence)
}

async fn together(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut channel = plugin.dial().await?;
    let mut bytes = frame(PING, b"first");
    for size in [1, 200, 70_000] {
        bytes.extend(frame(TEXT, &message(size)));
    }
    let (half, rest) = (message(100), message(100));
    bytes.extend(frame(TEXT & !FIN, &half[..50]));
    // A control frame may stand between the fragments of a message.
    bytes.extend(frame(PING, b"between"));
    bytes.extend(frame(CONTINUATION, &rest[50..]));
    bytes.extend(frame(PING, b"last"));
    channel.send_raw(&bytes).await?;
    for payload in ["first", "between", "last"] {
        channel.pong(payload.as_bytes()).await?;
    }
    Ok(Evidence::saw(format!(
        "{} bytes with eight frames in one write: all three pings were answered",
        bytes.len()
    )))
}

/// Opens channels one after the other, sends `bytes` over each, breaks it off, and sees plugin and next
/// channel live.
async fn survives(plugin: &Plugin, what: &str, bytes: &[u8]) -> Result<String, Stop> {
    let mut channel = plugin.dial_until_accepted().await?;
    channel.ping().await?;
    channel.send_raw(bytes).await?;
    let status = plugin.health().await?.status;
    ensure(status == 200, format!("health 200 after {what}"), || status.to_string())?;
    drop(channel);
    plugin.dial_until_accepted().await?.ping().await?;
    Ok(format!("{what}: health 200, and the next channel opens"))
}

async fn cut_frames(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let event = json!({"type": "event", "event": {
        "id": "1", "event_type": "conformance.cut", "timestamp": "t", "data": "x".repeat(70_000),
    }});
    let whole = frame(TEXT, event.to_string().as_bytes());
    let mut evidence = Evidence::default();
    for cut in [1, 2, 6, 10, 13, 14, 15, 100, whole.len() / 2, whole.len() - 1] {
        let what = format!("an event cut after {cut} of {} bytes", whole.len());
        evidence.add(survives(&plugin, &what, &whole[..cut]).await?);
    }
    let fragment = frame(TEXT & !FIN, b"{\"type\":");
    evidence.add(survives(&plugin, "a message cut after its first fragment", &fragment).await?);
    Ok(evidence)
}

async fn broken_frames(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let cases: [(&str, Vec<u8>); 12] = [
        ("a reserved opcode", frame(0x83, b"")),
        ("a reserved control opcode", frame(0x8b, b"")),
        ("a reserved bit", frame(TEXT | 0x40, b"{}")),
        ("a text that is no UTF-8", frame(TEXT, b"{\"type\":\"\xff\xfe\"}")),
        ("a continuation of nothing", frame(CONTINUATION, b"{}")),
        ("a fragmented ping", frame(PING & !FIN, b"x")),
        ("a ping of 200 bytes", frame(PING, &[b'x'; 200])),
        ("a close frame of one byte", frame(CLOSE, b"x")),
        ("a close frame with the code 1005", frame(CLOSE, &1005_u16.to_be_bytes())),
        ("a close frame whose reason is no UTF-8", frame(CLOSE, b"\x03\xe8\xff\xff")),
        ("a frame without a mask", vec![TEXT, 2, b'{', b'}']),
        ("HTTP in the place of frames", b"GET / HTTP/1.1\r\nhost: plugin\r\n\r\n".to_vec()),
    ];
    let mut evidence = Evidence::default();
    for (what, bytes) in cases {
        evidence.add(survives(&plugin, what, &bytes).await?);
    }
    Ok(evidence)
}

async fn announced_sizes(cx: Cx) -> Verdict {
    let plugin = cx.fresh().await?;
    let mut evidence = Evidence::default();
    for (what, length) in [
        ("a frame of 1 TiB, announced", 1 << 40),
        ("a frame of 2^62 bytes, announced", 1 << 62),
        ("a frame of 2^64 - 1 bytes, announced", u64::MAX),
    ] {
        let mut bytes = header(TEXT, length);
        bytes.extend_from_slice(&[b'x'; 1024]);
        evidence.add(survives(&plugin, what, &bytes).await?);
    }
    Ok(evidence)
}

/// The table.
pub const CHECKS: &[Check] = &[
    Check::must(
        "channel/split-frames",
        "frames that come byte by byte are whole frames",
        &["CH-36", "CH-37"],
        |cx| Box::pin(split(cx)),
    ),
    Check::must(
        "channel/coalesced-frames",
        "frames that come in one piece are several",
        &["CH-36", "CH-37"],
        |cx| Box::pin(together(cx)),
    ),
    Check::must(
        "channel/cut-frames",
        "a channel that breaks off within a frame is only a lost one",
        &["CH-04", "CH-05"],
        |cx| Box::pin(cut_frames(cx)),
    ),
    Check::must(
        "channel/broken-frames",
        "frames that WebSocket forbids cost the channel at most",
        &["CH-04", "CH-05"],
        |cx| Box::pin(broken_frames(cx)),
    ),
    Check::must(
        "channel/announced-sizes",
        "frames too large for any plugin cost the channel at most",
        &["CH-04", "CH-05"],
        |cx| Box::pin(announced_sizes(cx)),
    ),
];
