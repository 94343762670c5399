//! Asking file systems: how full one is, and what was written on a directory as an extended attribute.

use nix::sys::statvfs::statvfs;
use std::ffi::CStr;
use std::path::Path;

/// Share of a file system's blocks that is used, 0 to 1. None where it cannot be asked, or has no size.
pub fn used_share(path: &Path) -> Option<f64> {
    let status = statvfs(path).ok()?;
    let blocks = status.blocks();
    if blocks == 0 {
        return None;
    }
    let used = blocks.saturating_sub(status.blocks_free());
    Some(used as f64 / blocks as f64)
}

/// What is left on a file system for whoever is no administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes that are free.
    pub free_bytes: u64,
    /// All that it has.
    pub total_bytes: u64,
    /// Files that can still be made; None where that is not bounded.
    pub free_inodes: Option<u64>,
    /// All that there can be.
    pub total_inodes: Option<u64>,
}

/// The room on the file system of a path. May never return, where that does not answer.
pub fn room(path: &Path) -> Option<Room> {
    let status = statvfs(path).ok()?;
    if status.blocks() == 0 {
        return None;
    }
    let is_bounded = status.files() > 0;
    Some(Room {
        free_bytes: status
            .blocks_available()
            .saturating_mul(status.fragment_size()),
        total_bytes: status.blocks().saturating_mul(status.fragment_size()),
        free_inodes: is_bounded.then(|| status.files_available()),
        total_inodes: is_bounded.then(|| status.files()),
    })
}

/// A short extended attribute. None where there is none, or it is longer than a number.
pub fn attribute(path: &Path, name: &CStr) -> Option<Vec<u8>> {
    let mut value = vec![0; 64];
    let length = rustix::fs::getxattr(path, name, &mut value).ok()?;
    value.truncate(length);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_asked_is_unknown() {
        assert!(used_share(Path::new("/")).is_none_or(|share| (0.0..=1.0).contains(&share)));
        assert_eq!(used_share(Path::new("/nonexistent")), None);
        assert_eq!(used_share(Path::new("/proc")), None, "it has no size");
        assert_eq!(room(Path::new("/proc")), None);
        assert!(room(Path::new("/")).is_none_or(|room| room.free_bytes <= room.total_bytes));
        assert_eq!(attribute(Path::new("/nonexistent"), c"user.none"), None);
        assert_eq!(attribute(Path::new("/"), c"user.none-of-this-name"), None);
    }
}
