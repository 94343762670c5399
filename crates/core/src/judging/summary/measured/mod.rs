//! What was measured of a run over time, condensed: what the notes are made of.
//!
//! A week leaves a hundred thousand measurements, and the observer and the report both condense them. So they are taken
//! one by one, in bounded memory. A measurement belongs to the training from its first step to its last: what came behind
//! a step counts once the next one is there.

mod track;

use crate::limits;
use crate::output::progress::Phase;
use crate::series::{Allowance, CheckpointPoint, DiskPoint, SeriesLine};
use std::collections::BTreeMap;
use track::Track;

/// File systems that a line may tell of: one of each place.
const DISKS_MAX: usize = 3;

/// A mean, as its parts come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    sum: f64,
    /// How many values it is of.
    pub count: u32,
}

impl Mean {
    /// Takes a value.
    pub fn take(&mut self, value: f64) {
        if value.is_finite() {
            self.sum += value;
            self.count = self.count.saturating_add(1);
        }
    }

    fn join(&mut self, other: Self) {
        self.sum += other.sum;
        self.count = self.count.saturating_add(other.count);
    }

    /// The mean; None of nothing.
    pub fn get(self) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        Some(self.sum / f64::from(self.count))
    }
}

/// The measurements of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// What the run may use.
    pub allowance: Allowance,
    /// Highest bytes of all its processes together; of a control group what cannot be given back, the page cache left out.
    pub peak_bytes: Option<u64>,
    /// What the run did last.
    pub phase: Option<Phase>,
    /// Highest bytes charged to the control group, and what of them were copies of files then.
    pub group_peak: Option<(u64, u64)>,
    /// Highest bytes of it that were swapped out.
    pub swapped_bytes: Option<u64>,
    /// Highest share of the shared memory (`/dev/shm`) that was used, 0 to 1.
    pub shared_memory_used: Option<f64>,
    /// The room where the run writes, as it was last looked at.
    pub disks: Vec<DiskPoint>,
    /// The checkpoints on disk, likewise.
    pub checkpoints: Option<CheckpointPoint>,
    /// Memory and time over the steps.
    pub track: Track,
    /// The step last seen.
    step: Option<u64>,
    /// Load of each GPU while the training made steps.
    gpu_loads: BTreeMap<u32, TrainingLoad>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct TrainingLoad {
    known: GpuShares,
    /// Since the last step, of which nobody knows whether it is the last one.
    pending: GpuShares,
}

/// What a GPU did while the training made steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GpuShares {
    /// Share of the time in which it was busy.
    pub busy: Mean,
    /// Share of the measurements at which its clocks were lowered for heat or to protect it.
    pub slowed: Mean,
}

impl Measured {
    /// Takes a line of the time series.
    pub fn take(&mut self, line: &SeriesLine) {
        if let Some(allowance) = line.allowance {
            self.allowance = allowance;
        }
        self.phase = line.phase.or(self.phase);
        let group = line.cgroup_bytes.zip(line.cgroup_cache_bytes);
        let in_group = group.map(|(all, cache)| all.saturating_sub(cache));
        let in_use = in_group.or(line.rss_sum_bytes);
        self.peak_bytes = self.peak_bytes.max(in_use);
        self.group_peak = self.group_peak.max(group);
        self.swapped_bytes = self.swapped_bytes.max(line.cgroup_swap_bytes);
        if let Some(share) = line.shared_memory_used {
            let highest = self.shared_memory_used.unwrap_or(0.0).max(share);
            self.shared_memory_used = Some(highest);
        }
        if !line.disks.is_empty() {
            let places = line.disks.iter().take(DISKS_MAX);
            self.disks = places.copied().collect();
        }
        self.checkpoints = line.checkpoints.or(self.checkpoints);
        let has_stepped = line.step > self.step && self.step.is_some();
        self.step = self.step.max(line.step.filter(|step| *step > 0));
        if let Some(step) = self.step {
            self.track.take(step, line.at, in_use);
        }
        for gpu in &line.gpus {
            let is_known = self.gpu_loads.contains_key(&gpu.index);
            if !is_known && self.gpu_loads.len() >= limits::GPUS_MAX {
                continue;
            }
            let load = self.gpu_loads.entry(gpu.index).or_default();
            if has_stepped {
                let pending = std::mem::take(&mut load.pending);
                load.known.busy.join(pending.busy);
                load.known.slowed.join(pending.slowed);
            }
            if self.step.is_none() {
                continue;
            }
            if let Some(share) = gpu.utilization {
                load.pending.busy.take(share);
            }
            if let Some(is_slowed) = gpu.slowed {
                load.pending.slowed.take(f64::from(u8::from(is_slowed)));
            }
        }
    }

    /// What each GPU did while the training made steps, with its index.
    pub fn training_loads(&self) -> impl Iterator<Item = (u32, GpuShares)> {
        self.gpu_loads
            .iter()
            .map(|(index, load)| (*index, load.known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::GpuPoint;

    fn line(step: u64, load: f64) -> SeriesLine {
        SeriesLine {
            step: Some(step),
            gpus: vec![GpuPoint {
                utilization: Some(load),
                ..GpuPoint::default()
            }],
            ..SeriesLine::default()
        }
    }

    #[test]
    fn only_what_is_between_two_steps_is_of_the_training() {
        let mut measured = Measured::default();
        let steps = [(0, 0.0), (0, 0.0), (1, 1.0), (1, 0.0), (2, 0.9), (2, 0.0)];
        for (step, load) in steps {
            measured.take(&line(step, load));
        }
        let loads: Vec<_> = measured.training_loads().collect();
        assert_eq!(loads[0].1.busy.get(), Some(0.5));
    }

    #[test]
    fn the_page_cache_is_no_use_of_memory() {
        let mut measured = Measured::default();
        let with = |all, cache, sum| SeriesLine {
            cgroup_bytes: all,
            cgroup_cache_bytes: cache,
            rss_sum_bytes: sum,
            ..SeriesLine::default()
        };
        measured.take(&with(Some(100), Some(70), Some(900)));
        assert_eq!(measured.peak_bytes, Some(30));
        measured.take(&with(Some(100), None, Some(40)));
        assert_eq!(measured.peak_bytes, Some(40), "what is cached is not known");
    }
}
