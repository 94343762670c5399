//! What the measuring thread is told, and what it answers.

use axolotl_run_core::event::{Accelerator, Start};
use axolotl_run_core::observation::GpuReading;
use axolotl_run_core::public::PublicStr;
use axolotl_run_sys::background::Desk;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// The measuring thread's side: it is asked with the command's processes.
pub type Questions = Desk<Vec<u32>, DriverAnswer>;

/// What the start event says about accelerators.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceleratorFacts {
    /// cuda, hip, xpu or none.
    pub kind: PublicStr,
    /// How many there are; None where there are signs of some and nobody to count them.
    pub count: Option<u64>,
    /// Their models and memories.
    pub info: Vec<Accelerator>,
}

impl AcceleratorFacts {
    /// Puts what is known into the event.
    pub fn apply(&self, start: &mut Start) {
        start.accelerator_type = Some(self.kind.clone());
        start.accelerator_count = self.count;
        if !self.info.is_empty() {
            start.accelerator_info = Some(self.info.clone());
        }
    }

    /// Of these devices, and no others.
    pub fn new(kind: &'static str, info: Vec<Accelerator>) -> Self {
        Self {
            kind: PublicStr::constant(kind),
            count: Some(info.len() as u64),
            info,
        }
    }

    /// The machine has none.
    pub fn none() -> Self {
        Self::new("none", Vec::new())
    }
}

/// How the measuring of accelerators goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// There is nothing to measure.
    Absent,
    /// The driver was asked and has not answered for the first time.
    Pending,
    /// It answers.
    Working,
    /// There are devices, but the driver's library is not installed here (as in some containers).
    LibraryMissing,
    /// The library is there and refuses to work (versions that do not fit, no permission…).
    Failed,
    /// A device, or the driver, stopped working during the run.
    Lost,
    /// A call has not come back for [`limits::GPU_TIMEOUT`](axolotl_run_core::limits::GPU_TIMEOUT).
    Unresponsive,
}

/// Where to look, and how long a driver may be silent; tests look elsewhere and wait less.
#[doc(hidden)]
#[derive(Clone, Debug, Default)]
pub struct DriverSettings {
    /// The file system's root.
    pub root: PathBuf,
    /// Another library than NVIDIA's own.
    pub nvml_library: Option<OsString>,
    /// Silence after which the driver is unresponsive.
    pub answer_timeout: Duration,
    /// Between two attempts to bring a lost one back.
    pub retry_period: Duration,
    /// Which of CUDA's devices the command may use, where it is told.
    pub visible_devices: Option<String>,
    /// Whether CUDA numbers them as the bus does.
    pub by_bus: bool,
}

/// One answer of the measuring thread.
#[derive(Debug)]
pub struct DriverAnswer {
    pub health: Health,
    /// Sent once, as soon as they are known.
    pub facts: Option<AcceleratorFacts>,
    pub readings: Option<Vec<GpuReading>>,
    /// Errors that the driver reported since the last answer.
    pub xids: Vec<u64>,
}

impl DriverAnswer {
    pub const fn of(health: Health) -> Self {
        Self {
            health,
            facts: None,
            readings: None,
            xids: Vec::new(),
        }
    }
}
