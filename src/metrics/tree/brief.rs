//! What changes of a process with many threads, without the line for which the kernel sums all of them up.
//!
//! That line costs 25 us at 64 threads; the process's own clock and the size of its memory together cost 2. What only
//! the line tells (a new parent, the time of its ended children, how many threads there are) is then up to a minute
//! old. That minute is why processes of few threads, where the line is cheap, are always read whole. For the clock, too,
//! the kernel visits each thread, and after seconds of something else none of them is in the processor's cache: so one
//! that stood still is left alone for two samples.

use super::procfs::Procfs;
use super::stat::ProcessStat;
use axolotl_run_core::limits;
use axolotl_run_sys::clock;
use std::fs::File;

/// Samples for which the clock of such a process is not read that has used nothing: the kernel sums all threads up for
/// it, which costs more than all else of a sample. What it uses meanwhile is seen ten seconds later.
const TREE_IDLE_SAMPLES: u8 = 2;

/// How a process with many threads is read.
#[derive(Debug, Default)]
pub struct Brief {
    /// The short file about its memory, kept open once it was needed.
    pub memory: Option<File>,
    /// Samples for which its clock is left alone.
    pub idle: u8,
}

impl Brief {
    /// Opens the file of a process for which this pays; whether that was done.
    pub fn open(&mut self, procfs: &mut Procfs, pid: u32, threads: u64) -> bool {
        let pays = self.memory.is_none() && threads > limits::TREE_THREADS_BRIEF;
        if pays {
            self.memory = procfs.open_memory(pid);
        }
        pays && self.memory.is_some()
    }

    /// The process as it is now, by what it was; None where it has to be read whole.
    pub fn read(
        &mut self,
        procfs: &mut Procfs,
        pid: u32,
        was: &ProcessStat,
        ticks_per_second: u64,
    ) -> Option<ProcessStat> {
        // First the file, which is this process's and no later one's.
        let mut stat = *was;
        stat.resident_pages = procfs.read_memory(self.memory.as_ref()?)?;
        if let Some(left) = self.idle.checked_sub(1) {
            self.idle = left;
            return Some(stat);
        }
        let nanoseconds = clock::processor_time(pid)?.as_nanos();
        let ticks = nanoseconds * u128::from(ticks_per_second) / 1_000_000_000;
        // The kernel rounds the two kinds of time that it tells of one by one.
        stat.own_ticks = u64::try_from(ticks).ok()?.max(was.own_ticks);
        if stat.own_ticks == was.own_ticks {
            self.idle = TREE_IDLE_SAMPLES;
        }
        Some(stat)
    }
}
