//! Whether a training stands still: it makes no step, and nothing else is being done either.
//!
//! No single sign is safe. A step may take long, an evaluation or a checkpoint longer; a heartbeat goes on while
//! the training hangs; a GPU that waits in a collective operation shows full utilization. So all of them have to
//! agree: no step for far longer than any step took, no bar that moves, GPUs idle or busy at the power of
//! idleness, processors at an even load. It is said, never acted upon. Pure; [`run`](crate::run) asks.

use crate::observation::{GpuReading, Hang, Sample};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Measurements in a row that must show that nothing is being done: half a minute.
const HANG_LOOKS: usize = 6;

/// Steps whose times make a training's pace; of fewer than a quarter nothing is concluded.
const HANG_INTERVALS: usize = 20;

/// Seconds without a step from which on a training may stand still; slower trainings have more.
const HANG_PATIENCE: Duration = Duration::from_secs(300);

/// A GPU that is busy and draws no more than so many times its idle power only waits.
const WAITING_POWER: f64 = 1.3;
/// Utilization from which on a GPU is busy.
const BUSY: f64 = 0.95;
/// Utilization up to which a GPU is idle.
const IDLE: f64 = 0.01;
/// Cores by which an even load may vary, and the same as a share of it.
const EVEN_CORES: f64 = 0.1;
const EVEN_SHARE: f64 = 0.1;

/// What one measurement says.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// Processors in use; None where it is not known.
    cores: Option<f64>,
    /// Whether the GPUs do nothing; None where there are none, or nothing is known of them.
    gpus_rest: Option<bool>,
}

/// Watches one training.
#[derive(Clone, Debug, Default)]
pub struct HangWatch {
    step: Option<(u64, f64)>,
    /// When anything last moved: a step, or another bar.
    moved_at: f64,
    /// Seconds per step, of the last steps.
    intervals: VecDeque<f64>,
    /// The longest that nothing was seen of a step between two of them.
    slowest: f64,
    looks: VecDeque<Look>,
    idle_watts: BTreeMap<u32, f64>,
    cpu: Option<(f64, f64)>,
    hang: Option<Hang>,
}

impl HangWatch {
    /// The training stands at this step.
    pub fn step(&mut self, step: u64, at: f64) {
        let Some((before, since)) = self.step else {
            self.step = Some((step, at));
            self.moved(at);
            return;
        };
        if step == before {
            return;
        }
        if step > before && at > since {
            // The jump of a training that resumes is no step.
            if before > 0 {
                self.intervals.push_back((at - since) / (step - before) as f64);
                self.slowest = self.slowest.max(at - since);
            }
            if self.intervals.len() > HANG_INTERVALS {
                self.intervals.pop_front();
            }
        }
        self.step = Some((step, at));
        self.moved(at);
    }

    /// Something moved that is no step: the bar of an evaluation, of a download.
    pub fn moved(&mut self, at: f64) {
        if at <= self.moved_at && self.moved_at > 0.0 {
            return;
        }
        self.moved_at = at;
        self.looks.clear();
        self.hang = None;
    }

    /// The run was measured.
    pub fn sample(&mut self, sample: &Sample) {
        let cores = sample.cpu_seconds.and_then(|now| {
            let (before, since) = self.cpu.replace((now, sample.at))?;
            (sample.at > since).then(|| ((now - before) / (sample.at - since)).max(0.0))
        });
        for gpu in &sample.gpus {
            // Before the first step the GPUs are idle, or nearly so: the lowest power is that of idleness.
            if let Some(watts) = gpu.power_watts.filter(|watts| watts.is_finite() && self.intervals.is_empty()) {
                let lowest = self.idle_watts.entry(gpu.index).or_insert(watts);
                *lowest = lowest.min(watts);
            }
        }
        let known: Vec<bool> = sample.gpus.iter().filter_map(|gpu| self.rests(gpu)).collect();
        let gpus_rest = (!known.is_empty()).then(|| known.iter().all(|rests| *rests));
        if self.looks.len() >= HANG_LOOKS {
            self.looks.pop_front();
        }
        self.looks.push_back(Look { cores, gpus_rest });
    }

    /// The hang, if there is one now; for how long it has lasted tells [`Hang::since`].
    pub fn look(&mut self, at: f64) -> Option<Hang> {
        if self.hang.is_none() && self.stands_still(at) {
            self.hang = Some(Hang { since: self.moved_at, suspect: None });
        }
        self.hang
    }

    /// The hang that was seen, if it lasts.
    #[must_use]
    pub const fn current(&self) -> Option<Hang> {
        self.hang
    }

    /// The rank that does something else than all others.
    pub const fn blame(&mut self, rank: Option<u64>) {
        if let Some(hang) = &mut self.hang {
            hang.suspect = rank;
        }
    }

    fn stands_still(&self, at: f64) -> bool {
        if self.intervals.len() < HANG_INTERVALS / 4 || self.looks.len() < HANG_LOOKS {
            return false;
        }
        let patience = HANG_PATIENCE.as_secs_f64().max(10.0 * self.median()).max(3.0 * self.slowest);
        at - self.moved_at >= patience && self.gpus_rest() && self.load_is_even()
    }

    fn median(&self) -> f64 {
        let mut sorted: Vec<f64> = self.intervals.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
    }

    /// Whether no GPU does anything, as far as any is known of.
    fn gpus_rest(&self) -> bool {
        self.looks.iter().all(|look| look.gpus_rest != Some(false))
    }

    /// Whether the load stays what it is: saving and evaluating vary, waiting does not. Unknown is no sign.
    fn load_is_even(&self) -> bool {
        let cores: Option<Vec<f64>> = self.looks.iter().map(|look| look.cores).collect();
        let Some(cores) = cores else { return false };
        let highest = cores.iter().copied().fold(0.0, f64::max);
        let lowest = cores.iter().copied().fold(f64::INFINITY, f64::min);
        highest - lowest <= EVEN_CORES.max(EVEN_SHARE * highest)
    }

    fn rests(&self, gpu: &GpuReading) -> Option<bool> {
        let utilization = gpu.utilization?;
        if utilization <= IDLE {
            return Some(true);
        }
        let idle = self.idle_watts.get(&gpu.index)?;
        Some(utilization >= BUSY && gpu.power_watts? <= WAITING_POWER * idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(utilization: f64, watts: f64) -> GpuReading {
        GpuReading { index: 0, utilization: Some(utilization), power_watts: Some(watts), ..GpuReading::default() }
    }

    /// Ten steps, one each `pace` seconds, then measurements each five seconds; when a hang is seen.
    fn hang(pace: f64, cores: impl Fn(f64) -> f64, gpus: impl Fn(f64) -> Vec<GpuReading>, last: f64) -> Option<f64> {
        let mut watch = HangWatch::default();
        watch.sample(&Sample { at: 0.0, gpus: gpus(0.0), ..Sample::default() });
        for step in 1..=10_u32 {
            watch.step(step.into(), f64::from(step) * pace);
        }
        let began = 10.0 * pace;
        let mut used = 0.0;
        for tick in 1..2000_u32 {
            let passed = f64::from(tick) * 5.0;
            if passed > last {
                break;
            }
            used += cores(passed) * 5.0;
            watch.sample(&Sample {
                at: began + passed,
                cpu_seconds: Some(used),
                gpus: gpus(passed),
                ..Sample::default()
            });
            if let Some(hang) = watch.look(began + passed) {
                assert!((hang.since - began).abs() < 1e-6);
                return Some(passed);
            }
        }
        None
    }

    fn idle_then(gpu_now: GpuReading) -> impl Fn(f64) -> Vec<GpuReading> {
        move |passed| vec![if passed > 0.0 { gpu_now.clone() } else { gpu(0.0, 70.0) }]
    }

    #[test]
    fn all_signs_together_are_a_hang_and_each_that_is_missing_is_none() {
        let even = |_: f64| 8.0;
        let none = |_: f64| Vec::new();
        assert_eq!(hang(1.0, even, idle_then(gpu(1.0, 80.0)), 1e4), Some(300.0), "waiting in a collective operation");
        assert_eq!(hang(1.0, even, idle_then(gpu(0.0, 70.0)), 1e4), Some(300.0), "idle");
        assert_eq!(hang(1.0, |_| 0.0, none, 1e4), Some(300.0), "no GPU, nothing runs");
        assert_eq!(hang(1.0, even, idle_then(gpu(1.0, 400.0)), 1e4), None, "a long step");
        assert_eq!(hang(1.0, even, idle_then(gpu(0.4, 150.0)), 1e4), None, "an evaluation without a bar");
        let saving = |passed: f64| if ((passed / 5.0) as u64).is_multiple_of(2) { 1.0 } else { 3.0 };
        assert_eq!(hang(1.0, saving, idle_then(gpu(0.0, 70.0)), 1e4), None, "a checkpoint that is saved");
        assert_eq!(hang(60.0, even, idle_then(gpu(0.0, 70.0)), 1e4), Some(600.0), "slow steps have more patience");
        assert_eq!(hang(1.0, even, idle_then(gpu(0.0, 70.0)), 299.0), None, "not before its time");
    }

    #[test]
    fn too_few_steps_are_no_pace_and_a_bar_that_moves_is_life() {
        let mut watch = HangWatch::default();
        for step in 1..=4 {
            watch.step(step, step as f64);
        }
        let still = |watch: &mut HangWatch, from: u32, looks: u32| {
            (0..looks).any(|tick| {
                let at = f64::from(from + tick * 5);
                watch.sample(&Sample { at, cpu_seconds: Some(1.0), ..Sample::default() });
                watch.look(at).is_some()
            })
        };
        assert!(!still(&mut watch, 10, 190), "the first steps may take any time");
        for step in 5..=20 {
            watch.step(step, 1000.0 + step as f64);
        }
        for second in (0..900_u32).step_by(5) {
            let at = 1021.0 + f64::from(second);
            watch.moved(at);
            watch.sample(&Sample { at, cpu_seconds: Some(1.0), ..Sample::default() });
            assert_eq!(watch.look(at), None);
        }
        // The pause between the fourth step and the fifth has made it patient.
        assert!(!still(&mut watch, 1925, 590) && still(&mut watch, 4880, 20));
        watch.blame(Some(3));
        assert_eq!(watch.look(9999.0).and_then(|hang| hang.suspect), Some(3));
        watch.step(21, 10_000.0);
        assert_eq!(watch.look(10_000.0), None, "it goes on");
    }
}
