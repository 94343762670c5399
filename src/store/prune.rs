//! Deletes what is too old or too much.
//!
//! The newest 50 runs, 50 MB and 30 days are kept. A living run is never touched, and counts. Deleting is a
//! courtesy: what can't be deleted stays, in silence.

use super::lock::{self, Owner};
use super::{Forgotten, Store};
use crate::limits;
use crate::sys::files::{Access, Directory};
use std::time::SystemTime;

impl Store {
    /// Deletes the runs beyond what is kept; called once a run, when nothing waits for it.
    pub fn prune(&self, now: SystemTime) {
        let mut runs: Vec<_> = self
            .identities()
            .into_iter()
            .filter_map(|run| Some((run, self.directory(run).ok()?)))
            // A run that may be living is not deleted, so its bytes must not push out those that are finished.
            .filter(|(_, directory)| matches!(lock::owner(directory, now), Owner::Nobody(_)))
            .map(|(run, directory)| (lock::activity(&directory, now).unwrap_or(now), run, bytes(&directory)))
            .collect();
        runs.sort_by_key(|(activity, run, _)| std::cmp::Reverse((*activity, *run)));
        let mut total = 0_u64;
        for (index, (activity, run, bytes)) in runs.into_iter().enumerate() {
            total = total.saturating_add(bytes);
            let old = now.duration_since(activity).is_ok_and(|age| age > limits::RUNS_AGE_MAX);
            let beyond = old || index >= limits::RUNS_MAX || total > limits::RUNS_BYTES_MAX;
            if beyond && self.forget(run, now) == Forgotten::Deleted {
                total = total.saturating_sub(bytes);
            }
        }
    }
}

fn bytes(directory: &Directory) -> u64 {
    let length = |name: &String| directory.file(name, Access::Read).and_then(|file| file.metadata()).ok();
    directory.names(limits::DIRECTORY_NAMES_MAX).iter().filter_map(length).map(|metadata| metadata.len()).sum()
}
