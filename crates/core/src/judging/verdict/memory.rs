//! Ends for want of memory: the control group's, the machine's, a GPU's.
//!
//! The kernel's counters come first: they are raised before the signal is sent, and catch the worker whose
//! death a launcher turned into an exit code. A daemon that kills before the kernel must leaves its mark on the
//! control group, or nothing but a machine without memory; then that is said, with less confidence.

use super::{Case, Confidence, Evidence, Finding, Kind};
use crate::knowledge::{Meaning, Speaker};
use crate::status::signal::{SIGKILL, SIGTERM};

/// Share of the machine's memory below which nothing is left.
const MEMORY_LEFT_NONE: f64 = 0.05;
/// Share below which the daemons begin to kill, by their own defaults.
const MEMORY_LEFT_LITTLE: f64 = 0.10;

impl Case<'_> {
    pub fn out_of_memory(self) -> Option<Finding> {
        let kill_evidence = self.sigkill();
        let confidence = if kill_evidence.is_some() {
            Confidence::High
        } else {
            Confidence::Medium
        };
        let has_moved = |kills: Option<u64>| kills.is_some_and(|kills| kills > 0);
        if has_moved(self.ending.oom_kills_cgroup) {
            let evidence = with_kill(Evidence::ControlGroupCounter, kill_evidence);
            return Some((Kind::OomCgroup, confidence, evidence));
        }
        if has_moved(self.ending.memory_pressure.daemon_kills) {
            let evidence = with_kill(Evidence::MemoryDaemonsMark, kill_evidence);
            return Some((Kind::OomDaemon, confidence, evidence));
        }
        let unexplained = self.signal_of_run().is_none() && self.judgement.error.is_none();
        if has_moved(self.ending.oom_kills_host) && (kill_evidence.is_some() || unexplained) {
            let mut evidence = with_kill(Evidence::HostCounter, kill_evidence);
            let mut confidence = Confidence::Medium;
            // On the whole machine somebody else's process may have been meant.
            if self.memory_left_below(MEMORY_LEFT_NONE) {
                evidence.push(Evidence::MemoryUsedUp);
                confidence = Confidence::High;
            }
            if kill_evidence.is_none() {
                confidence = Confidence::Low;
            }
            return Some((Kind::OomHost, confidence, evidence));
        }
        if let Some((SIGTERM | SIGKILL, status)) = self.signal_of_run()
            && self.memory_daemon_likely()
            && self.ending.requests.is_empty()
        {
            let evidence = vec![status, Evidence::MemoryUsedUp, Evidence::MemoryDaemonRuns];
            return Some((Kind::OomDaemon, Confidence::Medium, evidence));
        }
        self.printed_memory(kill_evidence)
    }

    /// A batch system says that it ended the job for memory. It asks politely first, so that its word comes before the
    /// signal.
    pub fn counted_by_scheduler(self) -> Option<Finding> {
        let mut signs = self.judgement.signs.iter();
        let counted = signs.any(|sign| {
            sign.speaker == Speaker::Scheduler && sign.meaning == Meaning::CgroupOutOfMemory
        });
        if !counted || self.ending.end.is_none() || !self.ending.requests.is_empty() {
            return None;
        }
        self.out_of_memory()
    }

    /// What the output says about memory that was used up.
    pub fn printed_memory(self, kill_evidence: Option<Evidence>) -> Option<Finding> {
        let how_told = vec![self.how_it_was_told()];
        match self.judgement.meaning {
            Some(Meaning::GpuOutOfMemory) => Some((Kind::OomGpu, Confidence::High, how_told)),
            Some(Meaning::MemoryDaemon) => Some((Kind::OomDaemon, Confidence::Medium, how_told)),
            _ if kill_evidence.is_none() && self.raised() => None,
            _ => self.counted_by_others(kill_evidence),
        }
    }

    /// What a batch system or the kernel's log says in the output: it has counted what we could not.
    fn counted_by_others(self, kill_evidence: Option<Evidence>) -> Option<Finding> {
        for (meaning, kind) in [
            (Meaning::CgroupOutOfMemory, Kind::OomCgroup),
            (Meaning::MemoryDaemon, Kind::OomDaemon),
            (Meaning::HostOutOfMemory, Kind::OomHost),
        ] {
            if self.says(meaning) {
                let evidence = with_kill(Evidence::Marker, kill_evidence);
                return Some((kind, Confidence::Medium, evidence));
            }
        }
        None
    }

    /// Whether a daemon that kills for memory had a reason to.
    pub fn memory_daemon_likely(self) -> bool {
        self.ending.memory_pressure.daemon_runs && self.memory_left_below(MEMORY_LEFT_LITTLE)
    }

    fn memory_left_below(self, share: f64) -> bool {
        let left = self.ending.memory_pressure.memory_left;
        left.is_some_and(|left| left < share)
    }
}

/// What speaks for it, and the status of a kill.
fn with_kill(evidence: Evidence, kill_evidence: Option<Evidence>) -> Vec<Evidence> {
    let mut all = vec![evidence];
    all.extend(kill_evidence);
    all
}
