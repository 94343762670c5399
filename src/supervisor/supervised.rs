//! What setting up gives to the loop, and what the loop gives back.

use axolotl_run_core::observation::Stream;
use axolotl_run_core::status::End;
use axolotl_run_sys::Errno;
use axolotl_run_sys::signals::Signals;
use axolotl_run_sys::streams::relay::Relay;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};

/// How a supervised run ended for the launcher.
#[derive(Clone, Copy)]
pub enum Finished {
    /// The command ended like this; so do we.
    Ended(End),
    /// The command could not be run; nothing was started.
    NotRun(Errno),
}

/// A file that the observer follows; no relay is needed for it.
pub struct Followed {
    /// Which stream it is.
    pub stream: Stream,
    /// A second descriptor of it, to read.
    pub reader: OwnedFd,
    /// Where the command's first byte goes.
    pub position: u64,
}

/// A command under supervision.
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
    /// Where the observer's last words for stderr arrive.
    pub last_words: Option<OwnedFd>,
    /// Whom to tell, for whoever does.
    pub channels: Option<OwnedFd>,
    /// Whether the user asked to be told how it went, here or elsewhere.
    pub is_told: bool,
    /// The files that the command writes to: should the observer die, they still tell of the end.
    pub followed: Vec<Followed>,
    /// The streams that pass through us.
    pub relays: [Option<Relay>; 2],
}

impl Supervised {
    /// Their numbers, sorted.
    pub fn descriptors(&self) -> Vec<RawFd> {
        let mut owned = vec![&self.null];
        let maybes = [
            &self.channel,
            &self.failure,
            &self.crash,
            &self.last_words,
            &self.channels,
        ];
        for maybe in maybes {
            owned.extend(maybe);
        }
        if let Some((one, other)) = &self.parent_death {
            owned.extend([one, other]);
        }
        let mut all = vec![self.signals.as_fd().as_raw_fd()];
        all.extend(owned.into_iter().map(OwnedFd::as_raw_fd));
        for file in &self.followed {
            all.push(file.reader.as_raw_fd());
        }
        all.extend(self.relays.iter().flatten().flat_map(Relay::descriptors));
        all.sort_unstable();
        all
    }
}
