//! Writing to the user's stderr without ever paying for it.
//!
//! The problem: before the command is started a few words of ours may go to stderr, and whatever stderr is
//! must not matter to the run. A pipe without a reader would kill us with SIGPIPE, a terminal in the
//! foreground of another job could stop us with SIGTTOU (`stty tostop`), a pipe that nobody empties or a
//! terminal after Ctrl-S would hold us for ever. So both signals are held back for the moment of the write, a
//! SIGPIPE of our own making is taken away again, and the wait is bounded. A line that cannot be written is lost.

use crate::limits;
use axolotl_run_core::limits::SUMMARY_BYTES_MAX;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Instant;

/// Writes what can be written within [`limits::STDERR_WAIT`]; whether that was all.
pub fn write(mut bytes: &[u8]) -> bool {
    let held = Held::new();
    let stderr = std::io::stderr();
    let deadline = Instant::now() + limits::STDERR_WAIT;
    while !bytes.is_empty() {
        if !writable(stderr.as_fd(), deadline) {
            return false;
        }
        // A pipe that polls as writable takes this many bytes without blocking.
        let piece = bytes.get(..limits::STDERR_PIECE_BYTES).unwrap_or(bytes);
        match nix::unistd::write(stderr.as_fd(), piece) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(Errno::EPIPE) => {
                held.take_sigpipe();
                return false;
            }
            Err(_) => return false,
        }
    }
    true
}

/// Writes what waits in a pipe, up to [`SUMMARY_BYTES_MAX`]; an empty one is not waited for.
pub fn pass_on(pipe: &OwnedFd) {
    let mut bytes = [0; SUMMARY_BYTES_MAX];
    if super::flow::readable(pipe)
        && let Ok(count) = nix::unistd::read(pipe, &mut bytes)
    {
        write(bytes.get(..count).unwrap_or_default());
    }
}

fn writable(stderr: BorrowedFd<'_>, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(stderr, PollFlags::POLLOUT)];
        match poll(
            &mut fds,
            PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO),
        ) {
            Err(Errno::EINTR) if !left.is_zero() => {}
            Ok(1..) => {
                let [fd] = &fds;
                return fd
                    .revents()
                    .is_some_and(|events| events.contains(PollFlags::POLLOUT));
            }
            _ => return false,
        }
    }
}

/// SIGPIPE and SIGTTOU held back; what was held back before stays so.
struct Held {
    previous: Option<SigSet>,
}

impl Held {
    fn new() -> Self {
        let signals = SigSet::from_iter([Signal::SIGPIPE, Signal::SIGTTOU]);
        let previous = SigSet::thread_get_mask().ok();
        Self {
            previous: previous.filter(|_| signals.thread_block().is_ok()),
        }
    }

    /// Takes away the SIGPIPE that our own write has raised, unless the caller wanted to see it later.
    fn take_sigpipe(&self) {
        if self
            .previous
            .is_some_and(|previous| !previous.contains(Signal::SIGPIPE))
            && let Ok(taker) = SignalFd::with_flags(
                &SigSet::from(Signal::SIGPIPE),
                SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK,
            )
        {
            let _ = taker.read_signal();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SIGTTOU needs no taking away: one that is blocked is never raised.
        if let Some(previous) = self.previous {
            let _ = previous.thread_set_mask();
        }
    }
}
