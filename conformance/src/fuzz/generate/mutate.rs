//! Changes to what is right: JSON member by member, bytes by byte.

use super::rand::Dice;
use crate::fuzz::bytes::{Blob, Json, Part, Payload};

const NUMBERS: [&str; 22] = [
    "0",
    "-0",
    "-1",
    "1.5",
    "1e400",
    "-1e400",
    "1e-400",
    "2147483647",
    "2147483648",
    "-2147483649",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999",
    "1E999999999999",
    "00",
    "0x10",
    "1.",
    ".5",
    "NaN",
];
const TEXTS: [&str; 14] = [
    "",
    " ",
    "\u{0}",
    "\u{feff}",
    "\u{202e}abc",
    "../../etc/passwd",
    "%00%n%s",
    "\u{10ffff}",
    "e\u{301}",
    "🦀",
    "\r\nset-cookie: a=b",
    "<script>alert(1)</script>",
    "null",
    "__proto__",
];
/// Written without escaping: not all of it is JSON.
const RAW_TEXTS: [&str; 10] = [
    r#""\ud800""#,
    r#""\udc00\ud800""#,
    r#""\u0000""#,
    r#""\x41""#,
    r#""\""#,
    r#""a"#,
    "'a'",
    "\"\t\"",
    r#""\u12""#,
    "undefined",
];
/// Nesting, by weight: below, at and above what JSON libraries commonly take.
const DEPTHS: [(u32, u32); 7] =
    [(9, 8), (9, 127), (9, 128), (9, 129), (5, 1000), (2, 20_000), (1, 200_000)];
/// Long texts cost time, so the longest are rare.
const LENGTHS: [(u32, u32); 5] = [(30, 256), (30, 4096), (6, 65_536), (2, 300_000), (1, 1_100_000)];

/// Changes some things about a payload.
pub(super) fn payload(payload: &mut Payload, dice: &mut Dice) {
    for _ in 0..=dice.below(3) {
        match payload {
            Payload::Json(json) => self::json(json, dice),
            Payload::Blob(blob) => self::blob(blob, dice),
        }
    }
    if dice.percent(15) {
        damage_text(payload, dice);
    }
}

/// Changes one thing about a document.
pub(super) fn json(document: &mut Json, dice: &mut Dice) {
    let mut at = dice.below(size(document));
    if let Some(node) = nth(document, &mut at) {
        change(node, dice);
    }
}

fn size(json: &Json) -> usize {
    1 + match json {
        Json::Raw(_) | Json::Text(_) => 0,
        Json::List(items) => items.iter().map(size).sum(),
        Json::Object(members) => members.iter().map(|(_, value)| size(value)).sum::<usize>(),
    }
}

fn nth<'a>(json: &'a mut Json, at: &mut usize) -> Option<&'a mut Json> {
    if *at == 0 {
        return Some(json);
    }
    *at -= 1;
    match json {
        Json::Raw(_) | Json::Text(_) => None,
        Json::List(items) => items.iter_mut().find_map(|item| nth(item, at)),
        Json::Object(members) => members.iter_mut().find_map(|(_, value)| nth(value, at)),
    }
}

fn change(node: &mut Json, dice: &mut Dice) {
    match node {
        Json::Object(members) if !members.is_empty() && dice.percent(70) => {
            change_members(members, dice);
        }
        Json::List(items) if !items.is_empty() && dice.percent(50) => {
            let at = dice.below(items.len());
            if dice.percent(50) {
                items.remove(at);
            } else {
                items.extend(std::iter::repeat_n(items[at].clone(), 1 + dice.below(40)));
            }
        }
        _ => *node = other(dice),
    }
}

fn change_members(members: &mut Vec<(String, Json)>, dice: &mut Dice) {
    let at = dice.below(members.len());
    match dice.below(6) {
        0 => {
            members.remove(at);
        }
        1 => {
            let mut twin = members[at].clone();
            if dice.percent(70) {
                twin.1 = other(dice);
            }
            members.push(twin);
        }
        2 => members[at].1 = other(dice),
        3 => {
            let name = &members[at].0;
            members[at].0 = match dice.below(3) {
                0 => name.to_uppercase(),
                1 => format!("{name} "),
                _ => dice.text(&TEXTS).to_owned(),
            };
        }
        4 => {
            let with = dice.below(members.len());
            members.swap(at, with);
        }
        _ => members.push((dice.text(&TEXTS).to_owned(), other(dice))),
    }
}

/// Any value, odd ones above all.
fn other(dice: &mut Dice) -> Json {
    match dice.below(10) {
        0 => Json::raw("null"),
        1 => Json::raw(dice.text(&["true", "false"])),
        2 | 3 => Json::raw(dice.text(&NUMBERS)),
        4 => Json::Text(dice.text(&TEXTS).to_owned()),
        5 => Json::raw(dice.text(&RAW_TEXTS)),
        6 => Json::List(Vec::new()),
        7 => Json::Object(Vec::new()),
        8 => nested(dice),
        _ => {
            let quote = || Part::Text("\"".into());
            Json::Raw(Blob::of([
                quote(),
                Part::Repeat("x".into(), dice.weighted(&LENGTHS)),
                quote(),
            ]))
        }
    }
}

fn nested(dice: &mut Dice) -> Json {
    let depth = dice.weighted(&DEPTHS);
    let (open, middle, close) = match dice.below(3) {
        0 => ("[", "", "]"),
        1 => ("{\"a\":", "1", "}"),
        // Never closed.
        _ => ("[", "", ""),
    };
    let parts = [(open, depth), (middle, 1), (close, depth)];
    let parts = parts.into_iter().filter(|(text, _)| !text.is_empty());
    Json::Raw(Blob::of(parts.map(|(text, times)| Part::Repeat(text.to_owned(), times))))
}

/// Puts something before or behind it, or damages a document's text.
fn damage_text(payload: &mut Payload, dice: &mut Dice) {
    const AROUND: [&str; 8] = ["\u{feff}", " ", "\n", ",", "}", "\0", "{}", "// a\n"];
    let mut text = match payload {
        Payload::Json(json) => json.to_blob(),
        Payload::Blob(blob) => std::mem::take(blob),
    };
    if dice.percent(50) {
        let times = dice.weighted(&[(20, 1), (1, 70_000)]);
        let extra = Part::Repeat(dice.text(&AROUND).to_owned(), times);
        let at = if dice.percent(50) { 0 } else { text.0.len() };
        text.0.insert(at, extra);
    } else {
        blob(&mut text, dice);
    }
    *payload = Payload::Blob(text);
}

/// Changes one thing about bytes. Places that are filled in later stay whole, or go whole.
pub(super) fn blob(blob: &mut Blob, dice: &mut Dice) {
    if blob.0.is_empty() {
        blob.0.push(Part::of(vec![dice.byte()]));
        return;
    }
    let at = dice.below(blob.0.len());
    let Some(bytes) = blob.0[at].literal().map(<[u8]>::to_vec) else {
        match dice.below(3) {
            0 => {
                blob.0.remove(at);
            }
            1 => blob.0.insert(at, blob.0[at].clone()),
            _ => blob.0.insert(at, Part::of(vec![dice.byte()])),
        }
        return;
    };
    blob.0[at] = Part::of(changed(bytes, dice));
}

fn changed(mut bytes: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    const ODD: [&[u8]; 10] = [
        b"\0",
        b"\r",
        b"\n",
        b"\r\n",
        b" ",
        b"\xff",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b":",
    ];
    let at = dice.below(bytes.len() + 1);
    match dice.below(6) {
        0 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
        1 if at < bytes.len() => bytes[at] = dice.byte(),
        2 if at < bytes.len() => {
            let end = (at + 1 + dice.below(8)).min(bytes.len());
            bytes.drain(at..end);
        }
        3 => bytes.truncate(at),
        4 if !bytes.is_empty() => {
            let from = dice.below(bytes.len());
            let end = (from + 1 + dice.below(16)).min(bytes.len());
            let piece = bytes[from..end].to_vec();
            bytes.splice(at..at, piece);
        }
        _ => {
            bytes.splice(at..at, dice.one(&ODD).iter().copied());
        }
    }
    bytes
}
