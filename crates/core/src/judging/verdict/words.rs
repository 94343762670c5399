//! The closed vocabulary of verdicts; every word of it can leave the machine.

use crate::public::words::words;

words! {
    /// How a run ended.
    Outcome {
        /// Exit code 0.
        Success => "success",
        /// Any other exit code.
        Error => "error",
        /// A signal, or an end that a signal asked for.
        Signal => "signal",
        /// The end was not observed.
        Lost => "lost",
    }
}

words! {
    /// Why a run ended.
    Kind {
        /// The command finished normally.
        Success => "success",
        /// The command failed, and its output does not say why.
        ExitNonzero => "exit_nonzero",
        /// The program died of an unhandled exception.
        Exception => "exception",
        /// The memory limit of the control group (container, job) was reached.
        OomCgroup => "oom_cgroup",
        /// The machine ran out of memory.
        OomHost => "oom_host",
        /// A memory daemon ended the run because the machine was running out of memory.
        OomDaemon => "oom_daemon",
        /// A GPU ran out of memory.
        OomGpu => "oom_gpu",
        /// The shared memory between processes (/dev/shm) was full.
        ShmFull => "shm_full",
        /// Segmentation fault in native code (SIGSEGV).
        Segfault => "segfault",
        /// Native code aborted (SIGABRT).
        Abort => "abort",
        /// Illegal instruction (SIGILL): the program was built for another processor.
        IllegalInstruction => "illegal",
        /// Arithmetic error in native code (SIGFPE).
        FloatingPointError => "fpe",
        /// Bus error (SIGBUS): mapped memory could not be read or written.
        BusError => "bus",
        /// An NCCL collective timed out, most likely because another rank failed or stalled first.
        NcclTimeout => "nccl_timeout",
        /// A collective operation timed out, most likely because another rank failed or stalled first.
        CollectiveTimeout => "collective_timeout",
        /// The ranks called different collective operations, or with different sizes.
        CollectiveMismatch => "collective_mismatch",
        /// The processes of the job did not find one another.
        RendezvousFailed => "rendezvous_failed",
        /// Another process of the job was lost first, and nobody saw why.
        PeerLost => "peer_lost",
        /// A GPU, or the link to it, failed.
        GpuFault => "gpu_fault",
        /// Training hung: no progress until it was stopped.
        Hang => "hang",
        /// The time limit was reached.
        TimeLimit => "time_limit",
        /// The scheduler ended the run (preempted, cancelled or drained).
        PreemptedOrCancelled => "preempted_or_cancelled",
        /// Stopped by you or by one of your processes (Ctrl-C, `kill`, a script).
        SignalledByUser => "signalled_by_user",
        /// Ended by SIGTERM; the sender is unknown.
        Terminated => "terminated",
        /// Ended by SIGHUP: the terminal or the connection was closed.
        HungUp => "hung_up",
        /// Killed by SIGKILL; no sign of the kernel's OOM killer.
        KilledUnknown => "killed_unknown",
        /// Ended by another signal.
        OtherSignal => "signal",
        /// The end was not observed.
        Lost => "lost",
    }
}

impl Kind {
    /// Whether somebody asked the run to end.
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

    /// Whether ranks say that they waited for another one or lost it.
    pub const fn is_of_collectives(self) -> bool {
        matches!(
            self,
            Self::NcclTimeout
                | Self::CollectiveTimeout
                | Self::CollectiveMismatch
                | Self::RendezvousFailed
                | Self::PeerLost
        )
    }
}

words! {
    /// What speaks for a verdict.
    Evidence {
        /// The exit code.
        ExitCode => "exit_code",
        /// The exit code is 128 + n, as shells report signal n.
        ExitCodeOfSignal => "exit_code_of_signal",
        /// The kernel says that a signal killed the command.
        KilledBySignal => "killed_by_signal",
        /// The kernel says that a signal killed the process that failed first.
        WorkerKilledBySignal => "worker_killed_by_signal",
        /// The kernel says which rank failed first.
        FirstFailedRank => "first_failed_rank",
        /// The process that failed first was one of its rank's helpers, such as a data worker.
        HelperFailed => "helper_failed",
        /// The process that failed first was a data worker (DataLoader).
        DataWorkerFailed => "data_worker_failed",
        /// The process that failed first exited with a code of its own.
        WorkerExitCode => "worker_exit_code",
        /// PyTorch's desync report names the ranks that lag.
        DesyncReport => "desync_report",
        /// PyTorch's fingerprints of the ranks' operations differ.
        CollectiveFingerprints => "collective_fingerprints",
        /// A monitored barrier names the ranks that did not come.
        MonitoredBarrier => "monitored_barrier",
        /// What the ranks' time-outs say of operation, number and size was compared.
        TimeoutsCompared => "timeouts_compared",
        /// A rank had completed all that it began, and had not begun what the others waited in.
        NotEnqueued => "not_enqueued",
        /// All ranks but these said that they waited.
        SilentRank => "silent_rank",
        /// A message of the rendezvous or its store.
        RendezvousMessage => "rendezvous_message",
        /// All that was said is that another process was lost or waited for.
        LostPeer => "lost_peer",
        /// The kernel saw a process end before the others began to wait for it.
        DeathBeforeTimeout => "death_before_timeout",
        /// The kernel counted an OOM kill in the run's control group.
        ControlGroupCounter => "cgroup_oom_kill",
        /// The kernel counted an OOM kill on the machine.
        HostCounter => "host_oom_kill",
        /// The kernel's OOM-kill counters did not change.
        NoCounterMoved => "no_oom_kill",
        /// A memory daemon marked a kill on the run's control group.
        MemoryDaemonsMark => "memory_daemon_mark",
        /// A memory daemon runs on the machine.
        MemoryDaemonRuns => "memory_daemon_runs",
        /// The machine had no memory left a moment before.
        MemoryUsedUp => "memory_used_up",
        /// The shared memory was full a moment before.
        SharedMemoryFull => "shared_memory_full",
        /// The GPU driver reported an error.
        GpuError => "gpu_xid",
        /// A GPU could no longer be reached.
        GpuLost => "gpu_lost",
        /// The GPU driver did not answer.
        GpuUnresponsive => "gpu_driver_unresponsive",
        /// No step for far longer than any step took, and no other activity.
        NoProgress => "no_progress",
        /// The ranks' Python stacks: one rank was not where the others waited for it.
        PythonStacks => "python_stacks",
        /// Before the first step: the launcher waited for the job's other machines, and started no worker.
        WaitedForMachines => "waited_for_machines",
        /// Before the first step: a download stood still.
        WaitedForDownload => "waited_for_download",
        /// Before the first step: the preparation of the data stood still.
        WaitedForData => "waited_for_data",
        /// After the last step: the program did not end.
        DidNotEnd => "did_not_end",
        /// A traceback in the output.
        Traceback => "traceback",
        /// A traceback of an interrupt in the output.
        InterruptTraceback => "interrupt_traceback",
        /// A line in the output that tells of a death without a traceback.
        Marker => "marker",
        /// axolotl-run received SIGINT or SIGQUIT and forwarded it.
        InterruptRequested => "interrupt_requested",
        /// axolotl-run received SIGTERM and forwarded it.
        TerminationRequested => "termination_requested",
        /// axolotl-run received SIGHUP and forwarded it.
        HangupRequested => "hangup_requested",
        /// The signal came from the terminal.
        SentByTerminal => "sent_by_terminal",
        /// The signal came from a process of the run's own session, such as the shell.
        SentFromOwnSession => "sent_from_own_session",
        /// The signal came from a process of the same user, in another session.
        SentBySameUser => "sent_by_same_user",
        /// The signal came from a process of another user.
        SentByOtherUser => "sent_by_other_user",
        /// The signal came from outside the container.
        SentFromOutside => "sent_from_outside",
        /// The signal came from a batch system or a job launcher.
        SentByScheduler => "sent_by_scheduler",
        /// The signal came from a service or container manager.
        SentByServiceManager => "sent_by_service_manager",
        /// The signal came from a memory daemon.
        SentByMemoryDaemon => "sent_by_memory_daemon",
        /// The signal came from `timeout`, or the command is `timeout` and its exit code says so.
        TimeLimiter => "timeout",
        /// The job ended at the end time that its batch system had announced.
        JobEndTime => "job_end_time",
        /// The processor time limit was reached.
        ProcessorTime => "processor_time",
        /// The batch system printed that it ended the job.
        SchedulersWord => "scheduler_message",
        /// The end was not observed.
        EndNotSeen => "end_not_seen",
        /// axolotl-run itself crashed before.
        LauncherCrashed => "launcher_crashed",
        /// axolotl-run itself was killed before.
        LauncherKilled => "launcher_killed",
        /// The OOM killer killed axolotl-run itself before.
        LauncherOutOfMemory => "launcher_out_of_memory",
        /// axolotl-run's observer was killed or could not start, so it did not see the end.
        ObserverLost => "observer_lost",
        /// A part of the output came too fast to be seen.
        OutputMissed => "output_missed",
        /// What the command printed could not be read.
        OutputUnread => "output_unread",
        /// The training was finished when the run failed.
        TrainingFinished => "training_finished",
        /// No training step was reported.
        TrainingNotBegun => "training_not_begun",
        /// The last loss was not a number.
        LossNotFinite => "loss_not_finite",
    }
}

words! {
    /// How sure a verdict is.
    Confidence {
        /// The evidence allows no other explanation.
        High => "high",
        /// Another explanation is unlikely.
        Medium => "medium",
        /// The best guess.
        Low => "low",
    }
}

words! {
    /// What went wrong in a collective operation.
    CollectiveTrouble {
        /// Ranks are behind the others.
        Lagging => "lagging",
        /// Ranks never came to the operation.
        NeverCame => "never_came",
        /// Ranks called another operation than the others, or with another size.
        Mismatch => "mismatch",
        /// All ranks were in the same operation: a link, a device, or the work before it.
        NobodyLags => "nobody_lags",
        /// No operation ever came through: the network interface, a firewall, or the way between the GPUs.
        FirstConnection => "first_connection",
        /// The watchdog stood still itself: a call into CUDA, or Python's lock.
        WatchdogStuck => "watchdog_stuck",
        /// Not all processes came to the rendezvous.
        NotAllJoined => "not_all_joined",
        /// The place of the rendezvous, or another process, could not be reached.
        Unreachable => "unreachable",
        /// Another process was lost; what became of it was not said.
        PeerLost => "peer_lost",
        /// Ranks waited, and what they say does not tell for whom.
        Untold => "untold",
    }
}
