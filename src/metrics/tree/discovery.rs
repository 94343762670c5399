//! How new processes of the tree are found.
//!
//! `/proc/P/task/T/children` lists what thread T started: 4 us a read. Nearly all children come from main
//! threads, so these (and all threads of a process with few) are asked at every sample. Children of other
//! threads need all threads, which costs 51 ms at 8,000 threads; so a sample asks a few of them, in rounds of ten
//! minutes at the most: all at once they would be felt. A kernel without these files leaves only the scan of the host
//! for parents, about once a minute, and less often the dearer it proved: the one place where the host's size matters.

use super::known::{KnownProcesses, Process};
use super::procfs::Procfs;
use axolotl_run_core::limits;
use std::time::{Duration, Instant};

/// Up to this many threads, all of a process's threads are asked for children at each sample (4 us each).
const TREE_THREADS_EACH_SAMPLE: u64 = 4;
/// The most samples until all were asked once: ten minutes.
const TREE_ROUND_SAMPLES_MAX: u64 = 120;
/// Samples between two scans of all processes, where the kernel lists no children: a minute or more.
const TREE_SCAN_SAMPLES: u32 = 12;
/// The most samples between two scans: ten minutes.
const TREE_SCAN_SAMPLES_MAX: u32 = 120;
/// What scans may add to each sample between two: less than it costs.
const TREE_SCAN_COST_PER_SAMPLE: Duration = Duration::from_micros(150);

/// How the processes of one tree are found.
#[derive(Debug)]
pub struct Discovery {
    root: u32,
    /// Whether the kernel was built to list a thread's children.
    lists_children: bool,
    schedule: ScanSchedule,
    round: Round,
}

/// When the next scan is due.
#[derive(Clone, Copy, Debug, Default)]
struct ScanSchedule {
    samples_left: u32,
}

/// The round through all threads of the processes that have many.
#[derive(Clone, Debug, Default)]
struct Round {
    /// Whose turn it is.
    pid: u32,
    /// Its threads that were not asked yet.
    threads: Vec<u32>,
}

impl ScanSchedule {
    /// Whether this sample makes a scan.
    const fn due(&mut self) -> bool {
        if self.samples_left == 0 {
            return true;
        }
        self.samples_left -= 1;
        false
    }

    /// Sets the next one, by what this one cost.
    fn scanned(&mut self, cost: Duration) {
        let paid_by = cost.as_micros() / TREE_SCAN_COST_PER_SAMPLE.as_micros();
        let paid_by = u32::try_from(paid_by).unwrap_or(u32::MAX);
        self.samples_left = paid_by.clamp(TREE_SCAN_SAMPLES, TREE_SCAN_SAMPLES_MAX) - 1;
    }
}

impl Discovery {
    /// Of the tree below this process.
    pub fn begin(root: u32, procfs: &mut Procfs) -> Self {
        Self {
            root,
            lists_children: procfs.lists_children(),
            schedule: ScanSchedule::default(),
            round: Round::default(),
        }
    }

    /// Finds the processes that the known ones started.
    pub fn find(&mut self, known_processes: &mut KnownProcesses) {
        if self.lists_children {
            self.walk(known_processes);
        } else if self.schedule.due() {
            let began = Instant::now();
            self.scan(known_processes);
            self.schedule.scanned(began.elapsed());
        }
    }

    fn walk(&mut self, known_processes: &mut KnownProcesses) {
        let mut to_ask = known_processes.live_pids();
        let threads = self.next_threads(known_processes);
        ask(known_processes, self.round.pid, threads, &mut to_ask);
        while let Some(pid) = to_ask.pop() {
            let threads = match known_processes.all.get(&pid) {
                Some(process) if is_asked_whole(process) => known_processes.procfs.threads(pid),
                _ => vec![pid],
            };
            ask(known_processes, pid, threads, &mut to_ask);
        }
    }

    /// The threads of the round that this sample asks.
    fn next_threads(&mut self, known_processes: &mut KnownProcesses) -> Vec<u32> {
        if self.round.threads.is_empty() {
            let after = self.round.pid.saturating_add(1);
            let mut next = known_processes
                .all
                .range(after..)
                .chain(&known_processes.all);
            let Some((&pid, _)) = next.find(|(_, process)| has_many_threads(process)) else {
                return Vec::new();
            };
            self.round.pid = pid;
            self.round.threads = known_processes.procfs.threads(pid);
        }
        let mut all = 0_u64;
        for process in known_processes.all.values() {
            if has_many_threads(process) {
                all += process.stat.threads;
            }
        }
        let share = all.div_ceil(TREE_ROUND_SAMPLES_MAX) as usize;
        let share = share.max(limits::TREE_ROUND_THREADS);
        let left = self.round.threads.len().saturating_sub(share);
        self.round.threads.split_off(left)
    }

    /// Looks through all processes of the host for those whose parent is known. Pids grow, so one pass finds
    /// nearly all; a second one finds the rest.
    fn scan(&self, known_processes: &mut KnownProcesses) {
        let own = std::process::id();
        let mut pids = known_processes.procfs.processes();
        pids.retain(|pid| *pid > 1 && *pid != own && *pid != self.root);
        pids.sort_unstable();
        for pid in pids.iter().chain(&pids) {
            if let Some(stat) = known_processes.procfs.stat_of(*pid)
                && known_processes.all.contains_key(&stat.parent)
            {
                known_processes.meet(*pid, Some(stat.parent));
            }
        }
    }
}

const fn has_many_threads(process: &Process) -> bool {
    process.stat.threads > TREE_THREADS_EACH_SAMPLE
}

/// Whether all of a process's threads are asked each time.
const fn is_asked_whole(process: &Process) -> bool {
    process.stat.threads > 1 && !has_many_threads(process)
}

/// Asks threads of a process for their children; those that are new are to be asked as well.
fn ask(known_processes: &mut KnownProcesses, pid: u32, threads: Vec<u32>, to_ask: &mut Vec<u32>) {
    for thread in threads {
        for child in known_processes.children(pid, thread).unwrap_or_default() {
            if known_processes.meet(child, Some(pid)) {
                to_ask.push(child);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dear_scan_comes_less_often() {
        let mut schedule = ScanSchedule::default();
        assert!(schedule.due(), "the first sample scans");
        for (cost, pause) in [(0, 12), (1, 12), (6, 40), (51, 120), (u64::MAX, 120)] {
            schedule.scanned(Duration::from_millis(cost));
            assert_eq!((1..).find(|_| schedule.due()), Some(pause));
        }
    }
}
