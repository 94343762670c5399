//! The thread that talks to the driver, and the side that never waits for it.
//!
//! One request is under way at most: a driver that takes long gets fewer questions, not a queue.

use super::cuda_visible::VISIBLE_BYTES_MAX;
use super::driver::{AcceleratorFacts, DriverAnswer, DriverTimeouts, Health, Places};
use super::presence::presence;
use super::{amd, intel, nvml};
use axolotl_run_core::env;
use axolotl_run_core::limits;
use axolotl_run_core::observation::GpuReading;
use axolotl_run_core::public::hardware::Vendor;
use axolotl_run_sys::background::{Arrived, Background};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The measuring of all accelerators.
#[derive(Debug)]
pub struct Gpus {
    thread: Option<Background<Vec<u32>, DriverAnswer>>,
    health: Health,
    ever_unresponsive: bool,
    facts: Option<AcceleratorFacts>,
    readings: Option<Vec<GpuReading>>,
    xids: Vec<u64>,
    timeout: Duration,
}

impl Gpus {
    /// Begins to measure, if there is anything to measure; returns at once. `nvml_path`: another library than
    /// the driver's own.
    pub fn start(nvml_path: Option<OsString>) -> Self {
        let timeouts = DriverTimeouts {
            answer: limits::GPU_TIMEOUT,
            retry: limits::GPU_RETRY_PERIOD,
        };
        let order = std::env::var(env::CUDA_DEVICE_ORDER).ok();
        let visible = std::env::var(env::CUDA_VISIBLE_DEVICES).ok();
        let visible = visible.filter(|value| value.len() <= VISIBLE_BYTES_MAX);
        Self::start_for("/", nvml_path, timeouts, visible, order.as_deref())
    }

    /// The same with the file system's root at another place and less timeouts, for tests.
    #[doc(hidden)]
    pub fn start_at(
        root: impl Into<PathBuf>,
        nvml_path: Option<OsString>,
        timeouts: DriverTimeouts,
    ) -> Self {
        Self::start_for(root, nvml_path, timeouts, None, None)
    }

    /// The same for a command whose environment has these values of CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER.
    #[doc(hidden)]
    pub fn start_for(
        root: impl Into<PathBuf>,
        nvml_path: Option<OsString>,
        timeouts: DriverTimeouts,
        visible: Option<String>,
        order: Option<&str>,
    ) -> Self {
        let places = Places {
            root: root.into(),
            nvml: nvml_path.filter(|path| !path.is_empty()),
            retry: timeouts.retry,
            visible,
            by_bus: order == Some("PCI_BUS_ID"),
        };
        let absent = Self {
            thread: None,
            health: Health::Absent,
            ever_unresponsive: false,
            facts: Some(AcceleratorFacts::none()),
            readings: None,
            xids: Vec::new(),
            timeout: timeouts.answer,
        };
        let Some(vendor) = presence(&places) else {
            return absent;
        };
        let thread = Background::start("accelerators", move |questions| {
            // The first request is for what there is, which each of them says unasked.
            let _ = questions.requests.recv();
            match vendor {
                Vendor::Nvidia => nvml::serve(&places, questions),
                Vendor::Amd => amd::serve(&places, questions),
                Vendor::Intel => intel::serve(&places, questions),
            }
        });
        let Some(mut thread) = thread else {
            return Self {
                health: Health::Failed,
                facts: None,
                ..absent
            };
        };
        thread.ask(Vec::new());
        Self {
            thread: Some(thread),
            health: Health::Pending,
            facts: None,
            ..absent
        }
    }

    /// How it goes, as of now.
    pub fn health(&mut self) -> Health {
        self.poll();
        self.health
    }

    /// Whether the driver was ever silent for too long, even if it came back.
    pub const fn ever_unresponsive(&self) -> bool {
        self.ever_unresponsive
    }

    /// What there is, as soon as it is known.
    pub fn facts(&mut self) -> Option<AcceleratorFacts> {
        self.poll();
        self.facts.clone()
    }

    /// Asks for a reading, unless one is under way. `pids`: the command's processes.
    pub fn request_sample(&mut self, pids: &[u32]) {
        self.poll();
        if let Some(thread) = &mut self.thread
            && !thread.is_busy()
        {
            thread.ask(pids.to_vec());
        }
    }

    /// The reading that arrived since this was last asked.
    pub fn try_reading(&mut self) -> Option<Vec<GpuReading>> {
        self.poll();
        self.readings.take()
    }

    /// The errors that the driver has reported since this was last asked.
    pub fn take_xids(&mut self) -> Vec<u64> {
        self.poll();
        std::mem::take(&mut self.xids)
    }

    /// Waits until a reading that was asked for has come, or for so long at the most. Nothing to wait for where there
    /// are no accelerators or their driver is silent.
    pub fn await_reading(&mut self, at_most: Duration) {
        let deadline = Instant::now() + at_most;
        while self.health() == Health::Working && Instant::now() < deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            match &mut self.thread {
                Some(thread) if thread.is_busy() => {
                    if let Arrived::Answer(answer) = thread.wait(left) {
                        self.take(answer);
                    }
                }
                _ => return,
            }
        }
    }

    fn take(&mut self, answer: DriverAnswer) {
        self.health = answer.health;
        self.facts = answer.facts.or_else(|| self.facts.take());
        self.readings = answer.readings.or_else(|| self.readings.take());
        if self.xids.len() < limits::XIDS_MAX {
            self.xids.extend(answer.xids);
        }
    }

    /// Takes what the thread has sent, and the time if it sent nothing.
    fn poll(&mut self) {
        while let Some(thread) = &mut self.thread {
            match thread.take() {
                Arrived::Answer(answer) => self.take(answer),
                Arrived::Nothing => break,
                // It is gone without our asking for it: a fault inside of the library.
                Arrived::Over => {
                    self.thread = None;
                    self.health = Health::Failed;
                    return;
                }
            }
        }
        if let Some(thread) = &self.thread
            && let Some(asked) = thread.busy_since()
            && asked.elapsed() >= self.timeout
        {
            self.health = Health::Unresponsive;
            self.ever_unresponsive = true;
        }
    }
}
