//! The stacks of the run's processes, for whoever wants them: what the kernel refuses us the supervisor is asked for.

use crate::metrics::python_stacks::{StackLook, StackReader};
use crate::observer::link::tell;
use crate::protocol::messages::ToSupervisor;
use axolotl_run_core::env;
use axolotl_run_core::observation::StackSample;
use axolotl_run_sys::descriptors;
use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Reads stacks.
pub struct Stacks {
    /// None: the owner does not want it, or the run is asked to end.
    reader: Option<StackReader>,
    /// To the supervisor, which may open what we may not.
    channel: Arc<OwnedFd>,
    /// Whose memory it was asked for. It opens it at once or never.
    asked: BTreeSet<u32>,
}

impl Stacks {
    /// Reads them, unless the owner does not want it.
    pub fn new(channel: Arc<OwnedFd>) -> Self {
        let wish = std::env::var(env::AXOLOTL_RUN_STACKS).unwrap_or_default();
        let is_off = matches!(wish.trim(), "0" | "false");
        Self {
            reader: (!is_off).then(StackReader::new),
            channel,
            asked: BTreeSet::new(),
        }
    }

    /// Takes the memory of a process that the supervisor has opened.
    pub fn take_memory(&mut self, pid: u32, memory: File) {
        if let Some(reader) = &mut self.reader {
            reader.take(pid, memory);
        }
    }

    /// The run is asked to end: what its processes do from now on is not where they stood.
    pub fn stop(&mut self) {
        self.reader = None;
    }

    /// All stacks as they are now.
    pub fn look(&mut self, pids: Vec<u32>) -> Option<StackLook> {
        self.reader.as_mut()?.look(pids)
    }

    /// What was sampled since the last measurement, and has the sampling go on. It keeps some descriptors of each process
    /// open, which may be too many.
    pub fn sample(&mut self, pids: Vec<u32>) -> Vec<StackSample> {
        let Some(reader) = &mut self.reader else {
            return Vec::new();
        };
        if descriptors::are_scarce() {
            return Vec::new();
        }
        self.asked.retain(|pid| pids.contains(pid));
        let samples = reader.sample(pids);
        for pid in samples.refused {
            if self.asked.insert(pid) {
                tell(&self.channel, ToSupervisor::OpenMemory(pid));
            }
        }
        samples.taken
    }

    /// Asks for the memory of these processes, whoever asked for it before.
    pub fn ask(&mut self, refused: &[u32]) {
        for pid in refused {
            tell(&self.channel, ToSupervisor::OpenMemory(*pid));
        }
    }
}
