//! Where a training's time goes, and what makes it slow.
//!
//! One sample a second says what the main thread of each rank does; sixty of them make a window, and what is told is
//! told of a window or of the whole run, never of less. The rules and their limits are measured: a training that computes
//! waits for data in 3 to 17 % of its samples, one that is short of data in 72 to 89 %. With a GPU the main thread runs
//! ahead of it, so a GPU that is busy has the last word, and one of which nothing is known leaves the matter open. Pure;
//! [`run`](crate::judging::run) brings samples and measurements.

#[cfg(test)]
mod tests;

use crate::event::ProfileReport;
use crate::event::value::Number;
use crate::judging::verdict::Confidence;
use crate::knowledge::python::stack_classes::StackClass;
use crate::limits::ACCELERATORS_MAX;
use crate::observation::{ProcessorUse, RankSample, Sample, StackSample, WorkerSample};
use crate::public::words::words;
use std::collections::BTreeMap;

/// Samples of a window: a minute.
const WINDOW_SAMPLES: u64 = 60;
/// Share of a window from which on a training is short of data.
const DATA_BOUND: f64 = 0.4;
/// Share from which on it mostly does something that is no training.
const MOSTLY: f64 = 0.5;
/// Share that the others wait for a straggler.
const OTHERS_WAIT: f64 = 0.4;
/// What the straggler waits itself, as a share of what the others do.
const STRAGGLER_WAITS: f64 = 1.0 / 3.0;
/// Windows that have to agree on the straggler.
const WINDOWS_AGREED: u32 = 3;
/// Share of the processors that it wanted for which a main thread only waited.
const PROCESSORS_TAKEN: f64 = 0.3;
/// A main thread that wants less of a processor than this is not held up by waiting for one.
const CORES_WANTED: f64 = 0.2;
/// Utilization from which on a GPU has enough to do.
const GPU_FED: f64 = 0.7;
/// What a data worker uses of a processor that computes all the time, and one that waits.
const WORKER_COMPUTES: f64 = 0.7;
const WORKER_WAITS: f64 = 0.2;

words! {
    /// What makes a training slow.
    SlowCause {
        /// It waits for data.
        DataBound => "data_bound",
        /// The other ranks wait for one.
        Straggler => "straggler",
        /// Others take the processors that it wants.
        ProcessorsTaken => "processors_taken",
        /// It mostly evaluates.
        Evaluation => "evaluation",
        /// It mostly writes checkpoints.
        Saving => "saving",
        /// It mostly compiles.
        Compilation => "compilation",
    }
}

words! {
    /// Why a training waits for data.
    DataCause {
        /// It loads them itself, in its main thread.
        NoWorkers => "no_workers",
        /// Its data workers compute all the time.
        WorkersCompute => "workers_compute",
        /// Its data workers wait, for a disk or for the network.
        WorkersWait => "workers_wait",
    }
}

/// What was seen of a rank.
#[derive(Clone, Debug, Default)]
struct RankTally {
    samples: u64,
    classes: BTreeMap<StackClass, u64>,
    processor: ProcessorUse,
    /// Samples in which its data workers were looked at, and the sums of what was seen of them.
    worker_looks: u64,
    workers: WorkerSample,
}

impl RankTally {
    fn take(&mut self, sample: &RankSample) {
        self.samples += 1;
        *self.classes.entry(sample.class).or_default() += 1;
        if let Some(processor) = sample.processor {
            self.processor.add(processor);
        }
        if let Some(workers) = sample.workers {
            self.worker_looks += 1;
            self.workers.count += workers.count;
            self.workers.blocked += workers.blocked;
            self.workers.processor.add(workers.processor);
        }
    }

    fn share(&self, class: StackClass) -> f64 {
        let samples = self.classes.get(&class).copied().unwrap_or(0);
        samples as f64 / self.samples as f64
    }

    fn waited_share(&self) -> f64 {
        self.processor.waited / (self.processor.ran + self.processor.waited)
    }

    /// Data workers, as a mean.
    fn worker_count(&self) -> f64 {
        self.workers.count as f64 / self.worker_looks as f64
    }

    fn data_cause(&self) -> Option<DataCause> {
        let workers = self.worker_count();
        if workers == 0.0 {
            return Some(DataCause::NoWorkers);
        }
        let cores = self.workers.processor.cores();
        if workers.is_nan() || cores.is_nan() {
            return None;
        }
        match cores {
            WORKER_COMPUTES.. => Some(DataCause::WorkersCompute),
            ..WORKER_WAITS => Some(DataCause::WorkersWait),
            _ => None,
        }
    }
}

/// What was seen in some time.
#[derive(Clone, Debug, Default)]
struct Tally {
    ranks: BTreeMap<Option<u64>, RankTally>,
    gpu_readings: u64,
    gpu_busy: f64,
}

/// A rank that the others wait for, and what it does instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Straggler {
    rank: u64,
    does: StackClass,
}

impl Tally {
    fn take(&mut self, sample: &StackSample) {
        for rank in &sample.ranks {
            if self.ranks.len() < ACCELERATORS_MAX || self.ranks.contains_key(&rank.rank) {
                self.ranks.entry(rank.rank).or_default().take(rank);
            }
        }
    }

    /// Samples of the rank that has most.
    fn samples(&self) -> u64 {
        let samples = self.ranks.values().map(|rank| rank.samples);
        samples.max().unwrap_or(0)
    }

    /// The rank that is in no collective operation while all others wait in one.
    fn straggler(&self) -> Option<Straggler> {
        let mut waits = Vec::new();
        for (rank, tally) in &self.ranks {
            // One that was not seen all the time may have been anywhere.
            if tally.samples * 5 < self.samples() * 4 {
                return None;
            }
            waits.push(((*rank)?, tally.share(StackClass::Collective), tally));
        }
        waits.sort_by(|(_, first, _), (_, second, _)| first.total_cmp(second));
        let ((rank, wait, tally), others) = waits.split_first()?;
        let (_, least, _) = others.first()?;
        let (_, median, _) = others.get(others.len() / 2)?;
        if *least < OTHERS_WAIT || *wait > STRAGGLER_WAITS * median {
            return None;
        }
        let mut classes: Vec<_> = tally.classes.iter().collect();
        classes.retain(|(class, _)| **class != StackClass::Collective);
        let (does, _) = classes.into_iter().max_by_key(|(_, count)| **count)?;
        Some(Straggler {
            rank: *rank,
            does: *does,
        })
    }

    /// What makes it slow; `has_gpu`: whether the run uses one.
    fn causes(&self, main: &RankTally, has_gpu: bool) -> Vec<SlowCause> {
        let gpu_busy = self.gpu_busy / self.gpu_readings as f64;
        // Of a GPU that nothing is known of it is not known whether it has enough to do.
        let may_starve = !has_gpu || gpu_busy < GPU_FED;
        let mut causes = Vec::new();
        if may_starve && main.share(StackClass::Data) >= DATA_BOUND {
            causes.push(SlowCause::DataBound);
        }
        if self.straggler().is_some() {
            causes.push(SlowCause::Straggler);
        }
        // Who waits for other ranks loses nothing by waiting for a processor.
        if may_starve
            && main.share(StackClass::Collective) < OTHERS_WAIT
            && main.waited_share() >= PROCESSORS_TAKEN
            && main.processor.cores() >= CORES_WANTED
        {
            causes.push(SlowCause::ProcessorsTaken);
        }
        for (class, cause) in [
            (StackClass::Evaluation, SlowCause::Evaluation),
            (StackClass::Saving, SlowCause::Saving),
            (StackClass::Compilation, SlowCause::Compilation),
        ] {
            if main.share(class) >= MOSTLY {
                causes.push(cause);
            }
        }
        causes
    }

    /// What there is to say; None of less than a window.
    fn report(&self, has_gpu: bool) -> Option<ProfileReport> {
        let (_, main) = self.ranks.first_key_value()?;
        if main.samples < WINDOW_SAMPLES {
            return None;
        }
        let causes = self.causes(main, has_gpu);
        let share = |class| Number::new(main.share(class));
        let mut report = ProfileReport {
            samples: Some(main.samples),
            data_share: share(StackClass::Data),
            collective_share: share(StackClass::Collective),
            saving_share: share(StackClass::Saving),
            evaluation_share: share(StackClass::Evaluation),
            compilation_share: share(StackClass::Compilation),
            other_share: Number::new(
                main.share(StackClass::Other) + main.share(StackClass::ChildProcess),
            ),
            processor_cores: Number::new(main.processor.cores()),
            processor_waited_share: Number::new(main.waited_share()),
            ..ProfileReport::default()
        };
        if has_gpu {
            report.gpu_busy_share = Number::new(self.gpu_busy / self.gpu_readings as f64);
        }
        if main.worker_looks > 0 {
            report.data_workers = Some(main.worker_count().round() as u64);
            report.data_worker_cores = Number::new(main.workers.processor.cores());
            let blocked = main.workers.blocked as f64 / main.workers.count as f64;
            report.data_workers_blocked_share = Number::new(blocked);
        }
        if causes.contains(&SlowCause::DataBound) {
            report.data_because = main.data_cause().map(DataCause::public);
        }
        if let Some(straggler) = self.straggler() {
            report.straggler_rank = Some(straggler.rank);
            report.straggler_does = Some(straggler.does.public());
            report.straggler_confidence = Some(Confidence::Medium.public());
        }
        if !causes.is_empty() {
            report.slow_because = Some(causes.into_iter().map(SlowCause::public).collect());
        }
        Some(report)
    }
}

/// Whether a training takes steps already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progressing {
    /// Its first step is still to come.
    BeforeFirstStep,
    /// It takes steps.
    Steps,
}

/// Where a run's time goes.
#[derive(Debug, Default)]
pub struct Profile {
    window: Tally,
    whole: Tally,
    /// Whether the run uses a GPU.
    has_gpu: bool,
    /// Of the last full window, until it was told.
    news: Option<ProfileReport>,
    /// How many windows named which straggler.
    stragglers: BTreeMap<u64, u32>,
    /// Seconds of compilation before the first step.
    compilation: f64,
}

impl Profile {
    /// Takes a sample.
    pub fn take(&mut self, sample: &StackSample, progressing: Progressing) {
        if progressing == Progressing::BeforeFirstStep {
            if let Some(main) = sample.main()
                && main.class == StackClass::Compilation
            {
                self.compilation += sample.seconds;
            }
            return;
        }
        self.window.take(sample);
        self.whole.take(sample);
        if self.window.samples() < WINDOW_SAMPLES {
            return;
        }
        let window = std::mem::take(&mut self.window);
        if let Some(straggler) = window.straggler() {
            *self.stragglers.entry(straggler.rank).or_default() += 1;
        }
        self.news = window.report(self.has_gpu).map(|report| self.sure(report));
    }

    /// Takes a measurement: how busy the GPUs are that the run uses, or may use.
    pub fn measured(&mut self, sample: &Sample, progressing: Progressing) {
        for gpu in &sample.gpus {
            if gpu.is_unused() {
                continue;
            }
            self.has_gpu = true;
            if let Some(utilization) = gpu.utilization
                && progressing == Progressing::Steps
            {
                for tally in [&mut self.window, &mut self.whole] {
                    tally.gpu_readings += 1;
                    tally.gpu_busy += utilization;
                }
            }
        }
    }

    /// What the last full window says, once.
    pub fn take_news(&mut self) -> Option<ProfileReport> {
        self.news.take()
    }

    /// What all samples say; None where they are too few, and nothing was compiled.
    pub fn whole(&self) -> Option<ProfileReport> {
        let report = self.whole.report(self.has_gpu);
        let mut report = report.map(|report| self.sure(report));
        if self.compilation > 0.0 {
            report.get_or_insert_default().compilation_seconds = Number::new(self.compilation);
        }
        report
    }

    /// The same, with how sure it is of the straggler.
    fn sure(&self, mut report: ProfileReport) -> ProfileReport {
        if let Some(rank) = report.straggler_rank
            && self.stragglers.get(&rank) >= Some(&WINDOWS_AGREED)
        {
            report.straggler_confidence = Some(Confidence::High.public());
        }
        report
    }
}
