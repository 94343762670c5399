//! Where the processor time of an ended process goes.
//!
//! A process that ends hands its time to the parent that waits for it, and vanishes from /proc. Where nobody
//! waits (children of a process that ignores SIGCHLD) or an outsider does (orphans), its time is lost to the
//! tree. Both look alike from outside: a pid is gone. So each process has an account of what its ended
//! children should have brought; what did not arrive is added. The books are kept over the process's whole
//! life, so that a read between two events is put right by the next one. Pure arithmetic.

use super::stat::ProcessStat;

/// The account of one followed process.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// Ticks of reaped children when the process was met; these were never followed.
    at_first: u64,
    /// Ticks that followed children had used when they vanished.
    owed: u64,
}

impl Account {
    /// The account of a process that is met in this state.
    pub const fn open(stat: &ProcessStat) -> Self {
        Self {
            at_first: stat.children_ticks,
            owed: 0,
        }
    }

    /// A child with so many ticks is gone.
    pub const fn owe(&mut self, ticks: u64) {
        self.owed += ticks;
    }

    /// All ticks of the process and of its ended children.
    pub const fn ticks(&self, stat: &ProcessStat) -> u64 {
        let arrived = stat.children_ticks.saturating_sub(self.at_first);
        let missing = self.owed.saturating_sub(arrived);
        stat.own_ticks + stat.children_ticks + missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn stat(own_ticks: u64, children_ticks: u64) -> ProcessStat {
        ProcessStat {
            zombie: false,
            parent: 1,
            own_ticks,
            children_ticks,
            threads: 1,
            started: 1,
            resident_pages: 1,
        }
    }

    #[test]
    fn an_ended_childs_time_is_counted_once_whoever_has_it() {
        let mut account = Account::open(&stat(10, 5));
        assert_eq!(account.ticks(&stat(10, 5)), 15);
        account.owe(100);
        assert_eq!(
            account.ticks(&stat(10, 5)),
            115,
            "gone, and not arrived yet"
        );
        assert_eq!(account.ticks(&stat(10, 105)), 115, "arrived");
        assert_eq!(
            account.ticks(&stat(10, 108)),
            118,
            "arrived with what it used since it was last seen"
        );
        account.owe(50);
        assert_eq!(
            account.ticks(&stat(10, 108)),
            165,
            "the second never arrives: nobody waits for it"
        );
    }
}
