//! Waiting for any of a few descriptors, without allocating.
//!
//! A wait that the kernel or a filter refuses tells nothing. Everything counts as ready then, so that whoever waits looks
//! for himself, and a moment passes, so that he does not look without a pause.

use super::{Errno, clock};
use nix::libc::{self, pollfd};
use std::marker::PhantomData;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::time::Duration;

/// What to wait for.
#[derive(Clone, Copy)]
pub struct Events(libc::c_short);

impl Events {
    /// Something to read, or the end.
    pub const READ: Self = Self(libc::POLLIN);
    /// Room to write, or a failure.
    pub const WRITE: Self = Self(libc::POLLOUT);
    /// Failures alone, which always wake.
    pub const ERRORS: Self = Self(0);
}

/// How many descriptors can be waited for at once.
const PLACES: usize = 8;

/// Between two looks where waiting is refused.
const REFUSED_PAUSE: Duration = Duration::from_millis(1);

/// The kernel passes over a negative number.
const NONE: pollfd = pollfd {
    fd: -1,
    events: 0,
    revents: 0,
};

/// A set of descriptors.
pub struct Poll<'fd> {
    set: [pollfd; PLACES],
    count: usize,
    borrowed: PhantomData<BorrowedFd<'fd>>,
}

impl<'fd> Poll<'fd> {
    /// An empty set.
    pub fn empty() -> Self {
        Self {
            set: [NONE; PLACES],
            count: 0,
            borrowed: PhantomData,
        }
    }

    /// Adds a descriptor; None is never ready. Returns what to ask [`is_ready`](Self::is_ready) with.
    pub fn add(&mut self, descriptor: Option<BorrowedFd<'fd>>, events: Events) -> usize {
        let place = self.count;
        if let (Some(free), Some(descriptor)) = (self.set.get_mut(place), descriptor) {
            free.fd = descriptor.as_raw_fd();
            free.events = events.0;
        }
        self.count += 1;
        place
    }

    /// Waits until one is ready, a signal arrives or the time (in milliseconds; None: for ever) is over.
    pub fn wait(&mut self, timeout: Option<u64>) {
        let timeout = match timeout {
            Some(ms) => i32::try_from(ms).unwrap_or(i32::MAX),
            None => -1,
        };
        if let Err(problem) = self.poll(timeout)
            && problem != Errno::EINTR
        {
            clock::pause(REFUSED_PAUSE);
            for place in &mut self.set {
                place.revents = if place.fd < 0 { 0 } else { libc::POLLERR };
            }
        }
    }

    fn poll(&mut self, timeout: libc::c_int) -> Result<(), Errno> {
        // SAFETY: the kernel writes to so many places of the set, whose descriptors are borrowed for as long as it lives.
        let ready = unsafe { libc::poll(self.set.as_mut_ptr(), PLACES as libc::nfds_t, timeout) };
        Errno::result(ready).map(drop)
    }

    /// Whether one can wait here at all.
    ///
    /// # Errors
    /// Why not.
    pub fn check() -> Result<(), Errno> {
        Poll::empty().poll(0)
    }

    /// Whether that descriptor was ready.
    pub fn is_ready(&self, place: usize) -> bool {
        self.set.get(place).is_some_and(|at| at.revents != 0)
    }
}
