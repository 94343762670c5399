//! The closed list of notes, and each in words.

use crate::judging::profile::DataCause;
use crate::judging::summary::units::{bytes, duration, number, percent};
use crate::knowledge::python::stack_classes::StackClass;
use crate::series::DiskPlace;
use serde::Serialize;

/// One note, with its numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// A number of the training was none any more.
    NotFinite {
        /// Which: `loss` or `grad_norm`.
        metric: String,
        /// `nan`, `inf` or `-inf`.
        repr: String,
        /// The step at which it began.
        since_step: Option<u64>,
    },
    /// The run came close to the memory that it may use.
    MemoryNearLimit {
        /// Highest bytes in use.
        used_bytes: u64,
        /// Bytes that it may use.
        limit_bytes: u64,
    },
    /// Memory grew from step to step.
    MemoryGrows {
        /// Bytes in 1,000 steps.
        bytes_per_1000_steps: u64,
        /// The step at which it meets what the run may use, where the training goes that far.
        full_at_step: Option<u64>,
        /// Bytes that the run may use.
        limit_bytes: Option<u64>,
    },
    /// The checkpoints that are still to come do not fit on the disk.
    DiskWillNotHold {
        /// Bytes that are free.
        free_bytes: u64,
        /// Bytes of a checkpoint.
        checkpoint_bytes: u64,
        /// How many are still to come.
        to_come: u64,
    },
    /// A file system that the run writes to was almost full.
    DiskAlmostFull {
        /// What the run uses it for.
        place: DiskPlace,
        /// What is left of what is short.
        left: DiskLack,
    },
    /// The shared memory was almost full.
    SharedMemoryFull {
        /// Highest share of it that was used, 0 to 1.
        used_share: f64,
    },
    /// Memory of the run was swapped out.
    Swapped {
        /// Highest bytes of it.
        swapped_bytes: u64,
    },
    /// What is charged to the run was close to its limit, and much of it was the page cache.
    PageCache {
        /// Bytes that were charged.
        charged_bytes: u64,
        /// Bytes of these that were copies of files.
        cache_bytes: u64,
        /// Bytes that the run may use.
        limit_bytes: u64,
    },
    /// A GPU was far less busy than the others.
    GpuDiffers {
        /// Its index.
        gpu: u32,
        /// Share of the training in which it was busy, 0 to 1.
        busy_share: f64,
        /// The same of the one in the middle of all.
        usual_share: f64,
    },
    /// A GPU lowered its clocks for heat or to protect itself.
    GpuSlowed {
        /// Its index.
        gpu: u32,
        /// Share of the training in which it did, 0 to 1.
        slowed_share: f64,
    },
    /// The training waited for data.
    DataBound {
        /// Share of its time in which it did, 0 to 1.
        data_share: f64,
        /// Why, as far as that is known.
        because: Option<DataCause>,
        /// The data workers of a rank.
        data_workers: Option<u64>,
        /// Mean utilization of the GPUs.
        gpu_busy_share: Option<f64>,
    },
    /// All ranks waited for one.
    Straggler {
        /// That one.
        rank: u64,
        /// What it did instead.
        does: StackClass,
        /// `high` or `medium`.
        confidence: String,
    },
    /// Others had the processors that the training wanted.
    ProcessorsTaken {
        /// Share of the time in which its main thread wanted one and had none, 0 to 1.
        waited_share: f64,
    },
    /// The training mostly did something else.
    MostlyElse {
        /// What.
        does: StackClass,
        /// Share of its time, 0 to 1.
        share: f64,
    },
    /// It compiled for long before its first step.
    FirstCompilation {
        /// For so long.
        seconds: f64,
    },
    /// GPUs ran nothing for much of the training.
    GpusIdle {
        /// How many GPUs that is the mean of.
        gpus: u64,
        /// Share of the training in which they ran no kernel, 0 to 1.
        idle_share: f64,
    },
    /// Steps took longer and longer.
    StepsSlowDown {
        /// Usual seconds a step at the beginning.
        first_seconds: f64,
        /// The same at the end.
        last_seconds: f64,
    },
    /// Evaluating took longer than training.
    EvaluationLong {
        /// Seconds of evaluations.
        evaluation_seconds: f64,
        /// Seconds of training.
        training_seconds: f64,
    },
    /// Checkpoints took much of the training's time.
    CheckpointsLong {
        /// Seconds of checkpoints.
        checkpoint_seconds: f64,
        /// Share of the training's time, 0 to 1.
        share: f64,
    },
    /// A GPU's memory was almost full.
    GpuMemoryFull {
        /// Its index.
        gpu: u32,
        /// Highest bytes in use.
        used_bytes: u64,
        /// Bytes that it has.
        memory_bytes: u64,
    },
    /// The memory of all GPUs was mostly free.
    GpuMemoryFree {
        /// Highest bytes in use on one.
        used_bytes: u64,
        /// Bytes that it has.
        memory_bytes: u64,
    },
    /// Most of the memory that was asked for was never used.
    MemoryUnused {
        /// Highest bytes in use.
        used_bytes: u64,
        /// Bytes that were asked for.
        limit_bytes: u64,
    },
    /// Most of the processors that were asked for were never used.
    CoresUnused {
        /// Processors in use, on average.
        used: f64,
        /// Processors that the run may use.
        usable: u64,
    },
    /// Most of the time that was asked for was not needed.
    TimeUnused {
        /// Seconds that the run took.
        used_seconds: f64,
        /// Seconds that it may take.
        limit_seconds: f64,
    },
}

/// What a file system is short of, and how much of it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskLack {
    /// Bytes.
    Bytes(u64),
    /// Files that can be made.
    Files(u64),
}

impl Note {
    /// The note in words.
    pub fn sentence(&self) -> String {
        let size = |count: &u64| bytes(*count as f64);
        let share = |part: &u64, whole: &u64| percent(*part as f64 / *whole as f64);
        match self {
            Self::NotFinite {
                metric,
                repr,
                since_step: Some(step),
            } => format!(
                "{metric} was {repr} from step {step} on: use no checkpoint that was saved after it"
            ),
            Self::NotFinite { metric, repr, .. } => {
                format!("{metric} was {repr} at the end: the last checkpoint may be useless")
            }
            Self::MemoryNearLimit {
                used_bytes,
                limit_bytes,
            } => format!(
                "{} of the {} of memory that the run may use were in use: beyond them the kernel kills it",
                size(used_bytes),
                size(limit_bytes)
            ),
            Self::MemoryGrows {
                bytes_per_1000_steps,
                full_at_step,
                limit_bytes,
            } => {
                let grows = size(bytes_per_1000_steps);
                let mut sentence = format!("memory grew by {grows} in 1,000 steps, to the end");
                if let (Some(step), Some(limit)) = (full_at_step, limit_bytes) {
                    let limit = size(limit);
                    sentence.push_str(&format!(
                        "; at about step {step} it meets its limit of {limit}"
                    ));
                }
                sentence
            }
            Self::DiskWillNotHold {
                free_bytes,
                checkpoint_bytes,
                to_come,
            } => {
                let room = free_bytes / (*checkpoint_bytes).max(1);
                format!(
                    "the disk will not hold: {} are free, room for {room} of the {to_come} checkpoints still to come, of {} each",
                    size(free_bytes),
                    size(checkpoint_bytes)
                )
            }
            Self::DiskAlmostFull { place, left } => {
                let place = match place {
                    DiskPlace::Output => "the output directory",
                    DiskPlace::Cache => "the cache",
                    DiskPlace::Temporary => "temporary files",
                };
                let left = match left {
                    DiskLack::Bytes(left) => format!("{} are left", size(left)),
                    DiskLack::Files(left) => format!("{left} more files can be made"),
                };
                format!("the file system of {place} is almost full: {left}")
            }
            Self::SharedMemoryFull { used_share } => format!(
                "/dev/shm was {} full: data workers die when it is (in a container, `--shm-size` sets it)",
                percent(*used_share)
            ),
            Self::Swapped { swapped_bytes } => format!(
                "up to {} of the run's memory were swapped out, and each use of them waits for a disk",
                size(swapped_bytes)
            ),
            Self::PageCache {
                charged_bytes,
                cache_bytes,
                limit_bytes,
            } => format!(
                "of the {} charged to the run, close to the limit of {}, {} were copies of files, which the kernel gives back: no reason to ask for more",
                size(charged_bytes),
                size(limit_bytes),
                size(cache_bytes)
            ),
            Self::GpuDiffers {
                gpu,
                busy_share,
                usual_share,
            } => format!(
                "GPU {gpu} was busy for {} of the training, the others for {}: look at its rank",
                percent(*busy_share),
                percent(*usual_share)
            ),
            Self::GpuSlowed { gpu, slowed_share } => format!(
                "GPU {gpu} lowered its clocks for heat or to protect itself in {} of the training: look at its cooling and power",
                percent(*slowed_share)
            ),
            Self::DataBound {
                data_share,
                because,
                data_workers,
                gpu_busy_share,
            } => {
                let mut text = format!("it waited for data {} of the time", percent(*data_share));
                if let Some(share) = gpu_busy_share {
                    text.push_str(&format!(", and the GPUs were busy {}", percent(*share)));
                }
                let workers = match data_workers {
                    Some(1) => "its data worker".to_owned(),
                    Some(workers) => format!("its {workers} data workers"),
                    None => "its data workers".to_owned(),
                };
                match because {
                    Some(DataCause::NoWorkers) => text.push_str(
                        ": it loads them itself, `dataloader_num_workers` gives that to others",
                    ),
                    Some(DataCause::WorkersCompute) => text.push_str(&format!(
                        ": {workers} computed all the time, so use more, or prepare the data before"
                    )),
                    Some(DataCause::WorkersWait) => text.push_str(&format!(
                        ": {workers} waited themselves, for a disk or the network"
                    )),
                    None => {}
                }
                text
            }
            Self::Straggler {
                rank,
                does,
                confidence,
            } => {
                let does = match does {
                    StackClass::Data => "waited for data or prepared it",
                    StackClass::Saving => "wrote a checkpoint",
                    StackClass::Compilation => "compiled",
                    StackClass::Evaluation => "evaluated",
                    StackClass::ChildProcess => "waited for a process that it had started",
                    StackClass::Collective | StackClass::Other => "computed or ran your code",
                };
                format!(
                    "the other ranks waited for rank {rank}, which {does} meanwhile ({confidence} confidence)"
                )
            }
            Self::ProcessorsTaken { waited_share } => format!(
                "its main thread had no processor {} of the time that it wanted one: others had them, or too few were asked for",
                percent(*waited_share)
            ),
            Self::MostlyElse { does, share } => {
                let does = match does {
                    StackClass::Evaluation => "evaluated",
                    StackClass::Saving => "wrote checkpoints",
                    _ => "compiled",
                };
                format!(
                    "it {does} {} of the time from the first step on",
                    percent(*share)
                )
            }
            Self::FirstCompilation { seconds } => {
                format!("it compiled {} before the first step", duration(*seconds))
            }
            Self::GpusIdle { gpus, idle_share } => {
                let idle = percent(*idle_share);
                let who = match gpus {
                    1 => "the GPU".to_owned(),
                    gpus => format!("the {gpus} GPUs, on average,"),
                };
                format!("{who} ran nothing for {idle} of the training")
            }
            Self::StepsSlowDown {
                first_seconds,
                last_seconds,
            } => format!(
                "a step took {} s at first and {} s at the end",
                number(*first_seconds),
                number(*last_seconds)
            ),
            Self::EvaluationLong {
                evaluation_seconds,
                training_seconds,
            } => format!(
                "evaluating took {}, longer than training ({}): evaluate less often, or on less",
                duration(*evaluation_seconds),
                duration(*training_seconds)
            ),
            Self::CheckpointsLong {
                checkpoint_seconds,
                share,
            } => format!(
                "checkpoints took {}, {} of the training: save less often, or to a faster disk",
                duration(*checkpoint_seconds),
                percent(*share)
            ),
            Self::GpuMemoryFull {
                gpu,
                used_bytes,
                memory_bytes,
            } => format!(
                "{} of the {} of GPU {gpu} were in use ({}): a longer example may not fit",
                size(used_bytes),
                size(memory_bytes),
                share(used_bytes, memory_bytes)
            ),
            Self::GpuMemoryFree {
                used_bytes,
                memory_bytes,
            } => format!(
                "at most {} of the {} of a GPU were in use ({}): a larger batch may fit",
                size(used_bytes),
                size(memory_bytes),
                share(used_bytes, memory_bytes)
            ),
            Self::MemoryUnused {
                used_bytes,
                limit_bytes,
            } => format!(
                "at most {} of the {} of memory that were asked for were used ({})",
                size(used_bytes),
                size(limit_bytes),
                share(used_bytes, limit_bytes)
            ),
            Self::CoresUnused { used, usable } => format!(
                "{} of the {usable} processors that were asked for were in use on average",
                number(*used)
            ),
            Self::TimeUnused {
                used_seconds,
                limit_seconds,
            } => format!(
                "the run took {} of the {} that were asked for",
                duration(*used_seconds),
                duration(*limit_seconds)
            ),
        }
    }
}
