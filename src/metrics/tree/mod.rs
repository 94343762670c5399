//! The command's process tree: how many processes, how much processor time, how much memory.
//!
//! The problem: tools that refresh all processes of the host cost 100 ms a sample on a busy node, and those
//! that add up what they see of live processes lose whatever the short-lived ones used. The rules here:
//! - only the command's own processes are read, one read each, whatever else runs on the host; of those with many
//!   threads, which the kernel sums up for its line about a process, mostly what is cheap (`brief`);
//! - a process is its pid AND its start time, and stays known while it lives, even when it became an orphan
//!   or, as torchrun's workers do, left for a session of its own;
//! - processor time never decreases: what a process used either shows up with the parent that waited for it
//!   or is kept here (`account`);
//! - a zombie has no memory, so it must not lower a figure; unknown is None, never 0.
//!
//! Called by the observer's loop, once per [`SAMPLE_PERIOD`](axolotl_run_core::limits::SAMPLE_PERIOD).

mod account;
mod brief;
mod discovery;
mod known;
mod procfs;
pub mod stat;
#[cfg(test)]
mod tests;

use axolotl_run_core::observation::Sample;
use axolotl_run_sys::probe;
use discovery::Discovery;
use known::KnownProcesses;
use procfs::Procfs;
use std::path::PathBuf;

/// Follows one command's processes.
#[derive(Debug)]
pub struct TreeSampler {
    known_processes: KnownProcesses,
    discovery: Discovery,
    /// Ticks of ended processes that no known process waited for.
    ended_ticks: u64,
    highest_ticks: u64,
    page_size: u64,
    ticks_per_second: u64,
    seen: bool,
}

impl TreeSampler {
    /// Follows the process and all that come from it.
    pub fn new(root: u32) -> Self {
        Self::at("/proc", root)
    }

    /// The same, with /proc at another place.
    fn at(procfs: impl Into<PathBuf>, root: u32) -> Self {
        let mut known_processes = KnownProcesses::new(Procfs::new(procfs.into()));
        // At once: the pid is the command's now, and may be another process's at the first sample.
        let seen = known_processes.meet(root, None);
        Self {
            discovery: Discovery::begin(root, &mut known_processes.procfs),
            known_processes,
            ended_ticks: 0,
            highest_ticks: 0,
            page_size: probe::page_size(),
            ticks_per_second: probe::clock_ticks(),
            seen,
        }
    }

    /// Measures the tree: the parts of a sample that are about processes.
    pub fn sample(&mut self) -> Sample {
        if !self.seen {
            return Sample::default();
        }
        self.ended_ticks += self.known_processes.refresh(self.ticks_per_second);
        self.discovery.find(&mut self.known_processes);
        self.sum()
    }

    /// The live processes of the tree, as of the last sample.
    pub fn pids(&self) -> Vec<u32> {
        self.known_processes.live_pids()
    }

    /// Files and directories read so far: the cost of sampling, in a unit that a busy machine cannot blur.
    pub const fn accesses(&self) -> u64 {
        self.known_processes.procfs.accesses
    }

    fn sum(&mut self) -> Sample {
        let mut ticks = self.ended_ticks;
        for process in self.known_processes.all.values() {
            ticks += process.account.ticks(&process.stat);
        }
        self.highest_ticks = self.highest_ticks.max(ticks);
        let mut processes = 0;
        let mut sum = None;
        let mut largest = None;
        // No live process is no knowledge about memory: the peak was before.
        for process in self.known_processes.live() {
            let bytes = process.stat.resident_pages * self.page_size;
            processes += 1;
            sum = Some(bytes + sum.unwrap_or(0));
            largest = largest.max(Some(bytes));
        }
        Sample {
            processes: Some(processes),
            cpu_seconds: Some(self.highest_ticks as f64 / self.ticks_per_second as f64),
            rss_sum_bytes: sum,
            rss_max_process_bytes: largest,
            ..Sample::default()
        }
    }
}
