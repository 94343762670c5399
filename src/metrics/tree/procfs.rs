//! The few files of /proc that a process tree is read from, and a count of them.
//!
//! The rule: what a sample reads depends on the command's own tree, never on how many processes the host has.
//! So every access goes through [`Procfs`], which counts, and a test compares the counts on a crowded host.

use super::stat::ProcessStat;
use crate::metrics::files;
use axolotl_run_core::limits;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

/// A mounted /proc, or a directory that looks like one.
#[derive(Debug)]
pub struct Procfs {
    root: PathBuf,
    accesses: u64,
}

impl Procfs {
    /// The /proc below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            accesses: 0,
        }
    }

    /// How many files and directories were read so far.
    pub const fn accesses(&self) -> u64 {
        self.accesses
    }

    /// Opens a process's stat file. Kept open it is the process's identity as well: after the process was
    /// reaped it gives an error, never another process's line.
    pub fn open_stat(&mut self, pid: u32) -> Option<File> {
        self.accesses += 1;
        File::open(self.root.join(pid.to_string()).join("stat")).ok()
    }

    /// Reads an open stat file.
    pub fn read_stat(&mut self, file: &File) -> Option<ProcessStat> {
        self.accesses += 1;
        // The kernel's longest line, 52 numbers and a name, is below 1,200 bytes.
        let mut line = [0; 2048];
        let length = file.read_at(&mut line, 0).ok()?;
        ProcessStat::parse(line.get(..length)?)
    }

    /// Reads the stat file of a process anew.
    pub fn stat_of(&mut self, pid: u32) -> Option<ProcessStat> {
        let file = self.open_stat(pid)?;
        self.read_stat(&file)
    }

    /// Opens the short file about a process's memory; kept open it is its identity, too.
    pub fn open_memory(&mut self, pid: u32) -> Option<File> {
        self.accesses += 1;
        File::open(self.root.join(format!("{pid}/statm"))).ok()
    }

    /// Resident pages, by an open short file; None of a process that has ended, whose pages are gone.
    pub fn read_memory(&mut self, file: &File) -> Option<u64> {
        self.accesses += 1;
        let mut line = [0; 128];
        let length = file.read_at(&mut line, 0).ok()?;
        let pages = std::str::from_utf8(line.get(..length)?)
            .ok()?
            .split(' ')
            .nth(1)?;
        pages.parse().ok().filter(|pages| *pages > 0)
    }

    /// Whether the kernel was built to list children (CONFIG_PROC_CHILDREN), asked of our own thread.
    pub fn lists_children(&mut self) -> bool {
        self.accesses += 1;
        self.root.join("thread-self/children").exists()
    }

    /// Opens the list of the children that one thread of a process started.
    pub fn open_children(&mut self, pid: u32, thread: u32) -> Option<File> {
        self.accesses += 1;
        // Opened as it is: the kernel's own file is no FIFO, and the checks would be half of the cost.
        File::open(self.root.join(format!("{pid}/task/{thread}/children"))).ok()
    }

    /// Reads an open list of children; None where the kernel does not say.
    pub fn read_children(&mut self, file: &File) -> Option<Vec<u32>> {
        self.accesses += 1;
        let mut list = [0; 512];
        let length = file.read_at(&mut list, 0).ok()?;
        let mut list = list.get(..length)?.to_vec();
        if list.len() == 512 {
            // A long list comes a page at a time.
            let mut page = [0; 4096];
            while list.len() < limits::TREE_PROCESSES_MAX * 8
                && let Ok(count @ 1..) = file.read_at(&mut page, list.len() as u64)
            {
                list.extend_from_slice(page.get(..count)?);
            }
        }
        let list = std::str::from_utf8(&list).ok()?;
        Some(
            list.split_ascii_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect(),
        )
    }

    /// The threads of a process.
    pub fn threads(&mut self, pid: u32, max: usize) -> Vec<u32> {
        self.numbers(&format!("{pid}/task"), max)
    }

    /// The processes of the host; only for kernels that list no children.
    pub fn processes(&mut self, max: usize) -> Vec<u32> {
        self.numbers("", max)
    }

    fn numbers(&mut self, directory: &str, max: usize) -> Vec<u32> {
        self.accesses += 1;
        let names = files::names(&self.root.join(directory), max).unwrap_or_default();
        names
            .iter()
            .filter_map(|name| name.to_str()?.parse().ok())
            .collect()
    }
}
