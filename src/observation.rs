//! What can be seen of a run: the measurements that go into [`run`](crate::run) and come out as events.
//!
//! Numbers, closed enums and public strings only. The floor below the pure judgement and the measuring code
//! alike, so that neither has to know the other.

use crate::event::Dropped;
use crate::status::End;

/// Which of the command's streams a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Standard output by itself.
    Stdout,
    /// Standard error by itself.
    Stderr,
    /// Both, in their exact order: they are the same terminal, pipe or file.
    Both,
}

/// One measurement of the command's process tree and of the accelerators. Unknown is None, never 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Seconds since the command's spawn.
    pub at: f64,
    /// Live processes of the tree.
    pub processes: Option<u64>,
    /// Processor seconds used so far by the tree, the processes that ended included as far as they are known.
    pub cpu_seconds: Option<f64>,
    /// Resident bytes of all processes; shared pages count more than once.
    pub rss_sum_bytes: Option<u64>,
    /// Resident bytes of the largest process.
    pub rss_max_process_bytes: Option<u64>,
    /// Bytes charged to the command's control group.
    pub cgroup_bytes: Option<u64>,
    /// One reading per GPU.
    pub gpus: Vec<GpuReading>,
    /// Parts of the measurement that failed.
    pub failures: u64,
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
    /// The driver's energy counter, in joules; only differences have a meaning.
    pub energy_joules: Option<f64>,
}

/// How memory of a GPU was attributed to the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribution {
    /// The driver names processes of our tree.
    Pid,
    /// The difference to a baseline taken before the command used the GPU.
    Delta,
    /// Everything in use on the device, whoever uses it.
    Device,
}

/// What became of the supervisor before the command's end, where it did not live to see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SupervisorLoss {
    /// A fault of ours; the command went on.
    Crashed,
    /// Somebody sent SIGKILL; it was passed on to the command.
    Killed,
    /// The kernel killed it for memory; the command went on.
    OutOfMemory,
}

/// What is known when the command has ended.
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// The termination signals that the launcher was asked to pass on, in order, the first few.
    pub requested_signals: Vec<i32>,
    /// What became of the supervisor, where it was lost.
    pub supervisor: Option<SupervisorLoss>,
    /// What was missed.
    pub dropped: Dropped,
}
