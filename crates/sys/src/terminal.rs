//! Pseudo-terminals for the command's output, and the size of the user's terminal.
//!
//! The command's side is no controlling terminal: job control, keys and signals stay with the user's own
//! terminal, which the command still has. Output processing is off, so that the bytes that we read are the
//! bytes that the command wrote; the user's terminal processes them once, as it would have.

use super::{Errno, descriptors};
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, fstat};
use nix::sys::termios::{self, LocalFlags, OutputFlags, SetArg};
use rustix::termios::{tcgetwinsize, tcsetwinsize};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

pub use rustix::termios::Winsize as Size;

/// A pseudo-terminal.
pub struct Terminal {
    /// Our side; non-blocking.
    pub master: OwnedFd,
    /// The command's side.
    pub slave: OwnedFd,
}

/// Opens a pseudo-terminal of the given size in raw output mode.
///
/// # Errors
/// The kernel's, where there is no /dev/ptmx or no descriptor left.
pub fn open(like: BorrowedFd<'_>) -> Result<Terminal, Errno> {
    let settings = termios::tcgetattr(like).ok();
    let pair = nix::pty::openpty(None, settings.as_ref())?;
    let master = descriptors::duplicate(&pair.master)?;
    let slave = descriptors::duplicate(&pair.slave)?;
    let mut raw = termios::tcgetattr(&slave)?;
    raw.output_flags.remove(OutputFlags::OPOST);
    raw.local_flags
        .remove(LocalFlags::ECHO | LocalFlags::ECHONL);
    termios::tcsetattr(&slave, SetArg::TCSANOW, &raw)?;
    if let Some(size) = size(like) {
        resize(slave.as_fd(), &size);
    }
    super::flow::set_nonblocking(master.as_fd());
    Ok(Terminal { master, slave })
}

/// Opens the same terminal once more, for ourselves: non-blocking without touching the user's descriptor.
pub fn reopen(terminal: BorrowedFd<'_>) -> Option<OwnedFd> {
    let path = nix::unistd::ttyname(terminal).ok()?;
    let flags = OFlag::O_WRONLY | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let again = nix::fcntl::open(&path, flags, Mode::empty()).ok()?;
    if fstat(&again).ok()?.st_rdev != fstat(terminal).ok()?.st_rdev {
        return None;
    }
    Some(again)
}

/// The size of a terminal; None where it is none.
pub fn size(terminal: BorrowedFd<'_>) -> Option<Size> {
    tcgetwinsize(terminal).ok()
}

/// Gives a pseudo-terminal a size; what can't be set stays as it was.
pub fn resize(terminal: BorrowedFd<'_>, size: &Size) {
    let _ = tcsetwinsize(terminal, *size);
}
