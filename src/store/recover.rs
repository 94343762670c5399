//! Writes the finish of runs whose observer died.
//!
//! `finish` comes exactly once, whatever killed the run: a machine that lost power, a node that was taken
//! away, an observer that was killed. The next launcher writes it, with the outcome `lost`. Two launchers may
//! come to this at once, and on some file systems their locks do not see each other; so the event's identity
//! and time follow from the run alone, and both would write the same event, which readers and the server
//! take as one.
//!
//! Called by the observer once at its start, and by `--send`.

use super::gate;
use super::lock::{self, Owner};
use super::log::{Log, Weight};
use super::runs::{Last, summarize};
use super::{EVENTS, Store};
use crate::event::{Event, Finish};
use crate::limits;
use crate::public::PublicStr;
use crate::sys::files::{Access, Directory};
use crate::verdict;
use crate::wire::Member;
use std::io;
use std::time::{Duration, SystemTime};
use uuid::{Builder, Uuid};

impl Store {
    /// Finishes the runs that began, have no finish, and have no living observer; says which.
    pub fn recover(&self, now: SystemTime) -> Vec<Uuid> {
        self.identities().into_iter().filter(|run| self.recover_one(*run, now).is_some()).collect()
    }

    fn recover_one(&self, run: Uuid, now: SystemTime) -> Option<()> {
        let directory = self.directory(run).ok()?;
        let Owner::Nobody(_lock) = lock::owner(&directory, now) else { return None };
        // Before the events are read: who sees no finish in them has not seen the time of somebody else's either.
        let last_sign = lock::last_sign(&directory, now);
        let summary = summarize(&directory, run, now, |_| {});
        if summary.finished || summary.truncated {
            return None;
        }
        let last = match summary.last {
            Some(last) => last,
            // What is there and cannot be read began somehow; nothing is made up about it.
            None if !is_blank(&directory) => return None,
            None => {
                // Killed before the facts for its start were in: that it began is all that is known.
                let began = Last { time: lock::begun(&directory, now).or(last_sign)?, elapsed_seconds: 0.0 };
                write(&directory, &member(run, 1, Event::Start(Box::default()), &began)?)?;
                began
            }
        };
        let end = match last_sign.and_then(|sign| sign.duration_since(last.time).ok()) {
            Some(since) => Last {
                time: last.time + since,
                // As the timestamps tell it, in whole milliseconds.
                elapsed_seconds: last.elapsed_seconds + Duration::from_millis(since.as_millis() as u64).as_secs_f64(),
            },
            None => last,
        };
        // How long the command ran, nobody knows; the event's own time is the last sign of its life.
        let outcome = Some(PublicStr::constant("lost"));
        let verdict = Some((&verdict::lost()).into());
        let finish = Finish { outcome, verdict, total_steps: summary.steps, ..Finish::default() };
        write(&directory, &member(run, 0, Event::Finish(Box::new(finish)), &end)?)
    }
}

/// Whether nothing was ever written.
fn is_blank(directory: &Directory) -> bool {
    match directory.file(EVENTS, Access::Read) {
        Ok(file) => file.metadata().is_ok_and(|metadata| metadata.len() == 0),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn write(directory: &Directory, line: &str) -> Option<()> {
    let mut log = Log::new(EVENTS, limits::RUN_EVENTS_BYTES_MAX);
    let stored = log.append(Some(directory), line, Weight::Essential);
    log.sync();
    (stored == super::Stored::Disk).then_some(())
}

/// An event of a run that nobody saw the end of, the same whoever writes it.
fn member(run: Uuid, number: u8, event: Event, at: &Last) -> Option<String> {
    // A version 8 identity (vendor specific) out of the run's own, which is random.
    let mut identity = run.into_bytes();
    identity.iter_mut().take(1).for_each(|byte| *byte ^= number);
    let member = Member {
        uuid: Builder::from_custom_bytes(identity).into_uuid(),
        ..Member::new(run, &event, at.time, at.elapsed_seconds)
    };
    let line = serde_json::to_string(&member).ok()?;
    gate::judge(run, &line, &member).ok().map(|()| line)
}
