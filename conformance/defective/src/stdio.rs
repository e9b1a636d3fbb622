//! The standard streams: descriptor 1 becomes standard error, the handshake keeps the real one
//! (IO-01 to IO-05).

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use serde_json::Value;

use crate::defects::{everything_life, requests, stdio};

/// The real standard output: two lines go there in a whole life.
pub(crate) struct Handshake(Option<File>);

/// Takes standard output away from author code.
pub(crate) fn take_stdout() -> io::Result<Handshake> {
    let out = io::stdout().as_fd().try_clone_to_owned()?;
    if everything_life::PRINT_SWALLOWED.active() {
        rustix::stdio::dup2_stdout(File::options().write(true).open("/dev/null")?)?;
    } else if !stdio::PRINT_TO_STDOUT.active() && !requests::PRINTS_AND_FAILS.active() {
        rustix::stdio::dup2_stdout(io::stderr())?;
    }
    Ok(Handshake(Some(out.into())))
}

impl Handshake {
    /// Writes a line and flushes it (HS-01, HS-03).
    pub(crate) fn line(&mut self, line: &Value) -> io::Result<()> {
        self.write(format!("{line}\n").as_bytes())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Some(out) => out.write_all(bytes).and_then(|()| out.flush()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// A second handle, for what has no business there.
    pub(crate) fn again(&self) -> io::Result<Self> {
        self.0.as_ref().map(File::try_clone).transpose().map(Self)
    }

    /// Waits, on the calling thread, until nobody reads this end any more.
    pub(crate) fn wait_until_unread(&self) -> io::Result<()> {
        let Some(out) = &self.0 else { return Ok(()) };
        let fd: OwnedFd = out.as_fd().try_clone_to_owned()?;
        // No event is asked for: the end of the reader is told all the same.
        poll(&mut [PollFd::new(&fd, PollFlags::empty())], None)?;
        Ok(())
    }
}
