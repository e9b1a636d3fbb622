//! Where the frames of a WebSocket begin and end, so that the SDK may say goodbye between two of them.

/// A close frame with code 1001: the plugin goes away.
pub(crate) const GOING_AWAY: [u8; 4] = [0x88, 0x02, 0x03, 0xe9];

/// Follows what author code writes to a WebSocket's peer.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// The bytes of a frame's head that have come so far.
    head: Vec<u8>,
    /// What is missing of a frame's payload.
    payload: u64,
}

impl Frames {
    /// Follows some bytes.
    pub(crate) fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.payload > 0 {
                let some =
                    usize::try_from(self.payload).map_or(bytes.len(), |left| left.min(bytes.len()));
                self.payload -= some as u64;
                bytes = &bytes[some..];
                continue;
            }
            self.head.push(bytes[0]);
            bytes = &bytes[1..];
            if let Some(payload) = payload_length(&self.head) {
                self.payload = payload;
                self.head.clear();
            }
        }
    }

    /// Whether the last frame is whole.
    pub(crate) fn is_between(&self) -> bool {
        self.head.is_empty() && self.payload == 0
    }
}

/// How many bytes follow a frame's head, once that is whole (RFC 6455, section 5.2). A masked frame, which
/// no server sends, has four more.
fn payload_length(head: &[u8]) -> Option<u64> {
    let second = *head.get(1)?;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let extended = match second & 0x7f {
        126 => head.get(2..4)?,
        127 => head.get(2..10)?,
        short => return Some(u64::from(short) + mask),
    };
    let length = extended.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
    Some(length.saturating_add(mask))
}
