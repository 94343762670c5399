//! Has the disk take what was written down, on a thread: it may need seconds, and nothing may wait for it.
//!
//! What is written survives our death at once, and the machine's as soon as the disk has taken it. Forcing each event
//! there at once keeps a power cut from costing more than the event that is being written.

use crate::store::Unforced;
use axolotl_run_sys::background::Background;
use axolotl_run_sys::channel::Arrived;
use std::time::Duration;
use std::time::Instant;

/// How long the observer waits, at its own end, for the disk to take what was written down.
const DISK_WAIT: Duration = Duration::from_secs(10);

/// What has to be forced to the disk, one piece after the other.
pub struct Disk(Background<Unforced, ()>);

impl Disk {
    /// Starts the thread; None where it cannot be.
    pub fn begin() -> Option<Self> {
        let force = |unforced: Unforced| {
            unforced.force();
            Some(())
        };
        Background::answering("disk", move || force).map(Self)
    }

    /// Forces it to the disk as soon as the disk has time. What waits already covers what is written until it begins.
    pub fn force(&mut self, unforced: Unforced) {
        while let Arrived::Message(()) = self.0.take() {}
        self.0.ask(unforced);
    }

    /// Waits for the disk, within bounds.
    pub fn finish(mut self) {
        let deadline = Instant::now() + DISK_WAIT;
        while self.0.is_busy() {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.0.wait(left) != Arrived::Message(()) {
                return;
            }
        }
    }
}
