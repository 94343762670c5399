//! One line of `/proc/PID/stat`: everything that a sample needs of one process, in one read.
//!
//! sysinfo reads the same file but drops the times of reaped children (a run whose work is done by short-lived
//! children showed 0.6 of 8.5 processor seconds) and rounds the start time to seconds, which is too coarse to
//! tell a process from a later one with the same pid. Hence the raw line. Pure; a sample's reader is in `procfs.rs`, and
//! other fields of the line are found through [`fields`], which knows where the name ends.

use crate::metrics::files;
use std::path::Path;
use std::str::SplitAsciiWhitespace;

/// What is read of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessStat {
    /// Whether it has ended and only waits to be reaped; its memory is gone, its times are final.
    pub zombie: bool,
    /// Its parent.
    pub parent: u32,
    /// Ticks that it used itself.
    pub own_ticks: u64,
    /// Ticks of the children that it waited for, and of theirs.
    pub children_ticks: u64,
    /// Its threads.
    pub threads: u64,
    /// When it started, in ticks since boot; with the pid, its identity.
    pub started: u64,
    /// Resident pages.
    pub resident_pages: u64,
}

/// The fields behind the name, the state first, which is the third of proc(5). The name is in parentheses and may
/// hold any byte, so what counts is the last one that closes.
pub fn fields(line: &[u8]) -> Option<SplitAsciiWhitespace<'_>> {
    let name_end = line.iter().rposition(|byte| *byte == b')')?;
    let behind = std::str::from_utf8(line.get(name_end + 1..)?).ok()?;
    Some(behind.split_ascii_whitespace())
}

impl ProcessStat {
    /// Reads the line of a process.
    pub fn of(procfs: &Path, pid: u32) -> Option<Self> {
        let line = files::read_text(&procfs.join(format!("{pid}/stat")));
        Self::parse(line.as_bytes())
    }

    /// Reads a line.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = fields(line)?;
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        // Each `nth` skips from where the one before stopped; the comments give the field's number in proc(5).
        let mut number = |skipped| fields.nth(skipped)?.parse::<u64>().ok();
        Some(Self {
            zombie: matches!(state, "Z" | "X" | "x"),
            parent,
            own_ticks: number(9)?.saturating_add(number(0)?), // 14 and 15
            children_ticks: number(0)?.saturating_add(number(0)?),
            threads: number(2)?,        // 20
            started: number(1)?,        // 22
            resident_pages: number(1)?, // 24
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REST: &str = "S 41 42 42 0 -1 4194304 900 800 0 0 11 22 33 44 20 0 7 0 123456 99999 512 18446744073709551615";

    #[test]
    fn the_fields_are_those_of_proc_5() {
        let expected = ProcessStat {
            zombie: false,
            parent: 41,
            own_ticks: 33,
            children_ticks: 77,
            threads: 7,
            started: 123_456,
            resident_pages: 512,
        };
        for name in ["python", "a b", "a) S 1 2 (b", "", "\u{fc}"] {
            assert_eq!(
                ProcessStat::parse(format!("42 ({name}) {REST}\n").as_bytes()),
                Some(expected),
                "{name}"
            );
        }
        let zombie = format!("42 (x) {}", REST.replacen('S', "Z", 1));
        assert_eq!(
            ProcessStat::parse(zombie.as_bytes()).map(|stat| stat.zombie),
            Some(true)
        );
        for broken in [
            "",
            "42 (x",
            "42 (x) S",
            "42 (x) S 1 2 3",
            "42 (x) S x 42 42 0 -1",
        ] {
            assert_eq!(ProcessStat::parse(broken.as_bytes()), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(line in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = ProcessStat::parse(&line);
        }

        #[test]
        fn any_name_is_skipped(name in proptest::collection::vec(any::<u8>(), 0..64)) {
            let line = [b"42 (", name.as_slice(), b") ", REST.as_bytes()].concat();
            prop_assert_eq!(ProcessStat::parse(&line).map(|stat| stat.parent), Some(41));
        }
    }
}
