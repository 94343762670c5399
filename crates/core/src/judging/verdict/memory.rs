//! Ends for want of memory: the control group's, the machine's, a GPU's.
//!
//! The kernel's counters come first: they are raised before the signal is sent, and catch the worker whose
//! death a launcher turned into an exit code. A daemon that kills before the kernel must leaves its mark on the
//! control group, or nothing but a machine without memory; then that is said, with less confidence.

use super::{Case, Confidence, Evidence, Finding, Kind};
use crate::knowledge::{Meaning, Speaker};
use crate::status::signal::SIGTERM;

/// Share of the machine's memory below which nothing is left.
const MEMORY_LEFT_NONE: f64 = 0.05;
/// Share below which the daemons begin to kill, by their own defaults.
const MEMORY_LEFT_LITTLE: f64 = 0.10;

impl Case<'_> {
    pub(super) fn out_of_memory(self) -> Option<Finding> {
        let killed = self.sigkill();
        let moved = |kills: Option<u64>| kills.is_some_and(|kills| kills > 0);
        if moved(self.ending.oom_kills_cgroup) {
            let confidence = if killed.is_some() {
                Confidence::High
            } else {
                Confidence::Medium
            };
            let evidence = [Evidence::ControlGroupCounter]
                .into_iter()
                .chain(killed)
                .collect();
            return Some((Kind::OomCgroup, confidence, evidence));
        }
        if moved(self.ending.memory_pressure.daemon_kills) {
            let confidence = if killed.is_some() {
                Confidence::High
            } else {
                Confidence::Medium
            };
            let evidence = [Evidence::MemoryDaemonsMark]
                .into_iter()
                .chain(killed)
                .collect();
            return Some((Kind::OomDaemon, confidence, evidence));
        }
        let unexplained = self.signal().is_none() && self.judgement.error.is_none();
        if moved(self.ending.oom_kills_host) && (killed.is_some() || unexplained) {
            // On the whole machine somebody else's process may have been meant.
            let nothing_left = self.memory_left_below(MEMORY_LEFT_NONE);
            let confidence = match (killed, nothing_left) {
                (Some(_), true) => Confidence::High,
                (Some(_), false) => Confidence::Medium,
                (None, _) => Confidence::Low,
            };
            let left = nothing_left.then_some(Evidence::MemoryUsedUp);
            let evidence = [Some(Evidence::HostCounter), killed, left]
                .into_iter()
                .flatten()
                .collect();
            return Some((Kind::OomHost, confidence, evidence));
        }
        let signal = self
            .signal()
            .filter(|(signal, _)| *signal == SIGTERM)
            .map(|(_, status)| status);
        if let Some(status) = killed.or(signal)
            && self.memory_daemon_likely()
            && self.ending.requests.is_empty()
        {
            let evidence = vec![status, Evidence::MemoryUsedUp, Evidence::MemoryDaemonRuns];
            return Some((Kind::OomDaemon, Confidence::Medium, evidence));
        }
        self.printed_memory(killed)
    }

    /// A batch system says that it ended the job for memory. It asks politely first, so that its word comes before the
    /// signal.
    pub(super) fn counted_by_scheduler(self) -> Option<Finding> {
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
    pub(super) fn printed_memory(self, killed: Option<Evidence>) -> Option<Finding> {
        let told = if self.raised() {
            Evidence::Traceback
        } else {
            Evidence::Marker
        };
        let (kind, confidence) = match self.judgement.meaning {
            Some(Meaning::GpuOutOfMemory) => (Kind::OomGpu, Confidence::High),
            Some(Meaning::MemoryDaemon) => (Kind::OomDaemon, Confidence::Medium),
            _ => {
                if killed.is_none() && self.raised() {
                    return None;
                }
                return self.counted_by_others(killed);
            }
        };
        Some((kind, confidence, vec![told]))
    }

    /// What a batch system or the kernel's log says in the output: it has counted what we could not.
    fn counted_by_others(self, killed: Option<Evidence>) -> Option<Finding> {
        let kind = if self.says(Meaning::CgroupOutOfMemory) {
            Kind::OomCgroup
        } else if self.says(Meaning::MemoryDaemon) {
            Kind::OomDaemon
        } else if self.says(Meaning::HostOutOfMemory) {
            Kind::OomHost
        } else {
            return None;
        };
        let evidence = [Evidence::Marker].into_iter().chain(killed).collect();
        Some((kind, Confidence::Medium, evidence))
    }

    /// Whether a daemon that kills for memory had a reason to.
    pub(super) fn memory_daemon_likely(self) -> bool {
        self.ending.memory_pressure.daemon_runs && self.memory_left_below(MEMORY_LEFT_LITTLE)
    }

    fn memory_left_below(self, share: f64) -> bool {
        self.ending
            .memory_pressure
            .memory_left
            .is_some_and(|left| left < share)
    }
}
