//! The tree through sysinfo, for systems without a Linux /proc.
//!
//! sysinfo speaks to macOS and the BSDs as well. Its faults do not matter where there is nothing better:
//! processor time of reaped children is not in it, start times are whole seconds. New processes are looked
//! for once per [`limits::TREE_SCAN_SAMPLES`], because that needs the host's whole list; the known ones are refreshed
//! by pid, without their threads. On Linux [`super::Sampler`] is used; there this one is only compared with it.

use super::TreeSample;
use axolotl_run_core::limits;
use std::collections::BTreeMap;
use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};

/// Follows one command's processes.
pub struct Sampler {
    system: Option<System>,
    /// Followed pids, with their start times and the milliseconds of processor time last seen.
    known: BTreeMap<Pid, (u64, u64)>,
    ended_milliseconds: u64,
    samples: u32,
}

impl Sampler {
    /// Follows the process and all that come from it.
    #[must_use]
    pub fn new(root: u32) -> Self {
        let mut sampler = Self {
            system: System::new().ok(),
            known: BTreeMap::new(),
            ended_milliseconds: 0,
            samples: 0,
        };
        let root = Pid::from_u32(root);
        if let Some(system) = &mut sampler.system {
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[root]), true, measured());
            if let Some(process) = system.process(root) {
                sampler
                    .known
                    .insert(root, (process.start_time(), process.accumulated_cpu_time()));
            }
        }
        sampler
    }

    /// Measures the tree.
    pub fn sample(&mut self) -> TreeSample {
        let Some(system) = &mut self.system else {
            return TreeSample::default();
        };
        if self.known.is_empty() && self.samples == 0 {
            return TreeSample::default();
        }
        if self.samples.is_multiple_of(limits::TREE_SCAN_SAMPLES) {
            let kind = ProcessRefreshKind::nothing().without_tasks();
            system.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
            meet_descendants(system, &mut self.known);
        }
        self.samples = self.samples.wrapping_add(1);
        let pids: Vec<Pid> = self.known.keys().copied().collect();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&pids), true, measured());

        let (mut processes, mut memory) = (0, Vec::new());
        let ended = &mut self.ended_milliseconds;
        self.known.retain(|pid, (started, milliseconds)| {
            let Some(process) = system
                .process(*pid)
                .filter(|process| process.start_time() == *started)
            else {
                *ended = ended.saturating_add(*milliseconds);
                return false;
            };
            *milliseconds = (*milliseconds).max(process.accumulated_cpu_time());
            if process.status() != ProcessStatus::Zombie {
                processes += 1;
                memory.push(process.memory());
            }
            true
        });
        let milliseconds = self
            .known
            .values()
            .fold(*ended, |sum, (_, used)| sum.saturating_add(*used));
        TreeSample {
            processes: Some(processes),
            cpu_seconds: Some(milliseconds as f64 / 1000.0),
            rss_sum_bytes: memory.iter().copied().reduce(u64::saturating_add),
            rss_max_process_bytes: memory.iter().copied().max(),
        }
    }

    /// The followed processes, as of the last sample.
    pub fn pids(&self) -> Vec<u32> {
        self.known.keys().map(|pid| pid.as_u32()).collect()
    }
}

fn measured() -> ProcessRefreshKind {
    ProcessRefreshKind::nothing()
        .with_cpu()
        .with_memory()
        .without_tasks()
}

/// Adds the processes whose parent is known, until there are no more.
fn meet_descendants(system: &System, known: &mut BTreeMap<Pid, (u64, u64)>) {
    loop {
        let before = known.len();
        for (pid, process) in system.processes() {
            let related = process
                .parent()
                .is_some_and(|parent| known.contains_key(&parent));
            if related && !known.contains_key(pid) && known.len() < limits::TREE_PROCESSES_MAX {
                known.insert(*pid, (process.start_time(), process.accumulated_cpu_time()));
            }
        }
        if known.len() == before {
            return;
        }
    }
}
