//! The lines of the time series (`samples.jsonl`): numbers for the run's owner, kept on this machine and never sent.
//!
//! The observer writes them, and the report reads them back; the first line holds what whoever finishes the run in
//! the observer's place has to compare with. Unknown is absent.

use crate::knowledge::python::stack_classes::StackClass;
use crate::observation::{Sample, StackSample};
use crate::output::progress::{Metric, Phase, Training};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// One line.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SeriesLine {
    /// Seconds since the spawn.
    pub at: f64,
    /// Only in the first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_kill_counters: Option<OomKillCounters>,
    /// Only in the first line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowance: Option<Allowance>,
    /// Live processes.
    #[serde(
        default,
        deserialize_with = "whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub processes: Option<u64>,
    /// Processor seconds used so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_seconds: Option<f64>,
    /// Joules that the machine's processors drew so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_energy_joules: Option<f64>,
    /// Resident bytes of all processes.
    #[serde(
        default,
        deserialize_with = "whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub rss_sum_bytes: Option<u64>,
    /// Resident bytes of the largest process.
    #[serde(
        default,
        deserialize_with = "whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub rss_max_process_bytes: Option<u64>,
    /// Bytes charged to the control group.
    #[serde(
        default,
        deserialize_with = "whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub cgroup_bytes: Option<u64>,
    /// Bytes of these that are copies of files, which the kernel gives back when memory is short.
    #[serde(
        default,
        deserialize_with = "whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub cgroup_cache_bytes: Option<u64>,
    /// Bytes of the control group that are swapped out.
    #[serde(
        default,
        deserialize_with = "whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub cgroup_swap_bytes: Option<u64>,
    /// Share of the shared memory (`/dev/shm`) that is used, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_memory_used: Option<f64>,
    /// What the run does.
    #[serde(
        default,
        serialize_with = "phase_word",
        deserialize_with = "known_phase",
        skip_serializing_if = "Option::is_none"
    )]
    pub phase: Option<Phase>,
    /// Optimizer steps done.
    #[serde(
        default,
        deserialize_with = "whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub step: Option<u64>,
    /// Epochs done, as last logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<f64>,
    /// Training loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Evaluation loss last logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eval_loss: Option<f64>,
    /// Learning rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Gradient norm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grad_norm: Option<f64>,
    /// Where the first rank's time went since the line before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeShares>,
    /// The room where the run writes, where it was looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<DiskPoint>,
    /// The checkpoints on disk, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<CheckpointPoint>,
    /// One reading per GPU.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<GpuPoint>,
}

/// What the main thread of the first rank on this machine did, as shares of the samples of its stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeShares {
    /// It waited for data, or prepared it.
    pub data: f64,
    /// It waited for other ranks.
    pub collective: f64,
    /// It wrote a checkpoint.
    pub saving: f64,
    /// It evaluated.
    pub evaluation: f64,
    /// It compiled.
    pub compilation: f64,
    /// It did anything else: the model, the optimizer.
    pub other: f64,
}

impl TimeShares {
    /// The shares of these samples; None where there are none.
    pub fn of(samples: &[StackSample]) -> Option<Self> {
        let mut shares = Self::default();
        let mut count = 0.0;
        for sample in samples {
            let Some(main) = sample.main() else {
                continue;
            };
            count += 1.0;
            match main.class {
                StackClass::Data => shares.data += 1.0,
                StackClass::Collective => shares.collective += 1.0,
                StackClass::Saving => shares.saving += 1.0,
                StackClass::Evaluation => shares.evaluation += 1.0,
                StackClass::Compilation => shares.compilation += 1.0,
                StackClass::ChildProcess | StackClass::Other => shares.other += 1.0,
            }
        }
        if count == 0.0 {
            return None;
        }
        for share in [
            &mut shares.data,
            &mut shares.collective,
            &mut shares.saving,
            &mut shares.evaluation,
            &mut shares.compilation,
            &mut shares.other,
        ] {
            *share /= count;
        }
        Some(shares)
    }
}

/// What the kernel's counters of processes killed for memory say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OomKillCounters {
    /// That of the control group.
    pub cgroup: Option<u64>,
    /// That of the machine.
    pub host: Option<u64>,
}

/// What the run may use where somebody set a limit: a batch system, a container's engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Allowance {
    /// Bytes of memory, where they are fewer than the machine's.
    #[serde(
        default,
        deserialize_with = "whole",
        skip_serializing_if = "Option::is_none"
    )]
    pub memory_bytes: Option<u64>,
    /// Seconds that the job may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

impl OomKillCounters {
    /// What was killed since the counters were like this; None where that can't be known.
    pub fn since(self, before: Self) -> Self {
        let since = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        Self {
            cgroup: since(self.cgroup, before.cgroup),
            host: since(self.host, before.host),
        }
    }
}

/// Where a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskPlace {
    /// The training's output directory.
    Output,
    /// Where models and data are fetched to.
    Cache,
    /// Where temporary files are made.
    Temporary,
}

/// The room on one file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskPoint {
    /// What the run uses it for.
    pub place: DiskPlace,
    /// Bytes that are free.
    pub free_bytes: u64,
    /// All that it has.
    pub total_bytes: u64,
    /// Files that can still be made; None where that is not bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_inodes: Option<u64>,
    /// All that there can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_inodes: Option<u64>,
}

/// The checkpoints in the output directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointPoint {
    /// The step of the last one that is whole.
    pub step: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Checkpoints of the run that are there now.
    pub there: u64,
    /// Those that were ever seen: where they are more, the training deletes old ones.
    pub ever: u64,
    /// Steps from one to the next.
    pub steps_apart: Option<u64>,
}

/// One GPU in a line.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GpuPoint {
    /// Its index.
    pub index: u32,
    /// Bytes in use.
    pub memory_bytes: Option<u64>,
    /// Share of time in which a kernel ran, 0 to 1.
    pub utilization: Option<f64>,
    /// Power drawn.
    pub power_watts: Option<f64>,
    /// Temperature.
    pub temperature_celsius: Option<u64>,
    /// Whether the driver lowers its clocks for heat or to protect it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slowed: Option<bool>,
}

impl SeriesLine {
    /// The first line.
    pub fn first(counters: OomKillCounters, allowance: Allowance) -> Self {
        Self {
            oom_kill_counters: Some(counters),
            allowance: (allowance != Allowance::default()).then_some(allowance),
            ..Self::default()
        }
    }

    /// The line of a measurement.
    pub fn of(sample: &Sample, training: &Training) -> Self {
        let gpus = sample.gpus.iter().map(|gpu| GpuPoint {
            index: gpu.index,
            memory_bytes: gpu.memory_bytes,
            utilization: finite(gpu.utilization),
            power_watts: finite(gpu.power_watts),
            temperature_celsius: gpu.temperature_celsius,
            slowed: gpu.is_slowed(),
        });
        Self {
            at: sample.at,
            processes: sample.processes,
            cpu_seconds: finite(sample.cpu_seconds),
            cpu_energy_joules: finite(sample.cpu_energy_joules),
            rss_sum_bytes: sample.rss_sum_bytes,
            rss_max_process_bytes: sample.rss_max_process_bytes,
            cgroup_bytes: sample.cgroup_bytes,
            cgroup_cache_bytes: sample.cgroup_cache_bytes,
            cgroup_swap_bytes: sample.cgroup_swap_bytes,
            shared_memory_used: finite(sample.shared_memory_used),
            phase: training.phases.current(),
            step: training.step,
            epoch: finite(training.epoch),
            loss: finite(training.metrics.get(Metric::Loss)),
            eval_loss: finite(training.metrics.get(Metric::EvalLoss)),
            learning_rate: finite(training.metrics.get(Metric::LearningRate)),
            grad_norm: finite(training.metrics.get(Metric::GradNorm)),
            time: TimeShares::of(&sample.stacks),
            gpus: gpus.collect(),
            ..Self::default()
        }
    }

    /// Reads a line; None where it is none of ours.
    pub fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line).ok()
    }

    /// The line as it is written down.
    pub fn text(&self) -> String {
        // Numbers under fixed names cannot fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What is no whole number is unknown, and costs the line nothing else.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(Value::deserialize(deserializer)?.as_u64())
}

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn phase_word<S: Serializer>(phase: &Option<Phase>, serializer: S) -> Result<S::Ok, S::Error> {
    phase.map(Phase::as_str).serialize(serializer)
}

/// A word that is not known is of a later version.
fn known_phase<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Phase>, D::Error> {
    let word = Value::deserialize(deserializer)?;
    Ok(word.as_str().and_then(Phase::parse))
}

fn finite(number: Option<f64>) -> Option<f64> {
    number.filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_not_there() {
        let sample = Sample {
            at: 1.5,
            processes: Some(2),
            cpu_seconds: Some(f64::NAN),
            ..Sample::default()
        };
        let line = SeriesLine::of(&sample, &Training::default());
        assert_eq!(line.text(), r#"{"at":1.5,"processes":2}"#);
        assert_eq!(SeriesLine::read(&line.text()), Some(line));
        assert_eq!(SeriesLine::read("{}"), None, "a line has a time");
    }
}
