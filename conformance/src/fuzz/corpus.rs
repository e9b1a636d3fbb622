//! What cases begin with: the golden messages of the protocol, right ones and wrong ones.

use std::sync::LazyLock;

use serde_json::Value;
use temps_plugin_schema::{Dialect, VECTORS};

use super::bytes::{Json, Payload};

/// Golden messages of the kinds that a host sends.
pub(crate) struct Corpus {
    /// Frames of the channel.
    pub(crate) frames: Vec<Payload>,
    /// Envelopes of events.
    pub(crate) events: Vec<Payload>,
    /// What calls are answered with.
    pub(crate) results: Vec<Payload>,
    /// Calls a plugin may make, as `method` and `params`.
    pub(crate) calls: Vec<(String, Payload)>,
    /// Calls with parameters that are not right.
    pub(crate) bad_calls: Vec<(String, Payload)>,
}

impl Corpus {
    /// The corpus of a dialect.
    pub(crate) fn of(dialect: Dialect) -> &'static Self {
        static CORPORA: LazyLock<[Corpus; 2]> =
            LazyLock::new(|| [Corpus::read(Dialect::One), Corpus::read(Dialect::Two)]);
        match dialect {
            Dialect::One => &CORPORA[0],
            Dialect::Two => &CORPORA[1],
        }
    }

    fn read(dialect: Dialect) -> Self {
        let mut corpus = Self {
            frames: all(&format!("host-frame.dialect{}", dialect.number())),
            events: all("event"),
            results: Vec::new(),
            calls: Vec::new(),
            bad_calls: Vec::new(),
        };
        let Some(calls) = VECTORS.get_dir("calls") else {
            return corpus;
        };
        for folder in calls.dirs() {
            let name = folder.path().file_name().unwrap_or_default().to_string_lossy();
            let Some((method, "params")) = name.split_once('.') else {
                corpus.results.extend(all(&format!("calls/{name}")));
                continue;
            };
            let calls = |verdict| {
                let messages = messages(&format!("calls/{name}"), verdict).into_iter();
                messages.map(|params| (method.to_owned(), params))
            };
            corpus.calls.extend(calls("valid"));
            corpus.bad_calls.extend(calls("invalid"));
        }
        corpus
    }
}

fn all(kind: &str) -> Vec<Payload> {
    let mut all = messages(kind, "valid");
    all.extend(messages(kind, "invalid"));
    all
}

/// The messages of a kind and a verdict, in the order of their names.
fn messages(kind: &str, verdict: &str) -> Vec<Payload> {
    let Some(dir) = VECTORS.get_dir(format!("{kind}/{verdict}")) else {
        return Vec::new();
    };
    let mut files: Vec<_> = dir.files().collect();
    files.sort_by_key(|file| file.path());
    files.iter().filter_map(|file| message(file.contents())).collect()
}

fn message(file: &[u8]) -> Option<Payload> {
    let vector: Value = serde_json::from_slice(file).ok()?;
    if let Some(text) = vector["text"].as_str() {
        return Some(Payload::Blob(text.into()));
    }
    if let Some(hex) = vector["hex"].as_str() {
        let digits: Vec<u8> =
            hex.chars().filter_map(|c| c.to_digit(16)).map(|digit| digit as u8).collect();
        let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        return Some(Payload::Blob(bytes.into()));
    }
    vector.get("message").map(|message| Payload::Json(Json::from(message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_vector_of_a_kind_is_read() {
        for dialect in Dialect::ALL {
            let corpus = Corpus::of(dialect);
            assert!(corpus.frames.len() > 70, "{}", corpus.frames.len());
            assert!(corpus.events.len() > 50, "{}", corpus.events.len());
            assert!(corpus.results.len() > 80);
            assert!(corpus.calls.len() > 60 && corpus.bad_calls.len() > 100);
        }
        let hex = message(br#"{"hex": "7b ff"}"#);
        assert_eq!(hex, Some(Payload::Blob(vec![0x7b, 0xff].into())));
    }
}
