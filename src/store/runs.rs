//! One recorded run as it can be told from its files.
//!
//! A [`Record`] walks the events once and keeps figures, never the events: a month of training has tens of
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
use axolotl_run_core::event::EventName;
use axolotl_run_core::event::wire::Member;
use axolotl_run_core::limits;
use axolotl_run_sys::files::Directory;
use std::time::SystemTime;
use uuid::Uuid;

/// How a run ended, as far as its journal knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its observer lives.
    Running,
    /// The command ended well.
    Success,
    /// The command failed.
    Error,
    /// A signal killed the command.
    Signal,
    /// Nobody saw the end.
    Lost,
    /// The journal does not say.
    Unknown,
}

impl Outcome {
    /// The word for it, as in the finish event.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Success => "success",
            Self::Error => "error",
            Self::Signal => "signal",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
        }
    }

    fn parse(text: &str) -> Self {
        let ends = [Self::Success, Self::Error, Self::Signal, Self::Lost];
        ends.into_iter()
            .find(|end| end.as_str() == text)
            .unwrap_or(Self::Unknown)
    }
}

/// The figures of one run.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Its identity.
    pub run: Uuid,
    /// When its first event happened.
    pub started: Option<SystemTime>,
    /// How it ended.
    pub outcome: Outcome,
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
pub struct Record<'a> {
    /// The line, exactly as it is sent.
    pub line: &'a str,
    /// The same, parsed.
    pub member: Member,
    /// The server's answer.
    pub answer: Option<Answer>,
    /// Why it may not be sent, where it may not.
    pub refusal: Option<LineRefusal>,
}

impl Store {
    /// The recorded runs, the latest first.
    #[must_use]
    pub fn runs(&self, now: SystemTime) -> Vec<Summary> {
        self.summaries(now, |_| true)
    }

    fn summaries(&self, now: SystemTime, is_meant: impl Fn(&Uuid) -> bool) -> Vec<Summary> {
        let meant = self.identities().into_iter().filter(is_meant);
        let mut runs: Vec<_> = meant.filter_map(|run| self.summary(run, now)).collect();
        runs.sort_by_key(|summary| {
            std::cmp::Reverse((summary.started.or(summary.activity), summary.run))
        });
        runs
    }

    /// The figures of one run; None where there is no such run.
    #[must_use]
    pub fn summary(&self, run: Uuid, now: SystemTime) -> Option<Summary> {
        self.events(run, now, |_| {})
    }

    /// Calls `each` with every event of a run in order, and returns the figures; None where there is none.
    pub fn events(
        &self,
        run: Uuid,
        now: SystemTime,
        each: impl FnMut(Record<'_>),
    ) -> Option<Summary> {
        let directory = self.directory(run).ok()?;
        let living = lock::is_living(&directory, now);
        let mut summary = summarize(&directory, run, now, each);
        if living && !summary.finished {
            summary.outcome = Outcome::Running;
        }
        Some(summary)
    }

    /// Whether a run may be sent.
    #[must_use]
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
    #[must_use]
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
    #[must_use]
    pub fn named(&self, prefix: &str) -> Vec<Uuid> {
        let prefix = prefix.to_ascii_lowercase();
        let mut found = self.identities();
        found.retain(|run| run.to_string().starts_with(&prefix));
        found.sort_unstable();
        found
    }

    /// Calls `ours` with a run's measurements in order; it says whether the line is one. Returns how many are not.
    pub fn samples(&self, run: Uuid, ours: impl FnMut(&str) -> bool) -> u64 {
        self.directory(run)
            .map_or(0, |directory| read::samples(&directory, ours).lines)
    }
}

/// Walks a run's events once.
pub(super) fn summarize(
    directory: &Directory,
    run: Uuid,
    now: SystemTime,
    mut each: impl FnMut(Record<'_>),
) -> Summary {
    let mut summary = Summary {
        run,
        started: None,
        outcome: Outcome::Unknown,
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
        let record = Record {
            line,
            answer: answers.get(&member.uuid).cloned(),
            refusal: gate::judge(run, line, &member).err(),
            member,
        };
        summary.count(&record, now);
        each(record);
    });
    summary.damaged(of_answers);
    summary.damaged(of_events);
    summary
}

impl Record<'_> {
    /// Whether it still may and should be sent, where its run's consent permits it.
    #[must_use]
    pub fn is_waiting(&self, now: SystemTime) -> bool {
        let young = gate::happened(&self.member).is_some_and(|time| {
            now.duration_since(time)
                .is_ok_and(|age| age < limits::UNSENT_AGE_MAX)
                || time > now
        });
        self.answer.is_none() && self.refusal.is_none() && young
    }
}

impl Summary {
    fn count(&mut self, record: &Record<'_>, now: SystemTime) {
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
        // What the gate refuses says nothing about the run.
        if record.refusal.is_some() {
            return;
        }
        let (member, properties) = (&record.member, &record.member.properties);
        self.started = self.started.or_else(|| gate::happened(member));
        let steps = |name| properties.get(name).and_then(serde_json::Value::as_u64);
        match member.name() {
            Some(EventName::Start) => {
                self.launcher = properties
                    .get("launcher")
                    .and_then(|value| value.as_str())
                    .map(str::to_owned);
            }
            Some(EventName::Progress) => self.steps = steps("step").or(self.steps),
            Some(EventName::Finish) => {
                self.finished = true;
                self.steps = steps("total_steps").or(self.steps);
                self.outcome = properties
                    .get("outcome")
                    .and_then(|value| value.as_str())
                    .map_or(Outcome::Unknown, Outcome::parse);
            }
            _ => {}
        }
        let elapsed_seconds = properties
            .get("elapsed_time")
            .and_then(serde_json::Value::as_f64)
            .unwrap_or(0.0);
        self.seconds = Some(elapsed_seconds);
        self.last = gate::happened(member)
            .map(|time| Last {
                time,
                elapsed_seconds,
            })
            .or(self.last.take());
    }

    const fn damaged(&mut self, damage: Damage) {
        self.damaged_lines = self.damaged_lines.saturating_add(damage.lines);
        self.truncated = self.truncated || damage.truncated;
    }
}
