//! What the report tells of a run: its figures, its measurements over time, and what became of its events.

use super::series::Series;
use crate::commands::output::count;
use crate::commands::recorded::{choose, show};
use crate::store::{RecordedRun, RunState, Store};
use crate::ui::Style;
use axolotl_run_core::event::EventName;
use axolotl_run_core::judging::summary::{RunEnding, Summary, lines, units};
use axolotl_run_core::judging::verdict::Outcome;
use std::time::SystemTime;
use uuid::Uuid;

/// How many times a step's usual time must have passed without one before it is worth a word.
const STALLED_STEPS: f64 = 20.0;
/// Seconds that it must have been at the least: evaluating and saving take a while.
const STALLED_SECONDS: f64 = 60.0;

/// What became of the events of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTally {
    /// Their name.
    pub name: EventName,
    /// How many there are.
    pub count: u64,
    /// How many of them were sent, refused and so on.
    pub became: Vec<(&'static str, u64)>,
}

/// A run.
#[derive(Debug)]
pub struct ReportData {
    /// Its figures in the store.
    pub run: RecordedRun,
    /// What its events say.
    pub summary: Summary,
    /// What was measured.
    pub series: Series,
    /// What became of its events, in the order of the published list.
    pub tallies: Vec<EventTally>,
    /// What was missed.
    pub missed: Vec<String>,
}

impl ReportData {
    /// Reads a run; None where there is none.
    pub fn read(store: &Store, run: Uuid, now: SystemTime) -> Option<Self> {
        let mut summary = Summary::default();
        let mut series = Series::default();
        let mut tallies = EventName::ALL.map(EventTally::of).to_vec();
        let mut missed = Vec::new();
        let sending = store.sending(run);
        let run = store.events(run, now, |record| {
            missed.extend(show::dropped(&record));
            let Some(event) = &record.event else {
                return;
            };
            summary.take(event, record.elapsed_seconds);
            series.event(event, record.elapsed_seconds);
            for tally in &mut tallies {
                if tally.name == event.name() {
                    tally.add(show::became(&record, sending, now));
                }
            }
        })?;
        missed.extend(show::damage(&run));
        let unreadable = store.samples(run.run, |line| {
            for gpu in &line.gpus {
                if let Some(load) = gpu.utilization {
                    summary.load(gpu.index, load);
                }
            }
            series.take(&line)
        });
        if unreadable > 0 {
            missed.push(format!(
                "{} that cannot be read",
                count(unreadable, "measurement")
            ));
        }
        if run.state == RunState::Running {
            summary.seconds = Some(summary.seconds.unwrap_or(0.0).max(series.end()));
        }
        tallies.retain(|tally| tally.count > 0);
        Some(Self {
            run,
            summary,
            series,
            tallies,
            missed,
        })
    }

    /// Seconds that the charts span.
    pub fn seconds(&self) -> f64 {
        self.summary.seconds.unwrap_or(0.0).max(self.series.end())
    }

    /// The first digits of its identity.
    pub fn name(&self) -> String {
        choose::short(&self.run)
    }

    fn conclusion(&self) -> Option<&RunEnding> {
        self.summary.conclusion.as_ref()
    }

    /// How it ended, in a word or two.
    pub fn headline(&self) -> String {
        match self.conclusion() {
            Some(conclusion) if self.run.state != RunState::Running => conclusion.headline(),
            _ => self.run.state.as_str().to_owned(),
        }
    }

    /// The style of that word.
    pub const fn style(&self) -> Style {
        match self.run.state {
            RunState::Ended(Outcome::Success) => Style::Good,
            RunState::Ended(Outcome::Error | Outcome::Signal) => Style::Bad,
            RunState::Running | RunState::Ended(Outcome::Lost) | RunState::Unknown => Style::Open,
        }
    }

    /// How it ended, as a sentence with its confidence and without its full stop.
    pub fn meaning(&self) -> Option<String> {
        let conclusion = self.conclusion()?;
        let mut meaning = conclusion.meaning()?.trim_end_matches('.').to_owned();
        if let Some(confidence) = &conclusion.confidence {
            meaning.push_str(&format!(" ({confidence} confidence)"));
        }
        Some(meaning)
    }

    /// What speaks for it.
    pub fn reasons(&self) -> Vec<String> {
        self.conclusion()
            .map(RunEnding::reasons)
            .unwrap_or_default()
    }

    /// When it began, how long it took, and what started it.
    pub fn began(&self) -> String {
        let started = self.run.started.map(choose::minute);
        let mut text = started.unwrap_or_else(|| "unknown".to_owned());
        if let Some(seconds) = self.summary.seconds {
            let word = match self.run.state {
                RunState::Running => "for",
                _ => "took",
            };
            text.push_str(&format!(", {word} {}", units::duration(seconds)));
        }
        if let Some(launcher) = &self.summary.launcher {
            text.push_str(&format!(", {launcher}"));
        }
        text
    }

    /// Seconds in which nothing moved at the end: as the observer saw it happen, else by what was measured of steps.
    pub fn stalled(&self) -> Option<f64> {
        if let Some(stall) = self.summary.stall {
            return Some((self.seconds() - stall.since).max(0.0));
        }
        let step = self.summary.step?;
        let is_done = self.summary.total_steps.is_some_and(|total| step >= total);
        let last = self.series.last_step_at()?;
        if is_done || step == 0 {
            return None;
        }
        let usual = last / step as f64;
        let idle = self.seconds() - last;
        if idle <= STALLED_SECONDS.max(STALLED_STEPS * usual) {
            return None;
        }
        Some(idle)
    }

    /// The same in words.
    pub fn standstill(&self) -> Option<String> {
        if let Some(seen) = lines::stall(&self.summary) {
            return Some(seen);
        }
        let seconds = units::duration(self.stalled()?);
        Some(format!("no step in the last {seconds}"))
    }
}

impl EventTally {
    const fn of(name: EventName) -> Self {
        Self {
            name,
            count: 0,
            became: Vec::new(),
        }
    }

    fn add(&mut self, became: &'static str) {
        self.count = self.count.saturating_add(1);
        for (known, count) in &mut self.became {
            if *known == became {
                *count = count.saturating_add(1);
                return;
            }
        }
        self.became.push((became, 1));
    }
}
