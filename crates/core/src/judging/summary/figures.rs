//! The figures of a run, taken from its events one by one.

use super::conclusion::{RunEnding, owned};
use super::root_error::RootError;
use super::units;
use crate::event::value::{Number, PerIndex, Text};
use crate::event::{Event, Finish, Progress, Start};
use crate::limits;
use std::collections::BTreeMap;

/// A run, as far as it has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Seconds from the spawn to the last event.
    pub seconds: Option<f64>,
    /// What started the training.
    pub launcher: Option<String>,
    /// Bytes of memory that the machine has.
    pub memory_total: Option<u64>,
    /// Processors of the machine.
    pub processors: Option<u64>,
    /// Bytes of memory of the largest accelerator.
    pub accelerator_memory: Option<u64>,
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
    pub stall: Option<Stall>,
    /// How it ended.
    pub conclusion: Option<RunEnding>,
    /// What it died of.
    pub root_error: Option<RootError>,
    /// Highest resident bytes of one process.
    pub peak_process_bytes: Option<u64>,
    /// Processor seconds.
    pub cpu_seconds: Option<f64>,
    /// Joules that the GPUs drew.
    pub gpu_joules: Option<f64>,
    /// What is known of each GPU.
    pub gpus: BTreeMap<u32, GpuUse>,
}

/// A training that stands still.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stall {
    /// Seconds from the spawn to when anything moved last.
    pub since: f64,
    /// The rank that does something else than all others.
    pub suspect_rank: Option<u64>,
}

/// One GPU over the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GpuUse {
    /// Highest bytes in use.
    pub peak_bytes: Option<u64>,
    load_sum: f64,
    loads: u32,
}

impl GpuUse {
    /// Mean share of time in which it was busy.
    pub fn load(&self) -> Option<f64> {
        if self.loads == 0 {
            return None;
        }
        Some(self.load_sum / f64::from(self.loads))
    }
}

impl Summary {
    /// Takes one event.
    pub fn take<T: Text>(&mut self, event: &Event<T>, elapsed_seconds: Option<f64>) {
        self.seconds = elapsed_seconds.or(self.seconds);
        match event {
            Event::Start(start) => self.start(start),
            Event::Progress(progress) => self.progress(progress, elapsed_seconds),
            Event::Error(error) => self.root_error = Some(RootError::of(error)),
            Event::Finish(finish) => self.finish(finish),
        }
    }

    /// Takes a measurement of a GPU's load, 0 to 1.
    pub fn load(&mut self, gpu: u32, share: f64) {
        if !share.is_finite() {
            return;
        }
        if let Some(gpu) = self.gpu(gpu) {
            gpu.load_sum += share;
            gpu.loads = gpu.loads.saturating_add(1);
        }
    }

    fn gpu(&mut self, index: u32) -> Option<&mut GpuUse> {
        if self.gpus.len() >= limits::GPUS_MAX {
            return self.gpus.get_mut(&index);
        }
        Some(self.gpus.entry(index).or_default())
    }

    fn start<T: Text>(&mut self, start: &Start<T>) {
        self.launcher = owned(&start.launcher);
        self.memory_total = start.memory_total;
        self.processors = start.cpu_count;
        let accelerators = start.accelerator_info.iter().flatten();
        self.accelerator_memory = accelerators.filter_map(|one| one.memory).max();
    }

    fn progress<T: Text>(&mut self, progress: &Progress<T>, elapsed_seconds: Option<f64>) {
        self.stall = None;
        if let (Some(at), Some(stalled)) = (elapsed_seconds, progress.stalled_seconds) {
            self.stall = Some(Stall {
                since: (at - stalled.get()).max(0.0),
                suspect_rank: progress.suspect_rank,
            });
        }
        renew(&mut self.step, progress.step);
        renew(&mut self.total_steps, progress.total_steps);
        renew(&mut self.epoch, plain(progress.epoch));
        renew(&mut self.steps_per_second, plain(progress.steps_per_second));
        renew(&mut self.loss, loss(progress.loss, &progress.loss_repr));
        if let Some(memory) = &progress.memory {
            renew(&mut self.peak_process_bytes, memory.peak_cpu_memory_bytes);
            self.gpu_peaks(&memory.gpu_peak_memory_bytes);
        }
    }

    fn finish<T: Text>(&mut self, finish: &Finish<T>) {
        let conclusion = RunEnding::of(finish);
        renew(&mut self.seconds, plain(finish.total_time_seconds));
        let last = finish.total_steps.or(self.step);
        // Between the last report and the end it may have gone on.
        if conclusion.is_success() || last != self.step {
            self.stall = None;
        }
        self.step = last;
        renew(&mut self.steps_per_second, plain(finish.steps_per_second));
        renew(&mut self.loss, loss(finish.loss, &finish.loss_repr));
        renew(&mut self.peak_process_bytes, finish.peak_cpu_memory_bytes);
        self.cpu_seconds = plain(finish.cpu_seconds);
        self.gpu_joules = plain(finish.gpu_energy_joules);
        if let Some(memory) = &finish.gpu_memory {
            self.gpu_peaks(&memory.peak);
        }
        self.conclusion = Some(conclusion);
    }

    fn gpu_peaks(&mut self, peaks: &Option<PerIndex<u64>>) {
        let Some(peaks) = peaks else {
            return;
        };
        for (index, bytes) in &peaks.0 {
            if let Some(gpu) = self.gpu(*index) {
                gpu.peak_bytes = gpu.peak_bytes.max(Some(*bytes));
            }
        }
    }

    /// For how long it has stood still.
    pub fn stalled_seconds(&self) -> Option<f64> {
        Some((self.seconds? - self.stall?.since).max(0.0))
    }

    /// Processors busy with it, on average.
    pub fn cores_used(&self) -> Option<f64> {
        let seconds = self.seconds.filter(|seconds| *seconds > 0.0)?;
        Some(self.cpu_seconds? / seconds)
    }
}

/// What is known now, or what was known before.
fn renew<V>(known: &mut Option<V>, now: Option<V>) {
    if now.is_some() {
        *known = now;
    }
}

fn plain(number: Option<Number>) -> Option<f64> {
    number.map(Number::get)
}

/// The loss, or what is written down where it is no number.
fn loss<T: Text>(loss: Option<Number>, repr: &Option<T>) -> Option<String> {
    owned(repr).or_else(|| plain(loss).map(units::number))
}
