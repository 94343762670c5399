//! What a public message or a sign of a death means.
//!
//! The same failure has many spellings: the allocator, cuBLAS, the driver and Ray all say in their own words that a
//! GPU's memory is used up. Each entry of `knowledge/` names one of these meanings, and the verdict reads nothing else.

use crate::public::words::words;
use crate::status::signal::{
    SIGABRT, SIGBUS, SIGFPE, SIGHUP, SIGILL, SIGINT, SIGKILL, SIGSEGV, SIGTERM,
};

words! {
    /// What something that was read means.
    Meaning {
        /// A GPU ran out of memory.
        GpuOutOfMemory => "gpu_out_of_memory",
        /// The memory limit of the control group, job or container was reached.
        CgroupOutOfMemory => "cgroup_out_of_memory",
        /// The machine ran out of memory.
        HostOutOfMemory => "host_out_of_memory",
        /// A process could not get memory; the output does not say which limit was reached.
        OutOfMemory => "out_of_memory",
        /// A memory daemon ended the process because the machine was running out of memory.
        MemoryDaemon => "memory_daemon",
        /// The shared memory between processes (`/dev/shm`) was full.
        SharedMemoryFull => "shared_memory_full",
        /// A disk was full, or a quota was reached.
        DiskFull => "disk_full",
        /// The limit of open files was reached.
        TooManyOpenFiles => "too_many_open_files",
        /// A GPU, its memory or its links failed.
        GpuHardwareFault => "gpu_hardware_fault",
        /// A GPU kernel failed: illegal memory access, launch failure or assertion.
        GpuProgramFault => "gpu_program_fault",
        /// No GPU could be used: there is none, it is busy, or its driver does not run.
        GpuUnavailable => "gpu_unavailable",
        /// A GPU kernel needs more of the GPU's own resources than there are.
        KernelResources => "kernel_resources",
        /// A CUDA library reported an error.
        GpuLibraryError => "gpu_library_error",
        /// Driver, libraries and program do not fit together.
        LibraryMismatch => "library_mismatch",
        /// Code could not be compiled.
        CompilerFailed => "compiler_failed",
        /// A collective operation timed out, most likely because another rank failed or stalled first.
        CollectiveTimeout => "collective_timeout",
        /// The ranks called different collective operations.
        CollectiveMismatch => "collective_mismatch",
        /// The collective library reported an error.
        CollectiveError => "collective_error",
        /// Processes could not reach one another, or lost their connection.
        NetworkFailure => "network_failure",
        /// A Python module is missing.
        MissingModule => "missing_module",
        /// A model hub or store refused access, or does not have what was asked for.
        HubAccess => "hub_access",
        /// A model hub or store could not be reached.
        HubUnreachable => "hub_unreachable",
        /// The configuration is wrong.
        BadConfiguration => "bad_configuration",
        /// The data is wrong: it cannot be read, or is not what was expected.
        BadData => "bad_data",
        /// A checkpoint or weights file cannot be read, or does not fit the model.
        BadCheckpoint => "bad_checkpoint",
        /// Tensors do not fit together: shape, type or device.
        BadTensors => "bad_tensors",
        /// Numbers are no longer finite.
        NotFinite => "not_finite",
        /// A file is missing, or may not be read or written.
        FileAccess => "file_access",
        /// The program has a bug: a wrong type, name or argument.
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
        /// The scheduler took the machine back.
        Preempted => "preempted",
        /// The job was cancelled.
        Cancelled => "cancelled",
        /// A machine of the job failed.
        NodeFailure => "node_failure",
        /// A worker process exited with a code.
        WorkerExit => "worker_exit",
        /// A worker process is gone; the output does not say why.
        WorkerLost => "worker_lost",
    }
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
}
