//! What a process waits for as far as the kernel tells anybody: where nobody may look into its memory, this is all.

use crate::metrics::files;
use axolotl_run_core::knowledge::lists::KERNEL_WAITS;
use std::path::Path;

/// Where its main thread sleeps, in words.
pub fn words(procfs: &Path, pid: u32) -> &'static str {
    let place = files::read_text(&procfs.join(format!("{pid}/wchan")));
    let known = KERNEL_WAITS
        .iter()
        .find(|(begin, _)| place.starts_with(begin) && !place.is_empty());
    known.map_or("what it does is not known", |(_, words)| words)
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
            (
                "futex_do_wait",
                "waits for another thread: for a collective or for a lock, which cannot be told",
            ),
            ("hrtimer_nanosleep", "sleeps"),
            ("folio_wait_bit_common", "waits for a file system"),
            ("0", "computes"),
            ("", "what it does is not known"),
            ("xyz", "what it does is not known"),
        ] {
            std::fs::write(root.path().join("7/wchan"), place).unwrap();
            assert_eq!(words(root.path(), 7), expected, "{place}");
        }
    }
}
