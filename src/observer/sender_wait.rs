//! How long the group listener keeps the supervisor waiting for its answer.
//!
//! Whoever signals many processes one by one may be suspended in the middle of it, on a busy machine for a tenth of
//! a second and more. To answer then that the group has not seen the signal would have it passed on, and a moment
//! later the command would get its own copy: twice. So no answer is given before two looks in a row have found
//! the sender asleep, or it has ended, or has run for so long that it must be doing something else. One that wants to
//! run and gets no turn is waited for. Pure; [`link`](super::link) looks, and asks again until there is an answer.

use crate::metrics::tree::stat::fields;

/// How long an answer may wait for a sender that gets no turn, in milliseconds; below what the supervisor
/// waits for an answer.
const SENDER_WAIT_MS: u64 = 500;
/// How long looks have to find a sender asleep that has sent everything, in milliseconds. Loops nap between two
/// signals; a longer time would delay what a program sends that polls for its effect.
const SENDER_SLEEP_MS: u64 = 5;
/// How long a sender has run since the question that does something else by now, in nanoseconds: some hundred
/// signals, and no more than a few polls of a program that waits for its signal's effect.
const SENDER_RUN_NS: u64 = 500_000;

/// What /proc says of a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderActivity {
    /// Whether it runs or waits for a processor.
    pub runnable: bool,
    /// How long it has run so far, in nanoseconds.
    pub ran: u64,
}

/// A question that is not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderQuestion {
    /// Its number; an answer to it answers all before it.
    pub number: u32,
    /// Whom it is about.
    pub sender: i32,
    until: u64,
    /// How long the sender had run at the first look.
    ran: Option<u64>,
    /// Since when each look has found it asleep.
    asleep: Option<u64>,
}

impl SenderQuestion {
    /// A question that came now; one that is still open keeps its own last moment.
    pub fn new(number: u32, sender: i32, now: u64, open: Option<Self>) -> Self {
        let until = open.map_or(now + SENDER_WAIT_MS, |open| open.until);
        Self {
            number,
            sender,
            until,
            ran: None,
            asleep: None,
        }
    }

    /// Whether the sender may not have sent everything yet; None where nothing is known of it.
    pub fn waits(&mut self, sender: Option<SenderActivity>, now: u64) -> bool {
        let Some(SenderActivity { runnable, ran }) = sender else {
            return false;
        };
        let first = *self.ran.get_or_insert(ran);
        if runnable {
            self.asleep = None;
        } else if now >= *self.asleep.get_or_insert(now) + SENDER_SLEEP_MS {
            return false;
        }
        now < self.until && ran.saturating_sub(first) < SENDER_RUN_NS
    }
}

/// Reads a sender out of its `stat` and its `schedstat`, where a kernel without the latter counts no time at all.
pub fn parse(stat: &str, schedstat: &str) -> Option<SenderActivity> {
    let state = fields(stat.as_bytes())?.next()?;
    let ran: u64 = schedstat.split_whitespace().next()?.parse().ok()?;
    if ran == 0 {
        return None;
    }
    Some(SenderActivity {
        runnable: state == "R",
        ran,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNABLE: Option<SenderActivity> = Some(SenderActivity {
        runnable: true,
        ran: 1_000_000,
    });
    const ASLEEP: Option<SenderActivity> = Some(SenderActivity {
        runnable: false,
        ran: 1_000_000,
    });

    #[test]
    fn a_sender_that_gets_no_turn_is_waited_for_and_not_for_ever() {
        let question = || SenderQuestion::new(1, 7, 1000, None);
        assert!(question().waits(RUNNABLE, 1000));
        assert!(question().waits(RUNNABLE, 999 + SENDER_WAIT_MS));
        assert!(!question().waits(RUNNABLE, 1000 + SENDER_WAIT_MS));
        assert!(
            !question().waits(None, 1000),
            "gone, the kernel, or another namespace"
        );
    }

    #[test]
    fn a_nap_is_no_sleep() {
        let mut question = SenderQuestion::new(1, 7, 1000, None);
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
        let mut question = SenderQuestion::new(1, 7, 1000, None);
        assert!(question.waits(RUNNABLE, 1000));
        let ran = |more| {
            Some(SenderActivity {
                runnable: true,
                ran: 1_000_000 + more,
            })
        };
        assert!(question.waits(ran(SENDER_RUN_NS - 1), 1001));
        assert!(!question.waits(ran(SENDER_RUN_NS), 1002));
    }

    #[test]
    fn more_questions_do_not_add_up() {
        let first = SenderQuestion::new(1, 7, 1000, None);
        let mut second = SenderQuestion::new(2, 8, 1900, Some(first));
        assert!(!second.waits(RUNNABLE, 1000 + SENDER_WAIT_MS));
    }

    #[test]
    fn what_the_kernel_says_is_read() {
        assert_eq!(parse("7 (a) S b) R 1 7", "1000000 5 3\n"), RUNNABLE);
        assert_eq!(
            parse("7 (x) S 1 7", "9 0 0").map(|sender| sender.runnable),
            Some(false)
        );
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
