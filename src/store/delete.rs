//! Deletes what its owner wants gone (one run, or all that waits to be sent), and what is too old or too much.
//!
//! The consent marker goes first, so that a run that is half deleted is never sent. A run whose observer lives is
//! left to it: files that are written to cannot be taken away. Where consent is withdrawn such a run loses its marker
//! alone; its observer looks for it before it sends, and nobody sends what it leaves.
//!
//! The newest 50 runs, at most 50 MB and 30 days, are kept. Of older runs only those are kept that have unsent events
//! younger than 7 days, up to 10 MB in all; they lose their samples, which are never sent. What cannot be deleted
//! stays, without a message.
//!
//! Called by `--forget`, by `--disable`, and by the observer once a run.

use super::layout::{CONSENT, DELIVERY, EVENTS, SAMPLES, is_permitted};
use super::lock;
use super::runs::{Store, summarize};
use axolotl_run_core::consent::Sending;
use axolotl_run_core::limits;
use axolotl_run_sys::files::Directory;
use std::cmp::Reverse;
use std::time::Duration;
use std::time::{Instant, SystemTime};
use uuid::Uuid;

/// How long a start's observer deletes old runs; a disk that is busy deletes a hundred in a second, others thousands.
const PRUNE_TIME: Duration = Duration::from_secs(5);
/// Names that are read of a run's directory; it has 6 files, others may have put more there.
const DIRECTORY_NAMES_MAX: usize = 4096;

/// What became of a run that was to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// Nothing of it is left.
    Deleted,
    /// Its observer lives.
    Living,
    /// There is no such run, or its files can't be deleted.
    Failed,
}

/// What waited to be sent, and no longer does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Withdrawn {
    /// Events that waited.
    pub events: u64,
    /// The runs that they belonged to.
    pub runs: u64,
}

impl Store {
    /// Deletes one run.
    pub fn forget(&self, run: Uuid, now: SystemTime) -> Forgotten {
        let Ok(directory) = self.directory(run) else {
            return Forgotten::Failed;
        };
        let Some(_lock) = lock::take(&directory, now) else {
            return Forgotten::Living;
        };
        self.delete(run, &directory)
    }

    /// Deletes the runs that have unsent events, and revokes the consent of those that are being recorded now.
    pub fn withdraw(&self, now: SystemTime) -> Withdrawn {
        let mut withdrawn = Withdrawn::default();
        for run in self.identities() {
            let Ok(directory) = self.directory(run) else {
                continue;
            };
            let lock = lock::take(&directory, now);
            let summary = summarize(&directory, run, now, |_| {});
            if summary.sending == Sending::Forbidden {
                continue;
            }
            let is_waiting = summary.waiting > 0;
            if is_waiting && lock.is_some() {
                self.delete(run, &directory);
            } else if is_waiting || !summary.finished {
                // A later launcher would write the finish that is missing, which would wait.
                let _ = directory.remove_file(CONSENT);
            }
            if is_waiting && !is_permitted(&directory) {
                withdrawn.events += summary.waiting;
                withdrawn.runs += 1;
            }
        }
        withdrawn
    }

    /// Deletes a run that is ours.
    fn delete(&self, run: Uuid, directory: &Directory) -> Forgotten {
        let _ = directory.remove_file(CONSENT);
        for name in directory.names(DIRECTORY_NAMES_MAX) {
            let _ = directory.remove_file(&name);
        }
        match self.runs.remove_directory(&run.to_string()) {
            Ok(()) => Forgotten::Deleted,
            Err(_) => Forgotten::Failed,
        }
    }
}

/// A run that nobody records any more.
struct Past {
    run: Uuid,
    activity: SystemTime,
    bytes: u64,
}

impl Store {
    /// Deletes the runs beyond what is kept, the oldest first, for as long as there is time; what is left over is
    /// left to the next.
    pub fn prune(&self, now: SystemTime) {
        let identities = self.identities().into_iter();
        let mut newest_first: Vec<_> = identities.filter_map(|run| self.past(run, now)).collect();
        newest_first.sort_by_key(|past| Reverse((past.activity, past.run)));
        let mut beyond = Vec::new();
        let mut total = 0;
        let mut unsent = limits::UNSENT_BYTES_MAX;
        for (index, past) in newest_first.iter().enumerate() {
            let age = now.duration_since(past.activity).unwrap_or_default();
            let mut waits = None;
            if age < limits::UNSENT_AGE_MAX && unsent > 0 {
                waits = self.unsent(past.run, now);
            }
            unsent = unsent.saturating_sub(waits.unwrap_or(0));
            if age <= limits::RUNS_AGE_MAX
                && index < limits::RUNS_MAX
                && total + past.bytes <= limits::RUNS_BYTES_MAX
            {
                total += past.bytes;
            } else {
                beyond.push((past.run, waits.is_some()));
            }
        }
        let begun = Instant::now();
        for (run, waits) in beyond.into_iter().rev() {
            if begun.elapsed() >= PRUNE_TIME {
                return;
            }
            if waits {
                self.strip(run, now);
            } else {
                self.forget(run, now);
            }
        }
    }

    /// A run as the pruning sees it; None where it may be living: its bytes must not push out those that are finished.
    fn past(&self, run: Uuid, now: SystemTime) -> Option<Past> {
        let (directory, _lock) = self.take(run, now)?;
        // The files that can have many bytes.
        let looks = [EVENTS, DELIVERY, SAMPLES].map(|name| directory.look(name));
        Some(Past {
            run,
            activity: lock::activity(&directory, now).unwrap_or(now),
            bytes: looks.iter().flatten().map(|look| look.bytes).sum(),
        })
    }

    /// Bytes of a run that wait to be sent; None where nothing does, nor will once its finish is written.
    fn unsent(&self, run: Uuid, now: SystemTime) -> Option<u64> {
        let directory = self.directory(run).ok()?;
        let summary = summarize(&directory, run, now, |_| {});
        let waits = summary.waiting > 0 || !summary.finished;
        (waits && summary.sending == Sending::Permitted).then_some(summary.waiting_bytes)
    }

    /// Takes away what is never sent.
    fn strip(&self, run: Uuid, now: SystemTime) {
        if let Some((directory, _lock)) = self.take(run, now) {
            let _ = directory.remove_file(SAMPLES);
        }
    }
}
