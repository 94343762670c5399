//! What is done about a training that may stand still: its processes are looked at twice, then what both looks agree on
//! is said.
//!
//! The first look is taken as soon as it is suspicious, the second one when it is said to stand still, or when it is
//! asked to end before that: nobody waits five minutes with a hand on Ctrl-C. Two more looks, at what /proc tells of the
//! ranks, are a measurement apart, where the stacks cannot be read.

use crate::metrics::processes::RankActivity;
use crate::metrics::python_stacks::{StackLook, StackReader};
use crate::observer::link::tell;
use crate::protocol::messages::ToSupervisor;
use axolotl_run_core::env;
use axolotl_run_core::judging::run::Run;
use axolotl_run_core::judging::stacks;
use axolotl_run_core::observation::StackFindings;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

/// A training that may stand still.
pub struct Standstill {
    /// None: the owner does not want it.
    reader: Option<StackReader>,
    /// To the supervisor, which may open what we may not.
    channel: Arc<OwnedFd>,
    /// The first look at the stacks.
    first: Option<StackLook>,
    /// Whether the supervisor was asked.
    has_asked: bool,
    /// The first look at the ranks' activity.
    activity: Option<RankActivity>,
    /// Whether it was said.
    is_told: bool,
}

impl Standstill {
    /// Nothing stands still.
    pub fn new(channel: Arc<OwnedFd>) -> Self {
        let wish = std::env::var(env::AXOLOTL_RUN_STACKS).unwrap_or_default();
        let is_off = matches!(wish.trim(), "0" | "false");
        Self {
            reader: (!is_off).then(StackReader::new),
            channel,
            first: None,
            has_asked: false,
            activity: None,
            is_told: false,
        }
    }

    /// Takes the memory of a process that the supervisor has opened.
    pub fn take_memory(&mut self, pid: u32, memory: File) {
        if let Some(reader) = &mut self.reader {
            reader.take(pid, memory);
            // It was not in the first look.
            self.first = None;
        }
    }

    /// The first look, where there was none yet.
    fn begin(&mut self, pids: Vec<u32>) {
        if self.first.is_some() {
            return;
        }
        self.first = self.reader.as_mut().and_then(|reader| reader.look(pids));
        let Some(first) = &self.first else {
            return;
        };
        if self.has_asked {
            return;
        }
        for pid in &first.refused {
            self.has_asked = true;
            tell(&self.channel, ToSupervisor::OpenMemory(*pid));
        }
    }

    /// It goes on.
    fn clear(&mut self) {
        self.first = None;
        self.has_asked = false;
        self.activity = None;
        self.is_told = false;
    }

    /// Where the processes are, twice.
    fn conclude(&mut self, pids: Vec<u32>) -> Option<StackFindings> {
        let before = self.first.as_ref()?;
        let now = self.reader.as_mut()?.look(pids)?;
        Some(stacks::conclude(&now.same_as(before), now.expected_ranks))
    }

    /// Watches for a training that stands still, after each measurement of these processes; true where something new is
    /// to be reported of it.
    pub fn watch(&mut self, run: &mut Run, pids: Vec<u32>, elapsed_seconds: f64) -> bool {
        if !run.is_suspicious(elapsed_seconds) {
            self.clear();
            return false;
        }
        self.begin(pids.clone());
        if run.hang(elapsed_seconds).is_none() || self.is_told {
            return false;
        }
        let now = RankActivity::look(Path::new("/proc"), &pids);
        let Some(before) = self.activity.take() else {
            self.activity = Some(now);
            return false;
        };
        self.is_told = true;
        let mut suspect = now.odd_one(&before);
        if let Some(findings) = self.conclude(pids) {
            suspect = findings.suspect_or(suspect);
            run.found_stacks(findings, elapsed_seconds);
        }
        run.blame(suspect);
        true
    }

    /// The run is asked to end: the last moment to see where it is, if it stands still.
    pub fn look_before_the_end(&mut self, run: &mut Run, pids: Vec<u32>, elapsed_seconds: f64) {
        if !self.is_told
            && run.is_suspicious(elapsed_seconds)
            && let Some(findings) = self.conclude(pids)
        {
            run.found_stacks(findings, elapsed_seconds);
        }
    }
}
