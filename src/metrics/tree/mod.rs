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
//! Called by the observer's loop, once per [`limits::SAMPLE_PERIOD`].

mod account;
mod brief;
mod discovery;
mod procfs;
pub mod stat;
#[cfg(test)]
mod tests;

use account::Account;
use axolotl_run_core::limits;
use axolotl_run_sys::probe;
use brief::Brief;
use discovery::{Round, Schedule};
use procfs::Procfs;
use stat::Stat;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

/// What one sample of the tree says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TreeSample {
    /// Live processes, zombies not among them.
    pub processes: Option<u64>,
    /// Processor seconds so far, of live and ended processes.
    pub cpu_seconds: Option<f64>,
    /// Resident bytes of all live processes; shared pages count more than once.
    pub rss_sum_bytes: Option<u64>,
    /// Resident bytes of the largest live process.
    pub rss_max_process_bytes: Option<u64>,
}

/// A process that is followed.
#[derive(Debug)]
struct Process {
    stat: Stat,
    account: Account,
    /// Kept open as far as [`limits::TREE_FILES_MAX`] allows; the others are opened anew each time.
    file: Option<File>,
    brief: Brief,
    /// The list of its main thread's children, likewise.
    children: Option<File>,
}

/// Follows one command's processes.
#[derive(Debug)]
pub struct Sampler {
    procfs: Procfs,
    root: u32,
    known: BTreeMap<u32, Process>,
    kept_files: usize,
    /// Ticks of ended processes that no known process waited for.
    ended_ticks: u64,
    highest_ticks: u64,
    schedule: Schedule,
    round: Round,
    samples: u32,
    /// Whether the kernel was built to list a thread's children.
    lists_children: bool,
    page_size: u64,
    ticks_per_second: u64,
    seen: bool,
}

impl Sampler {
    /// Follows the process and all that come from it.
    #[must_use]
    pub fn new(root: u32) -> Self {
        Self::at("/proc", root)
    }

    /// The same, with /proc at another place.
    fn at(procfs: impl Into<PathBuf>, root: u32) -> Self {
        let mut sampler = Self {
            procfs: Procfs::new(procfs),
            root,
            known: BTreeMap::new(),
            kept_files: 0,
            ended_ticks: 0,
            highest_ticks: 0,
            schedule: Schedule::default(),
            round: Round::default(),
            samples: 0,
            lists_children: true,
            page_size: probe::page_size(),
            ticks_per_second: probe::clock_ticks(),
            seen: false,
        };
        // At once: the pid is the command's now, and may be another process's at the first sample.
        sampler.seen = sampler.meet(root, None);
        sampler.lists_children = sampler.procfs.lists_children();
        sampler
    }

    /// Measures the tree.
    pub fn sample(&mut self) -> TreeSample {
        if !self.seen {
            return TreeSample::default();
        }
        self.refresh();
        self.discover();
        self.sum()
    }

    /// The live processes of the tree, as of the last sample.
    pub fn pids(&self) -> Vec<u32> {
        self.live().map(|(pid, _)| *pid).collect()
    }

    /// Files and directories read so far: the cost of sampling, in a unit that a busy machine cannot blur.
    #[must_use]
    pub const fn accesses(&self) -> u64 {
        self.procfs.accesses()
    }

    fn live(&self) -> impl Iterator<Item = (&u32, &Process)> {
        self.known
            .iter()
            .filter(|(_, process)| !process.stat.zombie)
    }

    /// Reads the known processes again and settles the accounts of those that are gone.
    ///
    /// Parents come before their children here (pids grow), so that a child that is reaped in between is
    /// counted once: it is missing when its turn comes, and its parent does not have its time yet.
    fn refresh(&mut self) {
        let mut gone = Vec::new();
        let whole = self.samples.is_multiple_of(limits::TREE_WHOLE_SAMPLES);
        self.samples = self.samples.wrapping_add(1);
        for (pid, process) in &mut self.known {
            if !whole
                && let Some(stat) =
                    process
                        .brief
                        .read(&mut self.procfs, *pid, &process.stat, self.ticks_per_second)
            {
                process.stat = stat;
                continue;
            }
            let stat = match &process.file {
                Some(file) => self.procfs.read_stat(file),
                None => self
                    .procfs
                    .open_stat(*pid)
                    .and_then(|file| self.procfs.read_stat(&file)),
            };
            match stat.filter(|stat| stat.started == process.stat.started) {
                Some(stat) => {
                    process.stat = stat;
                    if self.kept_files < limits::TREE_FILES_MAX {
                        self.kept_files +=
                            usize::from(process.brief.open(&mut self.procfs, *pid, stat.threads));
                    }
                }
                None => gone.push(*pid),
            }
        }
        // Children first: what a child leaves goes through its parent, which may be gone as well.
        for pid in gone.into_iter().rev() {
            let Some(process) = self.known.remove(&pid) else {
                continue;
            };
            let kept = [
                process.file.is_some(),
                process.brief.is_open(),
                process.children.is_some(),
            ];
            self.kept_files = self
                .kept_files
                .saturating_sub(kept.into_iter().filter(|kept| *kept).count());
            let ticks = process.account.ticks(&process.stat);
            match self.known.get_mut(&process.stat.parent) {
                Some(parent) => parent.account.owe(ticks),
                None => self.ended_ticks = self.ended_ticks.saturating_add(ticks),
            }
        }
    }

    /// Starts to follow a process, if it is there, is new, and (where that is asked) has this parent.
    fn meet(&mut self, pid: u32, parent: Option<u32>) -> bool {
        if self.known.contains_key(&pid) || self.known.len() >= limits::TREE_PROCESSES_MAX {
            return false;
        }
        let Some(file) = self.procfs.open_stat(pid) else {
            return false;
        };
        let Some(stat) = self.procfs.read_stat(&file) else {
            return false;
        };
        if parent.is_some_and(|parent| parent != stat.parent) {
            return false;
        }
        let keep = self.kept_files < limits::TREE_FILES_MAX;
        self.kept_files += usize::from(keep);
        let file = keep.then_some(file);
        let process = Process {
            stat,
            account: Account::open(&stat),
            file,
            brief: Brief::default(),
            children: None,
        };
        self.known.insert(pid, process);
        true
    }

    fn sum(&mut self) -> TreeSample {
        let ticks = self
            .known
            .values()
            .map(|process| process.account.ticks(&process.stat));
        let ticks = ticks.fold(self.ended_ticks, u64::saturating_add);
        self.highest_ticks = self.highest_ticks.max(ticks);
        let resident = || self.live().map(|(_, process)| process.stat.resident_pages);
        let pages = |pages: u64| pages.saturating_mul(self.page_size);
        TreeSample {
            processes: Some(self.live().count() as u64),
            cpu_seconds: Some(self.highest_ticks as f64 / self.ticks_per_second as f64),
            // No live process is no knowledge about memory: the peak was before.
            rss_sum_bytes: resident().reduce(u64::saturating_add).map(pages),
            rss_max_process_bytes: resident().max().map(pages),
        }
    }
}
