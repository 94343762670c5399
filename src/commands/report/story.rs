//! A run as the report tells it: its figures, its measurements over time, and what became of its events.

use super::series::Series;
use crate::commands::runs;
use crate::commands::show;
use crate::store::{RecordedRun, RunState, Store};
use crate::ui::page::Ink;
use axolotl_run_core::event::EventName;
use axolotl_run_core::judging::summary::{Summary, lines, units};
use axolotl_run_core::judging::verdict::Outcome;
use std::time::SystemTime;
use uuid::Uuid;

/// How many times a step's usual time must have passed without one before it is worth a word.
const STALLED_STEPS: f64 = 20.0;
/// Seconds that it must have been at the least: evaluating and saving take a while.
const STALLED_SECONDS: f64 = 60.0;

/// What became of the events of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Their name.
    pub name: EventName,
    /// How many there are.
    pub count: u64,
    /// What became of them, by kind.
    pub fates: Vec<(String, u64)>,
}

/// A run.
#[derive(Debug)]
pub struct Story {
    /// Its figures in the store.
    pub summary: RecordedRun,
    /// What its events say.
    pub digest: Summary,
    /// What was measured.
    pub series: Series,
    /// What became of its events, in the order of the published list.
    pub fates: Vec<Fate>,
    /// What was missed.
    pub missed: Vec<String>,
}

impl Story {
    /// Reads a run; None where there is none.
    #[must_use]
    pub fn read(store: &Store, run: Uuid, now: SystemTime) -> Option<Self> {
        let (mut digest, mut series) = (Summary::default(), Series::default());
        let mut fates: Vec<Fate> = EventName::ALL
            .map(|name| Fate {
                name,
                count: 0,
                fates: Vec::new(),
            })
            .into_iter()
            .collect();
        let mut missed = Vec::new();
        let sending = store.sending(run);
        let summary = store.events(run, now, |record| {
            missed.extend(show::dropped(&record));
            let Some(event) = &record.event else {
                return;
            };
            digest.take(event, record.elapsed_seconds);
            series.event(event, record.elapsed_seconds);
            if let Some(of_name) = fates.iter_mut().find(|fate| fate.name == event.name()) {
                of_name.add(show::kind_of_fate(&record, sending, now));
            }
        })?;
        missed.extend(show::damage(&summary));
        let odd = store.samples(run, |line| {
            for gpu in &line.gpus {
                if let Some(load) = gpu.utilization {
                    digest.load(gpu.index, load);
                }
            }
            series.take(&line)
        });
        if odd > 0 {
            missed.push(format!(
                "{} that can't be read",
                crate::commands::count(odd, "measurement")
            ));
        }
        if summary.state == RunState::Running {
            digest.seconds = Some(digest.seconds.unwrap_or(0.0).max(series.end()));
        }
        fates.retain(|fate| fate.count > 0);
        Some(Self {
            summary,
            digest,
            series,
            fates,
            missed,
        })
    }

    /// Seconds that the charts span.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.digest.seconds.unwrap_or(0.0).max(self.series.end())
    }

    /// The first digits of its identity.
    #[must_use]
    pub fn name(&self) -> String {
        runs::short(&self.summary)
    }

    /// How it ended, in a word or two.
    #[must_use]
    pub fn headline(&self) -> String {
        match &self.digest.conclusion {
            Some(ending) if self.summary.state != RunState::Running => ending.headline(),
            _ => self.summary.state.as_str().to_owned(),
        }
    }

    /// The ink of that word.
    #[must_use]
    pub const fn ink(&self) -> Ink {
        match self.summary.state {
            RunState::Ended(Outcome::Success) => Ink::Good,
            RunState::Ended(Outcome::Error | Outcome::Signal) => Ink::Bad,
            RunState::Running | RunState::Ended(Outcome::Lost) | RunState::Unknown => Ink::Open,
        }
    }

    /// How it ended, as a sentence with its confidence.
    #[must_use]
    pub fn meaning(&self) -> Option<String> {
        let ending = self.digest.conclusion.as_ref()?;
        let confidence = ending
            .confidence
            .as_ref()
            .map(|confidence| format!(" ({confidence} confidence)"));
        Some(format!(
            "{}{}",
            ending.meaning()?.trim_end_matches('.'),
            confidence.unwrap_or_default()
        ))
    }

    /// What speaks for it.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        self.digest
            .conclusion
            .as_ref()
            .map(axolotl_run_core::judging::summary::Conclusion::reasons)
            .unwrap_or_default()
    }

    /// When it began, by what, and how long it took.
    #[must_use]
    pub fn began(&self) -> String {
        let mut text = self
            .summary
            .started
            .map_or_else(|| "unknown".to_owned(), runs::minute);
        if let Some(seconds) = self.digest.seconds {
            let word = if self.summary.state == RunState::Running {
                "for"
            } else {
                "took"
            };
            text.push_str(&format!(", {word} {}", units::duration(seconds)));
        }
        if let Some(launcher) = &self.digest.launcher {
            text.push_str(&format!(", {launcher}"));
        }
        text
    }

    /// How far it came.
    #[must_use]
    pub fn reached(&self) -> Option<String> {
        lines::progress(&self.digest)
    }

    /// Seconds in which nothing moved at the end: as the observer saw it happen, else by what was measured of steps.
    #[must_use]
    pub fn stalled(&self) -> Option<f64> {
        let digest = &self.digest;
        if let Some(stall) = digest.stall {
            return Some((self.seconds() - stall.since).max(0.0));
        }
        let is_done = digest
            .step
            .zip(digest.total_steps)
            .is_some_and(|(step, total)| step >= total);
        let last = self.series.last_step_at()?;
        let usual = digest
            .step
            .filter(|step| *step > 0)
            .map(|step| last / step as f64)?;
        let idle = self.seconds() - last;
        let long = idle > STALLED_SECONDS.max(STALLED_STEPS * usual);
        (long && !is_done).then_some(idle)
    }

    /// The same in words.
    #[must_use]
    pub fn standstill(&self) -> Option<String> {
        let seen = || {
            self.stalled()
                .map(|seconds| format!("no step in the last {}", units::duration(seconds)))
        };
        lines::stall(&self.digest).or_else(seen)
    }
}

impl Fate {
    fn add(&mut self, fate: &str) {
        self.count = self.count.saturating_add(1);
        match self.fates.iter_mut().find(|(known, _)| known == fate) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.fates.push((fate.to_owned(), 1)),
        }
    }
}
