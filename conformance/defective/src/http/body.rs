//! Request bodies, piece by piece as they arrive (HT-17, HT-20).

use std::io;

use bytes::Bytes;

use super::input::Input;
use crate::defects::everything_http;

/// Longest piece handed over at once.
const PIECE: usize = 64 * 1024;
/// Longest line between chunks, and most of a trailer section.
const LINE: usize = 16 * 1024;
const TRAILERS: usize = 128;

/// How a body is framed, and how much of it is to come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// So many bytes are to come.
    Length(u64),
    /// Chunks; so many bytes of the present one are to come, none before the first.
    Chunked(Option<u64>),
    /// It has been read to its end.
    Done,
}

impl BodyKind {
    /// What the headers announce.
    pub(super) fn of(headers: &[(String, Vec<u8>)]) -> Result<Self, &'static str> {
        let of = |name: &'static str| {
            headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_slice())
        };
        let codings: Vec<&[u8]> = of("transfer-encoding").collect();
        let mut lengths = of("content-length");
        if !codings.is_empty() {
            let chunked = codings.len() == 1 && codings[0].eq_ignore_ascii_case(b"chunked");
            if !chunked || lengths.next().is_some() {
                return Err("the length of the body is not clear");
            }
            return Ok(Self::Chunked(None));
        }
        let Some(first) = lengths.next() else { return Ok(Self::Done) };
        if lengths.any(|other| other != first) || !first.iter().all(u8::is_ascii_digit) {
            return Err("the length of the body is not clear");
        }
        let length = std::str::from_utf8(first).ok().and_then(|text| text.parse().ok());
        match length {
            Some(0) => Ok(Self::Done),
            Some(length) => Ok(Self::Length(length)),
            None => Err("the length of the body is not clear"),
        }
    }

    pub(crate) fn is_done(self) -> bool {
        self == Self::Done
    }

    /// The next piece; none at the end, where `trailers` are filled.
    pub(super) async fn next(
        &mut self,
        input: &mut Input,
        trailers: &mut Vec<(String, Vec<u8>)>,
    ) -> io::Result<Option<Bytes>> {
        loop {
            match *self {
                Self::Done => return Ok(None),
                Self::Length(left) => {
                    let piece = input.some(most(left)).await?;
                    let left = left - piece.len() as u64;
                    *self = if left == 0 { Self::Done } else { Self::Length(left) };
                    return Ok(Some(piece));
                }
                Self::Chunked(Some(left)) => {
                    let piece = input.some(most(left)).await?;
                    let left = left - piece.len() as u64;
                    if left > 0 {
                        *self = Self::Chunked(Some(left));
                    } else {
                        *self = Self::Chunked(None);
                        if !input.line(LINE).await?.is_empty() {
                            return Err(bad("a chunk is longer than it says"));
                        }
                    }
                    return Ok(Some(piece));
                }
                Self::Chunked(None) => match chunk_size(&input.line(LINE).await?)? {
                    0 => {
                        read_trailers(input, trailers).await?;
                        *self = Self::Done;
                    }
                    size => *self = Self::Chunked(Some(size)),
                },
            }
        }
    }
}

fn most(left: u64) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(PIECE)
}

fn bad(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn chunk_size(line: &[u8]) -> io::Result<u64> {
    if line.contains(&b';') && everything_http::CHUNK_EXTENSIONS_REFUSED.active() {
        return Err(bad("a chunk has an extension"));
    }
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let text = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'));
    text.and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or_else(|| bad("a chunk has no size"))
}

async fn read_trailers(input: &mut Input, trailers: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    loop {
        let line = input.line(LINE).await?;
        if line.is_empty() {
            return Ok(());
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let at = colon.ok_or_else(|| bad("a trailer has no name"))?;
        if trailers.len() == TRAILERS {
            return Err(bad("there are too many trailers"));
        }
        let name = String::from_utf8_lossy(&line[..at]).to_ascii_lowercase();
        trailers.push((name, line[at + 1..].trim_ascii().to_vec()));
    }
}
