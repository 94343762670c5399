//! What the report tells of a run: its figures, its measurements over time, and what became of its events.

pub mod job;
pub mod setup;

use super::series::{Marker, Series, SeriesKey};
use crate::commands::output::count;
use crate::commands::recorded::{choose, show};
use crate::delivery::notify::NotificationLine;
use crate::owner_record::OwnerView;
use crate::store::{RecordedRun, RunState, Sending, Store};
use crate::ui::Style;
use axolotl_run_core::event::{ErrorEvent, EventName, Finish};
use axolotl_run_core::judging::notes::{Note, notes};
use axolotl_run_core::judging::summary::price::{Price, PricedThing};
use axolotl_run_core::judging::summary::{GpuUse, Summary, lines, units};
use axolotl_run_core::judging::verdict::Outcome;
use axolotl_run_core::output::progress::Phase;
use job::JobReport;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::SystemTime;
use uuid::Uuid;

/// How many times a step's usual time must have passed without one before it is worth a word.
const STALLED_STEPS: f64 = 20.0;
/// Seconds that it must have been at the least: evaluating and saving take a while.
const STALLED_SECONDS: f64 = 60.0;

/// How much of what was kept for the owner is shown.
#[derive(Clone, Copy, PartialEq)]
pub enum ShownOutput {
    /// On a terminal the traceback and the last lines; in a file or in JSON, which others may get, nothing.
    Usual,
    /// `--with-output`: everything, wherever it goes.
    All,
}

/// A run.
pub struct ReportData {
    /// Its figures in the store.
    pub recorded_run: RecordedRun,
    /// What its events say.
    pub summary: Summary,
    /// What was measured.
    pub series: Series,
    /// What the training did when it was measured last.
    phase: Option<Phase>,
    /// How many events of each name were sent, refused and so on.
    pub tallies: BTreeMap<EventName, BTreeMap<&'static str, u64>>,
    /// What was missed.
    pub missed: Vec<String>,
    /// What was kept for the run's owner alone.
    pub owner: Option<OwnerView>,
    /// The job that it is a part of.
    pub job: Option<JobReport>,
    /// What became of the messages to the user.
    pub notifications: Vec<NotificationLine>,
    /// What an hour costs, where the user has stored it.
    pub price: Option<Price>,
}

/// What a run has cost.
#[derive(Serialize)]
pub struct Costs {
    /// Until now, or its end.
    so_far: f64,
    /// Of a running training, what the rest will cost.
    to_come: Option<f64>,
    /// As the user wrote it.
    currency: String,
}

impl ReportData {
    /// Reads a run; None where there is none.
    pub fn read(store: &Store, run_id: Uuid, now: SystemTime) -> Option<Self> {
        let mut summary = Summary::default();
        let mut series = Series::default();
        let mut tallies = BTreeMap::<_, BTreeMap<_, _>>::new();
        let mut missed = Vec::new();
        let recorded_run = store.events(run_id, now, |recorded_event| {
            missed.extend(show::dropped(&recorded_event));
            let (fate, _) = show::fate(&recorded_event);
            let Some(event) = recorded_event.event else {
                return;
            };
            *tallies
                .entry(event.name())
                .or_default()
                .entry(fate)
                .or_default() += 1;
            series.event(&event, recorded_event.elapsed_seconds);
            summary.take(event, recorded_event.elapsed_seconds);
        })?;
        missed.extend(show::damage(&recorded_run));
        let mut phase = None;
        let unreadable = store.samples(run_id, |line| {
            summary.measure(&line);
            phase = line.phase.or(phase);
            series.take(&line)
        });
        if unreadable > 0 {
            let lines = count(unreadable, "measurement");
            missed.push(format!("{lines} that cannot be read"));
        }
        if recorded_run.state == RunState::Running {
            // The last event is up to a minute old, the last measurement seconds.
            summary.seconds = Some(summary.seconds.unwrap_or(0.0).max(series.end_seconds()));
            let step = series.last(SeriesKey::Step).map(|step| step as u64);
            summary.step = summary.step.max(step);
            let loss = series.last(SeriesKey::Loss).map(units::number);
            summary.loss = loss.or(summary.loss);
            summary.steps_per_second = series.recent_rate().or(summary.steps_per_second);
        }
        let run_directory = store.run_directory(run_id).ok();
        Some(Self {
            owner: run_directory.as_ref().and_then(OwnerView::read),
            recorded_run,
            summary,
            series,
            phase,
            tallies,
            missed,
            job: None,
            notifications: store.notifications(run_id),
            price: None,
        })
    }

    /// Whether its observer lives.
    pub fn is_running(&self) -> bool {
        self.recorded_run.state == RunState::Running
    }

    /// What a running training does now.
    pub fn phase(&self) -> Option<&'static str> {
        let phase = self.phase.filter(|_| self.is_running());
        phase.map(Phase::as_str)
    }

    /// How far a running run is and how long the rest will take, by the rate of the last minutes: `Running for 5m 12s:
    /// step 204 of 720 (28 %), about 13m 10s left`.
    pub fn outlook(&self) -> String {
        let mut outlook = format!("Running for {}", units::duration(self.seconds()));
        let (Some(step), Some(total)) = (self.summary.step, self.summary.total_steps) else {
            if let Some(step) = self.summary.step {
                outlook.push_str(&format!(": step {step}"));
            }
            return outlook;
        };
        let share = step as f64 / total.max(1) as f64;
        outlook.push_str(&format!(
            ": step {step} of {total} ({})",
            units::percent(share)
        ));
        if let Some(seconds) = self.seconds_left() {
            outlook.push_str(&format!(", about {} left", units::duration(seconds)));
        }
        outlook
    }

    /// Seconds that a running training will take yet.
    pub fn seconds_left(&self) -> Option<f64> {
        if !self.is_running() || self.stalled().is_some() {
            return None;
        }
        let steps_left = self.summary.total_steps?.checked_sub(self.summary.step?)?;
        Some(steps_left as f64 / self.series.recent_rate()?)
    }

    /// What it has cost, on all of its machines.
    pub fn costs(&self) -> Option<Costs> {
        let price = self.price.as_ref()?;
        let start = &self.summary.start;
        let things = match price.per {
            PricedThing::Machine => 1,
            PricedThing::Gpu => start.accelerator_count.filter(|count| *count > 0)?,
        };
        let machines = start.nodes.unwrap_or(1).max(1);
        let per_second = price.per_hour / 3600.0 * things as f64 * machines as f64;
        Some(Costs {
            so_far: self.seconds() * per_second,
            to_come: self.seconds_left().map(|seconds| seconds * per_second),
            currency: price.currency.clone(),
        })
    }

    /// The same in words: `$41.20 so far, about $63.10 to come`.
    pub fn cost(&self) -> Option<String> {
        let (price, costs) = (self.price.as_ref()?, self.costs()?);
        let mut text = price.write(costs.so_far);
        if self.is_running() {
            text.push_str(" so far");
        }
        if let Some(to_come) = costs.to_come {
            text.push_str(&format!(", about {} to come", price.write(to_come)));
        }
        Some(text)
    }

    /// What a running run uses now, against what it may use.
    pub fn uses(&self) -> Option<String> {
        if !self.is_running() {
            return None;
        }
        let mut parts = Vec::new();
        let of = |used: f64, limit: Option<u64>| match limit {
            Some(limit) => format!("{} of {}", units::bytes(used), units::bytes(limit as f64)),
            None => units::bytes(used),
        };
        let start = &self.summary.start;
        if let Some(bytes) = self.series.last(SeriesKey::MemorySum) {
            let limit = self.summary.measured.allowance.memory_bytes;
            parts.push(format!(
                "memory {}",
                of(bytes, limit.or(start.memory_total))
            ));
        }
        let gpus = self.series.gpus();
        let each = |key: fn(u32) -> SeriesKey| {
            let values = gpus.iter().filter_map(|gpu| self.series.last(key(*gpu)));
            values.collect::<Vec<f64>>()
        };
        if let Some(most) = each(SeriesKey::GpuMemory).into_iter().reduce(f64::max) {
            let limit = self.summary.accelerator_memory();
            parts.push(format!("GPU memory {}", of(most, limit)));
        }
        let loads = each(SeriesKey::GpuLoad);
        if let Some(least) = loads.iter().copied().reduce(f64::min)
            && let Some(most) = loads.iter().copied().reduce(f64::max)
        {
            let (least, most) = (units::percent(least), units::percent(most));
            let busy = if least == most {
                most
            } else {
                format!("{least} to {most}")
            };
            parts.push(format!("GPUs {busy} busy"));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Seconds that the charts span.
    pub fn seconds(&self) -> f64 {
        self.summary
            .seconds
            .unwrap_or(0.0)
            .max(self.series.end_seconds())
    }

    /// The first digits of its identity.
    pub fn name(&self) -> String {
        choose::short(&self.recorded_run)
    }

    /// How it ended, how it failed and how far it had come, in a line.
    pub fn headline(&self) -> String {
        if self.is_running() {
            return self.outlook();
        }
        if self.summary.finish.is_none() {
            return self.recorded_run.title().to_owned();
        }
        let own_class = self.owner.as_ref().and_then(OwnerView::exception_class);
        self.summary.headline(own_class)
    }

    /// The style of that line.
    pub fn style(&self) -> Style {
        match self.recorded_run.state {
            RunState::Ended(Outcome::Success) if !self.is_sound() => Style::Bad,
            RunState::Ended(Outcome::Success) => Style::Good,
            RunState::Ended(Outcome::Error | Outcome::Signal) => Style::Bad,
            RunState::Running | RunState::Ended(Outcome::Lost) | RunState::Unknown => Style::Open,
        }
    }

    /// Whether the training's numbers were numbers to the end.
    fn is_sound(&self) -> bool {
        self.summary.finish.as_ref().is_some_and(Finish::is_sound)
    }

    /// The same as the style sheet names it.
    pub fn class(&self) -> &'static str {
        match self.style() {
            Style::Good => "good",
            Style::Bad => "bad",
            _ => "open",
        }
    }

    /// How it ended, as a sentence with its confidence.
    pub fn meaning(&self) -> Option<String> {
        self.summary.finish.as_ref()?.confident_meaning()
    }

    /// What speaks for it.
    pub fn reasons(&self) -> Vec<String> {
        let finish = self.summary.finish.as_ref();
        finish.map(Finish::reasons).unwrap_or_default()
    }

    /// When it began, how long it took, and what started it.
    pub fn began(&self) -> String {
        let started = self.recorded_run.started.map(choose::minute);
        let mut text = started.unwrap_or_else(|| "unknown".to_owned());
        if let Some(seconds) = self.summary.seconds {
            let word = match self.recorded_run.state {
                RunState::Running => "for",
                _ => "took",
            };
            text.push_str(&format!(", {word} {}", units::duration(seconds)));
        }
        if let Some(launcher) = &self.summary.start.launcher {
            text.push_str(&format!(", {launcher}"));
        }
        text
    }

    /// Seconds in which nothing moved at the end: as the observer saw it happen, else by what was measured of steps.
    pub fn stalled(&self) -> Option<f64> {
        if let Some(standstill) = self.summary.standstill {
            return Some((self.seconds() - standstill.since).max(0.0));
        }
        let step = self.summary.step?;
        let is_done = self.summary.total_steps.is_some_and(|total| step >= total);
        let last_step_seconds = self.series.last_step_at()?;
        if is_done || step == 0 {
            return None;
        }
        let usual_seconds_a_step = last_step_seconds / step as f64;
        let idle_seconds = self.seconds() - last_step_seconds;
        if idle_seconds <= STALLED_SECONDS.max(STALLED_STEPS * usual_seconds_a_step) {
            return None;
        }
        Some(idle_seconds)
    }

    /// The same in words.
    pub fn standstill(&self) -> Option<String> {
        if let Some(standstill) = lines::standstill(&self.summary) {
            return Some(standstill);
        }
        let seconds = units::duration(self.stalled()?);
        Some(format!("no step in the last {seconds}"))
    }

    /// Where its processes were while it stood still.
    pub fn standing(&self) -> Vec<String> {
        lines::standing(&self.summary)
    }

    /// The error that it died of, where more is known of it than the headline says.
    pub fn error(&self) -> Option<&ErrorEvent<String>> {
        let error = self.summary.error.as_ref()?;
        let says_more =
            error.words().is_some() || error.frames.is_some() || error.others().is_some();
        says_more.then_some(error)
    }

    /// The exceptions of the same failure, oldest first, where they differ.
    pub fn chain(&self) -> Option<String> {
        let mut chain = self.summary.error.as_ref()?.chain.clone()?;
        chain.dedup();
        (chain.len() > 1).then(|| chain.join(", "))
    }

    /// What happened at a moment.
    pub fn markers(&self) -> Vec<Marker> {
        let finish = self.summary.finish.as_ref();
        let not_finite = finish.and_then(|finish| finish.not_finite.as_ref());
        self.series
            .markers(not_finite.and_then(|broken| broken.since_step))
    }

    /// Highest resident bytes of all its processes.
    pub fn peak_memory(&self) -> Option<f64> {
        let curve = self.series.gauge(SeriesKey::MemorySum);
        let greatest = curve.iter().flatten().map(|point| point.greatest);
        let largest_process = self.summary.peak_process_bytes.map(|bytes| bytes as f64);
        greatest.reduce(f64::max).or(largest_process)
    }

    /// Mean load of all GPUs.
    pub fn gpu_load(&self) -> Option<f64> {
        let gpus = self.summary.gpus.values();
        let loads: Vec<_> = gpus.filter_map(GpuUse::load).collect();
        if loads.is_empty() {
            return None;
        }
        Some(loads.iter().sum::<f64>() / loads.len() as f64)
    }

    /// Highest bytes in use on one GPU.
    pub fn gpu_peak(&self) -> Option<f64> {
        let gpus = self.summary.gpus.values();
        let peak = gpus.filter_map(|gpu| gpu.peak_bytes).max()?;
        Some(peak as f64)
    }

    /// What its time was spent on.
    pub fn phases(&self) -> Option<String> {
        let phases = lines::phases(&self.summary);
        (!phases.is_empty()).then_some(phases)
    }

    /// On what it was begun, in a line.
    pub fn machine(&self) -> String {
        setup::machine(&self.summary.start)
    }

    /// Python and packages with their versions.
    pub fn versions(&self) -> Vec<(String, String)> {
        setup::versions(&self.summary.start)
    }

    /// The public values of its configuration.
    pub fn configuration(&self) -> Vec<(String, String)> {
        setup::configuration(&self.summary.start)
    }

    /// The other processes that failed, in words.
    pub fn others(&self) -> Option<String> {
        let others = self.summary.error.as_ref()?.others()?;
        Some(format!("{} failed too", count(others, "other worker")))
    }

    /// Where a training that did not come to its end can go on, as its owner knows it.
    pub fn resume_words(&self) -> Option<String> {
        let checkpoint = self.owner.as_ref()?.facts.checkpoint.as_ref()?;
        let finish = self.summary.finish.as_ref()?;
        // Behind a loss that is no number there is nothing to go on from.
        let since_step = finish.not_finite.as_ref().map(|since| since.since_step);
        let is_useless =
            since_step.is_some_and(|since| since.is_none_or(|step| checkpoint.step >= step));
        (!finish.is_success() && !is_useless).then(|| checkpoint.words(self.summary.step))
    }

    /// What its owner should know or change.
    pub fn notes(&self) -> Vec<String> {
        let notes = notes(&self.summary);
        notes.iter().map(Note::sentence).collect()
    }

    /// Whether the user's own channels were reached, a sentence each.
    pub fn told(&self) -> Vec<String> {
        self.notifications.iter().map(ToString::to_string).collect()
    }

    /// What was sent and what not, in a sentence.
    pub fn sent(&self) -> String {
        let recorded_run = &self.recorded_run;
        let events = count(recorded_run.events, "event");
        if recorded_run.sending == Sending::Forbidden {
            return format!("nothing ({events}, on this machine only)");
        }
        let mut text = format!("{} of {events}", recorded_run.delivered);
        for (number, word) in [
            (recorded_run.waiting, "waiting"),
            (recorded_run.refused, "refused"),
        ] {
            if number > 0 {
                text.push_str(&format!(", {number} {word}"));
            }
        }
        text
    }
}

/// The words as a sentence.
pub fn sentence(words: &str) -> String {
    let mut characters = words.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    let rest = characters.as_str().trim_end_matches('.');
    first.into_iter().chain(rest.chars()).chain(['.']).collect()
}
