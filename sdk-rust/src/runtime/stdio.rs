//! The three standard streams. stdout belongs to the handshake alone: author code that prints finds
//! stderr under descriptor 1, so a stray print can neither corrupt the handshake nor fail because
//! the host has closed its end (PROTOCOL.md, section "Standard streams").

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};

use rustix::io::fcntl_dupfd_cloexec;

/// Moves the real stdout to a private descriptor and puts stderr in its place.
pub(crate) fn take_stdout() -> io::Result<impl Write + Send + 'static> {
    // A descriptor above the standard three, closed in child processes: a child must not hold the
    // host's end of the handshake open.
    let real = fcntl_dupfd_cloexec(io::stdout(), 3)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(File::from(real))
}

/// Reads one line of at most `limit` bytes, its `\n` included; `None` when the stream ends before.
pub(crate) fn read_line(input: impl Read, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    // One byte more than allowed tells a line that is too long from one that just fits.
    BufReader::new(input.take(limit as u64 + 1)).read_until(b'\n', &mut line)?;
    if line.len() > limit {
        return Err(io::Error::other(format!("a line of more than {limit} bytes")));
    }
    if line.pop() != Some(b'\n') {
        return Ok(None);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_in_a_newline_within_the_limit() {
        assert_eq!(read_line(&b"ab\nc"[..], 3).unwrap().unwrap(), b"ab");
        assert_eq!(read_line(&b"ab\r\n"[..], 9).unwrap().unwrap(), b"ab");
        assert_eq!(read_line(&b"ab"[..], 9).unwrap(), None);
        assert_eq!(read_line(&b""[..], 9).unwrap(), None);
        assert!(read_line(&b"abc\n"[..], 3).is_err());
        assert!(read_line(io::repeat(b'x'), 1024).is_err());
    }
}
