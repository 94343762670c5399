//! What can be seen of a run: the measurements that go into [`run`](crate::judging::run) and come out as events.
//!
//! Numbers, closed enums and public strings only. The layer below the pure judgement and the measuring code
//! alike, so that neither has to know the other.

use crate::event::{Dropped, Frame, StackGroup};
use crate::knowledge::lists::{KernelWait, SignalSender};
use crate::knowledge::python::stack_classes::StackClass;
use crate::public::PublicStr;
use crate::public::words::words;
use crate::status::{End, Usage};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Which of the command's streams a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output by itself.
    Stdout,
    /// Standard error by itself.
    Stderr,
    /// Both, in their exact order: they are the same terminal, pipe or file.
    Both,
}

/// One measurement of the command's process tree and of the accelerators. Unknown is None, never 0.
#[derive(Debug, Default, PartialEq)]
pub struct Sample {
    /// Seconds since the command's spawn.
    pub at: f64,
    /// Live processes of the tree.
    pub processes: Option<u64>,
    /// Processor seconds used so far by the tree, the processes that ended included as far as they are known.
    pub cpu_seconds: Option<f64>,
    /// Seconds that its threads have waited for a processor; only where that was asked for.
    pub waited_seconds: Option<f64>,
    /// Joules that the machine's processors drew since the spawn, whoever used them.
    pub cpu_energy_joules: Option<f64>,
    /// Resident bytes of all processes; shared pages count more than once.
    pub rss_sum_bytes: Option<u64>,
    /// Resident bytes of the largest process.
    pub rss_max_process_bytes: Option<u64>,
    /// Bytes charged to the command's control group.
    pub cgroup_bytes: Option<u64>,
    /// Bytes of these that are copies of files.
    pub cgroup_cache_bytes: Option<u64>,
    /// Bytes of the control group that are swapped out.
    pub cgroup_swap_bytes: Option<u64>,
    /// Share of the shared memory (`/dev/shm`) that is used, 0 to 1.
    pub shared_memory_used: Option<f64>,
    /// One reading per GPU.
    pub gpus: Vec<GpuReading>,
    /// Samples of its ranks' stacks since the measurement before.
    pub stacks: Vec<StackSample>,
    /// Parts of the measurement that failed.
    pub failures: u64,
}

/// What a trainer has written down at a checkpoint. Unknown is None.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrainerState {
    /// When it was written, in seconds since the command's spawn.
    pub at: f64,
    /// Optimizer steps done.
    pub step: Option<u64>,
    /// Optimizer steps planned.
    pub total_steps: Option<u64>,
    /// Epochs done.
    pub epoch: Option<f64>,
    /// Training loss last logged.
    pub loss: Option<f64>,
    /// Gradient norm last logged.
    pub grad_norm: Option<f64>,
    /// Learning rate last logged.
    pub learning_rate: Option<f64>,
    /// Evaluation loss last logged.
    pub eval_loss: Option<f64>,
}

/// One measurement of one GPU.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GpuReading {
    /// The GPU's index in the driver's order.
    pub index: u32,
    /// Bytes in use, by whom [`Self::attribution`] says.
    pub memory_bytes: Option<u64>,
    /// Whose memory it is.
    pub attribution: Option<Attribution>,
    /// Share of time in which a kernel ran, 0 to 1.
    pub utilization: Option<f64>,
    /// Power drawn, in watts.
    pub power_watts: Option<f64>,
    /// Temperature in degrees Celsius.
    pub temperature_celsius: Option<u64>,
    /// Whether the driver lowers the clocks for heat or power.
    pub throttled: Option<bool>,
    /// Why, in the driver's own kinds.
    pub throttle_reasons: Vec<PublicStr>,
    /// The driver's energy counter, in joules; only differences have a meaning.
    pub energy_joules: Option<f64>,
    /// The device's counter of memory errors that could not be corrected, where it was asked.
    pub ecc_errors: Option<u64>,
    /// Whether it is shared out in instances.
    pub mig: bool,
}

/// Why the clocks of a busy GPU are lowered as they should be; every other reason is a fault around it.
const POWER_LIMIT: &str = "power_limit";

impl GpuReading {
    /// Whether the driver lowers the clocks for heat or to protect the device.
    pub fn is_slowed(&self) -> Option<bool> {
        let is_throttled = self.throttled?;
        let mut reasons = self.throttle_reasons.iter();
        Some(is_throttled && reasons.any(|reason| reason.as_str() != POWER_LIMIT))
    }

    /// Whether the run is known to have nothing on it.
    pub fn is_unused(&self) -> bool {
        let is_known = matches!(
            self.attribution,
            Some(Attribution::Pid | Attribution::Delta)
        );
        is_known && self.memory_bytes == Some(0)
    }
}

words! {
    /// How memory of a GPU was attributed to the run.
    Attribution {
        /// The driver names processes of our tree.
        Pid => "pid",
        /// The difference to a baseline taken before the command used the GPU.
        Delta => "delta",
        /// Everything in use on the device, whoever uses it.
        Device => "device",
    }
}

words! {
    /// What became of the supervisor before the command's end, where it did not live to see it.
    SupervisorLoss {
        /// A fault of ours; the command went on.
        Crashed => "crashed",
        /// Somebody sent SIGKILL; it was passed on to the command.
        Killed => "killed",
        /// The kernel killed it for memory; the command went on.
        OutOfMemory => "out_of_memory",
    }
}

/// A signal that asked the launcher, and so the command, to end.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// The signal.
    pub signal: i32,
    /// Who sent it.
    pub sender: SignalSender,
    /// Seconds since the spawn.
    pub at: f64,
    /// Seconds until the batch system ends the job, where it has said when; negative afterwards.
    pub seconds_left: Option<f64>,
}

/// A process of the run, not the command itself, that failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Failure {
    /// The rank that it was or belonged to.
    pub rank: Option<u64>,
    /// How it ended, as the kernel said.
    pub end: End,
    /// Seconds since the spawn.
    pub at: f64,
    /// Whether it was not the rank's own process but one that it had started.
    pub is_helper: bool,
}

/// How short of memory the run was when it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MemoryPressure {
    /// Share of the machine's memory that was left, 0 to 1.
    pub memory_left: Option<f64>,
    /// Share of the shared memory (`/dev/shm`) that was used, 0 to 1, the highest that was seen.
    pub shared_memory_used: Option<f64>,
    /// Kills that a daemon such as systemd-oomd has written down on the command's control group since the spawn.
    pub daemon_kills: Option<u64>,
    /// Whether a daemon runs that ends processes when memory is short.
    pub daemon_runs: bool,
}

/// An error that the NVIDIA driver reported.
#[derive(Clone, Copy, Debug)]
pub struct Xid {
    /// NVIDIA's number for its kind.
    pub code: u64,
    /// Seconds since the spawn.
    pub at: f64,
}

/// What a run waits for that has not begun to train, or has finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeWait {
    /// The other machines of the job: its launcher has started no worker.
    Rendezvous,
    /// A download that stands still.
    Download,
    /// The preparation of its data, which stands still.
    Preparation,
    /// Its own end, after the training.
    End,
}

/// A training that stands still.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hang {
    /// When the last step was seen, in seconds since the spawn.
    pub since: f64,
    /// The rank that does something else than all others.
    pub suspect_rank: Option<u64>,
}

/// Where the main thread of a process is, as far as that is public.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessStack {
    /// The rank that it was started with.
    pub rank: Option<u64>,
    /// Whether it was elsewhere at the second look; then the frames are those that were the same.
    pub moves: bool,
    /// What its main thread waits for, as the kernel says, at both looks.
    pub waits_for: Option<KernelWait>,
    /// Its frames, the innermost first; none where they could not be read.
    pub frames: Vec<Frame>,
}

/// Where the ranks of a training that goes on are at one moment, as far as their stacks can be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StackSample {
    /// Seconds since the sample before.
    pub seconds: f64,
    /// The training's ranks on this machine, by rank.
    pub ranks: Vec<RankSample>,
}

impl StackSample {
    /// The first rank.
    pub fn main(&self) -> Option<&RankSample> {
        self.ranks.iter().min_by_key(|rank| rank.rank)
    }
}

/// One rank in a sample.
#[derive(Clone, Debug, PartialEq)]
pub struct RankSample {
    /// The rank that it was started with.
    pub rank: Option<u64>,
    /// What its main thread does.
    pub class: StackClass,
    /// What its main thread has had of the processors since they were last asked.
    pub processor: Option<ProcessorUse>,
    /// Its data workers, where they were looked at.
    pub workers: Option<WorkerSample>,
}

/// What threads have had of the processors in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessorUse {
    /// That time.
    pub seconds: f64,
    /// For how long of it they ran.
    pub ran: f64,
    /// For how long they waited for a processor that others had.
    pub waited: f64,
}

impl ProcessorUse {
    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.ran += other.ran;
        self.waited += other.waited;
    }

    /// Processors that they used or waited for.
    pub fn cores(self) -> f64 {
        (self.ran + self.waited) / self.seconds
    }
}

/// The data workers of a rank.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WorkerSample {
    /// How many there are.
    pub count: u64,
    /// How many of them the kernel holds up, for a disk or a network file system.
    pub blocked: u64,
    /// What those that were there before have had of the processors; the seconds are all of theirs together.
    pub processor: ProcessorUse,
}

words! {
    /// Why the kernel lets us read no stack, and what would allow it.
    StacksRefused {
        /// the kernel lets only root look, and whoever started them; `sysctl kernel.yama.ptrace_scope=0` would allow it
        Scope1 => "ptrace_scope_1",
        /// the kernel lets only root look: `kernel.yama.ptrace_scope` is 2
        Scope2 => "ptrace_scope_2",
        /// the kernel lets nobody look before the next boot: `kernel.yama.ptrace_scope` is 3
        Scope3 => "ptrace_scope_3",
        /// the kernel lets only root look, and the user whose processes they are
        OtherUser => "other_user",
    }
}

/// Where the processes of a training are that stands still.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StackFindings {
    /// The places, each with who is there.
    pub groups: Vec<StackGroup>,
    /// The rank that holds the others up.
    pub suspect: Option<u64>,
    /// Whether all ranks were seen, and all others wait for this one.
    pub is_sure: bool,
    /// Why some could not be read.
    pub refused: Option<StacksRefused>,
}

impl StackFindings {
    /// The suspect, or the one that another rule names where the stacks say nothing of who waits for whom.
    pub fn suspect_or(&self, other: Option<u64>) -> Option<u64> {
        let waits = StackClass::Collective.public();
        let some_wait = self
            .groups
            .iter()
            .any(|group| group.stands_in.as_ref() == Some(&waits));
        if some_wait {
            return self.suspect;
        }
        self.suspect.or(other)
    }
}

/// What went wrong with the accelerators.
#[derive(Debug, Default)]
pub struct GpuTroubles {
    /// Errors that the driver reported, the first few and the last few.
    pub xids: Vec<Xid>,
    /// When a device was first found lost, in seconds since the spawn.
    pub lost_at: Option<f64>,
    /// Whether the driver was ever silent for too long.
    pub unresponsive: bool,
}

/// What is known when the command has ended.
#[derive(Debug, Default)]
pub struct Ending {
    /// Seconds since the command's spawn.
    pub at: f64,
    /// How it ended; None where nobody could see it (the supervisor was gone).
    pub end: Option<End>,
    /// Highest resident bytes of one process, as the kernel counted them.
    pub max_rss_bytes: Option<u64>,
    /// Processor seconds of the command and all that it waited for, as the kernel counted them.
    pub cpu_seconds: Option<f64>,
    /// Processes that the kernel killed for memory in the command's control group during the run.
    pub oom_kills_cgroup: Option<u64>,
    /// Processes that the kernel killed for memory on the whole machine during the run.
    pub oom_kills_host: Option<u64>,
    /// The signals that asked the run to end, in order, the first few.
    pub requests: Vec<Request>,
    /// Whether the command itself is `timeout`, whose exit code 124 says that the time was up.
    pub limits_time: bool,
    /// Whether the command is a worker itself: whoever started it has started others, and may have given all of them
    /// the same output.
    pub is_worker: bool,
    /// How many ranks there are, where all of them are of this run.
    pub world_size: Option<u64>,
    /// The process of the run that failed first, shortly before the end.
    pub first_failure: Option<Failure>,
    /// How short memory was.
    pub memory_pressure: MemoryPressure,
    /// Whether a worker with a rank was ever seen.
    pub has_seen_ranks: bool,
    /// What it waited for when it ended, before its first step or after its last.
    pub edge_wait: Option<EdgeWait>,
    /// Whether the training stood still when it ended.
    pub hang: Option<Hang>,
    /// Where its processes were while it stood still.
    pub stacks: Option<StackFindings>,
    /// What went wrong with the accelerators.
    pub gpu: GpuTroubles,
    /// What became of the supervisor, where it was lost.
    pub supervisor: Option<SupervisorLoss>,
    /// Whether the observer died before the end, so that of the output nothing is known.
    pub observer_lost: bool,
    /// What was missed.
    pub dropped: Dropped,
}

impl Ending {
    /// What the kernel says that the command has used.
    pub fn used(&mut self, usage: Usage) {
        if usage.max_rss_bytes > 0 {
            self.max_rss_bytes = Some(usage.max_rss_bytes);
        }
        let time = Duration::from_micros(usage.cpu_microseconds);
        self.cpu_seconds = Some(time.as_secs_f64());
    }
}
