//! Ends by a signal that nobody asked for, and by a GPU.

use super::{Case, Confidence, Evidence, Finding, Kind};
use crate::event::ErrorEvent;
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
    pub(super) fn gpu_fault(self) -> Option<Finding> {
        self.ending.end?;
        let gpu = &self.ending.gpu;
        let recent = |at: f64| at >= self.ending.at - GPU_ERROR_SECONDS;
        let error = gpu
            .xids
            .iter()
            .any(|xid| recent(xid.at) && HARDWARE_ERRORS.contains(&xid.code));
        let lost = gpu.lost_at.is_some_and(recent);
        let evidence = [
            error.then_some(Evidence::GpuError),
            lost.then_some(Evidence::GpuLost),
        ];
        // That the driver said so is certain; that the run died of it is not.
        (error || lost).then(|| {
            (
                Kind::GpuFault,
                Confidence::Medium,
                evidence.into_iter().flatten().collect(),
            )
        })
    }

    /// A signal ended the command, or the worker that failed first.
    pub(super) fn died(self) -> Option<Finding> {
        let (signal, status) = self.signal()?;
        let (kind, more) = match signal {
            SIGSEGV => (Kind::Segfault, None),
            SIGABRT if self.watchdog() => (Kind::NcclTimeout, Some(Evidence::Marker)),
            SIGABRT => (Kind::Abort, None),
            SIGILL => (Kind::IllegalInstruction, None),
            SIGFPE => (Kind::FloatingPointError, None),
            SIGBUS if self.shared_memory_full() => {
                (Kind::ShmFull, Some(Evidence::SharedMemoryFull))
            }
            SIGBUS if self.says_shared_memory() => (Kind::ShmFull, Some(Evidence::Marker)),
            SIGBUS => (Kind::BusError, None),
            SIGKILL => (
                Kind::KilledUnknown,
                self.no_counter_moved().then_some(Evidence::NoCounterMoved),
            ),
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
        Some((kind, confidence, [status].into_iter().chain(more).collect()))
    }

    /// Whether the shared memory was seen full.
    pub(super) fn shared_memory_full(self) -> bool {
        self.ending
            .memory_pressure
            .shared_memory_used
            .is_some_and(|share| share >= SHARED_MEMORY_FULL)
    }

    /// Whether the output speaks of the shared memory.
    pub(super) fn says_shared_memory(self) -> bool {
        let said = |text: &str| text.contains("shared memory") || text.contains("/dev/shm");
        let of_error = |error: &ErrorEvent| {
            let texts = [error.exception.as_ref(), error.marker.as_ref()];
            texts.into_iter().flatten().any(|text| said(text.as_str()))
        };
        self.judgement.error.as_ref().is_some_and(of_error)
            || self
                .judgement
                .markers
                .iter()
                .any(|marker| said(marker.as_str()))
    }

    /// Whether NCCL's watchdog has spoken, which ends the process by SIGABRT.
    fn watchdog(self) -> bool {
        self.judgement
            .markers
            .iter()
            .any(|marker| marker.as_str().to_ascii_lowercase().contains("watchdog"))
    }
}
