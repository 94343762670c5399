//! How new processes of the tree are found.
//!
//! `/proc/P/task/T/children` lists what thread T started: 4 us a read. Nearly all children come from main
//! threads, so these (and all threads of a process with few) are asked at every sample. Children of other
//! threads need all threads, which costs 51 ms at 8,000 threads; so a sample asks a few of them, in rounds of ten
//! minutes at the most: all at once they would be felt. A kernel without these files leaves only the scan of the host
//! for parents, about once a minute, and less often the dearer it proved: the one place where the host's size matters.

use super::{Process, Sampler};
use axolotl_run_core::limits;
use std::time::Instant;

/// When the next scan is due.
#[derive(Clone, Copy, Debug, Default)]
pub struct Schedule {
    samples_left: u32,
}

/// The round through all threads of the processes that have many.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Whose turn it is.
    pid: u32,
    /// Its threads that were not asked yet.
    threads: Vec<u32>,
}

impl Schedule {
    /// Whether this sample makes a scan.
    const fn due(&mut self) -> bool {
        if self.samples_left == 0 {
            return true;
        }
        self.samples_left -= 1;
        false
    }

    /// Sets the next one, by what this one cost.
    fn scanned(&mut self, cost: std::time::Duration) {
        let paid_by = cost.as_micros() / limits::TREE_SCAN_COST_PER_SAMPLE.as_micros();
        let paid_by = u32::try_from(paid_by).unwrap_or(u32::MAX);
        self.samples_left =
            paid_by.clamp(limits::TREE_SCAN_SAMPLES, limits::TREE_SCAN_SAMPLES_MAX) - 1;
    }
}

impl Sampler {
    /// Finds the processes that the known ones started.
    pub(super) fn discover(&mut self) {
        if self.lists_children {
            self.walk();
        } else if self.schedule.due() {
            let began = Instant::now();
            self.scan();
            self.schedule.scanned(began.elapsed());
        }
    }

    fn walk(&mut self) {
        let mut to_ask = self.pids();
        let (pid, threads) = self.portion();
        self.ask(pid, threads, &mut to_ask);
        while let Some(pid) = to_ask.pop() {
            let threads = self
                .known
                .get(&pid)
                .map_or(1, |process| process.stat.threads);
            let threads = match threads > 1 && threads <= limits::TREE_THREADS_EACH_SAMPLE {
                true => self.procfs.threads(pid, limits::TREE_THREADS_MAX),
                false => vec![pid],
            };
            self.ask(pid, threads, &mut to_ask);
        }
    }

    /// The threads of the round that this sample asks, and whose they are.
    fn portion(&mut self) -> (u32, Vec<u32>) {
        let many = |process: &Process| process.stat.threads > limits::TREE_THREADS_EACH_SAMPLE;
        if self.round.threads.is_empty() {
            let mut next = self
                .known
                .range(self.round.pid.saturating_add(1)..)
                .chain(&self.known);
            let Some((&pid, _)) = next.find(|(_, process)| many(process)) else {
                return Default::default();
            };
            self.round = Round {
                pid,
                threads: self.procfs.threads(pid, limits::TREE_THREADS_MAX),
            };
        }
        let all: u64 = self
            .known
            .values()
            .filter(|process| many(process))
            .map(|process| process.stat.threads)
            .sum();
        let share =
            usize::try_from(all.div_ceil(limits::TREE_ROUND_SAMPLES_MAX)).unwrap_or(usize::MAX);
        let left = self
            .round
            .threads
            .len()
            .saturating_sub(share.max(limits::TREE_ROUND_THREADS));
        (self.round.pid, self.round.threads.split_off(left))
    }

    /// Asks threads of a process for their children; those that are new are to be asked as well.
    fn ask(&mut self, pid: u32, threads: Vec<u32>, to_ask: &mut Vec<u32>) {
        for thread in threads {
            for child in self.children(pid, thread).unwrap_or_default() {
                if self.meet(child, Some(pid)) {
                    to_ask.push(child);
                }
            }
        }
    }

    /// The children of one thread. The main threads' lists, which are asked each time, stay open: opening one costs as
    /// much as reading it.
    fn children(&mut self, pid: u32, thread: u32) -> Option<Vec<u32>> {
        let process = self.known.get_mut(&pid).filter(|_| thread == pid);
        if let Some(file) = process
            .as_ref()
            .and_then(|process| process.children.as_ref())
        {
            return self.procfs.read_children(file);
        }
        let file = self.procfs.open_children(pid, thread)?;
        let list = self.procfs.read_children(&file);
        if let Some(process) = process.filter(|_| self.kept_files < limits::TREE_FILES_MAX) {
            self.kept_files += 1;
            process.children = Some(file);
        }
        list
    }

    /// Looks through all processes of the host for those whose parent is known. Pids grow, so one pass finds
    /// nearly all; a second one finds the rest.
    fn scan(&mut self) {
        let own = std::process::id();
        let mut pids = self.procfs.processes(limits::TREE_SCAN_ENTRIES_MAX);
        pids.sort_unstable();
        for _ in 0..2 {
            for pid in pids.iter().copied().filter(|pid| *pid > 1 && *pid != own) {
                self.meet_if_related(pid);
            }
        }
    }

    fn meet_if_related(&mut self, pid: u32) {
        let Some(stat) = self
            .procfs
            .open_stat(pid)
            .and_then(|file| self.procfs.read_stat(&file))
        else {
            return;
        };
        if pid != self.root && self.known.contains_key(&stat.parent) {
            self.meet(pid, Some(stat.parent));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_dear_scan_comes_less_often() {
        let mut schedule = Schedule::default();
        assert!(schedule.due(), "the first sample scans");
        for (cost, pause) in [(0, 12), (1, 12), (6, 40), (51, 120), (u64::MAX, 120)] {
            schedule.scanned(Duration::from_millis(cost));
            assert_eq!((1..).find(|_| schedule.due()), Some(pause));
        }
    }
}
