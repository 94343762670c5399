//! The command's memory control group: what is charged to it, what it may use, what was killed in it.
//!
//! In a container or a batch job this is the true memory figure (shared pages count once, and the limit that
//! kills is its limit), and its `oom_kill` counter catches what exit codes hide: a killed worker below a
//! launcher that exits with 1. Version 1, version 2 and the hybrid of both are read; a process in the root
//! group has no group of its own, and gets None instead of the whole machine's figure.

use super::locate::{self, Version};
use crate::metrics::files;
use axolotl_run_core::limits;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// The memory control group of a process.
#[derive(Debug)]
pub struct MemoryGroup {
    version: Version,
    directory: PathBuf,
    /// Where the hierarchy is mounted: no group above it is visible.
    mount: PathBuf,
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
        let groups = files::text(&root.join(format!("proc/{pid}/cgroup")))?;
        let mounts = files::text(&root.join("proc/self/mountinfo"))?;
        locate::candidates(&groups, &mounts)
            .into_iter()
            .find_map(|candidate| {
                let below_root = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
                let directory = below_root(&candidate.directory);
                // Only the root group of version 1 has this file; that of version 2 has no figures at all.
                if candidate.version == Version::One && directory.join("release_agent").exists() {
                    return None;
                }
                let file = directory.join(match candidate.version {
                    Version::One => "memory.usage_in_bytes",
                    Version::Two => "memory.current",
                });
                let usage = axolotl_run_sys::probe::open_regular(&file).ok()?;
                let mount = below_root(&candidate.mount);
                Some(Self {
                    version: candidate.version,
                    directory,
                    mount,
                    usage,
                })
            })
    }

    /// Bytes charged to the group and those below it, page cache included.
    pub fn current(&self) -> Option<u64> {
        let mut digits = [0; 32];
        let length = self.usage.read_at(&mut digits, 0).ok()?;
        std::str::from_utf8(digits.get(..length)?)
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    /// The smallest limit of the group and of all above it that can be seen.
    pub fn limit(&self) -> Option<u64> {
        let file = match self.version {
            Version::One => "memory.limit_in_bytes",
            Version::Two => "memory.max",
        };
        // In a container the groups above are out of sight, but version 1 sums them up here.
        let hierarchical = files::text(&self.directory.join("memory.stat"))
            .and_then(|text| files::field(&text, "hierarchical_memory_limit"));
        self.directory
            .ancestors()
            .take(limits::CGROUP_DEPTH_MAX)
            .take_while(|directory| directory.starts_with(&self.mount))
            .filter_map(|directory| files::number(&directory.join(file)))
            .chain(hierarchical)
            .min()
    }

    /// Processes of the group that the kernel killed for memory, since the group was made.
    pub fn oom_kills(&self) -> Option<u64> {
        let text = files::text(&self.directory.join(match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        }))?;
        files::field(&text, "oom_kill")
    }
}

/// The unified hierarchy's group of a process and those above it that can be seen, the process's own first.
pub fn unified_ancestors(root: &Path, pid: u32) -> Vec<PathBuf> {
    let text = |path: String| files::text(&root.join(path)).unwrap_or_default();
    let found = locate::candidates(
        &text(format!("proc/{pid}/cgroup")),
        &text("proc/self/mountinfo".into()),
    );
    let Some(group) = found
        .into_iter()
        .find(|candidate| candidate.version == Version::Two)
    else {
        return Vec::new();
    };
    let above = group
        .directory
        .ancestors()
        .take_while(|directory| directory.starts_with(&group.mount));
    above
        .take(limits::CGROUP_DEPTH_MAX)
        .map(|path| root.join(path.strip_prefix("/").unwrap_or(path)))
        .collect()
}

/// Processes of the whole machine that the kernel killed for memory since boot.
pub fn host_oom_kills(root: &Path) -> Option<u64> {
    let text = files::text(&root.join("proc/vmstat"))?;
    files::field(&text, "oom_kill")
}

#[cfg(test)]
mod tests;
