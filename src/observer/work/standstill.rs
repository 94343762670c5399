//! What is done about a training that may stand still: its processes are looked at again and again, and what the first
//! look and the last one agree on is kept.
//!
//! The first look is taken as soon as a step is late, the next ones with each measurement until it is said that it stands
//! still. So it is known where the processes were when the run is asked to end, be it by a signal that they die of at once
//! or before its time: nobody waits five minutes with a hand on Ctrl-C. Where the stacks name nobody, two looks at what
//! /proc tells of the ranks, a measurement apart, may do so.

use super::stacks::Stacks;
use crate::metrics::processes::RankActivity;
use crate::metrics::python_stacks::{StackLook, why_refused};
use axolotl_run_core::judging::run::Run;
use axolotl_run_core::judging::stacks::conclude;
use axolotl_run_core::observation::StackFindings;
use std::path::Path;

/// A training that may stand still.
#[derive(Default)]
pub struct Standstill {
    /// The first look at the stacks.
    first: Option<StackLook>,
    /// Whether the supervisor was asked.
    has_asked: bool,
    /// Where the processes are that were there at the first look, too.
    findings: Option<StackFindings>,
    /// The same with the user's own files, for the run's owner alone.
    pub for_owner: String,
    /// The first look at the ranks' activity.
    activity: Option<RankActivity>,
    /// Whether it was said.
    is_told: bool,
}

impl Standstill {
    /// Memory was opened for us: the first look did not have it.
    pub fn begin_anew(&mut self) {
        self.first = None;
    }

    /// The first look; what the kernel refuses us the supervisor is asked for, once.
    fn begin(&mut self, stacks: &mut Stacks, pids: Vec<u32>) {
        self.first = stacks.look(pids);
        if let Some(first) = &self.first
            && !self.has_asked
            && !first.refused.is_empty()
        {
            self.has_asked = true;
            stacks.ask(&first.refused);
        }
    }

    /// It goes on.
    fn clear(&mut self) {
        *self = Self::default();
    }

    /// Where the processes are, as far as they were there at the first look.
    fn look(&mut self, stacks: &mut Stacks, pids: Vec<u32>) {
        let Some(first) = &self.first else {
            return self.begin(stacks, pids);
        };
        if let Some(now) = stacks.look(pids)
            && now.has_ranks_of(first)
        {
            let mut findings = conclude(&now.same_as(first), now.expected_ranks);
            if !now.refused.is_empty() {
                findings.refused = Some(why_refused());
            }
            self.findings = Some(findings);
            self.for_owner.clear();
            for process in now.steady_since(first) {
                self.for_owner.push_str(&process.text());
            }
        }
    }

    /// Watches for a training that stands still, after each measurement of these processes; true where something new is
    /// to be reported of it.
    pub fn watch(
        &mut self,
        run: &mut Run,
        stacks: &mut Stacks,
        pids: Vec<u32>,
        elapsed_seconds: f64,
    ) -> bool {
        if !run.is_late(elapsed_seconds) {
            self.clear();
            return false;
        }
        if self.is_told {
            return false;
        }
        self.look(stacks, pids.clone());
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
