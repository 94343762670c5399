//! Writing to the user's stderr without ever paying for it.
//!
//! The problem: before the command is started a few words of ours may go to stderr, and whatever stderr is
//! must not matter to the run. A pipe without a reader would kill us with SIGPIPE, a terminal in the
//! foreground of another job could stop us with SIGTTOU (`stty tostop`), a pipe that nobody empties or a
//! terminal after Ctrl-S would hold us for ever. So both signals are held back for the moment of the write, a
//! SIGPIPE of our own making is taken away again, and the wait is bounded. A line that cannot be written is lost.

use crate::{flow, limits, signals};
use axolotl_run_core::limits::SUMMARY_BYTES_MAX;
use nix::errno::Errno;
use nix::poll::{PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Instant;

/// Writes what can be written within [`limits::STDERR_WAIT`]; whether that was all.
pub fn write(mut bytes: &[u8]) -> bool {
    let held = Held::new();
    let stderr = std::io::stderr();
    let deadline = Instant::now() + limits::STDERR_WAIT;
    while !bytes.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        let at_most = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        let ready = flow::ready(stderr.as_fd(), PollFlags::POLLOUT, at_most);
        if ready.is_empty() && !left.is_zero() {
            continue;
        }
        if !ready.contains(PollFlags::POLLOUT) {
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

/// Writes what waits in a pipe, up to [`SUMMARY_BYTES_MAX`]; an empty one is not waited for. Whether anything waited.
pub fn pass_on(pipe: &OwnedFd) -> bool {
    let mut bytes = [0; SUMMARY_BYTES_MAX];
    if flow::readable(pipe)
        && let Ok(count) = nix::unistd::read(pipe, &mut bytes)
    {
        write(bytes.get(..count).unwrap_or_default());
        return count > 0;
    }
    false
}

/// SIGPIPE and SIGTTOU held back; what was held back before stays so.
struct Held(Option<SigSet>);

impl Held {
    fn new() -> Self {
        let signals = SigSet::from_iter([Signal::SIGPIPE, Signal::SIGTTOU]);
        Self(signals.thread_swap_mask(SigmaskHow::SIG_BLOCK).ok())
    }

    /// Takes away the SIGPIPE that our own write has raised, unless the caller wanted to see it later.
    fn take_sigpipe(&self) {
        if let Some(previous) = self.0
            && !previous.contains(Signal::SIGPIPE)
            && let Ok(taker) = signals::reader(&SigSet::from(Signal::SIGPIPE))
        {
            let _ = taker.read_signal();
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SIGTTOU needs no taking away: one that is blocked is never raised.
        if let Some(previous) = self.0 {
            let _ = previous.thread_set_mask();
        }
    }
}
