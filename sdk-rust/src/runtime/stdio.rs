//! The three standard streams. stdout belongs to the handshake alone: author code that prints finds
//! stderr under descriptor 1, so a stray print can neither corrupt the handshake nor fail because
//! the host has closed its end (PROTOCOL.md, section "Standard streams").

use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, fcntl_dupfd_cloexec};

/// The real stdout, from [`claim_stdout`] until the handshake takes it over.
static CLAIMED: Mutex<Option<File>> = Mutex::new(None);

/// Keeps the real stdout for the handshake and puts stderr in its place, from now on.
///
/// [`run_core`](crate::run_core) does this first of all. A binding whose language runs author code
/// before that, such as a module being loaded, does it earlier; a second call changes nothing.
///
/// # Errors
/// When a descriptor cannot be made.
pub fn claim_stdout() -> io::Result<()> {
    let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
    if claimed.is_none() {
        *claimed = Some(move_stdout()?);
    }
    Ok(())
}

/// The real stdout, claimed now or before.
pub(crate) fn take_stdout() -> io::Result<File> {
    let claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner).take();
    claimed.map_or_else(move_stdout, Ok)
}

fn move_stdout() -> io::Result<File> {
    // A descriptor above the standard three, closed in child processes: a child must not hold the
    // host's end of the handshake open.
    let real = fcntl_dupfd_cloexec(io::stdout(), 3)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(File::from(real))
}

/// The stdin a host writes its launch line to, under a descriptor of our own.
pub(crate) fn launch_input() -> io::Result<OwnedFd> {
    Ok(fcntl_dupfd_cloexec(io::stdin(), 3)?)
}

/// What came of waiting for a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// It came; here it is without its end.
    Read(Vec<u8>),
    /// The stream ended first.
    Ended,
    /// Time was up first.
    Late,
    /// `cancelled` ended first.
    Cancelled,
}

/// Reads one line of at most `limit` bytes, its `\n` included. Waits on this very thread, which takes
/// a third of the time that waking it from another would.
pub(crate) fn read_line(
    input: &OwnedFd,
    limit: usize,
    patience: Duration,
    cancelled: Option<&PipeReader>,
) -> io::Result<Line> {
    let deadline = Instant::now() + patience;
    let mut line = Vec::new();
    // One byte more than allowed tells a line that is too long from one that just fits.
    let mut input_left = File::from(input.try_clone()?).take(limit as u64 + 1);
    loop {
        let mut ends = vec![PollFd::new(input, PollFlags::IN)];
        ends.extend(cancelled.map(|cancelled| PollFd::new(cancelled, PollFlags::IN)));
        let left = deadline.saturating_duration_since(Instant::now());
        match poll(&mut ends, Some(&left.try_into().map_err(io::Error::other)?)) {
            Ok(0) => return Ok(Line::Late),
            Ok(_) if ends.get(1).is_some_and(|end| !end.revents().is_empty()) => {
                return Ok(Line::Cancelled);
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if ends[0].revents().is_empty() {
            continue;
        }
        let mut chunk = [0; 4096];
        let bytes = input_left.read(&mut chunk)?;
        let end = chunk[..bytes].iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(&chunk[..end.unwrap_or(bytes)]);
        if line.len() + usize::from(end.is_some()) > limit {
            return Err(io::Error::other(format!("a line of more than {limit} bytes")));
        }
        if end.is_some() {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(Line::Read(line));
        }
        if bytes == 0 {
            return Ok(Line::Ended);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const LIMIT: usize = 8192;

    fn read(input: impl Into<OwnedFd>, limit: usize) -> io::Result<Line> {
        read_line(&input.into(), limit, Duration::from_secs(20), None)
    }

    fn read_text(text: &[u8], limit: usize) -> io::Result<Line> {
        let (input, mut host) = io::pipe().unwrap();
        host.write_all(text).unwrap();
        drop(host);
        read(input, limit)
    }

    #[test]
    fn a_line_ends_in_a_newline_within_the_limit() {
        let line = |text: &[u8]| Line::Read(text.to_vec());
        assert_eq!(read_text(b"ab\nc", 3).unwrap(), line(b"ab"));
        assert_eq!(read_text(b"ab\r\n", 9).unwrap(), line(b"ab"));
        assert_eq!(read_text(b"ab", 9).unwrap(), Line::Ended);
        assert_eq!(read_text(b"", 9).unwrap(), Line::Ended);
        assert!(read_text(b"abc\n", 3).is_err());
        assert!(read_text(b"abcd", 3).is_err());
        let long = [[b'x'; LIMIT - 1].as_slice(), b"\n"].concat();
        assert_eq!(read_text(&long, LIMIT).unwrap(), line(&long[..LIMIT - 1]));
        assert!(read_text(&long, LIMIT - 1).is_err());
        assert!(read(File::open("/dev/zero").unwrap(), LIMIT).is_err());
    }

    #[test]
    fn a_line_may_come_in_pieces() {
        let (input, mut host) = io::pipe().unwrap();
        let writing = std::thread::spawn(move || {
            for piece in [b"o", b"n", b"e", b"\n"] {
                host.write_all(piece).unwrap();
                std::thread::yield_now();
            }
        });
        assert_eq!(read(input, 9).unwrap(), Line::Read(b"one".to_vec()));
        writing.join().unwrap();
    }

    #[test]
    fn a_line_that_does_not_come_is_not_waited_for() {
        let (input, mut host) = io::pipe().unwrap();
        host.write_all(b"half").unwrap();
        let (cancelled, canceller) = io::pipe().unwrap();
        let input = input.into();
        let late = read_line(&input, 9, Duration::from_millis(1), Some(&cancelled));
        assert_eq!(late.unwrap(), Line::Late);
        drop(canceller);
        let cancelled = read_line(&input, 9, Duration::from_secs(20), Some(&cancelled));
        assert_eq!(cancelled.unwrap(), Line::Cancelled);
    }
}
