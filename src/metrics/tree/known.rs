//! The processes that are followed, and what is kept open to read them again.

use super::account::Account;
use super::brief::Brief;
use super::procfs::Procfs;
use super::stat::ProcessStat;
use axolotl_run_core::limits;
use std::collections::BTreeMap;
use std::fs::File;

/// Samples between two whole readings of such a process: a minute.
const TREE_WHOLE_SAMPLES: u32 = 12;

/// A process that is followed.
#[derive(Debug)]
pub struct Process {
    pub stat: ProcessStat,
    pub account: Account,
    /// Kept open as far as [`limits::TREE_FILES_MAX`] allows; the others are opened anew each time.
    file: Option<File>,
    pub brief: Brief,
    /// The list of its main thread's children, likewise.
    children: Option<File>,
}

/// All that are followed, by pid.
#[derive(Debug)]
pub struct KnownProcesses {
    pub procfs: Procfs,
    pub all: BTreeMap<u32, Process>,
    pub kept_files: usize,
    samples: u32,
}

impl KnownProcesses {
    /// None yet, of this /proc.
    pub const fn new(procfs: Procfs) -> Self {
        Self {
            procfs,
            all: BTreeMap::new(),
            kept_files: 0,
            samples: 0,
        }
    }

    /// Those that have not ended.
    pub fn live(&self) -> impl Iterator<Item = &Process> {
        self.all.values().filter(|process| !process.stat.zombie)
    }

    /// Their pids.
    pub fn live_pids(&self) -> Vec<u32> {
        let mut pids = Vec::new();
        for (pid, process) in &self.all {
            if !process.stat.zombie {
                pids.push(*pid);
            }
        }
        pids
    }

    /// Starts to follow a process, if it is there, is new, and (where that is asked) has this parent.
    pub fn meet(&mut self, pid: u32, parent: Option<u32>) -> bool {
        if self.all.contains_key(&pid) || self.all.len() >= limits::TREE_PROCESSES_MAX {
            return false;
        }
        let Some((file, stat)) = self.procfs.open_stat(pid) else {
            return false;
        };
        if parent.unwrap_or(stat.parent) != stat.parent {
            return false;
        }
        let mut process = Process {
            stat,
            account: Account::open(&stat),
            file: None,
            brief: Brief::default(),
            children: None,
        };
        if self.kept_files < limits::TREE_FILES_MAX {
            self.kept_files += 1;
            process.file = Some(file);
        }
        self.all.insert(pid, process);
        true
    }

    /// Reads them again and settles the accounts of those that are gone; returns the ticks for which no known process
    /// waited.
    ///
    /// Parents come before their children here (pids grow), so that a child that is reaped in between is
    /// counted once: it is missing when its turn comes, and its parent does not have its time yet.
    pub fn refresh(&mut self, ticks_per_second: u64) -> u64 {
        let mut gone = Vec::new();
        let reads_all = self.samples.is_multiple_of(TREE_WHOLE_SAMPLES);
        self.samples = self.samples.wrapping_add(1);
        let procfs = &mut self.procfs;
        for (pid, process) in &mut self.all {
            if !reads_all {
                let brief = &mut process.brief;
                if let Some(stat) = brief.read(procfs, *pid, &process.stat, ticks_per_second) {
                    process.stat = stat;
                    continue;
                }
            }
            let stat = match &process.file {
                Some(file) => procfs.read_stat(file),
                None => procfs.stat_of(*pid),
            };
            let Some(stat) = stat.filter(|stat| stat.started == process.stat.started) else {
                gone.push(*pid);
                continue;
            };
            process.stat = stat;
            if self.kept_files < limits::TREE_FILES_MAX
                && process.brief.open(procfs, *pid, stat.threads)
            {
                self.kept_files += 1;
            }
        }
        // Children first: what a child leaves goes through its parent, which may be gone as well.
        let mut ended_ticks = 0;
        for pid in gone.into_iter().rev() {
            let Some(process) = self.all.remove(&pid) else {
                continue;
            };
            for is_open in [
                process.file.is_some(),
                process.brief.memory.is_some(),
                process.children.is_some(),
            ] {
                self.kept_files -= usize::from(is_open);
            }
            let ticks = process.account.ticks(&process.stat);
            match self.all.get_mut(&process.stat.parent) {
                Some(parent) => parent.account.owe(ticks),
                None => ended_ticks += ticks,
            }
        }
        ended_ticks
    }

    /// The children of one thread. The main threads' lists, which are asked each time, stay open: opening one costs as
    /// much as reading it.
    pub fn children(&mut self, pid: u32, thread: u32) -> Option<Vec<u32>> {
        let main = self.all.get_mut(&pid).filter(|_| thread == pid);
        if let Some(process) = &main
            && let Some(file) = &process.children
        {
            return self.procfs.read_children(file);
        }
        let file = self.procfs.open_children(pid, thread)?;
        let list = self.procfs.read_children(&file);
        if let Some(process) = main
            && self.kept_files < limits::TREE_FILES_MAX
        {
            self.kept_files += 1;
            process.children = Some(file);
        }
        list
    }
}
