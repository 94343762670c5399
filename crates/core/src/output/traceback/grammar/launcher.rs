//! Reads what launchers know: which worker failed first, and how it ended.
//!
//! `torchrun` prints a table behind its own traceback. Its root cause is worth more than any traceback: where
//! the rank that failed first was killed, the only tracebacks are those of innocent ranks that lost it. `srun` and
//! `mpirun` print a line for it; of several lines the first one counts, and those of tasks that were told to go do not.

use crate::knowledge::signal_called;
use crate::observation::Failure;
use crate::status::End;
use crate::status::signal::{SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM};

/// The root cause by the launcher's account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RootCause {
    /// The rank that failed first.
    pub rank: Option<u64>,
    /// Its exit code; the signal's number, negative, where a signal killed it.
    pub exit_code: Option<i32>,
}

impl RootCause {
    /// The kernel's account. A rank whose helper was killed says itself what that means.
    pub fn seen_by_the_kernel(failure: Failure) -> Self {
        let exit_code = match failure.end {
            End::Exited(code) => i32::from(code),
            End::Signaled(signal) => -signal,
        };
        let is_named = failure.rank.is_some() && !failure.is_helper;
        Self {
            rank: failure.rank,
            exit_code: is_named.then_some(exit_code),
        }
    }

    /// How it ended.
    pub fn end(self) -> Option<End> {
        match self.exit_code? {
            signal @ ..0 => Some(End::Signaled(-signal)),
            code => Some(End::Exited(u8::try_from(code).ok()?)),
        }
    }

    /// The signal that killed it.
    pub fn signal(self) -> Option<i32> {
        let code = self.exit_code.filter(|code| *code < 0)?;
        Some(-code)
    }
}

/// Reads the table, line by line.
#[derive(Clone, Copy, Debug, Default)]
pub struct LauncherTable {
    /// Whether lines without a word of the table matter.
    pub is_open: bool,
    /// What it says; nothing where it names no rank and no exit code.
    pub cause: RootCause,
}

impl LauncherTable {
    /// Takes a line.
    pub fn line(&mut self, launcher_line: &str) {
        if launcher_line.contains("Root Cause (first observed failure):") {
            self.is_open = true;
            self.cause = RootCause::default();
        } else if !self.is_open {
            self.read_sentence(launcher_line.trim());
        } else if launcher_line.trim_start().starts_with("====") {
            self.is_open = false;
        } else if let Some((name, number)) = row(launcher_line) {
            if name == "rank" {
                self.cause.rank = u64::try_from(number).ok();
            } else {
                let exit_codes = -64..256;
                self.cause.exit_code = Some(number).filter(|code| exit_codes.contains(code));
            }
        }
    }

    /// What stands in one line.
    fn read_sentence(&mut self, launcher_line: &str) {
        if self.cause == RootCause::default() {
            self.cause = slurm(launcher_line)
                .or_else(|| open_mpi(launcher_line))
                .unwrap_or_default();
        } else if self.cause.exit_code.is_none()
            && let Some(code) = launcher_line.strip_prefix("Exit code:")
        {
            self.cause.exit_code = code.trim().parse::<u8>().ok().map(i32::from);
        }
    }
}

/// `  rank      : 1 (local_rank: 1)`.
fn row(launcher_line: &str) -> Option<(&str, i32)> {
    let found_groups = captures!(
        r"^(?:[^:]*\s)?(rank|exitcode)\s*:\s*(-?[0-9]{1,6})\b",
        launcher_line
    );
    let (_, [name, number]) = found_groups.extract();
    Some((name, number.parse().ok()?))
}

/// `srun: error: HOST: task 1: Exited with exit code 3`; several tasks at once are named together, and then none was
/// the first. It comes when the task ends, whatever another one is printing then: often in the middle of a bar.
fn slurm(launcher_line: &str) -> Option<RootCause> {
    let found_groups = captures!(
        r"srun: error: .*?: task ([0-9]{1,6}): (?:Exited with exit code ([0-9]+)|([A-Z][A-Za-z ]*[a-z]))",
        launcher_line
    );
    let exit_code = match found_groups.get(2) {
        Some(code) => code.as_str().parse::<u8>().ok()?.into(),
        None => match signal_called(&found_groups[3])? {
            SIGHUP | SIGINT | SIGQUIT | SIGPIPE | SIGTERM => return None,
            signal => -signal,
        },
    };
    Some(RootCause {
        rank: found_groups[1].parse().ok(),
        exit_code: Some(exit_code),
    })
}

/// `mpirun noticed that process rank 1 with PID 7 on node HOST exited on signal 9 (Killed).`, or, with the exit code in
/// the next line, `Process name: [[17665,1],1]`.
fn open_mpi(launcher_line: &str) -> Option<RootCause> {
    let found_groups = captures!(
        r"^Process name: \[\[.*\],([0-9]{1,6})\]$| noticed that process rank ([0-9]{1,6}) with PID .* exited on signal ([1-9][0-9]?)\b",
        launcher_line
    );
    let rank = found_groups.get(1).or(found_groups.get(2))?;
    let mut exit_code = None;
    if let Some(signal) = found_groups.get(3) {
        exit_code = Some(-signal.as_str().parse::<i32>().ok()?);
    }
    Some(RootCause {
        rank: rank.as_str().parse().ok(),
        exit_code,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::lists::LineQuestion;
    use crate::output::traceback::grammar::words::LineWords;

    #[test]
    fn a_sentence_of_srun_or_mpirun_names_the_first() {
        let read = |lines: &[&str]| {
            let mut table = LauncherTable::default();
            lines
                .iter()
                .for_each(|launcher_line| table.line(launcher_line));
            (table.cause.rank, table.cause.exit_code)
        };
        for (lines, expected) in [
            (
                &[
                    "srun: error: n1: task 1: Exited with exit code 3",
                    "srun: error: n1: task 0: Killed",
                ][..],
                (Some(1), Some(3)),
            ),
            (
                &["srun: error: n1: task 7: Segmentation fault (core dumped)"],
                (Some(7), Some(-11)),
            ),
            (
                &["srun: error: n1: task 2: Out Of Memory"],
                (Some(2), Some(-9)),
            ),
            (
                &[" 63%|████\u{fffd}srun: error: n1: task 1: Exited with exit code 1"],
                (Some(1), Some(1)),
            ),
            (
                &[
                    "mpirun noticed that process rank 1 with PID 0 on node n1 exited on signal 9 (Killed).",
                ],
                (Some(1), Some(-9)),
            ),
            (
                &["  Process name: [[17665,1],4]", "  Exit code:    3"],
                (Some(4), Some(3)),
            ),
        ] {
            assert_eq!(read(lines), expected, "{lines:?}");
            assert!(
                lines
                    .iter()
                    .all(|launcher_line| LineWords::of(launcher_line)
                        .may_answer(LineQuestion::Table)),
                "{lines:?} would not be looked at"
            );
        }
        for launcher_line in [
            "srun: error: n1: tasks 0-3: Killed",
            "srun: error: n1: task 1: Terminated",
            "srun: error: n1: task x: Killed",
            "srun: error: Unable to allocate resources",
            "Process name: [[x]]",
            "Exit code: 3",
        ] {
            assert_eq!(read(&[launcher_line]), (None, None), "{launcher_line}");
        }
    }

    #[test]
    fn the_first_failure_is_read_and_no_other() {
        let mut table = LauncherTable::default();
        for launcher_line in [
            "Failures:",
            "[1]:",
            "  rank      : 3 (local_rank: 3)",
            "  exitcode  : 1 (pid: 9)",
            "------",
            "Root Cause (first observed failure):",
            "[0]:",
            "  time      : 2026-01-01_11:22:33",
            "  host      : h",
            "  rank      : 1 (local_rank: 1)",
            "  exitcode  : -9 (pid: 7)",
            "  error_file: <N/A>",
            "  traceback : Signal 9 (SIGKILL) received by PID 7",
            "=================",
            "  rank      : 5 (local_rank: 1)",
        ] {
            table.line(launcher_line);
        }
        assert_eq!(
            (table.cause.rank, table.cause.exit_code),
            (Some(1), Some(-9))
        );
    }
}
