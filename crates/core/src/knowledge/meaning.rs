//! What a public message or a sign of a death means.
//!
//! The same failure has many spellings: the allocator, cuBLAS, the driver and Ray all say in their own words that a
//! GPU's memory is used up. Each entry of `knowledge/` names one of these meanings, and the verdict reads nothing else.

use crate::public::PublicStr;
use crate::status::signal::{
    SIGABRT, SIGBUS, SIGFPE, SIGHUP, SIGILL, SIGINT, SIGKILL, SIGSEGV, SIGTERM,
};

macro_rules! meanings {
    ($($(#[doc = $what:literal])+ $variant:ident => $word:literal,)*) => {
        /// What something that was read means.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Meaning {
            $($(#[doc = $what])+ $variant,)*
        }

        impl Meaning {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word for it, as events carry it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// What it is, in a sentence for people.
            pub fn describe(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($what),+).trim_start(),)*
                }
            }
        }
    };
}

meanings! {
    /// A GPU's memory is used up.
    GpuOutOfMemory => "gpu_out_of_memory",
    /// The memory of the control group, the job or the container is used up.
    CgroupOutOfMemory => "cgroup_out_of_memory",
    /// The machine's memory is used up.
    HostOutOfMemory => "host_out_of_memory",
    /// A process could not get memory, and whose limit it was is not said.
    OutOfMemory => "out_of_memory",
    /// A daemon ended the process because the machine's memory was running low.
    MemoryDaemon => "memory_daemon",
    /// The shared memory between processes (`/dev/shm`) is full.
    SharedMemoryFull => "shared_memory_full",
    /// A disk is full, or a quota is reached.
    DiskFull => "disk_full",
    /// The limit of open files is reached.
    TooManyOpenFiles => "too_many_open_files",
    /// A GPU, its memory or its links failed.
    GpuHardwareFault => "gpu_hardware_fault",
    /// A kernel did something that the GPU does not allow: illegal access, launch failure, assertion.
    GpuProgramFault => "gpu_program_fault",
    /// No GPU can be used: none is there, it is busy, or the driver does not run.
    GpuUnavailable => "gpu_unavailable",
    /// A kernel needs more of a GPU's own resources than there are.
    KernelResources => "kernel_resources",
    /// A library of CUDA reported an error.
    GpuLibraryError => "gpu_library_error",
    /// Driver, libraries and program do not fit one another.
    LibraryMismatch => "library_mismatch",
    /// Code could not be compiled: a compiler, a build tool or a kernel generator failed.
    CompilerFailed => "compiler_failed",
    /// A collective operation waited in vain.
    CollectiveTimeout => "collective_timeout",
    /// The ranks did not call the same collective operation.
    CollectiveMismatch => "collective_mismatch",
    /// The collective library reported an error, and not which.
    CollectiveError => "collective_error",
    /// Processes could not reach one another or lost one another.
    NetworkFailure => "network_failure",
    /// A module is missing.
    MissingModule => "missing_module",
    /// A hub or a store refused access, or does not have what was asked for.
    HubAccess => "hub_access",
    /// A hub or a store did not answer, or there is no way to it.
    HubUnreachable => "hub_unreachable",
    /// The configuration is wrong.
    BadConfiguration => "bad_configuration",
    /// The data is wrong: it cannot be read, or is not what was expected.
    BadData => "bad_data",
    /// A checkpoint or a file of weights cannot be read, or does not fit the model.
    BadCheckpoint => "bad_checkpoint",
    /// Tensors do not fit one another: shape, type, device.
    BadTensors => "bad_tensors",
    /// Numbers are no longer finite.
    NotFinite => "not_finite",
    /// A file is missing, or may not be read or written.
    FileAccess => "file_access",
    /// The program itself is wrong: a type, a name, an argument.
    ProgramError => "program_error",
    /// Native memory is corrupt.
    CorruptMemory => "corrupt_memory",
    /// A native assertion failed.
    AssertionFailed => "assertion_failed",
    /// SIGSEGV.
    Segfault => "segfault",
    /// SIGABRT.
    Abort => "abort",
    /// SIGBUS.
    BusError => "bus_error",
    /// SIGILL.
    IllegalInstruction => "illegal_instruction",
    /// SIGFPE.
    FloatingPointError => "floating_point_error",
    /// SIGKILL.
    Killed => "killed",
    /// SIGTERM.
    Terminated => "terminated",
    /// SIGHUP.
    HungUp => "hung_up",
    /// SIGINT.
    Interrupted => "interrupted",
    /// Another signal.
    OtherSignal => "other_signal",
    /// A time limit was reached.
    TimeLimit => "time_limit",
    /// Who runs the machine took it back.
    Preempted => "preempted",
    /// The job was cancelled.
    Cancelled => "cancelled",
    /// A machine of the job failed.
    NodeFailure => "node_failure",
    /// A worker process exited with a code.
    WorkerExit => "worker_exit",
    /// A worker process is gone, and why is not said.
    WorkerLost => "worker_lost",
}

/// What an entry means.
#[derive(Clone, Copy, Debug)]
pub enum Means {
    /// Always the same.
    Always(Meaning),
    /// What the signal means that the text names.
    OfSignal,
}

impl Meaning {
    /// What the death by a signal means.
    pub const fn of_signal(signal: i32) -> Self {
        match signal {
            SIGSEGV => Self::Segfault,
            SIGABRT => Self::Abort,
            SIGBUS => Self::BusError,
            SIGILL => Self::IllegalInstruction,
            SIGFPE => Self::FloatingPointError,
            SIGKILL => Self::Killed,
            SIGTERM => Self::Terminated,
            SIGHUP => Self::HungUp,
            SIGINT => Self::Interrupted,
            _ => Self::OtherSignal,
        }
    }

    /// Whether it only says that something went wrong, so that a later line may say what.
    pub const fn is_vague(self) -> bool {
        matches!(
            self,
            Self::CollectiveError
                | Self::GpuLibraryError
                | Self::WorkerExit
                | Self::WorkerLost
                | Self::ProgramError
        )
    }

    /// Whether it only repeats by which signal a process died.
    pub const fn is_signal(self) -> bool {
        matches!(
            self,
            Self::Segfault
                | Self::Abort
                | Self::BusError
                | Self::IllegalInstruction
                | Self::FloatingPointError
                | Self::Killed
                | Self::Terminated
                | Self::HungUp
                | Self::Interrupted
                | Self::OtherSignal
        )
    }

    /// The word as public text.
    pub const fn public(self) -> PublicStr {
        PublicStr::constant(self.as_str())
    }
}
