//! Reads what launchers know: which worker failed first, and how it ended.
//!
//! `torchrun` prints a table behind its own traceback. Its root cause is worth more than any traceback: where
//! the rank that failed first was killed, the only tracebacks are those of innocent ranks that lost it. `srun` and
//! `mpirun` print a line for it; of several lines the first one counts, and those of tasks that were told to go do not.

/// The root cause by the launcher's account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RootCause {
    /// The rank that failed first.
    pub rank: Option<u64>,
    /// Its exit code; the signal's number, negative, where a signal killed it.
    pub exit_code: Option<i64>,
}

impl RootCause {
    /// The signal that killed it.
    pub fn signal(self) -> Option<i32> {
        let code = self.exit_code.filter(|code| *code < 0)?;
        i32::try_from(-code).ok()
    }
}

/// Reads the table, line by line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Table {
    open: bool,
    cause: RootCause,
}

impl Table {
    /// Whether lines without a word of the table matter.
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// Takes a line.
    pub fn line(&mut self, line: &str) {
        if line.contains("Root Cause (first observed failure):") {
            (self.open, self.cause) = (true, RootCause::default());
            return;
        }
        if !self.open {
            self.sentence(line);
            return;
        }
        let Some((name, value)) = line.split_once(':') else {
            // The frame of the table's end.
            self.open = !line.trim_start().starts_with("====");
            return;
        };
        let number = || {
            value
                .split('(')
                .next()
                .unwrap_or(value)
                .trim()
                .parse::<i64>()
                .ok()
        };
        match name.split_whitespace().next_back() {
            Some("rank") => {
                self.cause.rank = number()
                    .and_then(|rank| u64::try_from(rank).ok())
                    .filter(|rank| *rank < 1_000_000)
            }
            Some("exitcode") => {
                self.cause.exit_code = number().filter(|code| (-64..256).contains(code))
            }
            _ => {}
        }
    }

    /// What stands in one line.
    fn sentence(&mut self, line: &str) {
        let line = line.trim();
        if self.cause == RootCause::default() {
            self.cause = slurm(line).or_else(|| open_mpi(line)).unwrap_or_default();
        } else if self.cause.exit_code.is_none()
            && let Some(code) = line.strip_prefix("Exit code:")
        {
            self.cause.exit_code = exit_code(code);
        }
    }

    /// The root cause, where the table had one.
    pub fn cause(&self) -> Option<RootCause> {
        (self.cause != RootCause::default()).then_some(self.cause)
    }
}

/// `srun: error: HOST: task 1: Exited with exit code 3`; several tasks at once are named together, and then none was
/// the first. It comes when the task ends, whatever another one is printing then: often in the middle of a bar.
fn slurm(line: &str) -> Option<RootCause> {
    let (_, told) = line.rsplit_once("srun: error: ")?.1.split_once(": task ")?;
    let (rank, how) = told.split_once(": ")?;
    let exit_code = match how.strip_prefix("Exited with exit code ") {
        Some(code) => exit_code(code)?,
        None => ENDS
            .iter()
            .find_map(|(name, signal)| how.starts_with(name).then_some(-signal))?,
    };
    Some(RootCause {
        rank: Some(rank_of(rank)?),
        exit_code: Some(exit_code),
    })
}

/// What the C library calls the signals by which tasks die of themselves.
const ENDS: [(&str, i64); 7] = [
    ("Illegal instruction", 4),
    ("Aborted", 6),
    ("Bus error", 7),
    ("Floating point exception", 8),
    ("Killed", 9),
    ("Segmentation fault", 11),
    ("Out Of Memory", 9),
];

/// `mpirun noticed that process rank 1 with PID 7 on node HOST exited on signal 9 (Killed).`, or, with the exit code in
/// the next line, `Process name: [[17665,1],1]`.
fn open_mpi(line: &str) -> Option<RootCause> {
    if let Some(name) = line.strip_prefix("Process name: [[") {
        let (_, rank) = name.strip_suffix(']')?.rsplit_once("],")?;
        return Some(RootCause {
            rank: Some(rank_of(rank)?),
            exit_code: None,
        });
    }
    let (_, told) = line.split_once(" noticed that process rank ")?;
    let (rank, how) = told.split_once(" with PID ")?;
    let (_, signal) = how.split_once(" exited on signal ")?;
    let signal: i64 = signal
        .split(' ')
        .next()?
        .trim_end_matches('.')
        .parse()
        .ok()?;
    Some(RootCause {
        rank: Some(rank_of(rank)?),
        exit_code: Some(-signal).filter(|code| (-64..0).contains(code)),
    })
}

fn exit_code(text: &str) -> Option<i64> {
    text.trim()
        .parse()
        .ok()
        .filter(|code| (0..256).contains(code))
}

fn rank_of(text: &str) -> Option<u64> {
    text.parse().ok().filter(|rank| *rank < 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::traceback::grammar::words::Words;

    #[test]
    fn a_sentence_of_srun_or_mpirun_names_the_first() {
        let read = |lines: &[&str]| {
            let mut table = Table::default();
            lines.iter().for_each(|line| table.line(line));
            table.cause().map(|cause| (cause.rank, cause.exit_code))
        };
        for (lines, expected) in [
            (
                &[
                    "srun: error: n1: task 1: Exited with exit code 3",
                    "srun: error: n1: task 0: Killed",
                ][..],
                Some((1, 3)),
            ),
            (
                &["srun: error: n1: task 7: Segmentation fault (core dumped)"],
                Some((7, -11)),
            ),
            (&["srun: error: n1: task 2: Out Of Memory"], Some((2, -9))),
            (
                &[" 63%|████\u{fffd}srun: error: n1: task 1: Exited with exit code 1"],
                Some((1, 1)),
            ),
            (
                &[
                    "mpirun noticed that process rank 1 with PID 0 on node n1 exited on signal 9 (Killed).",
                ],
                Some((1, -9)),
            ),
            (
                &["  Process name: [[17665,1],4]", "  Exit code:    3"],
                Some((4, 3)),
            ),
        ] {
            assert_eq!(
                read(lines),
                expected.map(|(rank, code)| (Some(rank), Some(code))),
                "{lines:?}"
            );
            assert!(
                lines.iter().all(|line| Words::of(line).have(Words::TABLE)),
                "{lines:?} would not be looked at"
            );
        }
        for line in [
            "srun: error: n1: tasks 0-3: Killed",
            "srun: error: n1: task 1: Terminated",
            "srun: error: n1: task x: Killed",
            "srun: error: Unable to allocate resources",
            "Process name: [[x]]",
            "Exit code: 3",
        ] {
            assert_eq!(read(&[line]), None, "{line}");
        }
    }

    #[test]
    fn the_first_failure_is_read_and_no_other() {
        let mut table = Table::default();
        for line in [
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
            table.line(line);
        }
        assert_eq!(
            table.cause(),
            Some(RootCause {
                rank: Some(1),
                exit_code: Some(-9)
            })
        );
        assert_eq!(Table::default().cause(), None);
    }
}
