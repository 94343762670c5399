//! Whether a training stands still: it makes no step, and nothing else is being done either.
//!
//! No single sign is safe. A step may take long, an evaluation or a checkpoint longer; a heartbeat goes on while
//! the training hangs; a GPU that waits in a collective operation shows full utilization. So all of them have to
//! agree: no step for far longer than any step took, no bar that moves, GPUs idle or busy at the power of
//! idleness, processors at an even load. On a crowded machine what the run gets of the processors is no more even than
//! what others leave of them; so what counts is what it wanted: what it used, and what it waited for one. It is said,
//! never acted upon. Pure; [`run`](crate::judging::run) asks.

use crate::observation::{GpuReading, Hang, Sample};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Measurements in a row that must show that nothing is being done: half a minute.
const HANG_LOOKS: usize = 6;
/// Steps whose times make a training's pace; of fewer than a quarter nothing is concluded.
const HANG_INTERVALS: usize = 20;
/// How long without a step a training may stand still; slower trainings may for longer.
const HANG_PATIENCE: Duration = Duration::from_secs(300);
/// How long without a step it is worth a look where the processes are: somebody may end the run soon.
const LATE: Duration = Duration::from_secs(15);
/// The same in times of the slowest step.
const LATE_STEPS: f64 = 2.0;
/// A GPU that is busy and draws no more than so many times its idle power only waits.
const HANG_WAITING_POWER: f64 = 1.3;
/// Utilization from which on a GPU is busy.
const GPU_BUSY: f64 = 0.95;
/// Utilization up to which a GPU is idle.
const GPU_IDLE: f64 = 0.01;
/// Cores by which an even load may vary.
const HANG_EVEN_CORES: f64 = 0.1;
/// The same, as a share of it.
const HANG_EVEN_SHARE: f64 = 0.1;

/// What one measurement says.
#[derive(Clone, Copy)]
struct HangLook {
    /// Processors in use or waited for; None where it is not known.
    cores: Option<f64>,
    /// Whether no GPU does anything, as far as any is known of.
    gpus_rest: bool,
}

/// Watches one training.
#[derive(Default)]
pub struct HangWatch {
    step: Option<(u64, f64)>,
    /// When anything last moved: a step, or another bar.
    moved_at: f64,
    /// Seconds per step, of the last steps.
    intervals: VecDeque<f64>,
    /// The longest that nothing was seen of a step between two of them.
    slowest: f64,
    measurements: VecDeque<HangLook>,
    idle_watts: BTreeMap<u32, f64>,
    /// The processor seconds of the last measurement, used and waited for, and its time.
    cpu: Option<(f64, Option<f64>, f64)>,
    hang: Option<Hang>,
}

impl HangWatch {
    /// The training stands at this step.
    pub fn step(&mut self, step: u64, seconds_since_start: f64) {
        let Some((previous_step, previous_seconds)) = self.step else {
            self.step = Some((step, seconds_since_start));
            self.moved(seconds_since_start);
            return;
        };
        if step == previous_step {
            return;
        }
        // The jump of a training that resumes is no step.
        if previous_step > 0 && step > previous_step && seconds_since_start > previous_seconds {
            let seconds = seconds_since_start - previous_seconds;
            self.slowest = self.slowest.max(seconds);
            self.intervals
                .push_back(seconds / (step - previous_step) as f64);
            if self.intervals.len() > HANG_INTERVALS {
                self.intervals.pop_front();
            }
        }
        self.step = Some((step, seconds_since_start));
        self.moved(seconds_since_start);
    }

    /// Something moved that is no step: the bar of an evaluation, of a download.
    pub fn moved(&mut self, seconds_since_start: f64) {
        if seconds_since_start <= self.moved_at && self.moved_at > 0.0 {
            return;
        }
        self.moved_at = seconds_since_start;
        self.measurements.clear();
        self.hang = None;
    }

    /// The run was measured.
    pub fn sample(&mut self, sample: &Sample) {
        for gpu in &sample.gpus {
            // Before the first step the GPUs are idle, or nearly so: the lowest power is that of idleness.
            if let Some(watts) = gpu.power_watts
                && watts.is_finite()
                && self.intervals.is_empty()
            {
                let lowest = self.idle_watts.entry(gpu.index).or_insert(watts);
                *lowest = lowest.min(watts);
            }
        }
        let known_states: Vec<bool> = sample
            .gpus
            .iter()
            .filter_map(|gpu| self.rests(gpu))
            .collect();
        let measurement = HangLook {
            cores: self.cores(sample),
            gpus_rest: !known_states.contains(&false),
        };
        if self.measurements.len() >= HANG_LOOKS {
            self.measurements.pop_front();
        }
        self.measurements.push_back(measurement);
    }

    /// Processors that were used or waited for since the last measurement.
    fn cores(&mut self, sample: &Sample) -> Option<f64> {
        let now = sample.cpu_seconds?;
        let last = self.cpu.replace((now, sample.waited_seconds, sample.at));
        let (used_before, waited_before, previous_seconds) = last?;
        let seconds = sample.at - previous_seconds;
        if seconds <= 0.0 {
            return None;
        }
        let waited = match (waited_before, sample.waited_seconds) {
            (Some(before), Some(now)) => (now - before).max(0.0),
            _ => 0.0,
        };
        Some(((now - used_before + waited) / seconds).max(0.0))
    }

    /// The hang, if there is one now; for how long it has lasted tells [`Hang::since`].
    pub fn look(&mut self, seconds_since_start: f64) -> Option<Hang> {
        if self.hang.is_none() && self.stands_still(seconds_since_start) {
            self.hang = Some(Hang {
                since: self.moved_at,
                suspect_rank: None,
            });
        }
        self.hang
    }

    /// The hang that was seen, if it lasts.
    pub fn current(&self) -> Option<Hang> {
        self.hang
    }

    /// The rank that does something else than all others.
    pub fn blame(&mut self, rank: Option<u64>) {
        if let Some(hang) = &mut self.hang {
            hang.suspect_rank = rank;
        }
    }

    /// Whether nothing has moved for so long that it is worth looking closely.
    pub fn is_suspicious(&self, seconds_since_start: f64) -> bool {
        seconds_since_start - self.moved_at >= self.patience() / 2.0
    }

    /// Whether nothing has moved for longer than between any two steps, so that one may want to know where it is.
    pub fn is_late(&self, seconds_since_start: f64) -> bool {
        let since = seconds_since_start - self.moved_at;
        self.has_pace() && since >= LATE.as_secs_f64().max(LATE_STEPS * self.slowest)
    }

    /// Whether nothing has moved since then.
    pub fn stood_since(&self, seconds_since_start: f64) -> bool {
        self.moved_at <= seconds_since_start
    }

    fn stands_still(&self, seconds_since_start: f64) -> bool {
        self.measurements.len() >= HANG_LOOKS
            && seconds_since_start - self.moved_at >= self.patience()
            && self
                .measurements
                .iter()
                .all(|measurement| measurement.gpus_rest)
            && self.load_is_even()
    }

    fn has_pace(&self) -> bool {
        self.intervals.len() >= HANG_INTERVALS / 4
    }

    /// Seconds without a step that are no sign yet: for ever, before the training has a pace.
    fn patience(&self) -> f64 {
        if !self.has_pace() {
            return f64::INFINITY;
        }
        HANG_PATIENCE
            .as_secs_f64()
            .max(10.0 * self.median())
            .max(3.0 * self.slowest)
    }

    fn median(&self) -> f64 {
        let mut sorted: Vec<f64> = self.intervals.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
    }

    /// Whether the load stays what it is: saving and evaluating vary, waiting does not. Unknown is no sign.
    fn load_is_even(&self) -> bool {
        let (mut lowest, mut highest) = (f64::INFINITY, 0.0_f64);
        for measurement in &self.measurements {
            let Some(cores) = measurement.cores else {
                return false;
            };
            lowest = lowest.min(cores);
            highest = highest.max(cores);
        }
        highest - lowest <= HANG_EVEN_CORES.max(HANG_EVEN_SHARE * highest)
    }

    fn rests(&self, gpu: &GpuReading) -> Option<bool> {
        let utilization = gpu.utilization?;
        if utilization <= GPU_IDLE {
            return Some(true);
        }
        let waiting = HANG_WAITING_POWER * self.idle_watts.get(&gpu.index)?;
        Some(utilization >= GPU_BUSY && gpu.power_watts? <= waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(utilization: f64, watts: f64) -> GpuReading {
        GpuReading {
            index: 0,
            utilization: Some(utilization),
            power_watts: Some(watts),
            ..GpuReading::default()
        }
    }

    /// Ten steps, one each `pace` seconds, then measurements each five seconds; when a hang is seen.
    fn hang(
        pace: f64,
        cores: impl Fn(f64) -> f64,
        gpus: impl Fn(f64) -> Vec<GpuReading>,
        last: f64,
    ) -> Option<f64> {
        let mut watch = HangWatch::default();
        watch.sample(&Sample {
            at: 0.0,
            gpus: gpus(0.0),
            ..Sample::default()
        });
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
        move |passed| {
            vec![if passed > 0.0 {
                gpu_now.clone()
            } else {
                gpu(0.0, 70.0)
            }]
        }
    }

    #[test]
    fn all_signs_together_are_a_hang_and_each_that_is_missing_is_none() {
        let even = |_: f64| 8.0;
        let none = |_: f64| Vec::new();
        assert_eq!(
            hang(1.0, even, idle_then(gpu(1.0, 80.0)), 1e4),
            Some(300.0),
            "waiting in a collective operation"
        );
        assert_eq!(
            hang(1.0, even, idle_then(gpu(0.0, 70.0)), 1e4),
            Some(300.0),
            "idle"
        );
        assert_eq!(
            hang(1.0, |_| 0.0, none, 1e4),
            Some(300.0),
            "no GPU, nothing runs"
        );
        assert_eq!(
            hang(1.0, even, idle_then(gpu(1.0, 400.0)), 1e4),
            None,
            "a long step"
        );
        assert_eq!(
            hang(1.0, even, idle_then(gpu(0.4, 150.0)), 1e4),
            None,
            "an evaluation without a bar"
        );
        let saving = |passed: f64| {
            if ((passed / 5.0) as u64).is_multiple_of(2) {
                1.0
            } else {
                3.0
            }
        };
        assert_eq!(
            hang(1.0, saving, idle_then(gpu(0.0, 70.0)), 1e4),
            None,
            "a checkpoint that is saved"
        );
        assert_eq!(
            hang(60.0, even, idle_then(gpu(0.0, 70.0)), 1e4),
            Some(600.0),
            "slow steps have more patience"
        );
        assert_eq!(
            hang(1.0, even, idle_then(gpu(0.0, 70.0)), 299.0),
            None,
            "not before its time"
        );
    }

    #[test]
    fn what_others_leave_of_the_processors_does_not_hide_a_hang() {
        let crowded = |waits: bool, wanted: fn(u32) -> f64| {
            let mut watch = HangWatch::default();
            (1..=10_u32).for_each(|step| watch.step(step.into(), step.into()));
            let (mut used, mut waited) = (0.0, 0.0);
            (3..200_u32).find(|tick| {
                let at = 10.0 + f64::from(tick * 5);
                // Three threads spin; the others on the machine leave them a part of it, another one each time.
                let got = wanted(*tick) * [0.9, 0.3, 0.5, 0.4][(*tick % 4) as usize];
                used += 5.0 * got;
                waited += 5.0 * (wanted(*tick) - got);
                let waited_seconds = (waits && watch.is_suspicious(at)).then_some(waited);
                watch.sample(&Sample {
                    at,
                    cpu_seconds: Some(used),
                    waited_seconds,
                    ..Sample::default()
                });
                watch.look(at).is_some()
            })
        };
        assert_eq!(crowded(true, |_| 3.0), Some(60), "five minutes");
        assert_eq!(
            crowded(false, |_| 3.0),
            None,
            "what it used alone says nothing"
        );
        assert_eq!(
            crowded(true, |tick| if tick % 2 == 0 { 1.0 } else { 3.0 }),
            None,
            "a checkpoint that is saved"
        );
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
                watch.sample(&Sample {
                    at,
                    cpu_seconds: Some(1.0),
                    ..Sample::default()
                });
                watch.look(at).is_some()
            })
        };
        assert!(
            !still(&mut watch, 10, 190),
            "the first steps may take any time"
        );
        for step in 5..=20 {
            watch.step(step, 1000.0 + step as f64);
        }
        for second in (0..900_u32).step_by(5) {
            let at = 1021.0 + f64::from(second);
            watch.moved(at);
            watch.sample(&Sample {
                at,
                cpu_seconds: Some(1.0),
                ..Sample::default()
            });
            assert_eq!(watch.look(at), None);
        }
        // The pause between the fourth step and the fifth has made it patient.
        assert!(!still(&mut watch, 1925, 590) && still(&mut watch, 4880, 20));
        watch.blame(Some(3));
        assert_eq!(
            watch.look(9999.0).and_then(|hang| hang.suspect_rank),
            Some(3)
        );
        watch.step(21, 10_000.0);
        assert_eq!(watch.look(10_000.0), None, "it goes on");
    }
}
