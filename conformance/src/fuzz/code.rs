//! A script as one word of a command line: `v1.` and, in URL-safe base64, its JSON, deflated.
//!
//! The number changes when an older suite could not play what a newer one has found.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::case::Script;

const VERSION: &str = "v1";
/// Longest JSON that a code may stand for.
const JSON_BYTES: u64 = 64 * 1024 * 1024;

/// Why a code stands for no script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no case: {1}; expected what a finding printed behind --case, such as v1.q1bKTFGyUqqtBQA"
)]
pub struct BadCode(String, String);

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::best());
        let bytes = deflated.write_all(&json).and_then(|()| deflated.finish());
        write!(f, "{VERSION}.{}", URL_SAFE_NO_PAD.encode(bytes.map_err(|_| fmt::Error)?))
    }
}

impl FromStr for Script {
    type Err = BadCode;

    fn from_str(code: &str) -> Result<Self, BadCode> {
        let bad = |reason: String| BadCode(code.chars().take(40).collect(), reason);
        let (version, rest) =
            code.trim().split_once('.').ok_or_else(|| bad("there is no `.` in it".into()))?;
        if version != VERSION {
            return Err(bad(format!("this suite plays cases of {VERSION} only")));
        }
        let bytes = URL_SAFE_NO_PAD.decode(rest).map_err(|error| bad(error.to_string()))?;
        let mut json = Vec::new();
        DeflateDecoder::new(bytes.as_slice())
            .take(JSON_BYTES)
            .read_to_end(&mut json)
            .map_err(|error| bad(error.to_string()))?;
        serde_json::from_slice(&json).map_err(|error| bad(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::fuzz::bytes::{Blob, Json, Part, Payload};
    use crate::fuzz::case::{
        Body, Case, Chunk, Connection, Frame, Length, Message, Op, Request, Start, Then,
    };

    fn parts() -> impl Strategy<Value = Blob> {
        let part = prop_oneof![
            any::<String>().prop_map(Part::Text),
            vec(any::<u8>(), 0..20).prop_map(Part::of),
            (any::<String>(), any::<u32>()).prop_map(|(unit, times)| Part::Repeat(unit, times)),
            Just(Part::Secret),
            Just(Part::Dir),
            Just(Part::Database),
            Just(Part::CallId),
            Just(Part::CallMethod),
        ];
        vec(part, 0..4).prop_map(Blob)
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![parts().prop_map(Json::Raw), any::<String>().prop_map(Json::Text)];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Json::List),
                vec((any::<String>(), inner), 0..4).prop_map(Json::Object),
            ]
        })
    }

    fn payloads() -> impl Strategy<Value = Payload> {
        prop_oneof![parts().prop_map(Payload::Blob), json().prop_map(Payload::Json)]
    }

    fn bodies() -> impl Strategy<Value = Body> {
        let chunk = (proptest::option::of(parts()), payloads());
        prop_oneof![
            Just(Body::None),
            payloads().prop_map(Body::Sized),
            payloads().prop_map(Body::Unannounced),
            vec(chunk.prop_map(|(size, data)| Chunk { size, data }), 0..3).prop_map(Body::Chunked),
        ]
    }

    fn connections() -> impl Strategy<Value = Connection> {
        let request = (parts(), vec(parts(), 0..3), bodies())
            .prop_map(|(line, headers, body)| Request { line, headers, body });
        let message =
            prop_oneof![request.prop_map(Message::Request), parts().prop_map(Message::Bytes),];
        let then =
            proptest::sample::select(vec![Then::Answer, Then::HalfClose, Then::Leave, Then::Hold]);
        (vec(message, 0..3), vec(any::<u32>(), 0..3), then)
            .prop_map(|(messages, cuts, then)| Connection { messages, cuts, then })
    }

    fn frames() -> impl Strategy<Value = Frame> {
        let length = prop_oneof![
            Just(Length::Exact),
            Just(Length::Wide16),
            Just(Length::Wide64),
            any::<u64>().prop_map(Length::Says),
        ];
        (any::<bool>(), 0..8_u8, 0..16_u8, any::<Option<[u8; 4]>>(), length, payloads()).prop_map(
            |(fin, reserved, opcode, mask, length, payload)| Frame {
                fin,
                reserved,
                opcode,
                mask,
                length,
                payload,
            },
        )
    }

    fn scripts() -> impl Strategy<Value = Script> {
        let start = (vec(parts(), 0..3), vec(parts(), 0..3))
            .prop_map(|(args, stdin)| Start { args, stdin });
        let op = prop_oneof![
            start.prop_map(Op::Start),
            connections().prop_map(Op::Connect),
            frames().prop_map(Op::Frame),
            parts().prop_map(Op::ChannelBytes),
            Just(Op::AwaitCall),
            Just(Op::Cut),
        ];
        (1..50_u32, vec(vec(op, 0..4).prop_map(Case), 0..4))
            .prop_map(|(rounds, cases)| Script { rounds, cases })
    }

    proptest! {
        #[test]
        fn a_code_stands_for_its_script(script in scripts()) {
            let code = script.to_string();
            prop_assert!(code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)));
            prop_assert_eq!(code.parse::<Script>(), Ok(script));
        }
    }

    #[test]
    fn what_is_no_code_is_refused_with_a_reason() {
        let reason = |code: &str| code.parse::<Script>().unwrap_err().to_string();
        assert!(reason("v1").contains("no `.`"));
        assert!(reason("v2.AA").contains("v1 only"));
        assert!(reason("v1.!").contains("is no case"));
        let code = Script::once(vec![Case(vec![Op::Cut])]).to_string();
        assert!(reason(&code[..code.len() - 4]).contains("is no case"));
    }

    #[test]
    fn codes_that_were_printed_once_are_played_for_ever() {
        let script: Script = PRINTED.parse().unwrap();
        assert_eq!(script.cases[0].0[1], Op::Cut);
        let Op::Frame(frame) = &script.cases[0].0[0] else { panic!("{script:?}") };
        assert_eq!(frame.length, Length::Says(1 << 40));
    }

    const PRINTED: &str = "v1.HcxLCsMgFEbhvfxjB7XQSNxKcHCjtw9qNESFBHHv1c7O4ONUHLEEl6ClgKXEvZal4nnQxtA9PgE6H4UF4m6j47_cKH2hQ_FewHN45fewia4xus3zQ8rprpSamsBOl4_kBlh9XPu_IvOZoXGimda6sSXDmPYD";
}
