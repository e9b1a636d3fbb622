//! Whether what was written to the channel is WebSocket as RFC 6455 wants it.
//!
//! If it is, no message in it may cost the channel (PROTOCOL.md, CH-30 to CH-32), however odd. If it
//! is not, the plugin does best to end the connection.

use temps_plugin_schema::limits;

use super::bytes::Fill;
use super::case::{Case, Frame, Length, Op, opcode};

/// Longest payload of a control frame.
const CONTROL_BYTES: usize = 125;

/// Whether the case leaves a plugin no reason to end the channel.
pub(super) fn keeps_channel(case: &Case, fill: &Fill<'_>) -> bool {
    let mut message: Option<(u8, Vec<u8>)> = None;
    for op in &case.0 {
        match op {
            Op::Frame(frame) => {
                if !takes(frame, fill, &mut message) {
                    return false;
                }
            }
            Op::ChannelBytes(_) | Op::Cut => return false,
            Op::Start(_) | Op::Connect(_) | Op::AwaitCall => {}
        }
    }
    message.is_none()
}

/// Whether the frame may come here; `message` is what has come of an unfinished one.
fn takes(frame: &Frame, fill: &Fill<'_>, message: &mut Option<(u8, Vec<u8>)>) -> bool {
    if frame.reserved & 7 != 0 || frame.mask.is_none() || frame.length != Length::Exact {
        return false;
    }
    let payload = frame.payload.bytes(fill);
    let kind = match (frame.opcode & 15, message.take()) {
        (opcode::PING | opcode::PONG, before) => {
            *message = before;
            return frame.fin && payload.len() <= CONTROL_BYTES;
        }
        (kind @ (opcode::TEXT | opcode::BINARY), None) => {
            *message = Some((kind, payload));
            kind
        }
        (opcode::CONTINUE, Some((kind, mut whole))) => {
            whole.extend_from_slice(&payload);
            *message = Some((kind, whole));
            kind
        }
        _ => return false,
    };
    let fits = |whole: &Vec<u8>| {
        let text = kind != opcode::TEXT || !frame.fin || std::str::from_utf8(whole).is_ok();
        whole.len() <= limits::CHANNEL_MESSAGE_FLOOR_BYTES && text
    };
    let fits = message.as_ref().is_some_and(|(_, whole)| fits(whole));
    if frame.fin {
        *message = None;
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::bytes::Payload;

    fn judge(frames: impl IntoIterator<Item = Frame>) -> bool {
        let fill = Fill { secret: "", dir: "", database: "", call: None };
        keeps_channel(&Case(frames.into_iter().map(Op::Frame).collect()), &fill)
    }

    fn text(bytes: &[u8]) -> Frame {
        Frame::text(Payload::Blob(bytes.to_vec().into()))
    }

    #[test]
    fn odd_messages_keep_the_channel() {
        assert!(judge([text(b""), text(b"{]"), Frame { opcode: opcode::BINARY, ..text(b"\xff") }]));
        let euro = "€".as_bytes();
        let first = Frame { fin: false, ..text(&euro[..1]) };
        let rest = Frame { opcode: opcode::CONTINUE, ..text(&euro[1..]) };
        let ping = Frame { opcode: opcode::PING, ..text(b"x") };
        assert!(judge([first, ping, rest]));
    }

    #[test]
    fn what_is_no_web_socket_does_not() {
        assert!(!judge([text(b"\xff")]));
        assert!(!judge([Frame { reserved: 4, ..text(b"") }]));
        assert!(!judge([Frame { mask: None, ..text(b"") }]));
        assert!(!judge([Frame { length: Length::Wide64, ..text(b"") }]));
        assert!(!judge([Frame { fin: false, ..text(b"") }]), "an unfinished message");
        assert!(!judge([Frame { fin: false, ..text(b"") }, text(b"")]));
        assert!(!judge([Frame { opcode: opcode::CONTINUE, ..text(b"") }]));
        assert!(!judge([Frame { opcode: opcode::CLOSE, ..text(b"") }]));
        assert!(!judge([Frame { opcode: 3, ..text(b"") }]));
        assert!(!judge([Frame { opcode: opcode::PING, ..text(&[0; 126]) }]));
    }
}
