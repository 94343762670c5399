//! The last word about a run whose observer died before the command did, or could not be started.
//!
//! The observer may be killed, by the kernel when memory is short among others; and then the training often dies too,
//! which is the very end that people want explained.
//! So when the command has ended and nobody has written its finish, the supervisor starts this role: it knows
//! the command's status, compares the kernel's counters with what the observer had noted at the start, and
//! completes the run's journal. It sends nothing; the next launcher does. A page of continuous integration that waits
//! for its lines gets them from here, and so does whoever asked to be told, so that silence never stands for an end.

use super::{notices, owner};
use crate::metrics::memory::{MemoryGroup, oom_kills};
use crate::protocol::observer_config::ExitRecord;
use crate::store::Store;
use axolotl_run_core::event::Event;
use axolotl_run_core::judging::run;
use axolotl_run_core::judging::summary::{Summary, lines};
use axolotl_run_core::observation::Ending;
use axolotl_run_core::series::OomKillCounters;
use axolotl_run_sys::role;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Completes the journal; the exit code is nobody's to read.
pub fn main(record: &ExitRecord) -> u8 {
    let store = Store::open(&|name| std::env::var_os(name)).ok();
    let group = MemoryGroup::of(std::process::id());
    let now = oom_kills(Path::new("/"), group.as_ref());
    let ending = |before: OomKillCounters| {
        let kills = now.since(before);
        let mut ending = Ending {
            at: Duration::from_millis(record.lasted_ms).as_secs_f64(),
            end: Some(record.end),
            oom_kills_cgroup: kills.cgroup,
            oom_kills_host: kills.host,
            observer_lost: true,
            ..Ending::default()
        };
        ending.used(record.usage);
        ending
    };
    if let Some(store) = &store {
        let _ = store.complete(
            record.settings.run,
            record.settings.sending,
            SystemTime::now(),
            |left| {
                let ending = ending(left.oom_kill_counters);
                (run::unobserved_finish(&ending, left.steps), Some(ending.at))
            },
        );
    }
    let run = record.settings.run;
    let mut summary = Summary::default();
    if let Some(store) = &store {
        // The finish that was just written is among them.
        store.events(run, SystemTime::now(), |record| {
            if let Some(event) = record.event {
                summary.take(event, record.elapsed_seconds);
            }
        });
    }
    if summary.finish.is_none() {
        let ending = ending(OomKillCounters::default());
        let finish = Event::Finish(Box::new(run::unobserved_finish(&ending, None)));
        summary.take_reported(&finish, ending.at);
    }
    if record.settings.ci_summary
        && let Some(page) = owner::page()
    {
        owner::append(&page, &lines::markdown(&summary));
    }
    // The launcher does not wait for this.
    role::leave_group();
    let told = notices::tell_unobserved(record.channels, run, &summary);
    if let Some(store) = &store
        && !told.is_empty()
    {
        store.note_notifications(run, &told, SystemTime::now());
    }
    0
}
