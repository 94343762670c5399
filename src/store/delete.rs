//! Deletes what its owner wants gone (one run, or all that waits to be sent), and what is too old or too much.
//!
//! The consent marker goes first, so that a run that is half deleted is never sent. A run whose observer lives is
//! left to it, unless its finish is written: what is finished can be forgotten whoever still holds it, on another machine,
//! before a reboot, or while the rest is being sent. Where consent is withdrawn runs lose their marker alone, for the record
//! is their owner's; an observer looks for it before it sends, and nobody sends what it leaves.
//!
//! The newest 50 runs, at most 50 MB and 30 days, are kept; the runs of a job count as one and go together. Of older runs only those are kept that have unsent events
//! younger than 7 days, up to 10 MB in all; they lose their samples, which are never sent. What cannot be deleted
//! stays, without a message.
//!
//! Called by `--forget`, by `--disable` and `--record-always`, and by the observer once a run.

use super::layout::{CONSENT, NOTIFICATIONS, SAMPLES, is_permitted};
use super::lock;
use super::runs::job::{self, JobRecord};
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
/// Names that are read of a run's directory; it has 7 files, others may have put more there.
const DIRECTORY_NAMES_MAX: usize = 4096;

/// What became of a run that was to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Forgotten {
    /// Nothing of it is left.
    Deleted,
    /// The same, but its observer may just have been sending it.
    DeletedWhileSent,
    /// Its observer lives.
    Living,
    /// There is no such run, or its files can't be deleted.
    Failed,
}

/// What waited to be sent, and is never sent now.
#[derive(Clone, Copy, Default, serde::Serialize)]
pub struct Withdrawn {
    /// Events that waited.
    pub events: u64,
    /// The runs that they belonged to.
    pub runs: u64,
}

impl Store {
    /// Deletes one run.
    pub fn forget(&self, run_id: Uuid, now: SystemTime) -> Forgotten {
        let Ok(run_directory) = self.run_directory(run_id) else {
            return Forgotten::Failed;
        };
        let lock = lock::take(&run_directory, now);
        if lock.is_some() {
            return self.delete(run_id, &run_directory);
        }
        let recorded_run = summarize(&run_directory, run_id, now, |_| {});
        if !recorded_run.is_finished {
            return Forgotten::Living;
        }
        let forgotten = self.delete(run_id, &run_directory);
        if forgotten == Forgotten::Deleted && recorded_run.sending == Sending::Permitted {
            return Forgotten::DeletedWhileSent;
        }
        forgotten
    }

    /// Revokes the consent of the runs that have unsent events, or may yet have some. Their records stay.
    pub fn withdraw(&self, now: SystemTime) -> Withdrawn {
        let mut withdrawn = Withdrawn::default();
        for run_id in self.identities() {
            let Ok(run_directory) = self.run_directory(run_id) else {
                continue;
            };
            let recorded_run = summarize(&run_directory, run_id, now, |_| {});
            if recorded_run.sending == Sending::Forbidden {
                continue;
            }
            let is_waiting = recorded_run.waiting > 0;
            if is_waiting || !recorded_run.is_finished {
                // A later launcher would write the finish that is missing, which would wait.
                let _ = run_directory.remove_file(CONSENT);
            }
            if is_waiting && !is_permitted(&run_directory) {
                withdrawn.events += recorded_run.waiting;
                withdrawn.runs += 1;
            }
        }
        withdrawn
    }

    /// Deletes a run that is ours.
    fn delete(&self, run_id: Uuid, run_directory: &Directory) -> Forgotten {
        let _ = run_directory.remove_file(CONSENT);
        for name in run_directory.names(DIRECTORY_NAMES_MAX) {
            let _ = run_directory.remove_file(&name);
        }
        match self.runs.remove_directory(&run_id.to_string()) {
            Ok(()) => Forgotten::Deleted,
            Err(_) => Forgotten::Failed,
        }
    }
}

/// A run as the pruning sees it.
struct PastRun {
    run_id: Uuid,
    job: Option<JobRecord>,
    /// None where it may be living: its bytes must not push out those that are finished.
    past: Option<Past>,
}

/// A run that nobody records any more.
struct Past {
    activity: SystemTime,
    bytes: u64,
}

impl Store {
    /// Deletes the runs beyond what is kept, the oldest first, for as long as there is time; what is left over is
    /// left to the next. The runs of a job are one: all of them are kept while one is.
    pub fn prune(&self, now: SystemTime) {
        let runs: Vec<_> = self
            .identities()
            .into_iter()
            .map(|run_id| self.past(run_id, now))
            .collect();
        let mut newest_first = Vec::new();
        for job in job::together(runs, |run| run.job.as_ref()) {
            // Those that are being recorded are among the newest, ours the first of them.
            let mut activity = SystemTime::UNIX_EPOCH;
            let mut bytes = 0;
            let mut is_living = false;
            for run in &job {
                match &run.past {
                    Some(past) => {
                        activity = activity.max(past.activity);
                        bytes += past.bytes;
                    }
                    None => is_living = true,
                }
            }
            let run_id = job.first().map(|run| run.run_id);
            newest_first.push((is_living, activity, run_id, bytes, job));
        }
        newest_first.sort_by_key(|(is_living, activity, run_id, ..)| {
            Reverse((*is_living, *activity, *run_id))
        });
        let mut beyond_limits = Vec::new();
        let mut bytes_kept = 0;
        let mut unsent_bytes_left = limits::UNSENT_BYTES_MAX;
        for (index, (is_living, activity, _, bytes, job)) in newest_first.into_iter().enumerate() {
            let age = now.duration_since(activity).unwrap_or_default();
            let is_kept = is_living
                || age <= limits::RUNS_AGE_MAX
                    && index < limits::RUNS_MAX
                    && bytes_kept + bytes <= limits::RUNS_BYTES_MAX;
            if is_kept && !is_living {
                bytes_kept += bytes;
            }
            for run in job {
                let mut waiting_bytes = None;
                if age < limits::UNSENT_AGE_MAX && unsent_bytes_left > 0 && run.past.is_some() {
                    waiting_bytes = self.unsent(run.run_id, now);
                }
                unsent_bytes_left = unsent_bytes_left.saturating_sub(waiting_bytes.unwrap_or(0));
                if !is_kept {
                    beyond_limits.push((run.run_id, waiting_bytes.is_some()));
                }
            }
        }
        let begun_at = Instant::now();
        for (run_id, has_unsent) in beyond_limits.into_iter().rev() {
            if begun_at.elapsed() >= PRUNE_TIME {
                return;
            }
            if has_unsent {
                self.strip(run_id, now);
            } else {
                self.forget(run_id, now);
            }
        }
    }

    fn past(&self, run_id: Uuid, now: SystemTime) -> PastRun {
        let mut run = PastRun {
            run_id,
            job: None,
            past: None,
        };
        if let Ok(run_directory) = self.run_directory(run_id) {
            run.job = JobRecord::read(&run_directory);
        }
        if let Some((run_directory, _lock)) = self.take(run_id, now) {
            let mut bytes = 0;
            for name in run_directory.names(DIRECTORY_NAMES_MAX) {
                bytes += run_directory.look(&name).map_or(0, |look| look.bytes);
            }
            run.past = Some(Past {
                activity: lock::activity(&run_directory, now).unwrap_or(now),
                bytes,
            });
        }
        run
    }

    /// Bytes of a run that wait to be sent; None where nothing does, nor will once its finish is written.
    fn unsent(&self, run_id: Uuid, now: SystemTime) -> Option<u64> {
        let recorded_run = self.summary(run_id, now)?;
        let has_unsent = recorded_run.waiting > 0 || !recorded_run.is_finished;
        let is_permitted = recorded_run.sending == Sending::Permitted;
        (has_unsent && is_permitted).then_some(recorded_run.waiting_bytes)
    }

    /// Takes away what is never sent.
    fn strip(&self, run_id: Uuid, now: SystemTime) {
        if let Some((run_directory, _lock)) = self.take(run_id, now) {
            let _ = run_directory.remove_file(SAMPLES);
            let _ = run_directory.remove_file(NOTIFICATIONS);
        }
    }
}
