//! How long the group listener keeps the supervisor waiting for its answer.
//!
//! Whoever signals many processes one by one may be suspended in the middle of it, on a busy machine for a tenth of
//! a second and more. To answer then that the group has not seen the signal would have it passed on, and a moment
//! later the command would get its own copy: twice. So no answer is given before two looks in a row have found
//! the sender asleep, or it has ended, or has run for so long that it must be doing something else. One that
//! wants to run and gets no turn is waited for. Pure; [`link`](super::link) looks, and again until there is an answer.

use crate::metrics::tree::stat::fields;

/// How long an answer may wait for a sender that gets no turn, in milliseconds; below what the supervisor
/// waits for an answer.
const SENDER_WAIT_MS: u64 = 500;
/// How long looks have to find a sender asleep that has sent everything, in milliseconds. Loops nap between two
/// signals; a longer time would delay what a program sends that polls for its effect.
const SENDER_SLEEP_MS: u64 = 5;
/// How long a sender has run since the question that does something else by now, in nanoseconds: some hundred
/// signals, and no more than a few polls of a program that waits for its signal's effect.
const SENDER_RUN_NS: u64 = 1_000_000;
/// How long an answer waits for one that cannot be looked at (in a container's host, say), in milliseconds: loops over hundreds
/// of pids, by a program that a busy machine may suspend between two of them.
const SENDER_UNKNOWN_MS: u64 = 50;

/// What can be seen of a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The kernel, which sends to all at once.
    Kernel,
    /// A process that lives.
    Alive {
        /// Whether it runs or waits for a processor.
        runnable: bool,
        /// How long it has run so far, in nanoseconds.
        ran: u64,
    },
    /// One that has ended.
    Gone,
    /// Nothing.
    Unknown,
}

/// A question that is not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderQuestion {
    /// Its number; an answer to it answers all before it.
    pub number: u32,
    /// Whom it is about; None: the kernel.
    pub sender: Option<i32>,
    asked: u64,
    /// How long the sender had run at the first look.
    ran: Option<u64>,
    /// Since when each look has found it asleep.
    asleep: Option<u64>,
}

impl SenderQuestion {
    /// A question that came now.
    pub fn new(number: u32, sender: Option<i32>, now: u64) -> Self {
        Self {
            number,
            sender,
            asked: now,
            ran: None,
            asleep: None,
        }
    }

    /// Takes a look's result: whether the sender may not have sent everything yet.
    pub fn waits(&mut self, sender: Sender, now: u64) -> bool {
        let (runnable, ran) = match sender {
            Sender::Alive { runnable, ran } => (runnable, ran),
            Sender::Kernel | Sender::Gone => return false,
            Sender::Unknown => return now < self.asked + SENDER_UNKNOWN_MS,
        };
        let first = *self.ran.get_or_insert(ran);
        if runnable {
            self.asleep = None;
        } else if now >= *self.asleep.get_or_insert(now) + SENDER_SLEEP_MS {
            return false;
        }
        now < self.asked + SENDER_WAIT_MS && ran.saturating_sub(first) < SENDER_RUN_NS
    }
}

/// Reads a sender out of its `stat` and its `schedstat`, where a kernel without the latter counts no time at all.
pub fn parse(stat: &str, schedstat: &str) -> Option<Sender> {
    let state = fields(stat.as_bytes())?.next()?;
    let ran: u64 = schedstat.split_whitespace().next()?.parse().ok()?;
    if ran == 0 {
        return None;
    }
    Some(match state {
        "Z" | "X" => Sender::Gone,
        _ => Sender::Alive {
            runnable: state == "R",
            ran,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNABLE: Sender = Sender::Alive {
        runnable: true,
        ran: 5_000_000,
    };
    const ASLEEP: Sender = Sender::Alive {
        runnable: false,
        ran: 5_000_000,
    };

    fn question() -> SenderQuestion {
        SenderQuestion::new(1, Some(7), 1000)
    }

    #[test]
    fn each_sender_is_waited_for_as_long_as_it_may_send_more() {
        for (sender, wait_ms) in [
            (Sender::Kernel, 0),
            (Sender::Gone, 0),
            (Sender::Unknown, SENDER_UNKNOWN_MS),
            (RUNNABLE, SENDER_WAIT_MS),
        ] {
            let waits = wait_ms > 0 && question().waits(sender, 999 + wait_ms);
            assert_eq!(waits, wait_ms > 0, "{sender:?}");
            assert!(!question().waits(sender, 1000 + wait_ms), "{sender:?}");
        }
    }

    #[test]
    fn a_nap_is_no_sleep() {
        let mut question = question();
        let looks = [
            (ASLEEP, 0, true),
            (ASLEEP, SENDER_SLEEP_MS - 1, true),
            (RUNNABLE, SENDER_SLEEP_MS, true),
            (ASLEEP, SENDER_SLEEP_MS + 1, true),
            (ASLEEP, 2 * SENDER_SLEEP_MS + 1, false),
        ];
        for (number, (sender, after, waits)) in looks.into_iter().enumerate() {
            assert_eq!(question.waits(sender, 1000 + after), waits, "look {number}");
        }
    }

    #[test]
    fn a_sender_that_goes_on_with_something_else_has_sent_everything() {
        let mut question = question();
        assert!(question.waits(RUNNABLE, 1000));
        let ran = |more| Sender::Alive {
            runnable: true,
            ran: 5_000_000 + more,
        };
        assert!(question.waits(ran(SENDER_RUN_NS - 1), 1001));
        assert!(!question.waits(ran(SENDER_RUN_NS), 1002));
    }

    #[test]
    fn what_the_kernel_says_is_read() {
        assert_eq!(parse("7 (a) S b) R 1 7", "5000000 5 3\n"), Some(RUNNABLE));
        assert_eq!(parse("7 (x) S 1 7", "5000000 0 0"), Some(ASLEEP));
        assert_eq!(parse("7 (x) Z 1 7", "5000000 0 0"), Some(Sender::Gone));
        for (stat, schedstat) in [
            ("", ""),
            ("7 (x) R 1", "0 0 0"),
            ("7 (x) R 1", "x"),
            ("7 x R", "1 1 1"),
        ] {
            assert_eq!(parse(stat, schedstat), None, "{stat:?} {schedstat:?}");
        }
    }
}
