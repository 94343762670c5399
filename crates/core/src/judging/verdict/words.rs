//! The closed vocabulary of verdicts; every word of it can leave the machine.

use crate::public::PublicStr;

/// Declares an enum whose variants are public constants.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $why:literal])+ $variant:ident => $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[doc = $why])+ $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The word for it, as events carry it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// What it means, for the documents and for the run's owner.
            #[must_use]
            pub fn means(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($why),+).trim_start(),)*
                }
            }

            /// What a word that was read back stands for.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }

            /// The word as public text.
            #[must_use]
            pub const fn public(self) -> PublicStr {
                PublicStr::constant(self.as_str())
            }
        }
    };
}

words! {
    /// How a run ended.
    Outcome {
        /// Exit code 0.
        Success => "success",
        /// Any other exit code.
        Error => "error",
        /// A signal, or an end that a signal asked for.
        Signal => "signal",
        /// Nobody saw the end.
        Lost => "lost",
    }
}

words! {
    /// Why a run ended.
    Kind {
        /// The command came to its end.
        Success => "success",
        /// An exit code, and nothing that explains it.
        ExitNonzero => "exit_nonzero",
        /// An exception that nobody caught.
        Exception => "exception",
        /// The control group's memory was used up.
        OomCgroup => "oom_cgroup",
        /// The machine's memory was used up.
        OomHost => "oom_host",
        /// A daemon ended the run before the machine's memory was used up.
        OomDaemon => "oom_daemon",
        /// A GPU's memory was used up.
        OomGpu => "oom_gpu",
        /// The shared memory between data workers was used up.
        ShmFull => "shm_full",
        /// Native code touched memory that is not its own: SIGSEGV.
        Segfault => "segfault",
        /// Native code gave up: SIGABRT, or the C library's own end.
        Abort => "abort",
        /// The processor does not know an instruction: SIGILL.
        IllegalInstruction => "illegal",
        /// Native code divided a whole number by zero: SIGFPE.
        FloatingPointError => "fpe",
        /// Mapped memory could not be delivered: SIGBUS.
        BusError => "bus",
        /// A collective operation waited in vain: a victim of what another rank did.
        NcclTimeout => "nccl_timeout",
        /// A GPU, or the link to it, failed.
        GpuFault => "gpu_fault",
        /// The training stood still until somebody ended it.
        Hang => "hang",
        /// The time that the run was given was up.
        TimeLimit => "time_limit",
        /// Who runs the machine ended the run: preempted, cancelled, drained.
        PreemptedOrCancelled => "preempted_or_cancelled",
        /// The user ended the run, or a program of the user's did: Ctrl-C, `kill`, a script beside it.
        SignalledByUser => "signalled_by_user",
        /// SIGTERM, and nobody saw who sent it.
        Terminated => "terminated",
        /// SIGHUP: the terminal or the connection went away.
        HungUp => "hung_up",
        /// SIGKILL, and no counter moved.
        KilledUnknown => "killed_unknown",
        /// A signal that says nothing more.
        OtherSignal => "signal",
        /// Nobody saw the end.
        Lost => "lost",
    }
}

impl Kind {
    /// Whether somebody asked the run to end.
    #[must_use]
    pub const fn is_requested(self) -> bool {
        matches!(
            self,
            Self::SignalledByUser
                | Self::Terminated
                | Self::HungUp
                | Self::TimeLimit
                | Self::PreemptedOrCancelled
        )
    }
}

words! {
    /// What speaks for a verdict.
    Evidence {
        /// The exit code.
        ExitCode => "exit_code",
        /// An exit code of 128 + n, as shells report a signal.
        ExitCodeOfSignal => "exit_code_of_signal",
        /// The kernel said that a signal killed the command.
        KilledBySignal => "killed_by_signal",
        /// The kernel said that a signal killed the process of the run that failed first.
        WorkerKilledBySignal => "worker_killed_by_signal",
        /// The kernel said which rank failed first.
        FirstFailedRank => "first_failed_rank",
        /// The control group's counter of processes killed for memory moved.
        ControlGroupCounter => "cgroup_oom_kill",
        /// The machine's counter of processes killed for memory moved.
        HostCounter => "host_oom_kill",
        /// That counter could be read, and did not move.
        NoCounterMoved => "no_oom_kill",
        /// A daemon that ends processes when memory is short has written a kill down on the control group.
        MemoryDaemonsMark => "memory_daemon_mark",
        /// Such a daemon runs.
        MemoryDaemonRuns => "memory_daemon_runs",
        /// The machine's memory was used up a moment before.
        MemoryUsedUp => "memory_used_up",
        /// The shared memory was full a moment before.
        SharedMemoryFull => "shared_memory_full",
        /// The GPU's driver reported an error.
        GpuError => "gpu_xid",
        /// A GPU could not be reached any more.
        GpuLost => "gpu_lost",
        /// The GPU's driver did not answer.
        GpuUnresponsive => "gpu_driver_unresponsive",
        /// No step was made for far longer than any step takes, and nothing else was being done.
        NoProgress => "no_progress",
        /// A traceback.
        Traceback => "traceback",
        /// The traceback of an interrupt.
        InterruptTraceback => "interrupt_traceback",
        /// A public sign of a death without a traceback.
        Marker => "marker",
        /// The launcher was asked to pass SIGINT or SIGQUIT on.
        InterruptRequested => "interrupt_requested",
        /// The launcher was asked to pass SIGTERM on.
        TerminationRequested => "termination_requested",
        /// The launcher was asked to pass SIGHUP on.
        HangupRequested => "hangup_requested",
        /// The signal came from the terminal.
        SentByTerminal => "sent_by_terminal",
        /// The signal came from a process of the run's own session: the shell, or a program beside the run.
        SentFromOwnSession => "sent_from_own_session",
        /// The signal came from a process of the same user, in another session.
        SentBySameUser => "sent_by_same_user",
        /// The signal came from a process of another user.
        SentByOtherUser => "sent_by_other_user",
        /// The signal came from outside of the container.
        SentFromOutside => "sent_from_outside",
        /// The signal came from a batch system, or from the launcher of a job.
        SentByScheduler => "sent_by_scheduler",
        /// The signal came from what starts and stops services and containers.
        SentByServiceManager => "sent_by_service_manager",
        /// The signal came from a daemon that ends processes when memory is short.
        SentByMemoryDaemon => "sent_by_memory_daemon",
        /// The signal came from `timeout`, or the command is `timeout` and says so.
        TimeLimiter => "timeout",
        /// The job's time ended at that moment, as its batch system had said.
        JobEndTime => "job_end_time",
        /// The limit of processor time was reached.
        ProcessorTime => "processor_time",
        /// The batch system printed that it ended the job.
        SchedulersWord => "scheduler_message",
        /// Nobody saw the end.
        EndNotSeen => "end_not_seen",
        /// The launcher itself had a fault before.
        LauncherCrashed => "launcher_crashed",
        /// The launcher itself was killed before.
        LauncherKilled => "launcher_killed",
        /// The launcher itself was killed for memory before.
        LauncherOutOfMemory => "launcher_out_of_memory",
        /// The launcher's observer was killed before or could not be started, and saw nothing of the end.
        ObserverLost => "observer_lost",
        /// The training was over when the run failed.
        TrainingFinished => "training_finished",
        /// Not a single step was seen.
        TrainingNotBegun => "training_not_begun",
        /// The last loss was no number.
        LossNotFinite => "loss_not_finite",
    }
}

words! {
    /// How sure a verdict is.
    Confidence {
        /// The evidence has no other reading.
        High => "high",
        /// Another reading is unlikely.
        Medium => "medium",
        /// It is the best guess.
        Low => "low",
    }
}
