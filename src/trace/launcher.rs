//! Reads what launchers know: which worker failed first, and how it ended.
//!
//! `torchrun` prints a table behind its own traceback. Its root cause is worth more than any traceback: where
//! the rank that failed first was killed, the only tracebacks are those of innocent ranks that lost it.

/// The root cause by the launcher's account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RootCause {
    /// The rank that failed first.
    pub rank: Option<u64>,
    /// Its exit code; the signal's number, negative, where a signal killed it.
    pub exit_code: Option<i64>,
}

/// Reads the table, line by line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Table {
    open: bool,
    cause: RootCause,
}

impl Table {
    /// Whether lines without a word of the table matter.
    #[must_use]
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
            return;
        }
        let Some((name, value)) = line.split_once(':') else {
            // The frame of the table's end.
            self.open = !line.trim_start().starts_with("====");
            return;
        };
        let number = || value.split('(').next().unwrap_or(value).trim().parse::<i64>().ok();
        match name.split_whitespace().next_back() {
            Some("rank") => {
                self.cause.rank = number().and_then(|rank| u64::try_from(rank).ok()).filter(|rank| *rank < 1_000_000)
            }
            Some("exitcode") => self.cause.exit_code = number().filter(|code| (-64..256).contains(code)),
            _ => {}
        }
    }

    /// The root cause, where the table had one.
    #[must_use]
    pub fn cause(&self) -> Option<RootCause> {
        (self.cause != RootCause::default()).then_some(self.cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(table.cause(), Some(RootCause { rank: Some(1), exit_code: Some(-9) }));
        assert_eq!(Table::default().cause(), None);
    }
}
