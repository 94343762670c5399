//! The last word about a run whose observer died before the command did, or could not be started.
//!
//! The observer is the first that the kernel kills when memory is short, so that its few MiB never cost the
//! training its life; and then the training often dies too, which is the very end that people want explained.
//! So when the command has ended and nobody has written its finish, the supervisor starts this role: it knows
//! the command's status, compares the kernel's counters with what the observer had noted at the start, and
//! completes the run's journal. It sends nothing; the next launcher does. A page of continuous integration that waits
//! for its lines gets them from here, so that silence never stands for an end.

use super::owner;
use crate::metrics::memory::{MemoryGroup, oom_kills};
use crate::protocol::observer_config::ExitRecord;
use crate::store::Store;
use axolotl_run_core::event::Event;
use axolotl_run_core::judging::run;
use axolotl_run_core::judging::summary::{Summary, lines};
use axolotl_run_core::observation::Ending;
use axolotl_run_core::series::OomKillCounters;
use std::path::Path;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// Completes the journal; the exit code is nobody's to read.
pub fn main(record: &ExitRecord) -> u8 {
    let store = Store::open(|name| std::env::var_os(name)).ok();
    let group = MemoryGroup::of(std::process::id());
    let now = oom_kills(Path::new("/"), group.as_ref());
    let ending = |before: OomKillCounters| Ending {
        at: Duration::from_millis(record.lasted_ms).as_secs_f64(),
        end: Some(record.end),
        max_rss_bytes: Some(record.usage.max_rss_bytes).filter(|bytes| *bytes > 0),
        cpu_seconds: Some(Duration::from_micros(record.usage.cpu_microseconds).as_secs_f64()),
        oom_kills_cgroup: now.since(before).cgroup,
        oom_kills_host: now.since(before).host,
        observer_lost: true,
        ..Ending::default()
    };
    let _ = store.as_ref().and_then(|store| {
        store.complete(record.run, record.sending, SystemTime::now(), |left| {
            let ending = ending(left.oom_kill_counters);
            (run::unobserved_finish(&ending, left.steps), Some(ending.at))
        })
    });
    if let Some(page) = record.ci_summary.then(owner::page).flatten() {
        let summary = store
            .and_then(|store| read(&store, record.run))
            .unwrap_or_else(|| {
                let ending = ending(OomKillCounters::default());
                let finish = Event::Finish(Box::new(run::unobserved_finish(&ending, None)));
                let mut summary = Summary::default();
                summary.take(&finish, Some(ending.at));
                summary
            });
        owner::append(&page, &lines::markdown(&summary));
    }
    0
}

/// What the journal tells of a run, the finish that was just written included; None where nothing is to be read.
fn read(store: &Store, run: Uuid) -> Option<Summary> {
    let mut summary = Summary::default();
    store.events(run, SystemTime::now(), |record| {
        if let Some(event) = &record.event {
            summary.take(event, record.elapsed_seconds);
        }
    })?;
    if summary.conclusion.is_none() {
        return None;
    }
    Some(summary)
}
