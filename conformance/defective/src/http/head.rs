//! Request heads: the text of the request line and the headers as they came (HT-25, HT-27).

use bytes::BytesMut;

use super::body::BodyKind;
use crate::auth::Proof;
use crate::defects::http;

/// Longest head taken.
const HEAD_BYTES: usize = 256 * 1024;
const HEADERS: usize = 512;

/// A request without its body.
pub(crate) struct Request {
    pub(crate) method: String,
    /// The target as received.
    pub(crate) target: String,
    /// Whether the peer speaks 1.1 and not 1.0.
    pub(crate) one_one: bool,
    /// Names in lower case, in the order received.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: BodyKind,
    pub(crate) proof: Proof,
}

/// What became of looking for a head.
pub(crate) enum Head {
    Whole(Box<Request>),
    /// More bytes are needed.
    Partial,
    /// It is none: the status owed, and why.
    Bad(u16, &'static str),
}

impl Request {
    /// Takes a head off the front of `buffer`.
    pub(crate) fn read(buffer: &mut BytesMut) -> Head {
        let mut fields = [httparse::EMPTY_HEADER; HEADERS];
        let mut head = httparse::Request::new(&mut fields);
        let length = match head.parse(buffer) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if buffer.len() > HEAD_BYTES => {
                return Head::Bad(431, "the head is too large");
            }
            Ok(httparse::Status::Partial) => return Head::Partial,
            Err(httparse::Error::TooManyHeaders) => return Head::Bad(431, "too many headers"),
            Err(_) => return Head::Bad(400, "this is no HTTP"),
        };
        let headers: Vec<(String, Vec<u8>)> = head
            .headers
            .iter()
            .map(|field| (field.name.to_ascii_lowercase(), field.value.to_vec()))
            .collect();
        let ascii = headers.iter().all(|(_, value)| value.is_ascii());
        if !ascii && http::EXITS_ON_NO_ASCII.active() {
            std::process::exit(101);
        }
        let body = match BodyKind::of(&headers) {
            Ok(body) => body,
            Err(why) => return Head::Bad(400, why),
        };
        let request = Self {
            method: head.method.unwrap_or_default().to_owned(),
            target: head.path.unwrap_or_default().to_owned(),
            one_one: head.version == Some(1),
            headers,
            body,
            proof: Proof::default(),
        };
        let _ = buffer.split_to(length);
        let bare =
            request.method == "GET" && matches!(request.body, BodyKind::Done | BodyKind::Length(0));
        if bare && http::DROPS_READ_AHEAD.active() {
            buffer.clear();
        }
        Head::Whole(Box::new(request))
    }

    /// The target before the first `?`.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The target after the first `?`, if there is one.
    pub(crate) fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// A number in the query.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let pairs = self.query()?.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse().ok())
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_slice())
    }

    /// The first value of a header, if it is text that is not empty.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let text = std::str::from_utf8(self.header(name)?).ok()?;
        if text.is_empty() { None } else { Some(text.to_owned()) }
    }

    /// Whether one of the words of a list header is this one.
    pub(crate) fn lists(&self, name: &str, word: &str) -> bool {
        let values = self.headers.iter().filter(|(key, _)| key == name);
        values
            .flat_map(|(_, value)| value.split(|byte| *byte == b','))
            .any(|entry| entry.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Takes a header out and returns its values.
    pub(crate) fn take_headers(&mut self, name: &str) -> Vec<Vec<u8>> {
        let (taken, kept) =
            std::mem::take(&mut self.headers).into_iter().partition(|(key, _)| key == name);
        self.headers = kept;
        let taken: Vec<(String, Vec<u8>)> = taken;
        taken.into_iter().map(|(_, value)| value).collect()
    }
}
