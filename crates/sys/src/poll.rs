//! Waiting for any of a few descriptors, without allocating.

use nix::poll::{PollFd, PollFlags, PollTimeout};
use std::os::fd::BorrowedFd;

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events(PollFlags);

impl Events {
    /// Something to read, or the end.
    pub const READ: Self = Self(PollFlags::POLLIN);
    /// Room to write, or a failure.
    pub const WRITE: Self = Self(PollFlags::POLLOUT);
    /// Failures alone, which always wake.
    pub const ERRORS: Self = Self(PollFlags::empty());
}

/// How many descriptors can be waited for at once.
const PLACES: usize = 8;

/// A set of descriptors.
#[derive(Debug)]
pub struct Poll<'fd> {
    set: [Option<PollFd<'fd>>; PLACES],
    ready: [bool; PLACES],
    count: usize,
}

impl<'fd> Poll<'fd> {
    /// An empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            set: [const { None }; PLACES],
            ready: [false; PLACES],
            count: 0,
        }
    }

    /// Adds a descriptor; None is never ready. Returns what to ask [`is_ready`](Self::is_ready) with.
    pub fn add(&mut self, descriptor: Option<BorrowedFd<'fd>>, events: Events) -> Option<usize> {
        let place = self.count;
        *self.set.get_mut(place)? = Some(PollFd::new(descriptor?, events.0));
        self.count += 1;
        Some(place)
    }

    /// Waits until one is ready, a signal arrives or the time (in milliseconds; None: for ever) is over.
    pub fn wait(&mut self, timeout: Option<u64>) {
        let timeout = timeout.map_or(PollTimeout::NONE, |ms| {
            PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX)
        });
        let [Some(a), b, c, d, e, f, g, h] = &self.set else {
            return;
        };
        // The first stands in for the missing ones; its answer is read at its own place only.
        let fill = |place: &Option<PollFd<'fd>>| place.clone().unwrap_or_else(|| a.clone());
        let mut all = [
            a.clone(),
            fill(b),
            fill(c),
            fill(d),
            fill(e),
            fill(f),
            fill(g),
            fill(h),
        ];
        let set = all.get_mut(..self.count).unwrap_or_default();
        if nix::poll::poll(set, timeout).is_ok_and(|count| count > 0) {
            for (ready, polled) in self.ready.iter_mut().zip(set.iter()) {
                *ready = polled.revents().is_some_and(|events| !events.is_empty());
            }
        }
    }

    /// Whether that descriptor was ready.
    #[must_use]
    pub fn is_ready(&self, place: Option<usize>) -> bool {
        place
            .and_then(|place| self.ready.get(place))
            .copied()
            .unwrap_or(false)
    }
}

impl Default for Poll<'_> {
    fn default() -> Self {
        Self::new()
    }
}
