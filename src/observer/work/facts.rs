//! The start event: what it waits for, and when it goes out all the same.
//!
//! Facts about the machine come from threads that may never answer, the configuration from a file system that
//! may not either. Pure but for the time that has passed; the observer's loop brings what has come, and asks.

use crate::metrics::accelerator::AcceleratorFacts;
use axolotl_run_core::config::Vetted;
use axolotl_run_core::event::Start;
use axolotl_run_core::limits;
use std::time::{Duration, Instant};

/// How long it waits for the configuration, and for versions that have to be read from running processes: a shell script
/// leads to no Python.
const START_WAIT_FILES: Duration = Duration::from_secs(5);

/// What is known for the start event.
pub struct Facts {
    /// From our own beginning: on a busy machine that is long after the command's, and nothing was asked before.
    asked: Instant,
    /// All but what the two below say.
    pub machine: Option<Start>,
    /// The training's configuration, or that there is none that can be read.
    pub configuration: Option<Option<Vetted>>,
    pub accelerators: Option<AcceleratorFacts>,
    pub stage: StartStage,
}

/// What became of the start event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum StartStage {
    /// It waits for facts.
    Waits,
    Sent,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            asked: Instant::now(),
            machine: None,
            configuration: None,
            accelerators: None,
            stage: StartStage::Waits,
        }
    }
}

impl Facts {
    /// Nothing is looked for: the launcher of another process knows it.
    pub fn unasked() -> Self {
        Self {
            machine: Some(Start::default()),
            configuration: Some(None),
            ..Self::default()
        }
    }

    fn has_python(&self) -> bool {
        let machine = self.machine.as_ref();
        machine.is_some_and(|machine| machine.python_version.is_some())
    }

    /// Whether nothing is known of the training's Python, in an event that still waits.
    pub fn lacks_python(&self) -> bool {
        self.stage != StartStage::Sent && !self.has_python()
    }

    /// Whether what files say is known, or no longer needed.
    pub fn has_files(&self) -> bool {
        let is_known = self.machine.is_some() && self.configuration.is_some();
        self.stage == StartStage::Sent || is_known
    }

    /// The start event, if it is complete or has waited for long enough, or `must` go now.
    pub fn take(&mut self, must: bool) -> Option<Start> {
        if self.stage == StartStage::Sent {
            return None;
        }
        let has_files = self.has_python() && self.configuration.is_some();
        let wait = if has_files {
            limits::START_WAIT
        } else {
            START_WAIT_FILES
        };
        let is_complete = has_files && self.accelerators.is_some();
        if !must && !is_complete && self.asked.elapsed() < wait {
            return None;
        }
        self.stage = StartStage::Sent;
        let mut start = self.machine.take().unwrap_or_default();
        if let Some(accelerators) = &self.accelerators {
            accelerators.apply(&mut start);
        }
        if let Some(Some(vetted)) = self.configuration.take() {
            start.config = Some(vetted.value);
            start.config_unknown_keys = Some(vetted.unknown_keys);
        }
        Some(start)
    }
}
