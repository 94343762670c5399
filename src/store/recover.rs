//! Writes the finish of runs whose observer died.
//!
//! `finish` comes exactly once, whatever killed the run: a machine that lost power, a node that was taken
//! away, an observer that was killed. The next launcher writes it, with the outcome `lost`. Two launchers may
//! come to this at once, and on some file systems their locks do not see each other; so the event's identity
//! and time follow from the run alone, and both would write the same event, which readers and the server
//! take as one.
//!
//! Where the launcher still lives, its word about the command's end is known, and the finish is a whole one.
//!
//! Called by the observer once at its start, by `--send`, and by the fallback finisher.

use super::append_log::{AppendLog, Importance, Written};
use super::gate;
use super::layout::{EVENTS, SAMPLES};
use super::lock::{self, RunOwner};
use super::runs::{Last, summarize};
use super::runs_directory::Store;
use axolotl_run_core::consent::Sending;
use axolotl_run_core::event::wire::Member;
use axolotl_run_core::event::{Event, Finish};
use axolotl_run_core::judging::verdict::{self, Outcome};
use axolotl_run_core::limits;
use axolotl_run_core::series::{OomKillCounters, SeriesLine};
use axolotl_run_sys::files::{Access, Directory};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::time::{Duration, SystemTime};
use uuid::{Builder, Uuid};

impl Store {
    /// Finishes the runs that began, have no finish, and have no living observer; says which.
    pub fn recover(&self, now: SystemTime) -> Vec<Uuid> {
        self.identities()
            .into_iter()
            .filter(|run| self.recover_one(*run, now).is_some())
            .collect()
    }

    fn recover_one(&self, run: Uuid, now: SystemTime) -> Option<()> {
        self.finish_one(run, now, |left| {
            let outcome = Some(Outcome::Lost.public());
            let verdict = Some((&verdict::lost()).into());
            (
                Finish {
                    outcome,
                    verdict,
                    total_steps: left.steps,
                    ..Finish::default()
                },
                None,
            )
        })
    }

    /// Finishes a run whose observer died before the command, by what is known of the command's end.
    ///
    /// `finish` makes the event out of what the observer has left, and says how many seconds after the spawn the end
    /// came. None where the run is finished, or is not ours to finish.
    pub fn complete(
        &self,
        run: Uuid,
        sending: Sending,
        now: SystemTime,
        finish: impl FnOnce(&Left) -> (Finish, f64),
    ) -> Option<()> {
        if self.directory(run).is_err() {
            // It died before it had made the directory; this makes it, and lets go of it.
            drop(self.begin(run, sending));
        }
        self.finish_one(run, now, |left| {
            let (finish, elapsed) = finish(left);
            (finish, Some(elapsed))
        })
    }

    fn finish_one(
        &self,
        run: Uuid,
        now: SystemTime,
        finish: impl FnOnce(&Left) -> (Finish, Option<f64>),
    ) -> Option<()> {
        let directory = self.directory(run).ok()?;
        let RunOwner::Nobody(_lock) = lock::owner(&directory, now) else {
            return None;
        };
        // Read before the events: if they hold no finish, this time is not that of another launcher's finish either.
        let last_sign = lock::last_sign(&directory, now);
        let summary = summarize(&directory, run, now, |_| {});
        if summary.finished || summary.truncated {
            return None;
        }
        let last = match summary.last {
            Some(last) => last,
            // Lines that cannot be read: nothing is made up about such a run.
            None if !is_blank(&directory) => return None,
            None => {
                // Killed before the start event: all that is known is that it began.
                let began = Last {
                    time: lock::begun(&directory, now).or(last_sign)?,
                    elapsed_seconds: 0.0,
                };
                write(
                    &directory,
                    &member(run, 1, Event::Start(Box::default()), &began)?,
                )?;
                began
            }
        };
        let oom_kill_counters = counters(&directory).unwrap_or_default();
        let (finish, elapsed) = finish(&Left {
            steps: summary.steps,
            oom_kill_counters,
        });
        let end = match (
            elapsed,
            last_sign.and_then(|sign| sign.duration_since(last.time).ok()),
        ) {
            (Some(elapsed_seconds), _) => Last {
                time: now,
                elapsed_seconds,
            },
            // How long the command ran, nobody knows; the event's own time is the last sign of its life.
            (None, Some(since)) => Last {
                time: last.time + since,
                // As the timestamps tell it, in whole milliseconds.
                elapsed_seconds: last.elapsed_seconds
                    + Duration::from_millis(since.as_millis() as u64).as_secs_f64(),
            },
            (None, None) => last,
        };
        write(
            &directory,
            &member(run, 0, Event::Finish(Box::new(finish)), &end)?,
        )
    }
}

/// What an observer has left behind; its run is finished from this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Optimizer steps done, as last reported.
    pub steps: Option<u64>,
    /// What the kernel's counters of processes killed for memory said when the run began.
    pub oom_kill_counters: OomKillCounters,
}

/// The counters in the first line of the samples.
fn counters(directory: &Directory) -> Option<OomKillCounters> {
    let mut line = String::new();
    let file = directory.file(SAMPLES, Access::Read).ok()?;
    let mut reader = BufReader::new(file.take(limits::SAMPLE_BYTES_MAX as u64));
    reader.read_line(&mut line).ok()?;
    SeriesLine::read(&line)?.oom_kill_counters
}

/// Whether nothing was ever written.
fn is_blank(directory: &Directory) -> bool {
    match directory.file(EVENTS, Access::Read) {
        Ok(file) => file.metadata().is_ok_and(|metadata| metadata.len() == 0),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn write(directory: &Directory, line: &str) -> Option<()> {
    let mut log = AppendLog::new(EVENTS, limits::RUN_EVENTS_BYTES_MAX);
    let stored = log.append(Some(directory), line, Importance::Essential);
    log.sync();
    (stored == Written::Disk).then_some(())
}

/// An event of a run whose end nobody saw. It is the same event whichever launcher writes it.
fn member(run: Uuid, number: u8, event: Event, at: &Last) -> Option<String> {
    // A version 8 identity (vendor specific) out of the run's own, which is random.
    let mut identity = run.into_bytes();
    identity.iter_mut().take(1).for_each(|byte| *byte ^= number);
    let uuid = Builder::from_custom_bytes(identity).into_uuid();
    let member = Member::new(uuid, run, &event, at.time, at.elapsed_seconds);
    let line = serde_json::to_string(&member).ok()?;
    gate::judge(run, &line, &member).ok().map(|()| line)
}
