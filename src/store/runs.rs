//! One recorded run as it can be told from its files.
//!
//! A [`RecordedRun`] walks the events once and keeps figures, never the events: a month of training has tens of
//! thousands of them. Every figure is read from a file that may hold anything, so strings are mapped to closed
//! enums and numbers stay numbers.
//!
//! The queries read it; recovery, sending and pruning are built on it.

use super::gate::{self, LineRefusal};
use super::layout;
use super::lock;
use super::read::{self, Answer, Damage, Sent};
use super::runs_directory::Store;
use crate::delivery::LastAnswer;
use axolotl_run_core::consent::Sending;
use axolotl_run_core::event::Event;
use axolotl_run_core::event::wire::Member;
use axolotl_run_core::judging::verdict::Outcome;
use axolotl_run_core::limits;
use axolotl_run_core::series::SeriesLine;
use axolotl_run_sys::files::Directory;
use std::time::SystemTime;
use uuid::Uuid;

/// How far a run is, as its journal knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Its observer lives.
    Running,
    /// The command ended.
    Ended(Outcome),
    /// The journal does not say.
    Unknown,
}

impl RunState {
    /// The word for it, as in the finish event.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ended(outcome) => outcome.as_str(),
            Self::Unknown => "unknown",
        }
    }
}

/// The figures of one run.
#[derive(Clone, Debug)]
pub struct RecordedRun {
    /// Its identity.
    pub run: Uuid,
    /// When its first event happened.
    pub started: Option<SystemTime>,
    /// How it ended, or that it runs.
    pub state: RunState,
    /// Optimizer steps done, as last reported.
    pub steps: Option<u64>,
    /// What started the training, as the start event says.
    pub launcher: Option<String>,
    /// Seconds from the spawn to the last event.
    pub seconds: Option<f64>,
    /// Whether it may be sent.
    pub sending: Sending,
    /// Events in the journal.
    pub events: u64,
    /// Of these, accepted by the server.
    pub delivered: u64,
    /// Of these, never to be sent.
    pub refused: u64,
    /// Of these, still to be sent.
    pub waiting: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// The gate refuses some that are not known as refused yet.
    pub(super) has_new_refusals: bool,
    /// Lines of the journal that can't be read.
    pub damaged_lines: u64,
    /// The journal goes on beyond what is read.
    pub truncated: bool,
    /// When anything was last written.
    pub activity: Option<SystemTime>,
    /// What the server said last.
    pub said: Option<LastAnswer>,
    pub(super) last: Option<Last>,
    pub(super) finished: bool,
}

/// What is known of a run's last event, for the finish that nobody wrote.
#[derive(Clone, Debug)]
pub(super) struct Last {
    pub time: SystemTime,
    pub elapsed_seconds: f64,
}

/// One event of a run, with what became of it.
#[derive(Debug)]
pub struct RecordedEvent<'a> {
    /// The line, exactly as it is sent.
    pub line: &'a str,
    /// The same, parsed.
    pub member: Member,
    /// What it says, where it may be sent; what the gate refuses says nothing about the run.
    pub event: Option<Event<String>>,
    /// Seconds from the spawn to the event, as it says.
    pub elapsed_seconds: Option<f64>,
    /// The server's answer.
    pub answer: Option<Answer>,
    /// Why it may not be sent, where it may not.
    pub refusal: Option<LineRefusal>,
}

impl Store {
    /// The recorded runs, the latest first.
    pub fn runs(&self, now: SystemTime) -> Vec<RecordedRun> {
        self.summaries(now, |_| true)
    }

    fn summaries(&self, now: SystemTime, is_meant: impl Fn(&Uuid) -> bool) -> Vec<RecordedRun> {
        let meant = self.identities().into_iter().filter(is_meant);
        let mut runs: Vec<_> = meant.filter_map(|run| self.summary(run, now)).collect();
        runs.sort_by_key(|summary| {
            std::cmp::Reverse((summary.started.or(summary.activity), summary.run))
        });
        runs
    }

    /// The figures of one run; None where there is no such run.
    pub fn summary(&self, run: Uuid, now: SystemTime) -> Option<RecordedRun> {
        self.events(run, now, |_| {})
    }

    /// Calls `each` with every event of a run in order, and returns the figures; None where there is none.
    pub fn events(
        &self,
        run: Uuid,
        now: SystemTime,
        each: impl FnMut(RecordedEvent<'_>),
    ) -> Option<RecordedRun> {
        let directory = self.directory(run).ok()?;
        let living = lock::is_living(&directory, now);
        let mut summary = summarize(&directory, run, now, each);
        if living && !summary.finished {
            summary.state = RunState::Running;
        }
        Some(summary)
    }

    /// Whether a run may be sent.
    pub fn sending(&self, run: Uuid) -> Sending {
        let permitted = self
            .directory(run)
            .is_ok_and(|directory| layout::is_permitted(&directory));
        if permitted {
            Sending::Permitted
        } else {
            Sending::Forbidden
        }
    }

    /// The latest run. Of all others only the beginning is read.
    pub fn latest(&self, now: SystemTime) -> Option<Uuid> {
        let began = |run: &Uuid| {
            let directory = self.directory(*run).ok();
            let time = directory.and_then(|found| {
                read::began(&found, *run).or_else(|| lock::activity(&found, now))
            });
            (time, *run)
        };
        self.identities().into_iter().max_by_key(began)
    }

    /// The runs whose identity begins so, in order.
    pub fn named(&self, prefix: &str) -> Vec<Uuid> {
        let prefix = prefix.to_ascii_lowercase();
        let mut found = self.identities();
        found.retain(|run| run.to_string().starts_with(&prefix));
        found.sort_unstable();
        found
    }

    /// Calls `each` with a run's measurements in order; it says whether the measurement makes sense. Returns how many
    /// lines are none.
    pub fn samples(&self, run: Uuid, each: impl FnMut(SeriesLine) -> bool) -> u64 {
        match self.directory(run) {
            Ok(directory) => read::samples(&directory, each).lines,
            Err(_) => 0,
        }
    }
}

/// Walks a run's events once.
pub(super) fn summarize(
    directory: &Directory,
    run: Uuid,
    now: SystemTime,
    mut each: impl FnMut(RecordedEvent<'_>),
) -> RecordedRun {
    let mut summary = RecordedRun {
        run,
        started: None,
        state: RunState::Unknown,
        steps: None,
        launcher: None,
        seconds: None,
        sending: if layout::is_permitted(directory) {
            Sending::Permitted
        } else {
            Sending::Forbidden
        },
        events: 0,
        delivered: 0,
        refused: 0,
        waiting: 0,
        waiting_bytes: 0,
        has_new_refusals: false,
        damaged_lines: 0,
        truncated: false,
        activity: lock::activity(directory, now),
        said: None,
        last: None,
        finished: false,
    };
    let (answers, said, of_answers) = read::deliveries(directory);
    summary.said = said;
    let of_events = read::events(directory, |line, member| {
        let refusal = gate::judge(run, line, &member).err();
        let mut record = RecordedEvent {
            line,
            answer: answers.get(&member.uuid).cloned(),
            event: None,
            elapsed_seconds: None,
            refusal,
            member,
        };
        if refusal.is_none()
            && let Some((event, elapsed_seconds)) = record.member.read()
        {
            record.event = Some(event);
            record.elapsed_seconds = elapsed_seconds;
        }
        summary.count(&record, now);
        each(record);
    });
    summary.damaged(of_answers);
    summary.damaged(of_events);
    summary
}

impl RecordedEvent<'_> {
    /// Whether it still may and should be sent, where its run's consent permits it.
    pub fn is_waiting(&self, now: SystemTime) -> bool {
        let young = gate::happened(&self.member).is_some_and(|time| {
            now.duration_since(time)
                .is_ok_and(|age| age < limits::UNSENT_AGE_MAX)
                || time > now
        });
        self.answer.is_none() && self.refusal.is_none() && young
    }
}

impl RecordedRun {
    fn count(&mut self, record: &RecordedEvent<'_>, now: SystemTime) {
        self.events = self.events.saturating_add(1);
        match record.answer.as_ref().map(|answer| answer.sent) {
            Some(Sent::Delivered) => self.delivered = self.delivered.saturating_add(1),
            Some(Sent::Refused) => self.refused = self.refused.saturating_add(1),
            None if self.sending == Sending::Permitted && record.is_waiting(now) => {
                self.waiting = self.waiting.saturating_add(1);
                self.waiting_bytes = self.waiting_bytes.saturating_add(record.line.len() as u64);
            }
            None => self.has_new_refusals |= record.refusal.is_some(),
        }
        let Some(event) = &record.event else {
            return;
        };
        let happened = gate::happened(&record.member);
        self.started = self.started.or(happened);
        match event {
            Event::Start(start) => self.launcher.clone_from(&start.launcher),
            Event::Progress(progress) => self.steps = progress.step.or(self.steps),
            Event::Finish(finish) => {
                self.finished = true;
                self.steps = finish.total_steps.or(self.steps);
                let outcome = finish.outcome.as_deref().and_then(Outcome::parse);
                self.state = outcome.map_or(RunState::Unknown, RunState::Ended);
            }
            Event::Error(_) => {}
        }
        let elapsed_seconds = record.elapsed_seconds.unwrap_or(0.0);
        self.seconds = Some(elapsed_seconds);
        if let Some(time) = happened {
            self.last = Some(Last {
                time,
                elapsed_seconds,
            });
        }
    }

    const fn damaged(&mut self, damage: Damage) {
        self.damaged_lines = self.damaged_lines.saturating_add(damage.lines);
        self.truncated = self.truncated || damage.truncated;
    }
}
