//! What each rank does while the training hangs, and which rank does something else.
//!
//! In a collective operation all ranks wait for the one that did not come. They all wait in the same place; that one
//! does something else. So two observations are compared: whether a rank's processor is busy, how often it is switched,
//! and where in the kernel it sleeps. A rank that differs from all others is the suspect. If there are only two ranks,
//! or several differ, there is no suspect. Reading this of one's own processes needs no privilege.

use super::{ranks, run_queue};
use crate::metrics::files;
use crate::metrics::tree::stat::ProcessStat;
use axolotl_run_core::limits;
use axolotl_run_sys::probe;
use std::collections::BTreeMap;
use std::path::Path;

/// What one rank did at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Activity {
    /// Where in the kernel its main thread sleeps; `0` where it runs.
    sleeps_in: String,
    /// How often its main thread gave the processor up.
    switches: u64,
    /// Ticks that its threads have used, or would have where they waited for a processor.
    ticks: u64,
}

/// What the ranks did at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RankActivity(BTreeMap<u64, Activity>);

/// Ticks between two looks, five seconds apart, from which on a rank is busy: a tenth of a core. Of one that sleeps no
/// more than a heartbeat is left.
const BUSY_TICKS: u64 = 50;
/// Switches between two looks up to which a rank only waits.
const WAITING_SWITCHES: u64 = 10;

impl RankActivity {
    /// Looks at the ranks among these processes.
    pub fn look(procfs: &Path, pids: &[u32]) -> Self {
        let mut activities = BTreeMap::new();
        for &pid in pids {
            // The first process of a rank leads it: pids grow, and its helpers come later. A rank has a device: there
            // are no more of the one than of the other.
            if let Some(rank) = ranks::of(procfs, pid)
                && !activities.contains_key(&rank)
                && activities.len() < limits::ACCELERATORS_MAX
                && let Some(activity) = Activity::of(procfs, pid)
            {
                activities.insert(rank, activity);
            }
        }
        Self(activities)
    }

    /// The rank that does something else than all others, compared with an earlier look.
    pub fn odd_one(&self, before: &Self) -> Option<u64> {
        let mut ranks_by_behaviour = BTreeMap::new();
        for (rank, now) in &self.0 {
            let before = before.0.get(rank)?;
            let is_busy = now.ticks.saturating_sub(before.ticks) >= BUSY_TICKS;
            let is_switched = now.switches.saturating_sub(before.switches) > WAITING_SWITCHES;
            // Where a busy one is at the moment is chance.
            let sleeps_in = if is_busy { "" } else { &now.sleeps_in };
            ranks_by_behaviour
                .entry((is_busy, is_switched, sleeps_in))
                .or_insert_with(Vec::new)
                .push(*rank);
        }
        let mut groups: Vec<Vec<u64>> = ranks_by_behaviour.into_values().collect();
        groups.sort_by_key(Vec::len);
        match groups.as_slice() {
            [odd, others] if others.len() >= 2 => match odd.as_slice() {
                [rank] => Some(*rank),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Activity {
    fn of(procfs: &Path, pid: u32) -> Option<Self> {
        let process = procfs.join(pid.to_string());
        let used_ticks = ProcessStat::of(procfs, pid)?.own_ticks;
        let waited_seconds = run_queue::waited_seconds(procfs, &[pid]).unwrap_or(0.0);
        let waited_ticks = waited_seconds * probe::clock_ticks() as f64;
        let status = files::read_text(&process.join("status"));
        Some(Self {
            sleeps_in: files::read_text(&process.join("wchan")),
            switches: files::field_value(&status, "voluntary_ctxt_switches:")?,
            ticks: used_ticks.saturating_add(waited_ticks as u64),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(doing: &[(u64, &str, u64, u64)]) -> RankActivity {
        let doing = doing.iter().map(|&(rank, sleeps_in, switches, ticks)| {
            (
                rank,
                Activity {
                    sleeps_in: sleeps_in.to_owned(),
                    switches,
                    ticks,
                },
            )
        });
        RankActivity(doing.collect())
    }

    #[test]
    fn one_that_differs_from_all_others_is_the_suspect_and_nobody_else() {
        let before = ranks(&[
            (0, "0", 5, 0),
            (1, "0", 5, 0),
            (2, "0", 5, 0),
            (3, "0", 5, 0),
        ]);
        for (now, suspect) in [
            // All wait in a collective operation, spinning; the third sleeps in a lock.
            (
                ranks(&[
                    (0, "0", 5, 500),
                    (1, "x", 6, 499),
                    (2, "futex", 5, 3),
                    (3, "0", 5, 500),
                ]),
                Some(2),
            ),
            // All sleep; one spins.
            (
                ranks(&[
                    (0, "futex", 5, 0),
                    (1, "futex", 5, 0),
                    (2, "futex", 5, 0),
                    (3, "0", 5, 500),
                ]),
                Some(3),
            ),
            // All sleep at the same place; one elsewhere.
            (
                ranks(&[
                    (0, "futex", 5, 0),
                    (1, "pipe_read", 5, 0),
                    (2, "futex", 5, 0),
                    (3, "futex", 5, 0),
                ]),
                Some(1),
            ),
            (
                ranks(&[
                    (0, "futex", 5, 0),
                    (1, "futex", 5, 0),
                    (2, "futex", 5, 0),
                    (3, "futex", 5, 0),
                ]),
                None,
            ),
            (
                ranks(&[
                    (0, "futex", 5, 0),
                    (1, "futex", 5, 0),
                    (2, "0", 5, 500),
                    (3, "0", 5, 500),
                ]),
                None,
            ),
            (
                ranks(&[
                    (0, "futex", 5, 0),
                    (1, "pipe", 5, 0),
                    (2, "0", 5, 500),
                    (3, "0", 5, 500),
                ]),
                None,
            ),
            (ranks(&[(0, "futex", 5, 0), (1, "0", 5, 500)]), None),
            (ranks(&[(7, "futex", 5, 0)]), None),
            (ranks(&[]), None),
        ] {
            assert_eq!(now.odd_one(&before), suspect, "{now:?}");
        }
    }

    #[test]
    fn what_a_process_does_is_read_from_the_kernels_files() {
        let root = tempfile::tempdir().unwrap();
        for (pid, environment) in [(7, "RANK=1\0"), (8, "RANK=1\0"), (9, "A=1\0")] {
            let process = root.path().join(pid.to_string());
            std::fs::create_dir(&process).unwrap();
            std::fs::write(process.join("environ"), environment).unwrap();
            std::fs::write(
                process.join("stat"),
                format!("{pid} (a b) S 1 1 1 0 -1 4 0 0 0 0 {pid} 22 0 0 20 0 1 0 5 6 7\n"),
            )
            .unwrap();
            std::fs::write(
                process.join("status"),
                "Name:\tx\nvoluntary_ctxt_switches:\t41\nnonvoluntary_ctxt_switches:\t2\n",
            )
            .unwrap();
            std::fs::write(process.join("wchan"), "futex_do_wait").unwrap();
            std::fs::create_dir_all(process.join("task/5")).unwrap();
            std::fs::write(process.join("task/5/schedstat"), "9 250000000 9\n").unwrap();
        }
        assert_eq!(
            RankActivity::look(root.path(), &[7, 8, 9]),
            ranks(&[(1, "futex_do_wait", 41, 54)])
        );
        assert!(
            RankActivity::look(Path::new("/proc"), &[std::process::id()])
                .0
                .len()
                <= 1
        );
    }
}
