//! The command's memory control group: what is charged to it, what it may use, what was killed in it.
//!
//! In a container or a batch job this is the true memory figure (shared pages count once, and the limit that
//! kills is its limit), and its `oom_kill` counter catches what exit codes hide: a killed worker below a
//! launcher that exits with 1. Version 1, version 2 and the hybrid of both are read; a process in the root
//! group has no group of its own, and gets None instead of the whole machine's figure.

use super::locate::{self, Candidate, Version};
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
        for candidate in visible(root, pid)? {
            let (file, is_root) = match candidate.version {
                // Only the root group of version 1 has this file; that of version 2 has no figures at all.
                Version::One => (
                    "memory.usage_in_bytes",
                    candidate.directory.join("release_agent").exists(),
                ),
                Version::Two => ("memory.current", false),
            };
            if !is_root && let Ok(usage) = open_regular(&candidate.directory.join(file)) {
                return Some(Self { candidate, usage });
            }
        }
        None
    }

    /// Bytes charged to the group and those below it, page cache included.
    pub fn current(&self) -> Option<u64> {
        files::beginning::<32>(&self.usage)?.trim().parse().ok()
    }

    /// The smallest limit of the group and of all above it that can be seen.
    pub fn limit(&self) -> Option<u64> {
        let file = match self.candidate.version {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        };
        // In a container the groups above are out of sight, but version 1 sums them up here.
        let sums = files::text(&self.candidate.directory.join("memory.stat")).unwrap_or_default();
        let mut least = files::field(&sums, "hierarchical_memory_limit");
        for directory in above(&self.candidate) {
            if let Some(limit) = files::number(&directory.join(file)) {
                least = Some(limit.min(least.unwrap_or(limit)));
            }
        }
        least
    }

    /// Processes of the group that the kernel killed for memory, since the group was made.
    pub fn oom_kills(&self) -> Option<u64> {
        let file = match self.candidate.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        files::field(
            &files::text(&self.candidate.directory.join(file))?,
            "oom_kill",
        )
    }
}

/// What may be the process's group, as we reach it.
fn visible(root: &Path, pid: u32) -> Option<Vec<Candidate>> {
    let groups = files::text(&root.join(format!("proc/{pid}/cgroup")))?;
    let mounts = files::text(&root.join("proc/self/mountinfo"))?;
    let mut found = locate::candidates(&groups, &mounts);
    for Candidate {
        directory, mount, ..
    } in &mut found
    {
        for path in [directory, mount] {
            *path = root.join(path.strip_prefix("/").unwrap_or(path));
        }
    }
    Some(found)
}

/// A group and those above it that can be seen: none is above the place where the hierarchy is mounted.
fn above(group: &Candidate) -> impl Iterator<Item = &Path> {
    let all = group.directory.ancestors().take(CGROUP_DEPTH_MAX);
    all.take_while(|directory| directory.starts_with(&group.mount))
}

/// The unified hierarchy's group of a process and those above it that can be seen, the process's own first.
pub fn unified_ancestors(root: &Path, pid: u32) -> Vec<PathBuf> {
    let mut found = visible(root, pid).unwrap_or_default();
    found.retain(|candidate| candidate.version == Version::Two);
    let group = found.first();
    group
        .into_iter()
        .flat_map(above)
        .map(Path::to_owned)
        .collect()
}

/// Processes that the kernel has killed for memory: in this group since it was made, on the whole machine since boot. The
/// kernel counts before it sends the signal, so what is read when `wait` has returned is complete.
pub fn oom_kills(root: &Path, group: Option<&MemoryGroup>) -> OomKillCounters {
    let machine = files::text(&root.join("proc/vmstat")).unwrap_or_default();
    OomKillCounters {
        cgroup: group.and_then(MemoryGroup::oom_kills),
        host: files::field(&machine, "oom_kill"),
    }
}

#[cfg(test)]
mod tests;
