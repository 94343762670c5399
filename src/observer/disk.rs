//! Has the disk take what was written down, on a thread: it may need seconds, and nothing may wait for it.
//!
//! What is written survives our death at once, and the machine's as soon as the disk has taken it. Forcing each event
//! there at once keeps a power cut from costing more than the event that is being written.

use crate::store::Unforced;
use axolotl_run_core::limits;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// The thread's two ends.
#[derive(Debug)]
pub struct Disk {
    jobs: SyncSender<Unforced>,
    done: Receiver<()>,
}

impl Disk {
    /// Starts the thread; None where it cannot be.
    #[must_use]
    pub fn begin() -> Option<Self> {
        // One job waits at the most: it covers what is written until it begins.
        let (jobs, forcing) = sync_channel::<Unforced>(1);
        let (ending, done) = sync_channel(1);
        let work = move || {
            forcing.iter().for_each(Unforced::force);
            let _ = ending.send(());
        };
        std::thread::Builder::new()
            .name("disk".into())
            .spawn(work)
            .ok()?;
        Some(Self { jobs, done })
    }

    /// Forces it to the disk as soon as the disk has time; one that still waits does as well.
    pub fn force(&self, unforced: Unforced) {
        let _ = self.jobs.try_send(unforced);
    }

    /// Waits for the disk, within bounds.
    pub fn finish(self) {
        drop(self.jobs);
        let _ = self.done.recv_timeout(limits::DISK_WAIT);
    }
}
