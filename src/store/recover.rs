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
use super::lock;
use super::runs::{LastEvent, Store, summarize};
use axolotl_run_core::consent::Sending;
use axolotl_run_core::event::wire::Member;
use axolotl_run_core::event::{ErrorEvent, Event, Finish};
use axolotl_run_core::judging::verdict::{self, Outcome};
use axolotl_run_core::limits;
use axolotl_run_core::series::{OomKillCounters, SeriesLine};
use axolotl_run_sys::files::{Access, Directory};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::time::SystemTime;
use uuid::{Builder, Uuid};

impl Store {
    /// Finishes the runs that began, have no finish, and have no living observer; says which.
    pub fn recover(&self, now: SystemTime) -> Vec<Uuid> {
        let mut runs = self.identities();
        runs.retain(|run_id| {
            let newly_finished = self.finish(*run_id, now, |observer_left| {
                let event = Finish {
                    outcome: Some(Outcome::Lost.public()),
                    verdict: Some((&verdict::lost()).into()),
                    total_steps: observer_left.steps,
                    ..Finish::default()
                };
                RunEnd {
                    error: None,
                    finish: event,
                    elapsed_seconds: None,
                }
            });
            newly_finished.is_some()
        });
        runs
    }

    /// Finishes a run whose observer died before the command, by what is known of the command's end.
    ///
    /// `finish` makes the events out of what the observer has left. None where the run is finished, or is not ours to finish.
    pub fn complete(
        &self,
        run_id: Uuid,
        sending: Sending,
        now: SystemTime,
        finish: impl FnOnce(&ObserverLeft) -> RunEnd,
    ) -> Option<()> {
        if self.run_directory(run_id).is_err() {
            // It died before it had made the directory; this makes it, and lets go of it.
            drop(self.begin(run_id, sending));
        }
        self.finish(run_id, now, finish)
    }

    fn finish(
        &self,
        run_id: Uuid,
        now: SystemTime,
        finish: impl FnOnce(&ObserverLeft) -> RunEnd,
    ) -> Option<()> {
        let (run_directory, _lock) = self.take(run_id, now)?;
        // Read before the events: if they hold no finish, this time is not that of another launcher's finish either.
        let last_sign = lock::last_sign(&run_directory, now);
        let recorded_run = summarize(&run_directory, run_id, now, |_| {});
        if recorded_run.is_finished || recorded_run.truncated {
            return None;
        }
        let last_event = match recorded_run.last_event {
            Some(last_event) => last_event,
            // Lines that cannot be read: nothing is made up about such a run.
            None if !is_blank(&run_directory) => return None,
            None => {
                // Killed before the start event: all that is known is that it began.
                let began = LastEvent {
                    time: lock::claimed_at(&run_directory, now).or(last_sign)?,
                    elapsed_seconds: 0.0,
                };
                let start_line = member_line(run_id, 1, Event::Start(Box::default()), &began)?;
                write(&run_directory, &start_line)?;
                began
            }
        };
        let RunEnd {
            error,
            finish,
            elapsed_seconds,
        } = finish(&ObserverLeft {
            steps: recorded_run.steps,
            oom_kill_counters: counters(&run_directory).unwrap_or_default(),
        });
        let mut end_moment = last_event;
        if let Some(elapsed_seconds) = elapsed_seconds {
            end_moment.time = now;
            end_moment.elapsed_seconds = elapsed_seconds;
        } else if let Some(last_sign) = last_sign
            && let Ok(since) = last_sign.duration_since(end_moment.time)
        {
            // How long the command ran, nobody knows; the event's own time is the last sign of its life.
            end_moment.time = last_sign;
            // As the timestamps tell it, in whole milliseconds.
            end_moment.elapsed_seconds += since.as_millis() as f64 / 1000.0;
        }
        if let Some(error) = error
            && let Some(line) = member_line(run_id, 2, Event::Error(Box::new(error)), &end_moment)
        {
            write(&run_directory, &line)?;
        }
        let finish = member_line(run_id, 0, Event::Finish(Box::new(finish)), &end_moment)?;
        write(&run_directory, &finish)
    }
}

/// The last events of a run whose observer died.
pub struct RunEnd {
    /// What the command died of, where that can still be told.
    pub error: Option<ErrorEvent>,
    /// How it ended.
    pub finish: Finish,
    /// How many seconds after the spawn the end came; None where nobody saw it.
    pub elapsed_seconds: Option<f64>,
}

/// What an observer has left behind; its run is finished from this.
#[derive(Default)]
pub struct ObserverLeft {
    /// Optimizer steps done, as last reported.
    pub steps: Option<u64>,
    /// What the kernel's counters of processes killed for memory said when the run began.
    pub oom_kill_counters: OomKillCounters,
}

/// The counters in the first line of the samples.
fn counters(run_directory: &Directory) -> Option<OomKillCounters> {
    let mut line = String::new();
    let file = run_directory.file(SAMPLES, Access::Read).ok()?;
    let mut reader = BufReader::new(file.take(limits::SAMPLE_BYTES_MAX as u64));
    reader.read_line(&mut line).ok()?;
    SeriesLine::read(&line)?.oom_kill_counters
}

/// Whether nothing was ever written.
fn is_blank(run_directory: &Directory) -> bool {
    match run_directory.file(EVENTS, Access::Read) {
        Ok(file) => file.metadata().is_ok_and(|metadata| metadata.len() == 0),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn write(run_directory: &Directory, line: &str) -> Option<()> {
    let mut log = AppendLog::new(EVENTS, limits::RUN_EVENTS_BYTES_MAX);
    let where_written = log.append(Some(run_directory), line, Importance::Essential);
    log.sync();
    (where_written == Written::Disk).then_some(())
}

/// An event of a run whose end nobody saw. It is the same event whichever launcher writes it.
fn member_line(
    run_id: Uuid,
    event_number: u8,
    event: Event,
    last_event: &LastEvent,
) -> Option<String> {
    // A version 8 identity (vendor specific) out of the run's own, which is random.
    let mut identity_bytes = run_id.into_bytes();
    identity_bytes[0] ^= event_number;
    let uuid = Builder::from_custom_bytes(identity_bytes).into_uuid();
    let member = Member::new(
        uuid,
        run_id,
        &event,
        last_event.time,
        last_event.elapsed_seconds,
    );
    let line = serde_json::to_string(&member).ok()?;
    gate::judge(run_id, &line, &member).ok()?;
    Some(line)
}
