//! What a run uses: the last measurement, the highest ones, and what was used between two reports.
//!
//! Peaks are what a sample rate allows; where the kernel keeps an exact figure (`Ending`), that one joins them
//! at the end. Memory of a GPU counts as the run's only where it was attributed: on a shared machine the
//! whole device's would be somebody else's peak.

use crate::event::value::{Number, PerIndex};
use crate::event::{GpuSample, MemoryReport, Progress};
use crate::limits::GPUS_MAX;
use crate::observation::{Attribution, GpuReading, Sample};
use std::collections::BTreeMap;

/// What was seen of one GPU.
#[derive(Default)]
struct Gpu {
    /// Highest attributed memory.
    peak: Option<u64>,
    /// Some memory could not be attributed.
    unattributed: bool,
    last_energy: Option<f64>,
    energy: Option<f64>,
    last_ecc: Option<u64>,
    ecc: Option<u64>,
}

/// All measurements of a run, condensed.
#[derive(Default)]
pub struct Resources {
    last_sample: Option<Sample>,
    /// Highest resident bytes of one process.
    pub peak_process_bytes: Option<u64>,
    gpus: BTreeMap<u32, Gpu>,
    /// Time and processor seconds of the sample that the last report was made from, or of the first.
    reported_cpu: Option<(f64, f64)>,
    /// The same of the last sample that had them.
    last_cpu: Option<(f64, f64)>,
    /// Joules that the machine's processors drew.
    pub cpu_energy_joules: Option<f64>,
    /// Parts of measurements that failed.
    pub failures: u64,
}

impl Resources {
    /// Takes a measurement.
    pub fn take(&mut self, sample: Sample) {
        self.failures = self.failures.saturating_add(sample.failures);
        self.peak_process_bytes = self.peak_process_bytes.max(sample.rss_max_process_bytes);
        self.cpu_energy_joules = sample.cpu_energy_joules.or(self.cpu_energy_joules);
        if let Some(seconds) = sample.cpu_seconds
            && seconds.is_finite()
            && sample.at.is_finite()
        {
            self.last_cpu = Some((sample.at, seconds));
            self.reported_cpu = self.reported_cpu.or(self.last_cpu);
        }
        for reading in &sample.gpus {
            if self.gpus.len() < GPUS_MAX || self.gpus.contains_key(&reading.index) {
                self.gpus.entry(reading.index).or_default().take(reading);
            }
        }
        self.last_sample = Some(sample);
    }

    /// The part of a progress event that is measured; the time since the last one begins anew.
    pub fn report(&mut self) -> Progress {
        let mut report = Progress::default();
        if let (Some((from, previous)), Some((to, now))) = (self.reported_cpu, self.last_cpu)
            && to > from
        {
            // A child that was reaped between two samples moves from one counter to another.
            report.cpu_cores_used = Number::new(((now - previous) / (to - from)).max(0.0));
        }
        self.reported_cpu = self.last_cpu;
        let Some(last_sample) = &self.last_sample else {
            return report;
        };
        let gpus = last_sample.gpus.iter().take(GPUS_MAX);
        let memory = MemoryReport {
            cpu_memory_bytes: last_sample.rss_max_process_bytes,
            peak_cpu_memory_bytes: self.peak_process_bytes,
            rss_sum_bytes: last_sample.rss_sum_bytes,
            cgroup_bytes: last_sample.cgroup_bytes,
            gpu_memory_bytes: per_index(gpus.clone().map(|gpu| (gpu.index, gpu.memory_bytes))),
            gpu_peak_memory_bytes: self.gpu_peaks(),
        };
        if memory != MemoryReport::default() {
            report.memory = Some(memory);
        }
        if !last_sample.gpus.is_empty() {
            report.gpu = Some(gpus.map(gpu_sample).collect());
        }
        report
    }

    /// Processor seconds, as last sampled.
    pub fn cpu_seconds(&self) -> Option<f64> {
        Some(self.last_cpu?.1)
    }

    /// Highest memory of each GPU, where it was attributed to the run.
    pub fn gpu_peaks(&self) -> Option<PerIndex<u64>> {
        per_index(self.gpus.iter().map(|(index, gpu)| (*index, gpu.peak)))
    }

    /// Memory errors of all GPUs that could not be corrected.
    pub fn gpu_ecc_errors(&self) -> Option<u64> {
        self.gpus
            .values()
            .filter_map(|gpu| gpu.ecc)
            .reduce(u64::saturating_add)
    }

    /// Energy of the GPUs that the run used; of those that cannot be told, too.
    pub fn gpu_energy_joules(&self) -> Option<f64> {
        let used = |gpu: &&Gpu| gpu.unattributed || gpu.peak.is_none_or(|peak| peak > 0);
        self.gpus
            .values()
            .filter(used)
            .filter_map(|gpu| gpu.energy)
            .reduce(|sum, energy| sum + energy)
    }
}

impl Gpu {
    fn take(&mut self, reading: &GpuReading) {
        match reading.attribution {
            Some(Attribution::Pid | Attribution::Delta) => {
                self.peak = self.peak.max(reading.memory_bytes)
            }
            Some(Attribution::Device) => self.unattributed = true,
            None => {}
        }
        let counter = reading.energy_joules.filter(|joules| joules.is_finite());
        if let (Some(previous), Some(now)) = (self.last_energy, counter) {
            // A counter that begins anew (the driver was reloaded) adds nothing.
            self.energy = Some(self.energy.unwrap_or(0.0) + (now - previous).max(0.0));
        }
        self.last_energy = counter.or(self.last_energy);
        if let (Some(previous), Some(now)) = (self.last_ecc, reading.ecc_errors) {
            let new = now.saturating_sub(previous);
            self.ecc = Some(self.ecc.unwrap_or(0).saturating_add(new));
        }
        self.last_ecc = reading.ecc_errors.or(self.last_ecc);
    }
}

/// What is known of each, by its index; None where that is nothing.
fn per_index(known_values: impl Iterator<Item = (u32, Option<u64>)>) -> Option<PerIndex<u64>> {
    let mut values = BTreeMap::new();
    for (index, value) in known_values {
        values.extend(value.map(|value| (index, value)));
    }
    if values.is_empty() {
        return None;
    }
    Some(values)
}

fn gpu_sample(reading: &GpuReading) -> GpuSample {
    let mut sample = GpuSample {
        index: Some(reading.index.into()),
        utilization: reading.utilization.and_then(Number::new),
        power_watts: reading.power_watts.and_then(Number::new),
        temperature_celsius: reading.temperature_celsius,
        throttled: reading.throttled,
        mig: reading.mig.then_some(true),
        attribution: reading.attribution.map(Attribution::public),
        ..GpuSample::default()
    };
    if !reading.throttle_reasons.is_empty() {
        sample.throttle_reasons = Some(reading.throttle_reasons.clone());
    }
    sample
}
