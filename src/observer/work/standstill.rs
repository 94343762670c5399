//! What is done about a training that may stand still: its processes are looked at again and again, and what the first
//! look and the last one agree on is kept.
//!
//! The first look is taken as soon as it is suspicious, the next ones with each measurement until it is said that it stands
//! still. So it is known where the processes were when the run is asked to end, be it by a signal that they die of at once
//! or before its time: nobody waits five minutes with a hand on Ctrl-C. Where the stacks name nobody, two looks at what
//! /proc tells of the ranks, a measurement apart, may do so.

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
    /// Where the processes are that were there at the first look, too.
    findings: Option<StackFindings>,
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
            findings: None,
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

    /// The run is asked to end: what its processes do from now on is not where they stood.
    pub fn stop_looking(&mut self) {
        self.reader = None;
    }

    /// The first look; what the kernel refuses us the supervisor is asked for, once.
    fn begin(&mut self, pids: Vec<u32>) {
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
        self.findings = None;
        self.activity = None;
        self.is_told = false;
    }

    /// Where the processes are, as far as they were there at the first look.
    fn look(&mut self, pids: Vec<u32>) {
        let Some(first) = &self.first else {
            return self.begin(pids);
        };
        let Some(reader) = &mut self.reader else {
            return;
        };
        if let Some(now) = reader.look(pids)
            && now.has_ranks_of(first)
        {
            self.findings = Some(stacks::conclude(&now.same_as(first), now.expected_ranks));
        }
    }

    /// Watches for a training that stands still, after each measurement of these processes; true where something new is
    /// to be reported of it.
    pub fn watch(&mut self, run: &mut Run, pids: Vec<u32>, elapsed_seconds: f64) -> bool {
        if !run.is_suspicious(elapsed_seconds) {
            self.clear();
            return false;
        }
        if self.is_told {
            return false;
        }
        self.look(pids.clone());
        if let Some(findings) = &self.findings {
            run.found_stacks(findings.clone(), elapsed_seconds);
        }
        if run.hang(elapsed_seconds).is_none() {
            return false;
        }
        let mut suspect = self.findings.as_ref().and_then(|findings| findings.suspect);
        if suspect.is_none() {
            let now = RankActivity::look(Path::new("/proc"), &pids);
            let Some(before) = self.activity.take() else {
                self.activity = Some(now);
                return false;
            };
            suspect = now.odd_one(&before);
            if let Some(findings) = &self.findings {
                suspect = findings.suspect_or(suspect);
            }
        }
        self.is_told = true;
        run.blame(suspect);
        true
    }
}
