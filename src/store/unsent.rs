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
#[derive(Default)]
pub struct UnsentRuns {
    runs: VecDeque<SurveyedRun>,
    /// Events that wait and will be in a page.
    pub events: u64,
    /// Events that wait but are beyond what is kept for sending.
    pub left_out_events: u64,
}

struct SurveyedRun {
    run_id: Uuid,
    /// The last event that was in a page, or is left out; what follows it is to be sent.
    last_passed_event: Option<Uuid>,
    /// Ours from its first page to its last.
    run_lock: Option<Arc<RunLock>>,
}

/// Some of the events that wait, and the right to send them.
#[derive(Default)]
pub struct UnsentPage {
    /// The exact lines to be sent, oldest first within their run.
    pub lines: Vec<String>,
    /// The runs that they belong to.
    pub runs: Vec<Uuid>,
    /// Events that the gate has refused just now.
    pub refused: u64,
    page_bytes: usize,
    held_runs: Vec<HeldRun>,
    /// The events without an answer, and whose they are.
    unanswered: HashMap<Uuid, usize>,
}

/// A run that is ours while this is held.
struct HeldRun {
    run_directory: Directory,
    delivery: AppendLog,
    _lock: Arc<RunLock>,
}

impl HeldRun {
    fn append(&mut self, outcome: &AttemptOutcome) {
        if let Some(line) = outcome.line() {
            let run_directory = Some(&self.run_directory);
            self.delivery
                .append(run_directory, &line, Importance::Ordinary);
        }
    }
}

impl UnsentPage {
    /// Whether every event has its answer.
    pub fn is_settled(&self) -> bool {
        self.unanswered.is_empty()
    }

    /// Writes down what became of those events of an attempt that are of this page; whether there was one.
    pub fn keep(&mut self, outcome: &AttemptOutcome) -> bool {
        let mut concerns_page = false;
        for (run_index, held_run) in self.held_runs.iter_mut().enumerate() {
            let Some(outcome_part) =
                outcome.of(|uuid| self.unanswered.get(uuid) == Some(&run_index))
            else {
                continue;
            };
            concerns_page = true;
            held_run.append(&outcome_part);
            if outcome_part.answer.disposition.is_final() {
                for uuid in &outcome_part.uuids {
                    self.unanswered.remove(uuid);
                }
            }
        }
        concerns_page
    }

    const fn is_full(&self) -> bool {
        self.page_bytes >= limits::PAGE_BYTES_MAX || self.runs.len() >= limits::PAGE_RUNS_MAX
    }

    /// Takes a run's next events, as far as there is room; whether there are more. None where it cannot be sent now.
    fn take(
        &mut self,
        store: &Store,
        surveyed_run: &mut SurveyedRun,
        now: SystemTime,
    ) -> Option<bool> {
        let run_directory = store.run_directory(surveyed_run.run_id).ok()?;
        if !is_permitted(&run_directory) {
            return None;
        }
        let is_first = surveyed_run.run_lock.is_none();
        if is_first {
            surveyed_run.run_lock = Some(Arc::new(lock::take(&run_directory, now)?));
        }
        let run_lock = surveyed_run.run_lock.clone()?;
        let run_index = self.held_runs.len();
        let mut refused = Vec::new();
        let mut is_reached = surveyed_run.last_passed_event.is_none();
        let mut has_more = false;
        summarize(&run_directory, surveyed_run.run_id, now, |recorded_event| {
            let uuid = recorded_event.member.uuid;
            if recorded_event.refusal.is_some() && recorded_event.answer.is_none() {
                refused.push(uuid);
            } else if recorded_event.is_waiting() && is_reached {
                if self.page_bytes >= limits::PAGE_BYTES_MAX {
                    has_more = true;
                    return;
                }
                self.page_bytes += recorded_event.line.len();
                self.lines.push(recorded_event.line);
                self.unanswered.insert(uuid, run_index);
                surveyed_run.last_passed_event = Some(uuid);
            }
            is_reached |= surveyed_run.last_passed_event == Some(uuid);
        });
        let mut held_run = HeldRun {
            run_directory,
            delivery: AppendLog::new(DELIVERY, limits::RUN_DELIVERY_BYTES_MAX),
            _lock: run_lock,
        };
        if is_first && !refused.is_empty() {
            self.refused += refused.len() as u64;
            held_run.append(&AttemptOutcome::refused_by_gate(refused, now));
        }
        self.held_runs.push(held_run);
        self.runs.push(surveyed_run.run_id);
        Some(has_more)
    }
}

impl UnsentRuns {
    /// The next page; None where nothing is left. Those before it must be settled or dropped by then: each holds
    /// its runs.
    pub fn next(&mut self, store: &Store, now: SystemTime) -> Option<UnsentPage> {
        let mut page = UnsentPage::default();
        while !page.is_full()
            && let Some(surveyed_run) = self.runs.front_mut()
        {
            if page.take(store, surveyed_run, now) == Some(true) {
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
        let mut newest_first: Vec<_> = identities
            .filter_map(|run_id| self.survey(run_id, now))
            .collect();
        newest_first
            .sort_by_key(|recorded_run| Reverse((recorded_run.activity, recorded_run.run_id)));
        let mut unsent_runs = UnsentRuns::default();
        let mut unsent_bytes_left = limits::UNSENT_BYTES_MAX;
        for recorded_run in newest_first {
            let mut last_passed_event = None;
            let mut left_out_events = 0;
            if recorded_run.waiting_bytes > unsent_bytes_left {
                (last_passed_event, left_out_events) =
                    self.left_out_of(recorded_run.run_id, unsent_bytes_left, now);
            }
            unsent_bytes_left = unsent_bytes_left.saturating_sub(recorded_run.waiting_bytes);
            unsent_runs.left_out_events += left_out_events;
            unsent_runs.events += recorded_run.waiting.saturating_sub(left_out_events);
            if left_out_events < recorded_run.waiting || recorded_run.has_new_refusals {
                unsent_runs.runs.push_front(SurveyedRun {
                    run_id: recorded_run.run_id,
                    last_passed_event,
                    run_lock: None,
                });
            }
        }
        unsent_runs
    }

    /// Events that wait in runs whose own observers are there to send them.
    pub fn with_observers(&self, now: SystemTime) -> u64 {
        let mut events = 0;
        for run_id in self.identities() {
            if let Ok(run_directory) = self.run_directory(run_id)
                && is_permitted(&run_directory)
                && lock::is_living(&run_directory, now)
            {
                events += summarize(&run_directory, run_id, now, |_| {}).waiting;
            }
        }
        events
    }

    fn survey(&self, run_id: Uuid, now: SystemTime) -> Option<RecordedRun> {
        let run_directory = self.run_directory(run_id).ok()?;
        if !is_permitted(&run_directory) || lock::is_living(&run_directory, now) {
            return None;
        }
        let recorded_run = summarize(&run_directory, run_id, now, |_| {});
        (recorded_run.waiting > 0 || recorded_run.has_new_refusals).then_some(recorded_run)
    }

    /// The last of the events that do not fit into this room if the newest are to, and how many they are.
    fn left_out_of(
        &self,
        run_id: Uuid,
        unsent_bytes_left: u64,
        now: SystemTime,
    ) -> (Option<Uuid>, u64) {
        let mut events = Vec::new();
        self.events(run_id, now, |recorded_event| {
            if recorded_event.is_waiting() {
                events.push((recorded_event.member.uuid, recorded_event.line.len() as u64));
            }
        });
        let mut bytes = 0;
        while let Some((uuid, length)) = events.pop() {
            bytes += length;
            if bytes > unsent_bytes_left {
                return (Some(uuid), events.len() as u64 + 1);
            }
        }
        (None, 0)
    }
}
