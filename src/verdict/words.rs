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
        /// It did what it should.
        Success => "success",
        /// An exit code, and nothing that explains it.
        ExitNonzero => "exit_nonzero",
        /// An exception that nobody caught.
        Exception => "exception",
        /// The control group's memory was used up.
        OomCgroup => "oom_cgroup",
        /// The machine's memory was used up.
        OomHost => "oom_host",
        /// A GPU's memory was used up.
        OomGpu => "oom_gpu",
        /// The shared memory between data workers was used up.
        ShmFull => "shm_full",
        /// SIGSEGV.
        Segfault => "segfault",
        /// SIGABRT, or the C library's own end.
        Abort => "abort",
        /// SIGILL.
        IllegalInstruction => "illegal",
        /// SIGFPE.
        FloatingPointError => "fpe",
        /// SIGBUS.
        BusError => "bus",
        /// A collective operation waited in vain: a victim of what another rank did.
        NcclTimeout => "nccl_timeout",
        /// Ctrl-C, or SIGINT or SIGQUIT by other means.
        SignalledByUser => "signalled_by_user",
        /// SIGTERM: a scheduler, a container runtime, a person.
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
        matches!(self, Self::SignalledByUser | Self::Terminated | Self::HungUp)
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
        /// The control group's counter of processes killed for memory moved.
        ControlGroupCounter => "cgroup_oom_kill",
        /// The machine's counter of processes killed for memory moved.
        HostCounter => "host_oom_kill",
        /// That counter could be read, and did not move.
        NoCounterMoved => "no_oom_kill",
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
        /// Nobody saw the end.
        EndNotSeen => "end_not_seen",
        /// The launcher itself had a fault before.
        LauncherCrashed => "launcher_crashed",
        /// The launcher itself was killed before.
        LauncherKilled => "launcher_killed",
        /// The launcher itself was killed for memory before.
        LauncherOutOfMemory => "launcher_out_of_memory",
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
