//! Asking file systems: how full one is, and what was written on a directory as an extended attribute.

use nix::libc;
use nix::sys::statvfs::statvfs;
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Share of a file system's blocks that is used, 0 to 1. None where it cannot be asked, or has no size.
#[must_use]
pub fn used_share(path: &Path) -> Option<f64> {
    let found = statvfs(path).ok()?;
    let (all, free) = (found.blocks(), found.blocks_free());
    (all > 0).then(|| all.saturating_sub(free) as f64 / all as f64)
}

/// A short extended attribute. None where there is none, or it is longer than a number.
#[must_use]
pub fn attribute(path: &Path, name: &CStr) -> Option<Vec<u8>> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut value = vec![0_u8; 64];
    // SAFETY: both strings end with a NUL; the kernel writes at most as many bytes as the buffer has.
    let length = unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    value.truncate(usize::try_from(length).ok()?);
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
        assert_eq!(attribute(Path::new("/nonexistent"), c"user.none"), None);
        assert_eq!(attribute(Path::new("/"), c"user.none-of-this-name"), None);
    }
}
