//! Events that wait to be sent, oldest run first, one page at a time.
//!
//! Only runs that were recorded with consent, only events that were neither delivered nor refused, that are young
//! enough, that pass the gate, and of these the newest 10 MB. Thousands of runs may wait (a shared home, a server that
//! was away), so neither their events nor their files are held all at once: a survey says which runs they are, then
//! each page is some of their events, with the locks of their runs. While one process sends a run no other does, and
//! a run whose observer lives is left to that observer.
//!
//! Called by the observer for the runs before its own, and by `--send`.

use super::append_log::{AppendLog, Importance};
use super::layout::{DELIVERY, is_permitted};
use super::lock::{self, RunLock};
use super::runs::{RecordedRun, Store, summarize};
use crate::delivery::AttemptOutcome;
use axolotl_run_core::limits;
use axolotl_run_sys::files::Directory;
use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;
use uuid::Uuid;

/// The runs that have unsent events; none of their events or files is held.
#[derive(Debug, Default)]
pub struct UnsentRuns {
    runs: VecDeque<Surveyed>,
    /// Events that wait and will be in a page.
    pub events: u64,
    /// Events that wait but are beyond what is kept for sending.
    pub left_out: u64,
}

#[derive(Debug)]
struct Surveyed {
    run: Uuid,
    /// The last event that was in a page, or is left out; what follows it is to be sent.
    after: Option<Uuid>,
    /// Ours from its first page to its last.
    lock: Option<Arc<RunLock>>,
}

/// Some of the events that wait, and the right to send them.
#[derive(Debug, Default)]
pub struct UnsentPage {
    /// The exact lines to be sent, oldest first within their run.
    pub lines: Vec<String>,
    /// The runs that they belong to.
    pub runs: Vec<Uuid>,
    /// Events that the gate has refused just now.
    pub refused: u64,
    bytes: usize,
    held: Vec<HeldRun>,
    /// The events without an answer, and whose they are.
    open: HashMap<Uuid, usize>,
}

/// A run that is ours while this is held.
#[derive(Debug)]
struct HeldRun {
    directory: Directory,
    delivery: AppendLog,
    _lock: Arc<RunLock>,
}

impl HeldRun {
    fn append(&mut self, outcome: &AttemptOutcome) {
        if let Some(line) = outcome.line() {
            let directory = Some(&self.directory);
            self.delivery.append(directory, &line, Importance::Ordinary);
        }
    }
}

impl UnsentPage {
    /// Whether every event has its answer.
    pub fn is_settled(&self) -> bool {
        self.open.is_empty()
    }

    /// Writes down what became of those events of an attempt that are of this page; whether there was one.
    pub fn keep(&mut self, outcome: &AttemptOutcome) -> bool {
        let mut any = false;
        for (index, held) in self.held.iter_mut().enumerate() {
            let Some(part) = outcome.of(|uuid| self.open.get(uuid) == Some(&index)) else {
                continue;
            };
            any = true;
            held.append(&part);
            if part.answer.disposition.is_final() {
                for uuid in &part.uuids {
                    self.open.remove(uuid);
                }
            }
        }
        any
    }

    const fn is_full(&self) -> bool {
        self.bytes >= limits::PAGE_BYTES_MAX || self.runs.len() >= limits::PAGE_RUNS_MAX
    }

    /// Takes a run's next events, as far as there is room; whether there are more. None where it cannot be sent now.
    fn take(&mut self, store: &Store, survey: &mut Surveyed, now: SystemTime) -> Option<bool> {
        let directory = store.directory(survey.run).ok()?;
        if !is_permitted(&directory) {
            return None;
        }
        let is_first = survey.lock.is_none();
        if is_first {
            survey.lock = Some(Arc::new(lock::take(&directory, now)?));
        }
        let lock = survey.lock.clone()?;
        let index = self.held.len();
        let mut refused = Vec::new();
        let mut reached = survey.after.is_none();
        let mut more = false;
        summarize(&directory, survey.run, now, |record| {
            let uuid = record.member.uuid;
            if record.refusal.is_some() && record.answer.is_none() {
                refused.push(uuid);
            } else if record.is_waiting(now) && reached {
                if self.bytes >= limits::PAGE_BYTES_MAX {
                    more = true;
                    return;
                }
                self.bytes += record.line.len();
                self.lines.push(record.line);
                self.open.insert(uuid, index);
                survey.after = Some(uuid);
            }
            reached |= survey.after == Some(uuid);
        });
        let mut held = HeldRun {
            directory,
            delivery: AppendLog::new(DELIVERY, limits::RUN_DELIVERY_BYTES_MAX),
            _lock: lock,
        };
        if is_first && !refused.is_empty() {
            self.refused += refused.len() as u64;
            held.append(&AttemptOutcome::refused_by_gate(refused, now));
        }
        self.held.push(held);
        self.runs.push(survey.run);
        Some(more)
    }
}

impl UnsentRuns {
    /// The next page; None where nothing is left. Those before it must be settled or dropped by then: each holds
    /// its runs.
    pub fn next(&mut self, store: &Store, now: SystemTime) -> Option<UnsentPage> {
        let mut page = UnsentPage::default();
        while !page.is_full()
            && let Some(survey) = self.runs.front_mut()
        {
            if page.take(store, survey, now) == Some(true) {
                break;
            }
            self.runs.pop_front();
        }
        (!page.runs.is_empty()).then_some(page)
    }
}

impl Store {
    /// Which runs have something to be sent that nobody else is sending.
    pub fn waiting(&self, now: SystemTime) -> UnsentRuns {
        let identities = self.identities().into_iter();
        let mut newest_first: Vec<_> = identities.filter_map(|run| self.survey(run, now)).collect();
        newest_first.sort_by_key(|summary| Reverse((summary.activity, summary.run)));
        let mut waiting = UnsentRuns::default();
        let mut room = limits::UNSENT_BYTES_MAX;
        for summary in newest_first {
            let mut after = None;
            let mut left_out = 0;
            if summary.waiting_bytes > room {
                (after, left_out) = self.beyond(summary.run, room, now);
            }
            room = room.saturating_sub(summary.waiting_bytes);
            waiting.left_out += left_out;
            waiting.events += summary.waiting.saturating_sub(left_out);
            if left_out < summary.waiting || summary.has_new_refusals {
                waiting.runs.push_front(Surveyed {
                    run: summary.run,
                    after,
                    lock: None,
                });
            }
        }
        waiting
    }

    fn survey(&self, run: Uuid, now: SystemTime) -> Option<RecordedRun> {
        let directory = self.directory(run).ok()?;
        if !is_permitted(&directory) || lock::is_living(&directory, now) {
            return None;
        }
        let summary = summarize(&directory, run, now, |_| {});
        (summary.waiting > 0 || summary.has_new_refusals).then_some(summary)
    }

    /// The last of the events that do not fit into this room if the newest are to, and how many they are.
    fn beyond(&self, run: Uuid, room: u64, now: SystemTime) -> (Option<Uuid>, u64) {
        let mut events = Vec::new();
        self.events(run, now, |record| {
            if record.is_waiting(now) {
                events.push((record.member.uuid, record.line.len() as u64));
            }
        });
        let mut bytes = 0;
        while let Some((uuid, length)) = events.pop() {
            bytes += length;
            if bytes > room {
                return (Some(uuid), events.len() as u64 + 1);
            }
        }
        (None, 0)
    }
}
