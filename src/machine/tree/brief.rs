//! What changes of a process with many threads, without the line for which the kernel sums all of them up.
//!
//! That line costs 25 us at 64 threads; the process's own clock and the size of its memory together cost 2. What only
//! the line tells (a new parent, the time of its ended children, how many threads there are) is then up to a minute
//! old. That minute is why processes of few threads, where the line is cheap, are always read whole.

use super::procfs::Procfs;
use super::stat::Stat;
use crate::limits;
use crate::sys::clock;
use std::fs::File;

/// The short file about a process's memory, kept open once it was needed.
#[derive(Debug, Default)]
pub struct Brief(Option<File>);

impl Brief {
    /// Whether a file is kept open.
    pub const fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Opens the file of a process for which this pays; whether that was done.
    pub fn open(&mut self, procfs: &mut Procfs, pid: u32, threads: u64) -> bool {
        let pays = self.0.is_none() && threads > limits::TREE_THREADS_BRIEF;
        if pays {
            self.0 = procfs.open_memory(pid);
        }
        pays && self.0.is_some()
    }

    /// The process as it is now, by what it was; None where it has to be read whole.
    pub fn read(&self, procfs: &mut Procfs, pid: u32, was: &Stat, ticks_per_second: u64) -> Option<Stat> {
        // First the file, which is this process's and no later one's.
        let resident_pages = procfs.read_memory(self.0.as_ref()?)?;
        let nanoseconds = clock::processor_time(pid)?.as_nanos();
        let ticks = nanoseconds * u128::from(ticks_per_second) / 1_000_000_000;
        // The kernel rounds the two kinds of time that it tells of one by one.
        let own_ticks = u64::try_from(ticks).ok()?.max(was.own_ticks);
        Some(Stat { own_ticks, resident_pages, ..*was })
    }
}
