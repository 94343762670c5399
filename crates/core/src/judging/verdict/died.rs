//! Ends by a signal that nobody asked for, and by a GPU.

use super::{Case, Confidence, Evidence, Finding, Kind};
use crate::knowledge::{Meaning, Speaker};
use crate::status::signal::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGTERM, SIGXCPU};

/// Share of the shared memory from which on it is full: what is left is less than one more batch.
const SHARED_MEMORY_FULL: f64 = 0.95;

/// How long before the end the driver's errors count, in seconds.
const GPU_ERROR_SECONDS: f64 = 60.0;

/// The driver's errors that speak of the hardware or of the driver itself, by NVIDIA's catalogue: memory (48, 63,
/// 64, 92, 94, 95, 140), links and bus (74, 79, 121), the device's own processors (61, 62, 119, 120), its protection
/// (110), its initialisation and recovery (143, 154). What the program did wrong itself (13, 31, 43, 45) is not here.
const HARDWARE_ERRORS: [u64; 17] = [
    48, 61, 62, 63, 64, 74, 79, 92, 94, 95, 110, 119, 120, 121, 140, 143, 154,
];

impl Case<'_> {
    /// A GPU failed shortly before the run did.
    pub fn gpu_fault(self) -> Option<Finding> {
        self.ending.end?;
        let gpu = &self.ending.gpu;
        let is_recent = |at: f64| at >= self.ending.at - GPU_ERROR_SECONDS;
        let mut errors = gpu.xids.iter().filter(|xid| is_recent(xid.at));
        let mut evidence = Vec::new();
        if errors.any(|xid| HARDWARE_ERRORS.contains(&xid.code)) {
            evidence.push(Evidence::GpuError);
        }
        if gpu.lost_at.is_some_and(is_recent) {
            evidence.push(Evidence::GpuLost);
        }
        // That the driver said so is certain; that the run died of it is not.
        if self.says(Meaning::GpuHardwareFault) {
            evidence.insert(0, self.how_it_was_told());
            return Some((Kind::GpuFault, Confidence::High, evidence));
        }
        if evidence.is_empty() {
            return None;
        }
        Some((Kind::GpuFault, Confidence::Medium, evidence))
    }

    /// A signal ended the command, or the worker that failed first.
    pub fn died(self) -> Option<Finding> {
        let (signal, status) = self.signal_of_run()?;
        let (kind, further_evidence) = match signal {
            SIGSEGV => (Kind::Segfault, None),
            SIGABRT if self.watchdog() => (Kind::NcclTimeout, Some(Evidence::Marker)),
            SIGABRT => (Kind::Abort, None),
            SIGILL => (Kind::IllegalInstruction, None),
            SIGFPE => (Kind::FloatingPointError, None),
            SIGBUS if self.shared_memory_full() => {
                (Kind::ShmFull, Some(Evidence::SharedMemoryFull))
            }
            SIGBUS if self.says(Meaning::SharedMemoryFull) => {
                (Kind::ShmFull, Some(Evidence::Marker))
            }
            SIGBUS => (Kind::BusError, None),
            // Batch systems kill what does not go when it is asked.
            SIGKILL
                if let Some(kind) = self.scheduler_ended()
                    && !self.raised() =>
            {
                (kind, Some(Evidence::SchedulersWord))
            }
            SIGKILL if self.no_counter_moved() => {
                (Kind::KilledUnknown, Some(Evidence::NoCounterMoved))
            }
            SIGKILL => (Kind::KilledUnknown, None),
            SIGXCPU => (Kind::TimeLimit, Some(Evidence::ProcessorTime)),
            SIGTERM => (Kind::Terminated, None),
            _ => (Kind::OtherSignal, None),
        };
        let confidence = match (kind, status) {
            (Kind::KilledUnknown, _) => Confidence::Low,
            (Kind::Terminated, _) => Confidence::Medium,
            (_, Evidence::ExitCodeOfSignal) => Confidence::Medium,
            _ => Confidence::High,
        };
        let mut evidence = vec![status];
        evidence.extend(further_evidence);
        Some((kind, confidence, evidence))
    }

    /// Whether the shared memory was seen full.
    pub fn shared_memory_full(self) -> bool {
        let used = self.ending.memory_pressure.shared_memory_used;
        used.is_some_and(|share| share >= SHARED_MEMORY_FULL)
    }

    /// Whether the error, or a sign beside it, means this.
    pub fn says(self, meaning: Meaning) -> bool {
        let mut signs = self.judgement.signs.iter();
        self.judgement.meaning == Some(meaning) || signs.any(|sign| sign.meaning == meaning)
    }

    /// Whether NCCL's watchdog ended the process because a collective operation waited in vain. It ends it, too, when
    /// it only carries an error of the GPU.
    pub fn watchdog(self) -> bool {
        let carried = [
            Meaning::GpuProgramFault,
            Meaning::GpuHardwareFault,
            Meaning::GpuOutOfMemory,
        ];
        let signs = &self.judgement.signs;
        let spoke = signs.iter().any(|sign| sign.speaker == Speaker::Watchdog);
        spoke && !carried.iter().any(|meaning| self.says(*meaning))
    }
}
