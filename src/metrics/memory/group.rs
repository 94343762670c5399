//! The command's memory control group: what is charged to it, what it may use, what was killed in it.
//!
//! In a container or a batch job this is the true memory figure (shared pages count once, and the limit that
//! kills is its limit), and its `oom_kill` counter catches what exit codes hide: a killed worker below a
//! launcher that exits with 1. Version 1, version 2 and the hybrid of both are read; a process in the root
//! group has no group of its own, and gets None instead of the whole machine's figure.

use super::locate::{self, Candidate};
use crate::metrics::files;
use axolotl_run_core::series::OomKillCounters;
use axolotl_run_sys::probe::open_regular;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Control groups above the command's own that are asked for a limit; systemd and Kubernetes nest 6 deep.
const CGROUP_DEPTH_MAX: usize = 32;

/// The memory control group of a process.
#[derive(Debug)]
pub struct MemoryGroup {
    candidate: Candidate,
    /// Kept open: one read a sample.
    usage: File,
}

impl MemoryGroup {
    /// The group of a process, unless that is the root group.
    pub fn of(pid: u32) -> Option<Self> {
        Self::at(Path::new("/"), pid)
    }

    /// The same, with the file system's root at another place.
    pub fn at(root: &Path, pid: u32) -> Option<Self> {
        for candidate in visible(root, pid) {
            // Only the root group of version 1 has this file; that of version 2 has no figures at all.
            let is_root = candidate.directory.join("release_agent").exists();
            for file in ["memory.usage_in_bytes", "memory.current"] {
                if let Ok(usage) = open_regular(&candidate.directory.join(file))
                    && !is_root
                {
                    return Some(Self { candidate, usage });
                }
            }
        }
        None
    }

    /// Bytes charged to the group and those below it, page cache included.
    pub fn current(&self) -> Option<u64> {
        files::read_beginning::<32>(&self.usage)?
            .trim()
            .parse()
            .ok()
    }

    /// Bytes of these that are copies of files, which the kernel gives back when memory is short.
    pub fn cached(&self) -> Option<u64> {
        let figures = files::read_text(&self.candidate.directory.join("memory.stat"));
        // Those of version 1 are of the group alone, and have others that sum up what is below it.
        let prefix = if self.candidate.is_unified {
            ""
        } else {
            "total_"
        };
        let bytes = |list| files::field_value(&figures, &format!("{prefix}{list}_file"));
        Some(bytes("inactive")?.saturating_add(bytes("active")?))
    }

    /// Bytes of the group that are swapped out; unknown of version 1, which counts them together with the others.
    pub fn swapped(&self) -> Option<u64> {
        files::read_number(&self.candidate.directory.join("memory.swap.current"))
    }

    /// The smallest limit of the group and of all above it that can be seen.
    pub fn limit(&self) -> Option<u64> {
        // In a container the groups above are out of sight, but version 1 sums them up here.
        let sums = files::read_text(&self.candidate.directory.join("memory.stat"));
        let mut limits = Vec::from_iter(files::field_value(&sums, "hierarchical_memory_limit"));
        for directory in above(&self.candidate) {
            for file in ["memory.limit_in_bytes", "memory.max"] {
                limits.extend(files::read_number(&directory.join(file)));
            }
        }
        limits.into_iter().min()
    }

    /// Processes of the group that the kernel killed for memory, since the group was made.
    pub fn oom_kills(&self) -> Option<u64> {
        let directory = &self.candidate.directory;
        let events = ["memory.oom_control", "memory.events"];
        let texts = events.map(|file| files::read_text(&directory.join(file)));
        texts
            .iter()
            .find_map(|text| files::field_value(text, "oom_kill"))
    }
}

/// What may be the process's group, as we reach it.
fn visible(root: &Path, pid: u32) -> Vec<Candidate> {
    let groups = files::read_text(&root.join(format!("proc/{pid}/cgroup")));
    let mounts = files::read_text(&root.join("proc/self/mountinfo"));
    let mut candidates = locate::candidates(&groups, &mounts);
    for candidate in &mut candidates {
        for path in [&mut candidate.directory, &mut candidate.mount] {
            *path = root.join(path.strip_prefix("/").unwrap_or(path));
        }
    }
    candidates
}

/// A group and those above it that can be seen: none is above the place where the hierarchy is mounted.
fn above(group: &Candidate) -> impl Iterator<Item = &Path> {
    let ancestors = group.directory.ancestors().take(CGROUP_DEPTH_MAX);
    ancestors.take_while(|directory| directory.starts_with(&group.mount))
}

/// The unified hierarchy's group of a process and those above it that can be seen, the process's own first.
pub fn unified_ancestors(root: &Path, pid: u32) -> Vec<PathBuf> {
    let mut candidates = visible(root, pid);
    candidates.retain(|candidate| candidate.is_unified);
    match candidates.first() {
        Some(group) => above(group).map(Path::to_owned).collect(),
        None => Vec::new(),
    }
}

/// Counts the processes that the kernel kills for memory from now on.
#[derive(Debug)]
pub struct OomKillWatch {
    /// Where the process that was named is at home.
    pub group: Option<MemoryGroup>,
    /// What the counters said at the beginning.
    pub before: OomKillCounters,
}

impl OomKillWatch {
    /// Begins to count, for the process's group and the machine.
    pub fn begin(pid: u32) -> Self {
        let group = MemoryGroup::of(pid);
        Self {
            before: oom_kills(Path::new("/"), group.as_ref()),
            group,
        }
    }

    /// Goes on with the group that the process has entered, from what that group's counter says now.
    pub fn regroup(&mut self, pid: u32) {
        self.group = MemoryGroup::of(pid);
        self.before.cgroup = self.group.as_ref().and_then(MemoryGroup::oom_kills);
    }

    /// The kills since the beginning. To be asked when an end is known: the kernel counts before it kills.
    pub fn kills(&self) -> OomKillCounters {
        oom_kills(Path::new("/"), self.group.as_ref()).since(self.before)
    }
}

/// Processes that the kernel has killed for memory: in this group since it was made, on the whole machine since boot. The
/// kernel counts before it sends the signal, so what is read when `wait` has returned is complete.
pub fn oom_kills(root: &Path, group: Option<&MemoryGroup>) -> OomKillCounters {
    let machine = files::read_text(&root.join("proc/vmstat"));
    OomKillCounters {
        cgroup: group.and_then(MemoryGroup::oom_kills),
        host: files::field_value(&machine, "oom_kill"),
    }
}

#[cfg(test)]
mod tests;
