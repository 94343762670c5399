//! The figures of a run, taken from its events one by one.

use super::measured::{Mean, Measured};
use super::units;
use crate::event::value::{Number, PerIndex};
use crate::event::{ErrorEvent, Event, Finish, ProfileReport, Progress, Start};
use crate::limits;
use crate::observation::Hang;
use crate::series::SeriesLine;
use std::collections::BTreeMap;

/// A run, as far as it has come.
#[derive(Debug, Default, PartialEq)]
pub struct Summary {
    /// How it was begun.
    pub start: Start<String>,
    /// What it died of.
    pub error: Option<ErrorEvent<String>>,
    /// How it ended.
    pub finish: Option<Finish<String>>,
    /// Seconds from the spawn to the last event.
    pub seconds: Option<f64>,
    /// Steps done.
    pub step: Option<u64>,
    /// Steps planned.
    pub total_steps: Option<u64>,
    /// Epochs done.
    pub epoch: Option<f64>,
    /// Steps per second, over all where that is known.
    pub steps_per_second: Option<f64>,
    /// The loss last logged, as text: it may be no number.
    pub loss: Option<String>,
    /// Where it was seen to stand still and was not seen to go on.
    pub standstill: Option<Hang>,
    /// Highest resident bytes of one process.
    pub peak_process_bytes: Option<u64>,
    /// What is known of each GPU.
    pub gpus: BTreeMap<u32, GpuUse>,
    /// What was measured of it over time.
    pub measured: Measured,
    /// Where its time went: in all, or in the last minute that was told of.
    pub profile: Option<ProfileReport<String>>,
}

/// One GPU over the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GpuUse {
    /// Highest bytes in use.
    pub peak_bytes: Option<u64>,
    load: Mean,
}

impl GpuUse {
    /// Mean share of time in which it was busy.
    pub fn load(&self) -> Option<f64> {
        self.load.get()
    }
}

impl Summary {
    /// Takes one event.
    pub fn take(&mut self, event: Event<String>, elapsed_seconds: Option<f64>) {
        self.seconds = elapsed_seconds.or(self.seconds);
        match event {
            Event::Start(start) => self.start = *start,
            Event::Progress(progress) => self.progress(&progress, elapsed_seconds),
            Event::Error(error) => self.error = Some(*error),
            Event::Finish(finish) => self.finish(*finish),
            // The same failure in another form, and what the owner has configured.
            Event::Exception(_) | Event::Setup(_) => {}
        }
    }

    /// Takes an event that is reported now.
    pub fn take_reported(&mut self, event: &Event, elapsed_seconds: f64) {
        let told = Event::read(event.name(), &event.properties(elapsed_seconds));
        if let Some((event, elapsed_seconds)) = told {
            self.take(event, elapsed_seconds);
        }
    }

    /// Takes a line of the time series.
    pub fn measure(&mut self, line: &SeriesLine) {
        for point in &line.gpus {
            if let Some(share) = point.utilization
                && let Some(gpu) = self.gpu(point.index)
            {
                gpu.load.take(share);
            }
        }
        self.measured.take(line);
    }

    fn gpu(&mut self, index: u32) -> Option<&mut GpuUse> {
        if self.gpus.len() >= limits::GPUS_MAX {
            return self.gpus.get_mut(&index);
        }
        Some(self.gpus.entry(index).or_default())
    }

    fn progress(&mut self, progress: &Progress<String>, elapsed_seconds: Option<f64>) {
        self.standstill = None;
        if let (Some(at), Some(stalled)) = (elapsed_seconds, progress.stalled_seconds) {
            self.standstill = Some(Hang {
                since: (at - stalled.get()).max(0.0),
                suspect_rank: progress.suspect_rank,
            });
        }
        keep_latest(&mut self.profile, progress.profile.clone());
        keep_latest(&mut self.step, progress.step);
        keep_latest(&mut self.total_steps, progress.total_steps);
        keep_latest(&mut self.epoch, progress.progress.map(Number::get));
        keep_latest(
            &mut self.steps_per_second,
            progress.steps_per_second.map(Number::get),
        );
        keep_latest(&mut self.loss, loss(progress.loss, &progress.loss_repr));
        if let Some(memory) = &progress.memory {
            keep_latest(&mut self.peak_process_bytes, memory.peak_cpu_memory_bytes);
            self.gpu_peaks(&memory.gpu_peak_memory_bytes);
        }
    }

    fn finish(&mut self, finish: Finish<String>) {
        keep_latest(
            &mut self.seconds,
            finish.total_time_seconds.map(Number::get),
        );
        let last = finish.total_steps.or(self.step);
        // Between the last report and the end it may have gone on.
        if finish.is_success() || last != self.step {
            self.standstill = None;
        }
        self.step = last;
        keep_latest(
            &mut self.steps_per_second,
            finish.steps_per_second.map(Number::get),
        );
        keep_latest(&mut self.epoch, finish.progress.map(Number::get));
        // The last epoch may have ended behind the last line that named one.
        let completed = finish.epochs_completed.map(|epochs| epochs as f64);
        if completed > self.epoch {
            self.epoch = completed;
        }
        keep_latest(&mut self.loss, loss(finish.loss, &finish.loss_repr));
        keep_latest(&mut self.peak_process_bytes, finish.peak_cpu_memory_bytes);
        if let Some(memory) = &finish.gpu_memory {
            self.gpu_peaks(&memory.peak);
        }
        keep_latest(&mut self.profile, finish.profile.clone());
        self.finish = Some(finish);
    }

    fn gpu_peaks(&mut self, peaks: &Option<PerIndex<u64>>) {
        for (index, bytes) in peaks.iter().flatten() {
            if let Some(gpu) = self.gpu(*index) {
                gpu.peak_bytes = gpu.peak_bytes.max(Some(*bytes));
            }
        }
    }

    /// For how long it has stood still.
    pub fn stalled_seconds(&self) -> Option<f64> {
        Some((self.seconds? - self.standstill?.since).max(0.0))
    }

    /// Bytes of memory of the largest accelerator.
    pub fn accelerator_memory(&self) -> Option<u64> {
        let accelerators = self.start.accelerator_info.iter().flatten();
        accelerators.filter_map(|one| one.memory).max()
    }

    /// Processor seconds.
    pub fn cpu_seconds(&self) -> Option<f64> {
        self.finish.as_ref()?.cpu_seconds.map(Number::get)
    }

    /// Processors busy with it, on average.
    pub fn cores_used(&self) -> Option<f64> {
        let seconds = self.seconds.filter(|seconds| *seconds > 0.0)?;
        Some(self.cpu_seconds()? / seconds)
    }

    /// Joules that the machine's processors drew.
    pub fn cpu_joules(&self) -> Option<f64> {
        self.finish.as_ref()?.cpu_energy_joules.map(Number::get)
    }

    /// Joules that the GPUs drew.
    pub fn gpu_joules(&self) -> Option<f64> {
        self.finish.as_ref()?.gpu_energy_joules.map(Number::get)
    }
}

/// What is known now, or what was known before.
fn keep_latest<Value>(latest: &mut Option<Value>, now: Option<Value>) {
    if now.is_some() {
        *latest = now;
    }
}

/// The loss, or what is written down where it is no number.
fn loss(loss: Option<Number>, repr: &Option<String>) -> Option<String> {
    match repr {
        Some(repr) => Some(repr.clone()),
        None => Some(units::number(loss?.get())),
    }
}
