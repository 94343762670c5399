//! The start event: what it waits for, and when it goes out all the same.
//!
//! Facts about the machine come from threads that may never answer, the configuration from a file system that
//! may not either. Pure but for the time that has passed; the observer's loop brings what has come, and asks.

use crate::metrics::accelerator::AcceleratorFacts;
use axolotl_run_core::config::Vetted;
use axolotl_run_core::event::Start;
use axolotl_run_core::limits;
use std::time::Duration;
use std::time::Instant;

/// How long it waits for the configuration, and for versions that have to be read from running processes: a shell script
/// leads to no Python.
const START_WAIT_FILES: Duration = Duration::from_secs(5);

/// What is known for the start event.
pub struct Facts {
    /// From our own beginning: on a busy machine that is long after the command's, and nothing was asked before.
    asked: Instant,
    start: Start,
    machine_known: bool,
    configuration_known: bool,
    accelerators_known: bool,
    pub stage: Stage,
}

/// What became of the start event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It waits for facts.
    Waits,
    Sent,
    /// Another machine's rank 0 reports; we stay silent.
    Silent,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            asked: Instant::now(),
            start: Start::default(),
            machine_known: false,
            configuration_known: false,
            accelerators_known: false,
            stage: Stage::Waits,
        }
    }
}

impl Facts {
    /// What was found about the machine takes the place of all but the parts that come from elsewhere.
    pub fn machine(&mut self, found: Start) {
        let known = std::mem::take(&mut self.start);
        self.start = Start {
            config: known.config,
            config_unknown_keys: known.config_unknown_keys,
            accelerator_type: known.accelerator_type,
            accelerator_count: known.accelerator_count,
            accelerator_info: known.accelerator_info,
            ..found
        };
        self.machine_known = true;
    }

    /// The training's configuration; None where there is none that can be read.
    pub fn configuration(&mut self, vetted: Option<Vetted>) {
        self.configuration_known = true;
        if let Some(vetted) = vetted {
            self.start.config = Some(vetted.value);
            self.start.config_unknown_keys = Some(vetted.unknown_keys);
        }
    }

    pub fn accelerators(&mut self, found: AcceleratorFacts) {
        found.apply(&mut self.start);
        self.accelerators_known = true;
    }

    /// Whether nothing is known of the training's Python, in an event that still waits.
    pub fn lacks_python(&self) -> bool {
        self.stage != Stage::Sent && self.start.python_version.is_none()
    }

    /// Whether what files say is known, or no longer needed.
    pub fn has_files(&self) -> bool {
        self.stage == Stage::Sent || (self.machine_known && self.configuration_known)
    }

    /// The start event, if it is complete or has waited for long enough, or `must` go now.
    pub fn take(&mut self, must: bool) -> Option<Start> {
        if self.stage == Stage::Sent {
            return None;
        }
        let has_python = self.start.python_version.is_some();
        let has_files = has_python && self.configuration_known;
        let wait = if has_files {
            limits::START_WAIT
        } else {
            START_WAIT_FILES
        };
        let is_complete = has_files && self.machine_known && self.accelerators_known;
        if !must && !is_complete && self.asked.elapsed() < wait {
            return None;
        }
        self.stage = Stage::Sent;
        Some(std::mem::take(&mut self.start))
    }
}
