//! The thread that talks to the driver, and the side that never waits for it.
//!
//! One request is under way at most: a driver that takes long gets fewer questions, not a queue.

use super::cuda_visible::VISIBLE_BYTES_MAX;
use super::driver::{AcceleratorFacts, DriverAnswer, DriverSettings, Health};
use super::presence::presence;
use super::{amd, intel, nvml};
use axolotl_run_core::env;
use axolotl_run_core::limits;
use axolotl_run_core::observation::GpuReading;
use axolotl_run_core::public::hardware::Vendor;
use axolotl_run_sys::background::Background;
use axolotl_run_sys::channel::Arrived;
use std::time::{Duration, Instant};

/// The measuring of all accelerators.
#[derive(Debug)]
pub struct Gpus {
    thread: Option<Background<Vec<u32>, DriverAnswer>>,
    health: Health,
    /// Whether the driver was ever silent for too long, even if it came back.
    pub ever_unresponsive: bool,
    facts: Option<AcceleratorFacts>,
    readings: Option<Vec<GpuReading>>,
    xids: Vec<u64>,
    answer_timeout: Duration,
}

impl Gpus {
    /// Begins to measure, if there is anything to measure; returns at once.
    pub fn start() -> Self {
        let visible_devices = std::env::var(env::CUDA_VISIBLE_DEVICES).ok();
        let device_order = std::env::var(env::CUDA_DEVICE_ORDER).ok();
        Self::start_with(DriverSettings {
            root: "/".into(),
            nvml_library: std::env::var_os(env::AXOLOTL_RUN_NVML_PATH),
            answer_timeout: limits::GPU_TIMEOUT,
            retry_period: limits::GPU_RETRY_PERIOD,
            visible_devices: visible_devices.filter(|value| value.len() <= VISIBLE_BYTES_MAX),
            by_bus: device_order.as_deref() == Some("PCI_BUS_ID"),
        })
    }

    /// Measures nothing, and asks no driver.
    pub fn unmeasured() -> Self {
        Self {
            thread: None,
            health: Health::Absent,
            ever_unresponsive: false,
            facts: None,
            readings: None,
            xids: Vec::new(),
            answer_timeout: limits::GPU_TIMEOUT,
        }
    }

    /// The same with other settings, for tests.
    #[doc(hidden)]
    pub fn start_with(mut settings: DriverSettings) -> Self {
        settings.nvml_library = settings.nvml_library.filter(|path| !path.is_empty());
        let mut gpus = Self {
            facts: Some(AcceleratorFacts::none()),
            answer_timeout: settings.answer_timeout,
            ..Self::unmeasured()
        };
        let Some(vendor) = presence(&settings) else {
            return gpus;
        };
        gpus.facts = None;
        gpus.health = Health::Failed;
        gpus.thread = Background::start("accelerators", move |questions| {
            // The first request is for what there is, which each of them says unasked.
            let _ = questions.requests.recv();
            match vendor {
                Vendor::Nvidia => nvml::serve(&settings, questions),
                Vendor::Amd => amd::serve(&settings, questions),
                Vendor::Intel => intel::serve(&settings, questions),
            }
        });
        if let Some(thread) = &mut gpus.thread {
            gpus.health = Health::Pending;
            thread.ask(Vec::new());
        }
        gpus
    }

    /// How it goes, as of now.
    pub fn health(&mut self) -> Health {
        self.poll();
        self.health
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
        while self.health() == Health::Working
            && let Some(thread) = &mut self.thread
            && thread.is_busy()
            && let time_left = deadline.saturating_duration_since(Instant::now())
            && let Arrived::Message(answer) = thread.wait(time_left)
        {
            self.take(answer);
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
                Arrived::Message(answer) => self.take(answer),
                Arrived::Nothing => break,
                // It is gone without our asking for it: a fault inside of the library.
                Arrived::Closed => {
                    self.thread = None;
                    self.health = Health::Failed;
                    return;
                }
            }
        }
        if let Some(thread) = &self.thread
            && let Some(asked) = thread.busy_since
            && asked.elapsed() >= self.answer_timeout
        {
            self.health = Health::Unresponsive;
            self.ever_unresponsive = true;
        }
    }
}
