//! What setting up gives to the loop, and what the loop gives back.

use axolotl_run_core::status::End;
use axolotl_run_sys::Errno;
use axolotl_run_sys::signals::Signals;
use axolotl_run_sys::streams::relay::Relay;
use std::os::fd::{AsFd as _, AsRawFd, OwnedFd, RawFd};

/// How a supervised run ended for the launcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The command ended like this; so do we.
    Ended(End),
    /// The command could not be run; nothing was started.
    NotRun(Errno),
}

/// A command under supervision.
#[derive(Debug)]
pub struct Supervised {
    /// The command's pid.
    pub command: i32,
    /// The observer's pid, while it lives.
    pub observer: Option<i32>,
    /// The message socket, while somebody listens.
    pub channel: Option<OwnedFd>,
    /// What the command hangs on where there was no process left for an observer.
    pub parent_death: Option<(OwnedFd, OwnedFd)>,
    /// Our signals.
    pub signals: Signals,
    /// Tells whether exec succeeded; closed once it has.
    pub failure: Option<OwnedFd>,
    /// /dev/null.
    pub null: OwnedFd,
    /// Where a fault of ours is written.
    pub crash: Option<OwnedFd>,
    /// Where the observer's last words arrive, where the user wants them on stderr.
    pub summary: Option<OwnedFd>,
    /// Whether the user asked to be told how it went, here or elsewhere.
    pub is_told: bool,
    /// The streams that pass through us.
    pub relays: [Option<Relay>; 2],
}

impl Supervised {
    /// How many descriptors it can own.
    pub const DESCRIPTORS: usize = 18;

    /// Their numbers; -1 stands for none.
    #[must_use]
    pub fn descriptors(&self) -> [RawFd; Self::DESCRIPTORS] {
        let number =
            |descriptor: &Option<OwnedFd>| descriptor.as_ref().map_or(-1, AsRawFd::as_raw_fd);
        let [first, second] = &self.relays;
        let relay = |relay: &Option<Relay>| relay.as_ref().map_or([-1; 5], Relay::descriptors);
        let ([a, b, c, d, e], [f, g, h, i, j]) = (relay(first), relay(second));
        let (tied, to) = match &self.parent_death {
            Some((tied, to)) => (tied.as_raw_fd(), to.as_raw_fd()),
            None => (-1, -1),
        };
        let signals = self.signals.as_fd().as_raw_fd();
        let (channel, failure) = (number(&self.channel), number(&self.failure));
        let (crash, summary) = (number(&self.crash), number(&self.summary));
        let null = self.null.as_raw_fd();
        [
            a, b, c, d, e, f, g, h, i, j, signals, null, channel, failure, crash, tied, to, summary,
        ]
    }
}
