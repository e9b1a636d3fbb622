//! What goes over the channel: messages that are nearly right, and frames that are not.

use temps_plugin_schema::Dialect;
use temps_plugin_schema::limits::CHANNEL_MESSAGE_FLOOR_BYTES;

use super::rand::Dice;
use super::{Generator, mutate};
use crate::fuzz::bytes::{Blob, Json, Part, Payload};
use crate::fuzz::case::{Frame, Length, Op, opcode};

/// Codes of close frames: proper ones, reserved ones, and ones that may not be sent.
const CLOSE_CODES: [u16; 14] =
    [1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1011, 1015, 0, 999, 4999, 65_535];

impl Generator {
    /// One to five things to write to the channel.
    pub(super) fn channel(&self, dice: &mut Dice) -> Vec<Op> {
        let mut ops = Vec::new();
        for _ in 0..=dice.below(4) {
            match dice.below(100) {
                0..=54 => ops.push(Op::Frame(self.message(dice))),
                55..=64 => ops.extend(fragments(self.message(dice), dice).map(Op::Frame)),
                65..=74 => ops.push(Op::Frame(control(dice))),
                75..=89 => {
                    let mut frame = self.message(dice);
                    damage(&mut frame, dice);
                    ops.push(Op::Frame(frame));
                }
                90..=93 => ops.push(Op::Frame(big(dice))),
                94..=96 => ops.push(Op::ChannelBytes(
                    (0..1 + dice.below(40)).map(|_| dice.byte()).collect::<Vec<u8>>().into(),
                )),
                _ => ops.push(Op::Cut),
            }
        }
        ops
    }

    /// A text message, mostly not quite right.
    fn message(&self, dice: &mut Dice) -> Frame {
        match dice.below(10) {
            0..=3 => self.reply(dice),
            4..=6 => self.event_frame(dice),
            _ => {
                let mut payload = dice.one(&self.corpus.frames).clone();
                if dice.percent(70) {
                    mutate::payload(&mut payload, dice);
                }
                text(payload, dice)
            }
        }
    }

    pub(super) fn event_frame(&self, dice: &mut Dice) -> Frame {
        let event = match self.event(dice) {
            Payload::Json(json) => json,
            Payload::Blob(blob) => Json::Raw(blob),
        };
        let mut message = Payload::Json(Json::Object(vec![
            ("type".into(), Json::Text("event".into())),
            ("event".into(), event),
        ]));
        if dice.percent(20) {
            mutate::payload(&mut message, dice);
        }
        text(message, dice)
    }

    /// A reply to a call that the plugin waits for, if it waits for one.
    pub(super) fn reply(&self, dice: &mut Dice) -> Frame {
        let id =
            if dice.percent(85) { Json::Raw(Blob::of([Part::CallId])) } else { Json::raw("7") };
        let mut members = vec![("type".into(), Json::Text("response".into())), ("id".into(), id)];
        members.extend(self.outcome(dice));
        let mut message = Payload::Json(Json::Object(members));
        if dice.percent(60) {
            mutate::payload(&mut message, dice);
        }
        text(message, dice)
    }

    fn outcome(&self, dice: &mut Dice) -> Vec<(String, Json)> {
        let error = || {
            Json::Object(vec![
                ("code".into(), Json::Text("not_found".into())),
                ("message".into(), Json::Text("no project 42".into())),
            ])
        };
        let result = match dice.one(&self.corpus.results).clone() {
            Payload::Json(json) => json,
            Payload::Blob(blob) => Json::Raw(blob),
        };
        let fails = dice.percent(25);
        match self.dialect {
            Dialect::One if fails => vec![("error".into(), error())],
            Dialect::One => vec![("result".into(), result)],
            Dialect::Two if fails => {
                vec![("outcome".into(), Json::Object(vec![("err".into(), error())]))]
            }
            Dialect::Two => {
                let ok = Json::Object(vec![
                    ("method".into(), Json::quoted(Part::CallMethod)),
                    ("result".into(), result),
                ]);
                vec![("outcome".into(), Json::Object(vec![("ok".into(), ok)]))]
            }
        }
    }
}

fn text(payload: Payload, dice: &mut Dice) -> Frame {
    let mut frame = Frame::text(payload);
    frame.mask = Some([dice.byte(), dice.byte(), dice.byte(), dice.byte()]);
    frame
}

/// A message in several frames, sometimes with a control frame or a mistake in between.
fn fragments(whole: Frame, dice: &mut Dice) -> impl Iterator<Item = Frame> {
    let parts = match whole.payload {
        Payload::Json(ref json) => json.to_blob().0,
        Payload::Blob(ref blob) => blob.0.clone(),
    };
    let mut pieces: Vec<Vec<Part>> = Vec::new();
    for part in parts {
        match part.literal().filter(|bytes| bytes.len() > 1) {
            // Cut anywhere, also in the middle of a character.
            Some(bytes) => {
                let at = 1 + dice.below(bytes.len() - 1);
                pieces.push(vec![Part::of(bytes[..at].to_vec())]);
                pieces.push(vec![Part::of(bytes[at..].to_vec())]);
            }
            None => pieces.push(vec![part]),
        }
    }
    if pieces.is_empty() || dice.percent(20) {
        pieces.push(Vec::new());
    }
    let last = pieces.len() - 1;
    let mut frames: Vec<Frame> = pieces
        .into_iter()
        .enumerate()
        .map(|(i, parts)| Frame {
            fin: i == last,
            opcode: if i == 0 { opcode::TEXT } else { opcode::CONTINUE },
            payload: Payload::Blob(Blob(parts)),
            ..whole.clone()
        })
        .collect();
    if dice.percent(40) {
        let at = dice.below(frames.len());
        frames.insert(at, control(dice));
    }
    if dice.percent(20) {
        let at = dice.below(frames.len());
        damage(&mut frames[at], dice);
    }
    frames.into_iter()
}

fn control(dice: &mut Dice) -> Frame {
    let kind = dice.weighted(&[(5, opcode::PING), (3, opcode::PONG), (4, opcode::CLOSE)]);
    let payload: Vec<u8> = match (kind, dice.below(6)) {
        (opcode::CLOSE, 0) => Vec::new(),
        (opcode::CLOSE, 1) => vec![dice.byte()],
        (opcode::CLOSE, n) => {
            let mut bytes = dice.one(&CLOSE_CODES).to_be_bytes().to_vec();
            bytes.extend_from_slice(if n == 2 { b"\xff\xfe" } else { b"bye" });
            bytes
        }
        (_, 0) => vec![b'p'; 125],
        (_, 1) => vec![b'p'; 126 + dice.below(200)],
        _ => (0..dice.below(20)).map(|_| dice.byte()).collect(),
    };
    Frame { opcode: kind, ..text(Payload::Blob(payload.into()), dice) }
}

/// Makes a frame wrong at the level of frames.
fn damage(frame: &mut Frame, dice: &mut Dice) {
    match dice.below(8) {
        0 => frame.fin = !frame.fin,
        1 => frame.reserved = 1 + dice.below(7) as u8,
        2 => frame.opcode = dice.below(16) as u8,
        3 => frame.mask = None,
        4 => frame.length = if dice.percent(50) { Length::Wide16 } else { Length::Wide64 },
        5 => {
            let length = match dice.below(5) {
                0 => u64::MAX,
                1 => 1 << 63,
                2 => CHANNEL_MESSAGE_FLOOR_BYTES as u64 + 1,
                3 => dice.number(),
                _ => dice.below(200) as u64,
            };
            frame.length = Length::Says(length);
        }
        6 => frame.opcode = opcode::BINARY,
        _ => {
            let mut blob = match std::mem::take(&mut frame.payload) {
                Payload::Json(json) => json.to_blob(),
                Payload::Blob(blob) => blob,
            };
            blob.0.push(Part::Bytes(vec![0xff, 0xc0, 0x80]));
            frame.payload = Payload::Blob(blob);
        }
    }
}

/// A message of megabytes: now and then one at the limit or over it.
fn big(dice: &mut Dice) -> Frame {
    let limit = CHANNEL_MESSAGE_FLOOR_BYTES as u32;
    let length = match dice.below(60) {
        0 => limit,
        1 => limit + 1,
        _ => 1 << (12 + dice.below(8)),
    };
    let unit = if dice.percent(50) { "x" } else { " " };
    let times = length.saturating_sub(2);
    let quote = || Part::Text("\"".into());
    text(Payload::Blob(Blob::of([quote(), Part::Repeat(unit.into(), times), quote()])), dice)
}
