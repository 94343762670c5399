//! How many processes the kernel killed for memory during the run.
//!
//! The kernel raises the counters before it sends the signal, so a reading taken when `wait` has returned is
//! complete. Both counters are older than the run: what counts is the difference to [`OomWatch::begin`].

use super::group::{MemoryGroup, host_oom_kills};
use std::path::{Path, PathBuf};

/// Processes that the kernel killed for memory; None where the counter cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OomKills {
    /// In the command's control group and those below it.
    pub cgroup: Option<u64>,
    /// On the whole machine.
    pub host: Option<u64>,
}

impl OomKills {
    /// The counters as they are now, which began before any run.
    pub fn counters(group: Option<&MemoryGroup>) -> Self {
        Self::counters_at(Path::new("/"), group)
    }

    fn counters_at(root: &Path, group: Option<&MemoryGroup>) -> Self {
        Self {
            cgroup: group.and_then(MemoryGroup::oom_kills),
            host: host_oom_kills(root),
        }
    }
}

/// The counters as they were when the run began.
#[derive(Debug)]
pub struct OomWatch {
    root: PathBuf,
    before: OomKills,
}

impl OomWatch {
    /// Notes the counters; `group` is the command's.
    pub fn begin(group: Option<&MemoryGroup>) -> Self {
        Self::at(Path::new("/"), group)
    }

    pub fn at(root: &Path, group: Option<&MemoryGroup>) -> Self {
        Self {
            root: root.to_owned(),
            before: OomKills::counters_at(root, group),
        }
    }

    /// The counters when the watch began.
    pub const fn before(&self) -> OomKills {
        self.before
    }

    /// Goes on with another group, from what its counter says now.
    pub fn regroup(&mut self, group: Option<&MemoryGroup>) {
        self.before.cgroup = group.and_then(MemoryGroup::oom_kills);
    }

    /// What was killed since.
    pub fn delta(&self, group: Option<&MemoryGroup>) -> OomKills {
        let since = |now: Option<u64>, before: Option<u64>| Some(now?.saturating_sub(before?));
        let now = OomKills::counters_at(&self.root, group);
        OomKills {
            cgroup: since(now.cgroup, self.before.cgroup),
            host: since(now.host, self.before.host),
        }
    }
}
