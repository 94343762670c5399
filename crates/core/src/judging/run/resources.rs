//! What a run uses: the last measurement, the highest ones, and what was used between two reports.
//!
//! Peaks are what a sample rate allows; where the kernel keeps an exact figure (`Ending`), that one joins them
//! at the end. Memory of a GPU counts as the run's only where it was attributed: on a shared machine the
//! whole device's would be somebody else's peak.

use crate::event::value::{Number, PerIndex, Spread};
use crate::event::{GpuSample, MemoryReport};
use crate::limits::GPUS_MAX;
use crate::observation::{Attribution, GpuReading, Sample};
use crate::public::PublicStr;
use std::collections::BTreeMap;

/// What was seen of one GPU.
#[derive(Clone, Debug, Default)]
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

/// The part of a progress event that is measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage {
    pub(super) memory: Option<MemoryReport>,
    pub(super) cpu_cores_used: Option<f64>,
    pub(super) gpu: Option<Vec<GpuSample>>,
}

/// All measurements of a run, condensed.
#[derive(Clone, Debug, Default)]
pub(super) struct Resources {
    last: Option<Sample>,
    peak_process_bytes: Option<u64>,
    gpus: BTreeMap<u32, Gpu>,
    /// Time and processor seconds of the sample that the last report was made from, or of the first.
    reported_cpu: Option<(f64, f64)>,
    /// The same of the last sample that had them.
    last_cpu: Option<(f64, f64)>,
    failures: u64,
}

impl Resources {
    /// Takes a measurement.
    pub(super) fn take(&mut self, sample: Sample) {
        self.failures = self.failures.saturating_add(sample.failures);
        self.peak_process_bytes = self.peak_process_bytes.max(sample.rss_max_process_bytes);
        let cpu = sample.cpu_seconds.map(|seconds| (sample.at, seconds));
        let cpu = cpu.filter(|(at, seconds)| at.is_finite() && seconds.is_finite());
        self.last_cpu = cpu.or(self.last_cpu);
        self.reported_cpu = self.reported_cpu.or(cpu);
        for reading in &sample.gpus {
            if self.gpus.len() < GPUS_MAX || self.gpus.contains_key(&reading.index) {
                self.gpus.entry(reading.index).or_default().take(reading);
            }
        }
        self.last = Some(sample);
    }

    /// What a progress event says now; the time since the last one begins anew.
    pub(super) fn report(&mut self) -> Usage {
        let cores = self
            .reported_cpu
            .zip(self.last_cpu)
            .and_then(|((from, before), (to, now))| {
                // A child that was reaped between two samples moves from one counter to another.
                (to > from).then(|| ((now - before) / (to - from)).max(0.0))
            });
        self.reported_cpu = self.last_cpu;
        let Some(last) = &self.last else {
            return Usage::default();
        };
        let gpu_memory: BTreeMap<_, _> = last
            .gpus
            .iter()
            .filter_map(|gpu| Some((gpu.index, gpu.memory_bytes?)))
            .take(GPUS_MAX)
            .collect();
        let peaks = self.gpu_peaks();
        let memory = MemoryReport {
            cpu_memory_bytes: last.rss_max_process_bytes,
            peak_cpu_memory_bytes: self.peak_process_bytes,
            rss_sum_bytes: last.rss_sum_bytes,
            cgroup_bytes: last.cgroup_bytes,
            gpu_memory_bytes: (!gpu_memory.is_empty()).then_some(Spread(gpu_memory)),
            gpu_peak_memory_bytes: (!peaks.0.is_empty()).then_some(peaks),
        };
        let gpus: Vec<_> = last.gpus.iter().take(GPUS_MAX).map(gpu_sample).collect();
        Usage {
            memory: Some(memory).filter(|memory| *memory != MemoryReport::default()),
            cpu_cores_used: cores,
            gpu: (!gpus.is_empty()).then_some(gpus),
        }
    }

    /// Highest resident bytes of one process.
    pub(super) const fn peak_process_bytes(&self) -> Option<u64> {
        self.peak_process_bytes
    }

    /// Processor seconds, as last sampled.
    pub(super) fn cpu_seconds(&self) -> Option<f64> {
        self.last_cpu.map(|(_, seconds)| seconds)
    }

    /// Parts of measurements that failed.
    pub(super) const fn failures(&self) -> u64 {
        self.failures
    }

    /// Highest memory of each GPU, where it was attributed to the run.
    pub(super) fn gpu_peaks(&self) -> PerIndex<u64> {
        Spread(
            self.gpus
                .iter()
                .filter_map(|(index, gpu)| Some((*index, gpu.peak?)))
                .collect(),
        )
    }

    /// Memory errors of all GPUs that could not be corrected.
    pub(super) fn gpu_ecc_errors(&self) -> Option<u64> {
        self.gpus
            .values()
            .filter_map(|gpu| gpu.ecc)
            .reduce(u64::saturating_add)
    }

    /// Energy of the GPUs that the run used; of those that cannot be told, too.
    pub(super) fn gpu_energy_joules(&self) -> Option<f64> {
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
        if let (Some(before), Some(now)) = (self.last_energy, counter) {
            // A counter that begins anew (the driver was reloaded) adds nothing.
            self.energy = Some(self.energy.unwrap_or(0.0) + (now - before).max(0.0));
        }
        self.last_energy = counter.or(self.last_energy);
        if let (Some(before), Some(now)) = (self.last_ecc, reading.ecc_errors) {
            self.ecc = Some(
                self.ecc
                    .unwrap_or(0)
                    .saturating_add(now.saturating_sub(before)),
            );
        }
        self.last_ecc = reading.ecc_errors.or(self.last_ecc);
    }
}

fn gpu_sample(reading: &GpuReading) -> GpuSample {
    GpuSample {
        index: Some(reading.index.into()),
        utilization: reading.utilization.and_then(Number::new),
        power_watts: reading.power_watts.and_then(Number::new),
        temperature_celsius: reading.temperature_celsius,
        throttled: reading.throttled,
        throttle_reasons: Some(reading.throttle_reasons.clone())
            .filter(|reasons| !reasons.is_empty()),
        mig: reading.mig.then_some(true),
        attribution: reading.attribution.map(|attribution| {
            PublicStr::constant(match attribution {
                Attribution::Pid => "pid",
                Attribution::Delta => "delta",
                Attribution::Device => "device",
            })
        }),
    }
}
