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

/// Threads of one process that are asked.
const TREE_THREADS_MAX: usize = 16 * 1024;
/// Processes that one scan looks at.
const TREE_SCAN_ENTRIES_MAX: usize = 16 * 1024;

/// A mounted /proc, or a directory that looks like one.
#[derive(Debug)]
pub struct Procfs {
    root: PathBuf,
    /// Files and directories that were read so far.
    pub accesses: u64,
}

impl Procfs {
    /// The /proc below `root`.
    pub const fn new(root: PathBuf) -> Self {
        Self { root, accesses: 0 }
    }

    /// Opens a file as it is: the kernel's own is no FIFO, and the checks would be half of the cost. One of a process
    /// that is kept open is the process's identity as well: after the process was reaped it gives an error, never
    /// another process's line.
    fn open(&mut self, path: String) -> Option<File> {
        self.accesses += 1;
        File::open(self.root.join(path)).ok()
    }

    /// Opens the stat file of a process and reads it.
    pub fn open_stat(&mut self, pid: u32) -> Option<(File, ProcessStat)> {
        let file = self.open(format!("{pid}/stat"))?;
        let stat = self.read_stat(&file)?;
        Some((file, stat))
    }

    /// Reads an open stat file.
    pub fn read_stat(&mut self, file: &File) -> Option<ProcessStat> {
        self.accesses += 1;
        // The kernel's longest line, 52 numbers and a name, is below 1,200 bytes.
        ProcessStat::parse(files::read_beginning::<2048>(file)?.as_bytes())
    }

    /// Reads the stat file of a process anew.
    pub fn stat_of(&mut self, pid: u32) -> Option<ProcessStat> {
        let (_, stat) = self.open_stat(pid)?;
        Some(stat)
    }

    /// Opens the short file about a process's memory.
    pub fn open_memory(&mut self, pid: u32) -> Option<File> {
        self.open(format!("{pid}/statm"))
    }

    /// Resident pages, by an open short file; None of a process that has ended, whose pages are gone.
    pub fn read_memory(&mut self, file: &File) -> Option<u64> {
        self.accesses += 1;
        let line = files::read_beginning::<128>(file)?;
        let pages = line.split(' ').nth(1)?.parse().ok()?;
        (pages > 0).then_some(pages)
    }

    /// Whether the kernel was built to list children (CONFIG_PROC_CHILDREN), asked of our own thread.
    pub fn lists_children(&mut self) -> bool {
        self.accesses += 1;
        self.root.join("thread-self/children").exists()
    }

    /// Opens the list of the children that one thread of a process started.
    pub fn open_children(&mut self, pid: u32, thread: u32) -> Option<File> {
        self.open(format!("{pid}/task/{thread}/children"))
    }

    /// Reads an open list of children; None where the kernel does not say.
    pub fn read_children(&mut self, file: &File) -> Option<Vec<u32>> {
        self.accesses += 1;
        let mut list = files::read_beginning::<512>(file)?;
        let is_long = list.len() == 512;
        // A long list comes a page at a time.
        let mut page = [0; 4096];
        while is_long
            && list.len() < limits::TREE_PROCESSES_MAX * 8
            && let Ok(count @ 1..) = file.read_at(&mut page, list.len() as u64)
        {
            list += std::str::from_utf8(page.get(..count)?).ok()?;
        }
        let mut children = Vec::new();
        for pid in list.split_ascii_whitespace() {
            children.extend(pid.parse::<u32>());
        }
        Some(children)
    }

    /// The threads of a process.
    pub fn threads(&mut self, pid: u32) -> Vec<u32> {
        self.numbers(&format!("{pid}/task"), TREE_THREADS_MAX)
    }

    /// The processes of the host; only for kernels that list no children.
    pub fn processes(&mut self) -> Vec<u32> {
        self.numbers("", TREE_SCAN_ENTRIES_MAX)
    }

    fn numbers(&mut self, directory: &str, max: usize) -> Vec<u32> {
        self.accesses += 1;
        files::numbered_entries(&self.root.join(directory), "", max)
    }
}
