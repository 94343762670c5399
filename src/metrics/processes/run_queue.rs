//! How long the run's threads have waited for a processor while others had it.
//!
//! A crowded machine gives a thread that spins now more and now less; what it used and what it waited together are
//! what it wanted, and that is even. The kernel says it of each thread by itself, so it is asked of a training that may
//! stand still and of no other.

use crate::metrics::files;
use std::path::Path;

/// Threads that are asked how long they waited for a processor, 6 us each: eight ranks have 100 each.
const QUEUE_THREADS_MAX: usize = 1024;

/// The seconds that all threads of these processes have waited; None where the kernel does not say.
pub fn waited_seconds(procfs: &Path, pids: &[u32]) -> Option<f64> {
    let mut seconds = None;
    let mut left = QUEUE_THREADS_MAX;
    for pid in pids {
        let threads = procfs.join(pid.to_string()).join("task");
        let names = files::entry_names(&threads, left);
        left -= names.len();
        for thread in names {
            let line = files::read_text(&threads.join(thread).join("schedstat"));
            if let Some((_, waited)) = used_and_waited(&line) {
                seconds = Some(seconds.unwrap_or(0.0) + waited);
            }
        }
    }
    seconds
}

/// The seconds that a thread ran and that it waited: the kernel tells them in nanoseconds, and how often it ran.
pub fn used_and_waited(schedstat: &str) -> Option<(f64, f64)> {
    let mut words = schedstat.split_ascii_whitespace();
    let mut seconds = || Some(words.next()?.parse::<u64>().ok()? as f64 / 1e9);
    Some((seconds()?, seconds()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_of_all_threads_are_added_up() {
        let root = tempfile::tempdir().unwrap();
        for (pid, thread, text) in [
            (7, 7, "5 1000000000 3\n"),
            (7, 8, "5 500000000 3\n"),
            (9, 9, "0 250000000 1\n"),
        ] {
            let directory = root.path().join(format!("{pid}/task/{thread}"));
            std::fs::create_dir_all(&directory).unwrap();
            std::fs::write(directory.join("schedstat"), text).unwrap();
        }
        assert_eq!(
            waited_seconds(root.path(), &[7, 8, 9]),
            Some(1.75),
            "8 is no process"
        );
        assert_eq!(waited_seconds(root.path(), &[7]), Some(1.5));
        assert_eq!(waited_seconds(root.path(), &[]), None);
        for broken in ["", "1", "1 x 2", "1 -4 2"] {
            assert_eq!(used_and_waited(broken), None, "{broken}");
        }
    }
}
