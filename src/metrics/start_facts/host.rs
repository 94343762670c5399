//! The machine itself: system, processors, memory.
//!
//! Only kinds and counts are read, never a name that somebody gave: no host name, no user, no id of a machine
//! or container. Called once, for the start event.

use crate::metrics::files;
use crate::metrics::memory::MemoryGroup;
use axolotl_run_core::public::{PublicStr, hardware};
use std::path::Path;
use sysinfo::{MemoryRefreshKind, System};

pub use axolotl_run_core::launch::Environment;

/// The operating system, its kernel's version and the architecture.
pub fn platform() -> PublicStr {
    let release = System::kernel_version().unwrap_or_default();
    hardware::platform(std::env::consts::OS, std::env::consts::ARCH, &release)
}

/// Logical processors of the machine that are online, as Python counts them too.
pub fn cpu_count(root: &Path) -> Option<u64> {
    let online = files::text(&root.join("sys/devices/system/cpu/online")).unwrap_or_default();
    count_ranges(&online).or_else(cpu_count_usable)
}

/// Processors that the run may use at once. A job with a quota of two on a node of 128 is slow for a reason.
///
/// The standard library counts the affinity and, of both versions of control groups, the quotas of the own group and of
/// all above it; ours are the command's at its start.
pub fn cpu_count_usable() -> Option<u64> {
    Some(std::thread::available_parallelism().ok()?.get() as u64)
}

/// Counts a list of ranges, `0-3,8-11`.
fn count_ranges(text: &str) -> Option<u64> {
    let mut count = 0_u64;
    for range in text.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let first: u64 = first.parse().ok()?;
        let behind = last.parse::<u64>().ok()?.checked_add(1)?;
        count = count.checked_add(behind.checked_sub(first)?)?;
    }
    Some(count)
}

/// Bytes of main memory that the run can use: the machine's, or its control group's limit where that is
/// smaller. The machine's alone would call a job of 32 GiB on a node of 2 TiB a well-equipped one.
pub fn memory_total(group: Option<&MemoryGroup>) -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    // A limit alone says nothing: "unlimited" is a number too in version 1 of control groups.
    match (system.total_memory(), group.and_then(MemoryGroup::limit)) {
        (0, _) => None,
        (machine, Some(limit @ 1..)) => Some(machine.min(limit)),
        (machine, _) => Some(machine),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_counted_from_ranges() {
        for (text, expected) in [
            ("0-1\n", Some(2)),
            ("0", Some(1)),
            ("0-3,8-11,13", Some(9)),
            ("", None),
            ("3-1", None),
            ("x", None),
        ] {
            assert_eq!(count_ranges(text), expected, "{text}");
        }
        assert!(cpu_count(Path::new("/")).is_some_and(|count| count > 0));
        assert!(memory_total(None).is_some_and(|bytes| bytes > 1 << 20));
        assert!(platform().as_str().starts_with(std::env::consts::OS));
    }
}
