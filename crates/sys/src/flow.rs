//! Moving bytes inside the kernel: splice, tee, and the plain read and write where those refuse.
//!
//! splice accounts for what it moved before the task can die, so a relay that is killed in the middle has
//! either moved a byte or left it in the pipe; that is what makes take-over exact. read and write cannot.

use super::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// The plain ones: they take or give as much as goes, and 0 bytes read are the end of the file.
pub use nix::unistd::{read, write};

/// A pipe.
#[derive(Debug)]
pub struct Pipe {
    /// Where it is read.
    pub read: OwnedFd,
    /// Where it is written.
    pub write: OwnedFd,
}

/// Makes a pipe, both ends closed on exec.
///
/// # Errors
/// The kernel's, when there are no descriptors left.
pub fn pipe() -> Result<Pipe, Errno> {
    let (read, write) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    Ok(Pipe { read, write })
}

/// Asks for a pipe's capacity in bytes. A refusal (the user's pipe quota) leaves it as it was.
pub fn set_capacity(pipe: BorrowedFd<'_>, bytes: i32) {
    let _ = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(bytes));
}

/// A pipe's capacity in bytes; None where it is no pipe.
pub fn capacity(pipe: BorrowedFd<'_>) -> Option<i32> {
    fcntl(pipe, FcntlArg::F_GETPIPE_SZ).ok()
}

/// Makes our own end of a pipe or terminal non-blocking; never a descriptor that we share with the user.
pub fn set_nonblocking(own: BorrowedFd<'_>) {
    let _ = rustix::io::ioctl_fionbio(own, true);
}

/// Moves up to `bytes` from one descriptor to another, one of them a pipe, without waiting for either pipe.
///
/// # Errors
/// The kernel's; `EAGAIN` means that one side is not ready.
pub fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, bytes: usize) -> Result<usize, Errno> {
    let flags = SpliceFFlags::SPLICE_F_NONBLOCK | SpliceFFlags::SPLICE_F_MOVE;
    nix::fcntl::splice(from, None, to, None, bytes, flags)
}

/// Copies up to `bytes` from one pipe into another without taking them out.
///
/// # Errors
/// As [`splice`].
pub fn tee(from: BorrowedFd<'_>, to: BorrowedFd<'_>, bytes: usize) -> Result<usize, Errno> {
    nix::fcntl::tee(from, to, bytes, SpliceFFlags::SPLICE_F_NONBLOCK)
}

/// Bytes that wait in a pipe or terminal to be read; None where the kernel does not tell.
pub fn waiting(from: BorrowedFd<'_>) -> Option<u64> {
    rustix::io::ioctl_fionread(from).ok()
}

/// What of `events` is true of a descriptor within so long, or that it has failed; nothing where a signal came before.
pub fn ready(descriptor: BorrowedFd<'_>, events: PollFlags, at_most: PollTimeout) -> PollFlags {
    let mut set = [PollFd::new(descriptor, events)];
    match nix::poll::poll(&mut set, at_most) {
        Ok(1..) => {
            let [polled] = set;
            polled.revents().unwrap_or(PollFlags::empty())
        }
        Ok(_) | Err(Errno::EINTR) => PollFlags::empty(),
        // Where one may not ask: a write finds out, and nothing was seen to have failed.
        Err(_) => events & PollFlags::POLLOUT,
    }
}

/// Whether a destination is gone: a pipe without a reader, a terminal that was hung up, a broken socket.
pub fn failed(destination: BorrowedFd<'_>) -> bool {
    !ready(destination, PollFlags::empty(), PollTimeout::ZERO).is_empty()
}

/// Whether there is something to read (or the end) now.
pub fn readable(descriptor: &impl AsFd) -> bool {
    await_readable(descriptor, Duration::ZERO)
}

/// Waits until there is something to read (or the end), for as long as this at the most; whether there is.
pub fn await_readable(descriptor: &impl AsFd, at_most: Duration) -> bool {
    let at_most = PollTimeout::try_from(at_most).unwrap_or(PollTimeout::MAX);
    !ready(descriptor.as_fd(), PollFlags::POLLIN, at_most).is_empty()
}

/// Whether a write would go through now.
pub fn writable(descriptor: &impl AsFd) -> bool {
    let events = PollFlags::POLLOUT;
    ready(descriptor.as_fd(), events, PollTimeout::ZERO).contains(events)
}
