//! What a process waits for as far as the kernel tells anybody: where nobody may look into its memory, this is all.

use crate::metrics::files;
use axolotl_run_core::knowledge::lists::{KERNEL_WAITS, KernelWait};
use std::path::Path;

/// What its main thread waits for; None where that is not known.
pub fn of(procfs: &Path, pid: u32) -> Option<KernelWait> {
    let place = files::read_text(&procfs.join(format!("{pid}/wchan")));
    let mut known = KERNEL_WAITS.iter();
    let (_, wait) = known.find(|(begin, _)| place.starts_with(begin))?;
    Some(*wait)
}

/// Whether its main thread is known to sleep.
pub fn sleeps(procfs: &Path, pid: u32) -> bool {
    let place = files::read_text(&procfs.join(format!("{pid}/wchan")));
    !matches!(place.as_str(), "" | "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_place_is_told_in_words() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("7")).unwrap();
        for (place, expected) in [
            ("futex_do_wait", Some(KernelWait::Thread)),
            ("hrtimer_nanosleep", Some(KernelWait::Sleep)),
            ("folio_wait_bit_common", Some(KernelWait::FileSystem)),
            ("0", Some(KernelWait::Processor)),
            ("", None),
            ("xyz", None),
        ] {
            std::fs::write(root.path().join("7/wchan"), place).unwrap();
            assert_eq!(of(root.path(), 7), expected, "{place}");
            assert_eq!(sleeps(root.path(), 7), !matches!(place, "" | "0"));
        }
    }
}
