//! What is one step smaller than a thing: the candidates among which shrinking looks for one that
//! still does it. The boldest come first.

use crate::fuzz::bytes::{Blob, Json, Part, Payload};
use crate::fuzz::case::{
    Body, Case, Chunk, Connection, Frame, Length, Message, Op, Request, Start, Then,
};

/// Something that can be made smaller, one step at a time.
pub(crate) trait Smaller: Sized + Clone {
    /// All that is one step smaller.
    fn smaller(&self) -> Vec<Self>;
}

/// Every list that lacks a run of items, long runs first, and every list with one item smaller.
fn lists<T: Smaller>(items: &[T]) -> Vec<Vec<T>> {
    let mut out = runs(items);
    for (i, item) in items.iter().enumerate() {
        out.extend(item.smaller().into_iter().map(|smaller| {
            let mut items = items.to_vec();
            items[i] = smaller;
            items
        }));
    }
    out
}

/// A list is cut into at most about so many runs of one length, which keeps the candidates of a long
/// list few; once it has become shorter, so have the runs.
const RUNS: usize = 128;

/// Every list that lacks a run of items: all, halves, quarters and so on.
pub(crate) fn runs<T: Clone>(items: &[T]) -> Vec<Vec<T>> {
    let mut out = Vec::new();
    let mut run = items.len();
    while run > items.len() / RUNS {
        for from in (0..items.len()).step_by(run) {
            let to = (from + run).min(items.len());
            out.push(items[..from].iter().chain(&items[to..]).cloned().collect());
        }
        run /= 2;
    }
    out
}

impl Smaller for Case {
    fn smaller(&self) -> Vec<Self> {
        lists(&self.0).into_iter().filter(|ops| !ops.is_empty()).map(Self).collect()
    }
}

impl Smaller for Op {
    fn smaller(&self) -> Vec<Self> {
        match self {
            Self::Start(start) => start.smaller().into_iter().map(Self::Start).collect(),
            Self::Connect(it) => it.smaller().into_iter().map(Self::Connect).collect(),
            Self::Frame(frame) => frame.smaller().into_iter().map(Self::Frame).collect(),
            Self::ChannelBytes(blob) => {
                blob.smaller().into_iter().map(Self::ChannelBytes).collect()
            }
            Self::AwaitCall | Self::Cut => Vec::new(),
        }
    }
}

impl Smaller for Start {
    fn smaller(&self) -> Vec<Self> {
        // Arguments go whole: half a path is another path.
        let args = runs(&self.args).into_iter().map(|args| Self { args, ..self.clone() });
        let joined = (self.stdin.len() > 1).then(|| {
            let parts = self.stdin.iter().flat_map(|piece| piece.0.clone());
            Self { stdin: vec![Blob::of(parts)], ..self.clone() }
        });
        let stdin = lists(&self.stdin).into_iter().map(|stdin| Self { stdin, ..self.clone() });
        args.chain(joined).chain(stdin).collect()
    }
}

impl Smaller for Connection {
    fn smaller(&self) -> Vec<Self> {
        let mut out: Vec<Self> = lists(&self.messages)
            .into_iter()
            .map(|messages| Self { messages, ..self.clone() })
            .collect();
        if self.then != Then::Answer {
            out.push(Self { then: Then::Answer, ..self.clone() });
        }
        out.extend(runs(&self.cuts).into_iter().map(|cuts| Self { cuts, ..self.clone() }));
        out
    }
}

impl Smaller for Message {
    fn smaller(&self) -> Vec<Self> {
        match self {
            Self::Request(request) => request.smaller().into_iter().map(Self::Request).collect(),
            Self::Bytes(blob) => blob.smaller().into_iter().map(Self::Bytes).collect(),
        }
    }
}

impl Smaller for Request {
    fn smaller(&self) -> Vec<Self> {
        let bodies = self.body.smaller().into_iter().map(|body| Self { body, ..self.clone() });
        let headers = lists(&self.headers);
        let headers = headers.into_iter().map(|headers| Self { headers, ..self.clone() });
        let lines = self.line.smaller().into_iter().map(|line| Self { line, ..self.clone() });
        bodies.chain(headers).chain(lines).collect()
    }
}

impl Smaller for Body {
    fn smaller(&self) -> Vec<Self> {
        let mut out = match self {
            Self::None => return Vec::new(),
            Self::Sized(payload) => payload.smaller().into_iter().map(Self::Sized).collect(),
            Self::Unannounced(payload) => {
                payload.smaller().into_iter().map(Self::Unannounced).collect()
            }
            Self::Chunked(chunks) => {
                lists(chunks).into_iter().map(Self::Chunked).collect::<Vec<_>>()
            }
        };
        out.insert(0, Self::None);
        out
    }
}

impl Smaller for Chunk {
    fn smaller(&self) -> Vec<Self> {
        let right = self.size.iter().map(|_| Self { size: None, ..self.clone() });
        let sizes = self.size.iter().flat_map(Smaller::smaller);
        let sizes = sizes.map(|size| Self { size: Some(size), ..self.clone() });
        let data = self.data.smaller().into_iter().map(|data| Self { data, ..self.clone() });
        right.chain(data).chain(sizes).collect()
    }
}

impl Smaller for Frame {
    fn smaller(&self) -> Vec<Self> {
        let mut out = Vec::new();
        if self.reserved != 0 {
            out.push(Self { reserved: 0, ..self.clone() });
        }
        if self.length != Length::Exact {
            out.push(Self { length: Length::Exact, ..self.clone() });
        }
        if self.mask.is_some_and(|key| key != [0; 4]) {
            out.push(Self { mask: Some([0; 4]), ..self.clone() });
        }
        if !self.fin {
            out.push(Self { fin: true, ..self.clone() });
        }
        let payloads = self.payload.smaller();
        out.extend(payloads.into_iter().map(|payload| Self { payload, ..self.clone() }));
        out
    }
}

impl Smaller for Payload {
    fn smaller(&self) -> Vec<Self> {
        match self {
            Self::Blob(blob) => blob.smaller().into_iter().map(Self::Blob).collect(),
            Self::Json(json) => json.smaller().into_iter().map(Self::Json).collect(),
        }
    }
}

impl Smaller for Json {
    fn smaller(&self) -> Vec<Self> {
        match self {
            Self::Raw(blob) => blob.smaller().into_iter().map(Self::Raw).collect(),
            Self::Text(text) => {
                let chars: Vec<char> = text.chars().collect();
                runs(&chars).into_iter().map(|chars| Self::Text(chars.iter().collect())).collect()
            }
            Self::List(items) => {
                // An item may do what the whole list did.
                items.iter().cloned().chain(lists(items).into_iter().map(Self::List)).collect()
            }
            Self::Object(members) => {
                let values = members.iter().map(|(_, value)| value.clone());
                let fewer = runs(members).into_iter().map(Self::Object);
                let inner = members.iter().enumerate().flat_map(|(i, (_, value))| {
                    value.smaller().into_iter().map(move |smaller| {
                        let mut members = members.clone();
                        members[i].1 = smaller;
                        Self::Object(members)
                    })
                });
                values.chain(fewer).chain(inner).collect()
            }
        }
    }
}

impl Smaller for Blob {
    fn smaller(&self) -> Vec<Self> {
        lists(&self.0).into_iter().map(Self).collect()
    }
}

impl Smaller for Part {
    fn smaller(&self) -> Vec<Self> {
        match self {
            Self::Text(text) => {
                let chars: Vec<char> = text.chars().collect();
                runs(&chars).into_iter().map(|chars| Self::Text(chars.iter().collect())).collect()
            }
            Self::Bytes(bytes) => runs(bytes).into_iter().map(Self::of).collect(),
            Self::Repeat(unit, times) => {
                let units = Self::Text(unit.clone()).smaller().into_iter();
                let units = units.filter_map(|unit| match unit {
                    Self::Text(unit) if !unit.is_empty() => Some(Self::Repeat(unit, *times)),
                    _ => None,
                });
                // Half, then less and less off: a binary search for the number that is needed.
                let fewer = (0..32).map(|shift| times - times.div_ceil(1 << shift));
                let mut fewer: Vec<u32> = fewer.filter(|n| n < times).collect();
                fewer.dedup();
                fewer.into_iter().map(|n| Self::Repeat(unit.clone(), n)).chain(units).collect()
            }
            Self::Secret | Self::Dir | Self::Database | Self::CallId | Self::CallMethod => {
                Vec::new()
            }
        }
    }
}
