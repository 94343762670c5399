//! The thread that talks to the driver, and the side that never waits for it.
//!
//! One request is under way at most: a driver that takes long gets fewer questions, not a queue. The thread
//! holds nothing that anybody else needs; it ends when [`Gpus`] is dropped, and if it hangs in the kernel then
//! it just stays behind until the process ends.

use super::presence::{Presence, presence};
use super::users::VISIBLE_BYTES_MAX;
use super::{AcceleratorFacts, Answer, Health, Patience, Places, card, intel, nvml};
use axolotl_run_core::env;
use axolotl_run_core::limits;
use axolotl_run_core::observation::GpuReading;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

/// The measuring of all accelerators.
#[derive(Debug)]
pub struct Gpus {
    link: Option<Link>,
    health: Health,
    ever_unresponsive: bool,
    facts: Option<AcceleratorFacts>,
    readings: Option<Vec<GpuReading>>,
    xids: Vec<u64>,
    timeout: Duration,
}

#[derive(Debug)]
struct Link {
    requests: SyncSender<Vec<u32>>,
    answers: Receiver<Answer>,
    /// Since when an answer is due.
    asked: Option<Instant>,
}

impl Gpus {
    /// Begins to measure, if there is anything to measure; returns at once. `nvml_path`: another library than
    /// the driver's own.
    #[must_use]
    pub fn start(nvml_path: Option<OsString>) -> Self {
        let patience = Patience {
            answer: limits::GPU_TIMEOUT,
            retry: limits::GPU_RETRY_PERIOD,
        };
        let variable = |name: &str| {
            std::env::var(name)
                .ok()
                .filter(|value| value.len() <= VISIBLE_BYTES_MAX)
        };
        let order = variable(env::CUDA_DEVICE_ORDER);
        Self::start_for(
            "/",
            nvml_path,
            patience,
            variable(env::CUDA_VISIBLE_DEVICES),
            order.as_deref(),
        )
    }

    /// The same with the file system's root at another place and less patience, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn start_at(
        root: impl Into<PathBuf>,
        nvml_path: Option<OsString>,
        patience: Patience,
    ) -> Self {
        Self::start_for(root, nvml_path, patience, None, None)
    }

    /// The same for a command whose environment has these values of CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER.
    #[doc(hidden)]
    #[must_use]
    pub fn start_for(
        root: impl Into<PathBuf>,
        nvml_path: Option<OsString>,
        patience: Patience,
        visible: Option<String>,
        order: Option<&str>,
    ) -> Self {
        let nvml = nvml_path.filter(|path| !path.is_empty());
        let by_bus = order == Some("PCI_BUS_ID");
        let places = Places {
            root: root.into(),
            nvml,
            retry: patience.retry,
            visible,
            by_bus,
        };
        let absent = Self {
            link: None,
            health: Health::Absent,
            ever_unresponsive: false,
            facts: Some(AcceleratorFacts::none()),
            readings: None,
            xids: Vec::new(),
            timeout: patience.answer,
        };
        let Some(presence) = presence(&places) else {
            return absent;
        };
        // Room for the first answer, unasked, and for one that was asked for: the thread never waits for us.
        let (requests, requested) = sync_channel(1);
        let (answering, answers) = sync_channel(2);
        let thread = std::thread::Builder::new()
            .name("accelerators".to_owned())
            .spawn(move || {
                let send = |answer| answering.send(answer).is_ok();
                match presence {
                    Presence::Nvidia => nvml::serve(&places, &requested, &send),
                    Presence::Amd => card::serve(&places, &requested, &send),
                    Presence::Intel => intel::serve(&places, &requested, &send),
                }
            });
        match thread {
            Ok(_abandoned) => Self {
                link: Some(Link {
                    requests,
                    answers,
                    asked: Some(Instant::now()),
                }),
                health: Health::Pending,
                facts: None,
                ..absent
            },
            Err(_) => Self {
                health: Health::Failed,
                facts: None,
                ..absent
            },
        }
    }

    /// How it goes, as of now.
    pub fn health(&mut self) -> Health {
        self.poll();
        self.health
    }

    /// Whether the driver was ever silent for too long, even if it came back.
    #[must_use]
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
        if let Some(link) = &mut self.link
            && link.asked.is_none()
            && link.requests.try_send(pids.to_vec()).is_ok()
        {
            link.asked = Some(Instant::now());
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
            let Some(link) = self.link.as_mut().filter(|link| link.asked.is_some()) else {
                return;
            };
            if let Ok(answer) = link
                .answers
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                self.take(answer);
            }
        }
    }

    fn take(&mut self, answer: Answer) {
        if let Some(link) = &mut self.link {
            link.asked = None;
        }
        self.health = answer.health;
        self.facts = answer.facts.or_else(|| self.facts.take());
        self.readings = answer.readings.or_else(|| self.readings.take());
        if self.xids.len() < limits::XIDS_MAX {
            self.xids.extend(answer.xids);
        }
    }

    /// Takes what the thread has sent, and the time if it sent nothing.
    fn poll(&mut self) {
        while let Some(link) = &self.link {
            match link.answers.try_recv() {
                Ok(answer) => self.take(answer),
                Err(TryRecvError::Empty) => break,
                // It is gone without our asking for it: a fault inside of the library.
                Err(TryRecvError::Disconnected) => {
                    self.link = None;
                    self.health = Health::Failed;
                    return;
                }
            }
        }
        let asked = self.link.as_ref().and_then(|link| link.asked);
        if asked.is_some_and(|asked| asked.elapsed() >= self.timeout) {
            self.health = Health::Unresponsive;
            self.ever_unresponsive = true;
        }
    }
}
