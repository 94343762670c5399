//! Deletes what is too old or too much, but nothing that still waits to be sent.
//!
//! The newest 50 runs, 50 MB and 30 days are kept, and of the runs beyond that those of which something waits: events
//! younger than 7 days, the newest 10 MB of them. Such a run loses its samples, which are never sent. A living run is
//! never touched. Deleting is a courtesy: what can't be deleted stays, in silence.
//!
//! Called by the observer once a run.

use super::lock::{self, Owner};
use super::runs::summarize;
use super::{DELIVERY, EVENTS, SAMPLES, Store};
use axolotl_run_core::limits;
use axolotl_run_sys::files::Directory;
use std::cmp::Reverse;
use std::time::{Instant, SystemTime};
use uuid::Uuid;

/// A run that nobody records any more.
struct Past {
    run: Uuid,
    activity: SystemTime,
    bytes: u64,
}

/// What becomes of a run beyond what is kept.
enum Beyond {
    Delete(Uuid),
    /// Something of it waits to be sent.
    Strip(Uuid),
}

impl Store {
    /// Deletes the runs beyond what is kept, the oldest first, for as long as there is time; what is left over is
    /// left to the next.
    pub fn prune(&self, now: SystemTime) {
        let mut runs: Vec<Past> = self
            .identities()
            .into_iter()
            .filter_map(|run| self.past(run, now))
            .collect();
        runs.sort_by_key(|past| Reverse((past.activity, past.run)));
        let beyond = self.beyond_what_is_kept(runs, now);
        let begun = Instant::now();
        for run in beyond
            .into_iter()
            .rev()
            .take_while(|_| begun.elapsed() < limits::PRUNE_TIME)
        {
            match run {
                Beyond::Delete(run) => drop(self.forget(run, now)),
                Beyond::Strip(run) => {
                    drop(self.directory(run).map(|directory| strip(&directory, now)))
                }
            }
        }
    }

    fn beyond_what_is_kept(&self, newest_first: Vec<Past>, now: SystemTime) -> Vec<Beyond> {
        let mut beyond = Vec::new();
        let mut total = 0_u64;
        let mut unsent = limits::UNSENT_BYTES_MAX;
        for (index, past) in newest_first.into_iter().enumerate() {
            let age = now.duration_since(past.activity).unwrap_or_default();
            let waits = if age < limits::UNSENT_AGE_MAX && unsent > 0 {
                self.unsent(past.run, now)
            } else {
                None
            };
            unsent = unsent.saturating_sub(waits.unwrap_or(0));
            let with_it = total.saturating_add(past.bytes);
            if age <= limits::RUNS_AGE_MAX
                && index < limits::RUNS_MAX
                && with_it <= limits::RUNS_BYTES_MAX
            {
                total = with_it;
            } else if waits.is_some() {
                beyond.push(Beyond::Strip(past.run));
            } else {
                beyond.push(Beyond::Delete(past.run));
            }
        }
        beyond
    }

    /// A run as the pruning sees it; None where it may be living: its bytes must not push out those that are finished.
    fn past(&self, run: Uuid, now: SystemTime) -> Option<Past> {
        let directory = self.directory(run).ok()?;
        let Owner::Nobody(_lock) = lock::owner(&directory, now) else {
            return None;
        };
        let activity = lock::activity(&directory, now).unwrap_or(now);
        Some(Past {
            run,
            activity,
            bytes: bytes(&directory),
        })
    }

    /// Bytes of a run that wait to be sent; None where nothing does, nor will once its finish is written.
    fn unsent(&self, run: Uuid, now: SystemTime) -> Option<u64> {
        let directory = self.directory(run).ok()?;
        if !super::is_permitted(&directory) {
            return None;
        }
        let summary = summarize(&directory, run, now, |_| {});
        (summary.waiting > 0 || !summary.finished).then_some(summary.waiting_bytes)
    }
}

/// Takes away what is never sent.
fn strip(directory: &Directory, now: SystemTime) {
    if let Owner::Nobody(_lock) = lock::owner(directory, now) {
        let _ = directory.remove_file(SAMPLES);
    }
}

/// The bytes of the files that can have many.
fn bytes(directory: &Directory) -> u64 {
    [EVENTS, DELIVERY, SAMPLES]
        .iter()
        .filter_map(|name| directory.look(name).ok())
        .map(|look| look.bytes)
        .sum()
}
