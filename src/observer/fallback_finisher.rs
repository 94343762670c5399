//! The last word about a run whose observer died before the command did, or could not be started.
//!
//! The observer may be killed, by the kernel when memory is short among others; and then the training often dies too,
//! which is the very end that people want explained.
//! So when the command has ended and nobody has written its finish, the supervisor starts this role: it knows
//! the command's status, compares the kernel's counters with what the observer had noted at the start, and
//! completes the run's journal. Where the command wrote to a file, the end of that still says what it died of, and which
//! rank first. It sends nothing; the next launcher does. Whoever waits for a summary, on stderr, on a page of
//! continuous integration or as a notification, gets it from here, so that silence never stands for an end.

use super::follow::read_on;
use super::job;
use super::notices;
use super::owner::{self, Record};
use crate::metrics::memory::{MemoryGroup, oom_kills};
use crate::protocol::observer_config::ExitRecord;
use crate::store::{RunEnd, Store};
use axolotl_run_core::event::Event;
use axolotl_run_core::judging::run;
use axolotl_run_core::judging::summary::{Summary, lines};
use axolotl_run_core::launch::job::JobPart;
use axolotl_run_core::observation::{Ending, Stream};
use axolotl_run_core::output::lines::LineCutter;
use axolotl_run_core::output::traceback::TraceReader;
use axolotl_run_core::series::OomKillCounters;
use axolotl_run_sys::{descriptors, role};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Bytes of a file's end that are read: more than the last words of the ranks of a machine.
const TAIL_BYTES: u64 = 4 << 20;
/// Pieces in which they are read, at the most; a file that still grows must not hold us up.
const TAIL_READS_MAX: usize = 256;

/// Completes the journal; the exit code is nobody's to read.
pub fn main(record: &ExitRecord) -> u8 {
    role::keep_own_rights();
    let opened = Store::open(&|name| std::env::var_os(name));
    let store = opened.as_ref().ok();
    let group = MemoryGroup::of(std::process::id());
    let now = oom_kills(Path::new("/"), group.as_ref());
    let trace = catch_unwind(AssertUnwindSafe(|| read_files(record))).unwrap_or_default();
    let end = |before: OomKillCounters, steps: Option<u64>| {
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
        let (error, finish) = run::unobserved_end(&ending, steps, trace.as_ref());
        RunEnd {
            error,
            finish,
            elapsed_seconds: Some(ending.at),
        }
    };
    if let Some(store) = store {
        let completed = store.complete(
            record.settings.run,
            record.settings.sending,
            SystemTime::now(),
            |left| end(left.oom_kill_counters, left.steps),
        );
        if completed.is_some()
            && let Ok(run_directory) = store.run_directory(record.settings.run)
        {
            let lasted = Duration::from_millis(record.lasted_ms);
            job::note_end(record.settings.part, &run_directory, lasted);
        }
    }
    let run = record.settings.run;
    let mut summary = Summary::default();
    if let Some(store) = store {
        // The finish that was just written is among them.
        store.events(run, SystemTime::now(), |record| {
            if let Some(event) = record.event {
                summary.take(event, record.elapsed_seconds);
            }
        });
    }
    let is_recorded = summary.finish.is_some();
    if !is_recorded {
        let RunEnd { error, finish, .. } = end(OomKillCounters::default(), None);
        let at = Duration::from_millis(record.lasted_ms).as_secs_f64();
        if let Some(error) = error {
            summary.take_reported(&Event::Error(Box::new(error)), at);
        }
        summary.take_reported(&Event::Finish(Box::new(finish)), at);
    }
    if record.settings.ci_summary
        && let Some(page) = owner::page()
    {
        owner::append(&page, &lines::markdown(&summary));
    }
    // Open until the end: the launcher may wait for that.
    let last_words = record.last_words.and_then(descriptors::adopt);
    if let Some(pipe) = &last_words {
        let kept = match &opened {
            Ok(store) => {
                let place = store.path().join(run.to_string());
                Record::In(place, u64::from(!is_recorded))
            }
            Err(problem) => Record::Nowhere(problem),
        };
        let wished = record.settings.summary.then_some(&summary);
        owner::say(pipe, &kept.last_words(run, wished));
    }
    // The launcher does not wait for this.
    role::leave_group();
    if record.settings.part != JobPart::Main {
        return 0;
    }
    let told = notices::tell_unobserved(record.channels, run, &summary);
    if let Some(store) = store
        && !told.is_empty()
    {
        store.note_notifications(run, &told, SystemTime::now());
    }
    0
}

/// Reads the ends of the files that the command wrote to; None where there are none.
fn read_files(record: &ExitRecord) -> Option<TraceReader> {
    let mut trace = None;
    for (stream, reader, begin) in &record.files {
        let Some(file) = descriptors::adopt(*reader).map(File::from) else {
            continue;
        };
        let trace = trace.get_or_insert_with(TraceReader::default);
        read_file(trace, *stream, &file, *begin);
    }
    trace
}

fn read_file(trace: &mut TraceReader, stream: Stream, file: &File, begin: u64) {
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut position = begin.max(length.saturating_sub(TAIL_BYTES));
    let mut cutter = LineCutter::default();
    if position > begin {
        cutter.gap();
    }
    for _ in 0..TAIL_READS_MAX {
        match read_on(file, &mut position) {
            Some((bytes, false)) if !bytes.is_empty() => trace.bytes(stream, &mut cutter, &bytes),
            _ => break,
        }
    }
    cutter.finish(|line| trace.line(stream, &line));
}
